"""Tables of the issuing process: preparations, certificates, status changes, CRLs, officers.

A certificate's row is written after its signature, but the preparation that fixed its serial number and
its bytes is older than the signature: whatever was signed can be found and revoked.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import UtcDateTime
from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"

_SERIAL = sa.String(40)
_DIGEST = sa.String(64)
_IDENTIFIER = sa.String(100)
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Base(DeclarativeBase):
    """Metadata of the issuing process's database."""


class AuditRecord(AuditRecordMixin, Base):
    """The issuing process's audit log."""


class JobLease(JobLeaseMixin, Base):
    """The issuing process's background jobs."""


class Standing(StrEnum):
    """How a certificate stands: a suspended one is revoked to the world and may come back."""

    GOOD = "good"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class StatusEvent(StrEnum):
    """What happened to a certificate, as the status feed tells it."""

    ISSUED = "issued"
    SUSPENDED = "suspended"
    RELEASED = "released"
    REVOKED = "revoked"


class AuthorityState(Base):
    """One row: the authority's counters, and whether the ceremony is over."""

    __tablename__ = "authority_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    feed_sequence: Mapped[int] = mapped_column(_SEQUENCE)
    ceremony_closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Preparation(Base):
    """Certificates prepared for one application, waiting for one approval; redeemed at most once."""

    __tablename__ = "preparation"

    id: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    application_id: Mapped[str] = mapped_column(_IDENTIFIER, index=True)
    requester: Mapped[str] = mapped_column(_IDENTIFIER)
    statement: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    redeemed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approval: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    approver: Mapped[str | None] = mapped_column(_DIGEST)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PreparedCertificate(Base):
    """One to-be-signed certificate of a preparation; its serial number is used up for ever."""

    __tablename__ = "prepared_certificate"

    serial_number: Mapped[str] = mapped_column(_SERIAL, primary_key=True)
    preparation_id: Mapped[str] = mapped_column(sa.ForeignKey("preparation.id"), index=True)
    position: Mapped[int] = mapped_column(sa.Integer)
    profile: Mapped[str] = mapped_column(_IDENTIFIER)
    key_digest: Mapped[str] = mapped_column(_DIGEST, index=True)
    tbs: Mapped[bytes] = mapped_column(sa.LargeBinary)
    request: Mapped[bytes] = mapped_column(sa.LargeBinary)


class IssuedCertificate(Base):
    """A signed certificate and how it stands."""

    __tablename__ = "issued_certificate"

    serial_number: Mapped[str] = mapped_column(_SERIAL, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(_DIGEST, unique=True)
    preparation_id: Mapped[str] = mapped_column(sa.ForeignKey("preparation.id"), index=True)
    profile: Mapped[str] = mapped_column(_IDENTIFIER)
    subject: Mapped[str] = mapped_column(sa.String(500))
    subject_number: Mapped[str | None] = mapped_column(_IDENTIFIER, index=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    not_valid_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_valid_after: Mapped[datetime] = mapped_column(UtcDateTime)
    der: Mapped[bytes] = mapped_column(sa.LargeBinary)
    standing: Mapped[str] = mapped_column(sa.String(20), index=True)
    standing_since: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[int | None] = mapped_column(sa.Integer)


class StatusChange(Base):
    """One entry of the status feed; sequence numbers follow one another without a gap, in commit order."""

    __tablename__ = "status_change"

    sequence: Mapped[int] = mapped_column(_SEQUENCE, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    serial_number: Mapped[str] = mapped_column(_SERIAL, index=True)
    event: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[int | None] = mapped_column(sa.Integer)


class PublishedCRL(Base):
    """A CRL that was signed and checked: the issuing CA's own, and the root's when it was brought in."""

    __tablename__ = "published_crl"

    issuer_key_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    number: Mapped[int] = mapped_column(_SEQUENCE, primary_key=True, autoincrement=False)
    this_update: Mapped[datetime] = mapped_column(UtcDateTime)
    next_update: Mapped[datetime] = mapped_column(UtcDateTime)
    status_sequence: Mapped[int] = mapped_column(_SEQUENCE)
    der: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Officer(Base):
    """An officer's roles, keyed by the fingerprint of the certificate the officer signs approvals with."""

    __tablename__ = "officer"

    fingerprint: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
    authentication_fingerprint: Mapped[str] = mapped_column(_DIGEST, unique=True)
    subject_number: Mapped[str] = mapped_column(_IDENTIFIER, index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    roles: Mapped[str] = mapped_column(sa.String(200))
    active: Mapped[bool] = mapped_column(sa.Boolean)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
