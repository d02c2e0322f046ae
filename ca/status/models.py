"""Tables of the status process: a copy of every certificate's status, the feed's cursor, current CRLs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import UtcDateTime
from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Base(DeclarativeBase):
    """Metadata of the status process's database."""


class AuditRecord(AuditRecordMixin, Base):
    """The status process's audit log."""


class JobLease(JobLeaseMixin, Base):
    """The status process's background jobs."""


class KnownCertificate(Base):
    """A certificate that was issued, and its status as the feed told it last."""

    __tablename__ = "known_certificate"

    serial_number: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[int | None] = mapped_column(sa.Integer)
    sequence: Mapped[int] = mapped_column(_SEQUENCE)


class FeedCursor(Base):
    """One row: how far the feed was followed, and when it was last known to be complete."""

    __tablename__ = "feed_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(_SEQUENCE)
    complete_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CurrentCRL(Base):
    """The CRL published now for each issuer."""

    __tablename__ = "current_crl"

    issuer_key_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    number: Mapped[int] = mapped_column(_SEQUENCE)
    this_update: Mapped[datetime] = mapped_column(UtcDateTime)
    next_update: Mapped[datetime] = mapped_column(UtcDateTime)
    der: Mapped[bytes] = mapped_column(sa.LargeBinary)
