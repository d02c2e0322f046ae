"""Officers and their roles: who may ask, who may approve, who may only look.

The issuing process keeps its own list, keyed by the certificate an officer signs approvals with, and asks
nobody else: a registration process that was broken into cannot make itself an officer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.errors import OfficerError
from ca.models import IssuedCertificate, Officer, Standing


class OfficerRole(StrEnum):
    """What an officer may do (GM/T 0034: separated staff roles)."""

    REGISTRATION = "registration"
    APPROVING = "approving"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class OfficerView:
    """An officer as others see one."""

    fingerprint: str
    authentication_fingerprint: str
    subject_number: str
    name: str
    roles: frozenset[OfficerRole]
    active: bool


def check_roles(roles: Iterable[OfficerRole]) -> frozenset[OfficerRole]:
    """Check that there is a role, and that who audits does nothing that is audited."""
    chosen = frozenset(roles)
    if not chosen:
        raise OfficerError("an officer needs a role", code="officer-without-role")
    if OfficerRole.AUDITOR in chosen and len(chosen) > 1:
        raise OfficerError("an auditor holds no other role", code="officer-roles-exclusive")
    return chosen


def add_officer(
    session: Session,
    *,
    signature: IssuedCertificate,
    authentication: IssuedCertificate,
    name: str,
    roles: Iterable[OfficerRole],
    at: datetime,
) -> OfficerView:
    """Record an officer by the two certificates of the officer's card."""
    chosen = check_roles(roles)
    officer = Officer(
        fingerprint=signature.fingerprint,
        authentication_fingerprint=authentication.fingerprint,
        subject_number=signature.subject_number,
        name=name,
        roles=",".join(sorted(chosen)),
        active=True,
        added_at=at,
    )
    session.add(officer)
    session.flush()
    return _view(officer)


def list_officers(session: Session) -> list[OfficerView]:
    """Every officer, in the order they were added; one whose card does not stand good is not active."""
    officers = session.scalars(sa.select(Officer).order_by(Officer.added_at)).all()
    return [
        replace(_view(officer), active=officer.active and _bad_standing(session, officer) is None)
        for officer in officers
    ]


def officer_by_certificate(session: Session, fingerprint: str) -> OfficerView:
    """The active officer who signs with this certificate; the whole card must stand good."""
    officer = session.get(Officer, fingerprint)
    if officer is None or not officer.active:
        raise OfficerError("the signer is not an officer of this authority", code="officer-unknown")
    standing = _bad_standing(session, officer)
    if standing is not None:
        raise OfficerError(f"the officer's certificate is {standing}", code="officer-certificate-revoked")
    return _view(officer)


def officer_by_subject(session: Session, subject_number: str) -> OfficerView:
    """The active officer with this subject number."""
    officer = session.scalars(
        sa.select(Officer).where(Officer.subject_number == subject_number, Officer.active.is_(True))
    ).first()
    if officer is None:
        raise OfficerError("the requester is not an officer of this authority", code="officer-unknown")
    return officer_by_certificate(session, officer.fingerprint)


def check_role(officer: OfficerView, role: OfficerRole) -> None:
    """Check that the officer holds the role."""
    if role not in officer.roles:
        raise OfficerError(f"{officer.name} does not hold the role {role.value}", code="officer-role-missing")


def _bad_standing(session: Session, officer: Officer) -> str | None:
    """How the officer's card stands, when one of its two certificates does not stand good."""
    standings = {
        fingerprint: session.scalar(
            sa.select(IssuedCertificate.standing).where(IssuedCertificate.fingerprint == fingerprint)
        )
        for fingerprint in (officer.fingerprint, officer.authentication_fingerprint)
    }
    return next((standing or "unknown" for standing in standings.values() if standing != Standing.GOOD), None)


def _view(officer: Officer) -> OfficerView:
    """The row as a value."""
    return OfficerView(
        officer.fingerprint,
        officer.authentication_fingerprint,
        officer.subject_number,
        officer.name,
        frozenset(OfficerRole(role) for role in officer.roles.split(",")),
        officer.active,
    )
