"""Preparing: from certification requests to bytes that can be approved (step 3 of issuing).

The package's docstring tells the whole way; here a request is checked, the to-be-signed certificate is
built and linted, and both are stored with the statement an officer will sign.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca import linting
from ca.certification_request import (
    CertificationRequest,
    check_key,
    check_request_subject,
    parse_request,
    verify_possession,
)
from ca.context import AuthorityContext
from ca.errors import CertificationRequestError, PreparationError, ProfileError
from ca.issuance import SERIAL_NUMBER_BYTES, digest_of, prepare_certificate, serial_number_from, serial_text
from ca.models import Preparation, PreparedCertificate
from ca.officers import OfficerRole, check_role, officer_by_subject
from ca.profiles import AlternativeNames, Profile, SubjectDescription, profile_named, subject_name
from trust.approval import ApprovalPurpose, ApprovalStatement, encode_statement, visible_text
from trust.errors import TrustError
from trust.names import name_to_text

CEREMONY = "ceremony"
MAXIMUM_CERTIFICATES = 16
_IDENTIFIER_BYTES = 16


@dataclass(frozen=True)
class CertificateOrder:
    """One certificate somebody asks for."""

    profile: str
    request: bytes
    subject: SubjectDescription
    names: AlternativeNames = field(default_factory=AlternativeNames)


@dataclass(frozen=True)
class PreparationView:
    """What was prepared, and what has to be approved."""

    preparation_id: str
    statement: bytes
    tbs: tuple[bytes, ...]
    expires_at: datetime


@dataclass(frozen=True)
class _Checked:
    """An order whose request passed every check."""

    profile: Profile
    request: CertificationRequest
    subject: bytes
    names: AlternativeNames


class PreparationService:
    """The verb `prepare`."""

    def __init__(self, context: AuthorityContext) -> None:
        self._context = context

    def prepare(
        self, application_id: str, requester: str, orders: Sequence[CertificateOrder], *, at: datetime
    ) -> PreparationView:
        """Check the orders, build and lint what will be signed, store it with its statement."""
        if not 0 < len(orders) <= MAXIMUM_CERTIFICATES:
            raise PreparationError(
                f"an application is for 1 to {MAXIMUM_CERTIFICATES} certificates", code="orders-number"
            )
        # 1. Every request is well-formed, proven, strong enough, and names the right subject.
        checked = [self._check_order(order) for order in orders]
        if len({order.request.key_digest for order in checked}) < len(checked):
            raise CertificationRequestError(
                "two certificates were asked for with one key; make a key for each", code="key-reused"
            )
        # 2. The bytes are fixed, and linted.
        prepared = [self._build(order, at) for order in checked]
        expires_at = at.replace(microsecond=0) + timedelta(hours=self._context.settings.preparation_hours)
        statement = self._statement(application_id, requester, checked, prepared, expires_at)
        # 3. Stored with the intent, in one transaction.
        preparation_id = secrets.token_hex(_IDENTIFIER_BYTES)
        with self._context.database.session() as session:
            if requester != CEREMONY:
                check_role(officer_by_subject(session, requester), OfficerRole.REGISTRATION)
            check_keys_unused(session, [order.request.key_digest for order in checked])
            session.add(
                Preparation(
                    id=preparation_id,
                    application_id=application_id,
                    requester=requester,
                    statement=statement,
                    created_at=at,
                    expires_at=expires_at,
                )
            )
            session.flush()
            session.add_all(_rows(preparation_id, checked, prepared))
            self._audit(session, preparation_id, application_id, requester, checked, prepared, at)
        return PreparationView(preparation_id, statement, tuple(tbs for _serial, tbs in prepared), expires_at)

    def _statement(
        self,
        application_id: str,
        requester: str,
        checked: Sequence[_Checked],
        prepared: Sequence[tuple[str, bytes]],
        expires_at: datetime,
    ) -> bytes:
        """What an officer will sign: whose certificates, in words of ours, and their digests."""
        try:
            return encode_statement(
                ApprovalStatement(
                    purpose=ApprovalPurpose.ISSUE,
                    application=application_id,
                    issuer_key_id=self._context.issuer.key_id,
                    profiles=tuple(order.profile.name for order in checked),
                    subjects=tuple(visible_text(name_to_text(order.subject)) for order in checked),
                    tbs_digests=tuple(digest_of(tbs) for _serial, tbs in prepared),
                    requester=requester,
                    expires_at=expires_at,
                )
            )
        except TrustError as error:
            raise PreparationError(f"nobody could approve this: {error}", code=error.code) from error

    def _check_order(self, order: CertificateOrder) -> _Checked:
        """One order: profile, names, request, possession, key, subject."""
        profile = profile_named(order.profile)
        if not order.names.empty and not profile.alternative_names:
            raise ProfileError(
                f"profile {profile.name} carries no alternative names", code="profile-alternative-names"
            )
        try:
            subject = subject_name(profile.shape, order.subject, self._context.settings.authority_name)
        except TrustError as error:
            raise ProfileError(
                f"the subject does not fit profile {profile.name}: {error}", code="profile-subject"
            ) from error
        request = parse_request(order.request)
        check_key(request.public_key)
        verify_possession(request)
        check_request_subject(request, subject)
        return _Checked(profile, request, subject, order.names)

    def _build(self, order: _Checked, at: datetime) -> tuple[str, bytes]:
        """Fix the serial number and the bytes, and lint them."""
        serial_number = serial_number_from(secrets.token_bytes(SERIAL_NUMBER_BYTES))
        tbs = prepare_certificate(
            self._context.issuer,
            order.profile,
            subject=order.subject,
            public_key=order.request.public_key,
            names=order.names,
            serial_number=serial_number,
            at=at,
        )
        linting.check_tbs(tbs, self._context.issuer, order.profile, order.names)
        return serial_text(serial_number), tbs

    def _audit(
        self,
        session: Session,
        preparation_id: str,
        application_id: str,
        requester: str,
        checked: Sequence[_Checked],
        prepared: Sequence[tuple[str, bytes]],
        at: datetime,
    ) -> None:
        """Record what was prepared for whom."""
        self._context.audit.append(
            session,
            at=at,
            actor=requester,
            action="preparation.stored",
            subject=preparation_id,
            details={
                "application": application_id,
                "profiles": [order.profile.name for order in checked],
                "serial_numbers": [serial for serial, _tbs in prepared],
                "tbs_digests": [digest_of(tbs) for _serial, tbs in prepared],
            },
        )


def check_keys_unused(session: Session, key_digests: Sequence[str], preparation_id: str = "") -> None:
    """Refuse a key certified under another preparation: a key serves one holder and one purpose."""
    used = session.scalar(
        sa.select(PreparedCertificate.serial_number)
        .join(Preparation, Preparation.id == PreparedCertificate.preparation_id)
        .where(
            PreparedCertificate.key_digest.in_(key_digests),
            Preparation.redeemed_at.is_not(None),
            Preparation.id != preparation_id,
        )
        .limit(1)
    )
    if used is not None:
        raise CertificationRequestError(
            "the key has been certified before; make a new key on the card", code="key-reused"
        )


def _rows(
    preparation_id: str, checked: Sequence[_Checked], prepared: Sequence[tuple[str, bytes]]
) -> list[PreparedCertificate]:
    """The rows of a preparation's certificates."""
    return [
        PreparedCertificate(
            serial_number=serial,
            preparation_id=preparation_id,
            position=position,
            profile=order.profile.name,
            key_digest=order.request.key_digest,
            tbs=tbs,
            request=order.request.der,
        )
        for position, (order, (serial, tbs)) in enumerate(zip(checked, prepared, strict=True))
    ]
