"""The private audit log: append-only, hash-chained, written in the act's own transaction.

Each record's digest covers its content and the digest before it, so that a record changed, removed or
slipped in breaks the chain at that place. `verify` walks the chain; a copy of the last digest kept
elsewhere shows a log that was cut at its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.errors import AuditError
from runtime.models import AuditRecordMixin

GENESIS_DIGEST = "0" * 64
_MAXIMUM_DETAILS_BYTES = 16_384
# Any constant serves, as long as every writer of a service's log takes the same lock (PostgreSQL).
_ADVISORY_LOCK = 0x7478_6175_6469


@dataclass(frozen=True)
class AuditVerdict:
    """What `verify` found: how many records, the last digest, and where the chain breaks, if it does."""

    records: int
    last_digest: str
    broken_at: int | None = None
    reason: str = ""

    @property
    def intact(self) -> bool:
        """Whether the whole chain holds."""
        return self.broken_at is None


class AuditLog:
    """The audit log of one service, over its own table."""

    def __init__(self, model: type[AuditRecordMixin]) -> None:
        self._model = model

    def append(
        self,
        session: Session,
        *,
        at: datetime,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Add one record to the caller's transaction and return its digest.

        `actor` and `subject` are identifiers (a certificate's fingerprint, a serial number, a document's
        digest), never secrets and never an identity number.
        """
        self._lock(session)
        last = session.execute(
            sa.select(self._model.sequence, self._model.digest).order_by(self._model.sequence.desc()).limit(1)
        ).first()
        sequence, previous = (last.sequence + 1, last.digest) if last else (1, GENESIS_DIGEST)
        text = _canonical(details or {})
        if len(text.encode()) > _MAXIMUM_DETAILS_BYTES:
            raise AuditError(
                f"audit details of {action} exceed {_MAXIMUM_DETAILS_BYTES} bytes", code="audit-too-large"
            )
        digest = _digest(sequence, at, actor, action, subject, text, previous)
        record = self._model(
            sequence=sequence,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            details=text,  # type: ignore[call-arg]
            previous_digest=previous,
            digest=digest,
        )
        session.add(record)
        session.flush()
        return digest

    def last_time(self, session: Session) -> datetime | None:
        """When the last record was written; None before the first one."""
        query = sa.select(self._model.at).order_by(self._model.sequence.desc()).limit(1)
        return session.scalar(query)

    def verify(self, session: Session) -> AuditVerdict:
        """Walk the chain from its first record and report the first break."""
        expected_sequence, previous = 1, GENESIS_DIGEST
        statement = sa.select(self._model).order_by(self._model.sequence).execution_options(yield_per=500)
        with contextlib.closing(session.scalars(statement)) as records:
            for record in records:
                reason = self._fault(record, expected_sequence, previous)
                if reason:
                    return AuditVerdict(expected_sequence - 1, previous, record.sequence, reason)
                expected_sequence, previous = expected_sequence + 1, record.digest
        return AuditVerdict(expected_sequence - 1, previous)

    @staticmethod
    def _fault(record: AuditRecordMixin, expected_sequence: int, previous: str) -> str:
        """Say what is wrong with a record, or nothing."""
        if record.sequence != expected_sequence:
            return f"record {expected_sequence} is missing"
        if record.previous_digest != previous:
            return "it does not follow the record before it"
        digest = _digest(
            record.sequence, record.at, record.actor, record.action, record.subject, record.details, previous
        )
        return "" if digest == record.digest else "its content was changed"

    @staticmethod
    def _lock(session: Session) -> None:
        """Let one writer at a time extend the chain; SQLite's write lock already does."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def _canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted members, no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _digest(
    sequence: int, at: datetime, actor: str, action: str, subject: str, details: str, previous: str
) -> str:
    """Return the SHA-256 over a record's canonical form, in hexadecimal."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    content = _canonical([sequence, moment, actor, action, subject, details, previous])
    return hashlib.sha256(content.encode()).hexdigest()
