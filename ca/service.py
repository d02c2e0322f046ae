"""The verbs of the issuing process: issue what was approved, and the other verbs gathered in one object.

Issuing trusts nobody's word but the approval it verifies itself; the intent is on record before the
signature, the certificate before it leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca import independent
from ca.approval import check_stored_digests, verify_approval
from ca.context import SERVICE, AuthorityContext, append_status_change, lock_state, open_context
from ca.errors import ApprovalError, CaError, CeremonyError, PreparationError
from ca.inventory import Inventory
from ca.issuance import serial_text, sign_prepared, subject_number_of
from ca.models import IssuedCertificate, Preparation, PreparedCertificate, Standing, StatusEvent
from ca.officers import (
    OfficerRole,
    OfficerView,
    check_role,
    list_officers,
    officer_by_certificate,
)
from ca.orders import StatusOrders
from ca.preparation import (
    CEREMONY,
    CertificateOrder,
    PreparationService,
    PreparationView,
)
from ca.publication import CrlPublisher
from ca.redemption import approval_trust, prepared_rows, redeem, redeemable
from ca.settings import AuthoritySettings
from ca.standing import FeedPage, StandingService
from trust.certificate import Certificate

_LOG = logging.getLogger(__name__)
_LONGEST_SUBJECT = 64


@dataclass(frozen=True)
class IssuedView:
    """Signed certificates in the order they were asked for, and the chain up to the root."""

    certificates: tuple[bytes, ...]
    chain: tuple[bytes, ...]


class CertificateAuthority:
    """The issuing CA: prepares, issues, changes standing, publishes CRLs."""

    def __init__(self, context: AuthorityContext) -> None:
        self.context = context
        self.standing = StandingService(context)
        self.publisher = CrlPublisher(context)
        self.inventory = Inventory(context)
        self.orders = StatusOrders(context, self.standing, self.publisher)
        self._preparations = PreparationService(context)

    @classmethod
    def open(cls, settings: AuthoritySettings) -> CertificateAuthority:
        """Open the authority that the settings describe; loads its key once."""
        return cls(open_context(settings))

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The issuing certificate and the root, DER."""
        return (self.context.issuer.certificate.der, self.context.root.der)

    def prepare(
        self, application_id: str, requester: str, orders: Sequence[CertificateOrder], *, at: datetime
    ) -> PreparationView:
        """Check, build, lint and store what an officer may then approve; `requester` is an officer's
        subject number.
        """
        if requester == CEREMONY:
            raise PreparationError("nobody is called so; name an officer", code="requester-unknown")
        return self._preparations.prepare(application_id, requester, orders, at=at)

    def issue(self, preparation_id: str, approval: bytes, *, at: datetime) -> IssuedView:
        """Issue what was prepared, once, on an approval signed by a second officer's card."""
        # The officer's status is judged by a CRL that knows every revocation so far.
        self.publisher.publish_when_due(at)
        try:
            self._redeem(preparation_id, approval, at)
        except CaError as refusal:
            self._record_refusal(preparation_id, refusal, at)
            raise
        # 5. Sign, compare, check, store.
        return self._complete(preparation_id, at)

    def _redeem(self, preparation_id: str, approval: bytes, at: datetime) -> None:
        """Check the approval step by step and redeem it, in one transaction."""
        context = self.context
        with context.database.session() as session:
            # 1. The preparation exists and can still be redeemed.
            preparation = redeemable(session, preparation_id, at)
            check_stored_digests(
                preparation.statement, [row.tbs for row in prepared_rows(session, preparation_id)]
            )
            # 2. The approval is a good signature of an officer's card over exactly this statement.
            signer = verify_approval(
                approval, preparation.statement, approval_trust(session, context, self.publisher), at
            )
            # 3. The signer may approve, and is not the one who asked.
            officer = officer_by_certificate(session, signer.fingerprint)
            check_role(officer, OfficerRole.APPROVING)
            if officer.subject_number == preparation.requester:
                raise ApprovalError(
                    "who asked for a certificate cannot approve it; let another officer sign",
                    code="approver-is-requester",
                )
            # 4. Redeemed once; the intent is on record before the signature.
            redeem(session, context, preparation, approval, signer.fingerprint, at)

    def _record_refusal(self, preparation_id: str, refusal: CaError, at: datetime) -> None:
        """Put a refused approval on record: the transaction that refused it left nothing."""
        with self.context.database.session() as session:
            self.context.audit.append(
                session,
                at=at,
                actor=SERVICE,
                action="approval.refused",
                subject=preparation_id[:_LONGEST_SUBJECT],
                details={"code": refusal.code},
            )

    def issue_in_ceremony(
        self, application_id: str, orders: Sequence[CertificateOrder], *, at: datetime
    ) -> IssuedView:
        """Issue without an approval, while the first ceremony lasts and there is no officer to give one."""
        with self.context.database.session() as session:
            if lock_state(session).ceremony_closed_at is not None:
                raise CeremonyError(
                    "the ceremony is closed: certificates are issued with an approval", code="ceremony-closed"
                )
        prepared = self._preparations.prepare(application_id, CEREMONY, orders, at=at)
        with self.context.database.session() as session:
            preparation = redeemable(session, prepared.preparation_id, at)
            redeem(session, self.context, preparation, None, None, at)
        return self._complete(prepared.preparation_id, at)

    def officers(self) -> Sequence[OfficerView]:
        """The officers and their roles."""
        with self.context.database.session() as session:
            return list_officers(session)

    def feed_page(self, after: int) -> FeedPage:
        """A page of the status feed, with the current CRLs' numbers."""
        last = self.standing.last_sequence()
        return FeedPage(self.standing.changes(after), last, self.publisher.current_numbers())

    def close_ceremony(self, *, at: datetime) -> None:
        """End the ceremony: from now on two officers are needed for everything."""
        with self.context.database.session() as session:
            if not any(OfficerRole.APPROVING in officer.roles for officer in list_officers(session)):
                raise CeremonyError(
                    "the ceremony cannot end without an approving officer", code="ceremony-no-officer"
                )
            state = lock_state(session)
            if state.ceremony_closed_at is not None:
                raise CeremonyError("the ceremony is closed already", code="ceremony-closed")
            state.ceremony_closed_at = at
            self.context.audit.append(
                session, at=at, actor=CEREMONY, action="ceremony.closed", subject=self.context.issuer.key_id
            )

    def complete_interrupted(self, *, at: datetime) -> list[str]:
        """Finish preparations that were redeemed when the process died; return their identifiers."""
        with self.context.database.read() as connection:
            waiting = list(
                connection.scalars(
                    sa.select(Preparation.id).where(
                        Preparation.redeemed_at.is_not(None), Preparation.completed_at.is_(None)
                    )
                )
            )
        completed = []
        for preparation_id in waiting:
            try:
                self._complete(preparation_id, at)
                completed.append(preparation_id)
            except CaError:
                # One that cannot be completed must not keep the others waiting; it stays on the list.
                _LOG.exception("preparation %s was redeemed and cannot be completed", preparation_id)
        return completed

    def issued(self, preparation_id: str) -> IssuedView | None:
        """What was issued for a preparation; None while nothing was."""
        with self.context.database.session() as session:
            preparation = session.get(Preparation, preparation_id)
            if preparation is None or preparation.completed_at is None:
                return None
            return IssuedView(_stored(session, prepared_rows(session, preparation_id)), self.chain)

    def _complete(self, preparation_id: str, at: datetime) -> IssuedView:
        """Sign what was redeemed, check it independently, and store it before it leaves."""
        context = self.context
        with context.database.session() as session:
            # The state's row first, as everywhere: two transactions never wait for each other.
            lock_state(session)
            preparation = session.get_one(Preparation, preparation_id, with_for_update=True)
            rows = prepared_rows(session, preparation_id)
            if preparation.completed_at is not None:
                return IssuedView(_stored(session, rows), self.chain)
            signed = [sign_prepared(context.issuer, row.tbs) for row in rows]
            for certificate in signed:
                independent.verify_certificate(certificate.der, context.issuers, at)
            for row, certificate in zip(rows, signed, strict=True):
                session.add(_issued(row, certificate, at))
                append_status_change(session, row.serial_number, StatusEvent.ISSUED, at)
            preparation.completed_at = at
            context.audit.append(
                session,
                at=at,
                actor=preparation.approver or CEREMONY,
                action="certificate.issued",
                subject=preparation_id,
                details={
                    "application": preparation.application_id,
                    "fingerprints": [certificate.fingerprint for certificate in signed],
                },
            )
            return IssuedView(tuple(certificate.der for certificate in signed), self.chain)


def _stored(session: Session, rows: Sequence[PreparedCertificate]) -> tuple[bytes, ...]:
    """The certificates that were stored for prepared rows."""
    return tuple(session.get_one(IssuedCertificate, row.serial_number).der for row in rows)


def _issued(row: PreparedCertificate, certificate: Certificate, at: datetime) -> IssuedCertificate:
    """The row of a signed certificate."""
    return IssuedCertificate(
        serial_number=serial_text(certificate.serial_number),
        fingerprint=certificate.fingerprint,
        preparation_id=row.preparation_id,
        profile=row.profile,
        subject=certificate.subject_text[:500],
        subject_number=subject_number_of(certificate) or None,
        issued_at=at,
        not_valid_before=certificate.not_valid_before,
        not_valid_after=certificate.not_valid_after,
        der=certificate.der,
        standing=Standing.GOOD.value,
        standing_since=at,
    )
