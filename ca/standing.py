"""How a certificate stands: revoke, suspend, release, and the feed that tells the status service.

Every change is one transaction with its feed entry and its audit record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.context import AuthorityContext, append_status_change, lock_state
from ca.errors import CertificateStatusError, UnknownCertificateError
from ca.models import IssuedCertificate, Standing, StatusChange, StatusEvent
from trust.status import CRLReason

MAXIMUM_CHANGES = 1000

# Suspension has its own verb; the others do not apply to the certificates issued here.
REVOCATION_REASONS = (
    CRLReason.UNSPECIFIED,
    CRLReason.KEY_COMPROMISE,
    CRLReason.AFFILIATION_CHANGED,
    CRLReason.SUPERSEDED,
    CRLReason.CESSATION_OF_OPERATION,
    CRLReason.PRIVILEGE_WITHDRAWN,
)

_ALLOWED_BEFORE = {
    StatusEvent.REVOKED: (Standing.GOOD, Standing.SUSPENDED),
    StatusEvent.SUSPENDED: (Standing.GOOD,),
    StatusEvent.RELEASED: (Standing.SUSPENDED,),
}
_STANDING_AFTER = {
    StatusEvent.REVOKED: Standing.REVOKED,
    StatusEvent.SUSPENDED: Standing.SUSPENDED,
    StatusEvent.RELEASED: Standing.GOOD,
}


@dataclass(frozen=True)
class FeedEntry:
    """One entry of the status feed."""

    sequence: int
    at: datetime
    serial_number: str
    event: str
    reason: int | None


@dataclass(frozen=True)
class FeedPage:
    """Some entries of the feed, its last sequence number, and the current CRLs' numbers by issuer."""

    entries: Sequence[FeedEntry]
    last_sequence: int
    crl_numbers: Mapping[str, int]


class StandingService:
    """The verbs that change how certificates stand."""

    def __init__(self, context: AuthorityContext) -> None:
        self._context = context

    def revoke(self, serial_number: str, reason: CRLReason, *, actor: str, at: datetime) -> None:
        """Revoke a certificate for good (RFC 5280 5.3.1)."""
        check_reason(reason)
        self._change(serial_number, StatusEvent.REVOKED, reason, actor, at)

    def suspend(self, serial_number: str, *, actor: str, at: datetime) -> None:
        """Suspend a certificate: revoked to the world, until it is released or revoked for good."""
        self._change(serial_number, StatusEvent.SUSPENDED, CRLReason.CERTIFICATE_HOLD, actor, at)

    def release(self, serial_number: str, *, actor: str, at: datetime) -> None:
        """End a suspension."""
        self._change(serial_number, StatusEvent.RELEASED, None, actor, at)

    def changes(self, after: int, limit: int = MAXIMUM_CHANGES) -> Sequence[FeedEntry]:
        """The feed's entries after a sequence number, oldest first."""
        query = (
            sa.select(
                StatusChange.sequence,
                StatusChange.at,
                StatusChange.serial_number,
                StatusChange.event,
                StatusChange.reason,
            )
            .where(StatusChange.sequence > after)
            .order_by(StatusChange.sequence)
            .limit(min(limit, MAXIMUM_CHANGES))
        )
        with self._context.database.read() as connection:
            return [FeedEntry(*row) for row in connection.execute(query)]

    def last_sequence(self) -> int:
        """The sequence number of the feed's last entry."""
        with self._context.database.read() as connection:
            return connection.scalar(sa.select(sa.func.max(StatusChange.sequence))) or 0

    def _change(
        self,
        serial_number: str,
        event: StatusEvent,
        reason: CRLReason | None,
        actor: str,
        at: datetime,
    ) -> None:
        """Change the standing in a transaction of its own."""
        with self._context.database.session() as session:
            self.change(session, serial_number, event, reason, actor, at)

    @staticmethod
    def check_allowed(serial_number: str, standing: str, event: StatusEvent) -> None:
        """Check that a certificate that stands so may be changed so."""
        if standing not in _ALLOWED_BEFORE[event]:
            raise CertificateStatusError(
                f"certificate {serial_number} is {standing} and cannot be {event.value}",
                code="standing-not-allowed",
            )

    def change(
        self,
        session: Session,
        serial_number: str,
        event: StatusEvent,
        reason: CRLReason | None,
        actor: str,
        at: datetime,
    ) -> None:
        """Change the standing within the caller's transaction: row, feed entry and audit record together."""
        lock_state(session)
        certificate = _locked(session, serial_number)
        before = certificate.standing
        self.check_allowed(serial_number, before, event)
        certificate.standing = _STANDING_AFTER[event]
        # A suspension that becomes a revocation counts from when the certificate stopped being good.
        if not (event is StatusEvent.REVOKED and before == Standing.SUSPENDED):
            certificate.standing_since = at
        certificate.reason = reason
        append_status_change(session, serial_number, event, certificate.standing_since, reason)
        self._context.audit.append(
            session,
            at=at,
            actor=actor,
            action=f"certificate.{event.value}",
            subject=certificate.fingerprint,
            details={
                "serial_number": serial_number,
                "before": before,
                "reason": reason.text if reason is not None else None,
            },
        )


def check_reason(reason: CRLReason | None) -> None:
    """Check that a certificate may be revoked for this reason."""
    if reason not in REVOCATION_REASONS:
        allowed = ", ".join(each.text for each in REVOCATION_REASONS)
        name = reason.text if reason is not None else "no reason"
        raise CertificateStatusError(
            f"{name} is not a reason to revoke by; use {allowed}", code="reason-not-allowed"
        )


def _locked(session: Session, serial_number: str) -> IssuedCertificate:
    """The certificate's row, locked for this transaction."""
    certificate = session.scalars(
        sa.select(IssuedCertificate).where(IssuedCertificate.serial_number == serial_number).with_for_update()
    ).first()
    if certificate is None:
        raise UnknownCertificateError(
            f"no certificate with serial number {serial_number} was issued here", code="serial-unknown"
        )
    return certificate
