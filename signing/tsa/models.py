"""Tables of the timestamp authority: the audit log holds every token it issued and what it refused."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase

from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"


class Base(DeclarativeBase):
    """Metadata of the timestamp authority's database."""


class AuditRecord(AuditRecordMixin, Base):
    """The timestamp authority's audit log."""


class JobLease(JobLeaseMixin, Base):
    """The timestamp authority's background jobs."""
