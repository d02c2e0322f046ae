"""What was issued: look-ups over certificates, without changing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.context import AuthorityContext
from ca.errors import UnknownCertificateError
from ca.models import IssuedCertificate

MAXIMUM_LISTED = 1000


@dataclass(frozen=True)
class CertificateView:
    """An issued certificate and how it stands."""

    serial_number: str
    fingerprint: str
    profile: str
    subject: str
    subject_number: str | None
    not_valid_before: datetime
    not_valid_after: datetime
    standing: str
    standing_since: datetime
    reason: int | None
    der: bytes


@dataclass(frozen=True)
class CertificateQuery:
    """Which certificates to list; an empty member does not narrow."""

    subject_number: str = ""
    profile: str = ""
    standing: str = ""
    limit: int = MAXIMUM_LISTED


class Inventory:
    """Look-ups over what was issued."""

    def __init__(self, context: AuthorityContext) -> None:
        self._database = context.database

    def show(self, serial_number: str) -> CertificateView:
        """One certificate by its serial number."""
        with self._database.session() as session:
            row = session.get(IssuedCertificate, serial_number)
        if row is None:
            raise UnknownCertificateError(
                f"no certificate with serial number {serial_number} was issued here", code="serial-unknown"
            )
        return _view(row)

    def list_certificates(self, query: CertificateQuery | None = None) -> Sequence[CertificateView]:
        """Certificates that match, newest first."""
        chosen = query or CertificateQuery()
        statement = sa.select(IssuedCertificate).order_by(
            IssuedCertificate.issued_at.desc(), IssuedCertificate.serial_number
        )
        for column, value in (
            (IssuedCertificate.subject_number, chosen.subject_number),
            (IssuedCertificate.profile, chosen.profile),
            (IssuedCertificate.standing, chosen.standing),
        ):
            if value:
                statement = statement.where(column == value)
        with self._database.session() as session:
            return [_view(row) for row in session.scalars(statement.limit(min(chosen.limit, MAXIMUM_LISTED)))]


def _view(row: IssuedCertificate) -> CertificateView:
    """The row as a value."""
    return CertificateView(
        row.serial_number,
        row.fingerprint,
        row.profile,
        row.subject,
        row.subject_number,
        row.not_valid_before,
        row.not_valid_after,
        row.standing,
        row.standing_since,
        row.reason,
        row.der,
    )
