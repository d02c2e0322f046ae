"""Tables of the filing service: filings, prepared signatures, the audit log, job leases.

Documents themselves are files named by their digest (`filing.document_store`); rows hold digests.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import UtcDateTime
from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"

_DIGEST = sa.String(64)
_IDENTIFIER = sa.String(64)


class Base(DeclarativeBase):
    """Metadata of the filing service's database."""


class AuditRecord(AuditRecordMixin, Base):
    """The filing service's audit log."""


class JobLease(JobLeaseMixin, Base):
    """The filing service's background jobs."""


class FilingStatus(StrEnum):
    """How far a filing has come; a signed one is not yet judged, a refused one may be signed again."""

    DRAFT = "draft"
    SIGNED = "signed"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Filing(Base):
    """One document somebody files, and what became of it."""

    __tablename__ = "filing"

    id: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    owner: Mapped[str] = mapped_column(sa.String(255), index=True)
    owner_name: Mapped[str] = mapped_column(sa.String(200))
    enterprise_name: Mapped[str | None] = mapped_column(sa.String(200))
    enterprise_code: Mapped[str | None] = mapped_column(sa.String(18))
    title: Mapped[str] = mapped_column(sa.String(300))
    pages: Mapped[int]
    size: Mapped[int]
    document_digest: Mapped[str] = mapped_column(_DIGEST)
    status: Mapped[FilingStatus] = mapped_column(
        # Text in the database, the enum in Python: what is loaded compares by identity.
        sa.Enum(FilingStatus, native_enum=False, length=16, values_callable=lambda kinds: [*kinds])
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signed_digest: Mapped[str | None] = mapped_column(_DIGEST)
    report: Mapped[str | None] = mapped_column(sa.Text)
    receipt: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    sealed_receipt: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class PreparedSignature(Base):
    """A prepared document that waits for its signature value: sealed, expiring, redeemed once."""

    __tablename__ = "prepared_signature"

    id: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    filing_id: Mapped[str] = mapped_column(sa.ForeignKey("filing.id"), index=True)
    document_digest: Mapped[str] = mapped_column(_DIGEST)
    sealed_state: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    redeemed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
