"""Tables of the registration process: the person and enterprise registers, subjects, applications.

Identity numbers are stored encrypted, with a keyed digest as look-up index; everything else refers to a
person by the random `person_id`.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import UtcDateTime
from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"

_IDENTIFIER = sa.String(100)
_NAME = sa.String(200)


class Base(DeclarativeBase):
    """Metadata of the registration process's database."""


class AuditRecord(AuditRecordMixin, Base):
    """The registration process's audit log; every look-up of a person is in it."""


class JobLease(JobLeaseMixin, Base):
    """The registration process's background jobs."""


class Person(Base):
    """A natural person of the register."""

    __tablename__ = "person"

    person_id: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    name: Mapped[str] = mapped_column(_NAME)
    identity_number: Mapped[bytes] = mapped_column(sa.LargeBinary)
    identity_index: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Enterprise(Base):
    """A legal person of the register, by its unified social credit code (public information)."""

    __tablename__ = "enterprise"

    uscc: Mapped[str] = mapped_column(sa.String(18), primary_key=True)
    name: Mapped[str] = mapped_column(_NAME)
    active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Subject(Base):
    """What a certificate's random subject number stands for; only this table resolves it."""

    __tablename__ = "subject"
    __table_args__ = (sa.UniqueConstraint("kind", "person_id", "uscc"),)

    subject_number: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.person_id"), index=True)
    # Empty when the subject is a person for itself: a NULL would escape the unique constraint.
    uscc: Mapped[str] = mapped_column(sa.String(18), index=True)
    active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Application(Base):
    """An application for the certificates of one card."""

    __tablename__ = "application"

    id: Mapped[str] = mapped_column(_IDENTIFIER, primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(20), index=True)
    subject_number: Mapped[str] = mapped_column(sa.ForeignKey("subject.subject_number"), index=True)
    requester: Mapped[str] = mapped_column(_IDENTIFIER)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    preparation_id: Mapped[str | None] = mapped_column(_IDENTIFIER)
    statement: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refusal: Mapped[str] = mapped_column(sa.String(500))


class ApplicationCertificate(Base):
    """One certificate of an application: the request, what will be signed, and what was signed."""

    __tablename__ = "application_certificate"

    application_id: Mapped[str] = mapped_column(sa.ForeignKey("application.id"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    profile: Mapped[str] = mapped_column(_IDENTIFIER)
    request: Mapped[bytes] = mapped_column(sa.LargeBinary)
    tbs: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    certificate: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
