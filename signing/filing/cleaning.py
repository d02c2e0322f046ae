"""What is removed after a while: sessions that are over, drafts nobody came back to, their documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.audit import AuditLog
from runtime.database import Database
from signing.filing.document_store import DocumentStore
from signing.filing.prepared import PreparedSessions
from signing.models import AuditRecord, Filing, FilingStatus, PreparedSignature

_ACTOR: Final = "signing"
_UNFINISHED: Final = (FilingStatus.DRAFT, FilingStatus.REFUSED)


@dataclass(frozen=True)
class Cleaning:
    """Removes what has served its purpose; accepted filings stay."""

    database: Database
    store: DocumentStore
    sessions: PreparedSessions
    draft_lifetime: timedelta
    audit: AuditLog = field(default_factory=lambda: AuditLog(AuditRecord))

    def run(self, at: datetime) -> None:
        """Remove, in one transaction, what is over at this time."""
        with self.database.session() as session:
            digests = self.sessions.remove_expired(session, at)
            digests += self._remove_drafts(session, at)
            session.flush()
            for digest in _unreferenced(session, digests):
                self.store.remove(digest)

    def _remove_drafts(self, session: Session, at: datetime) -> list[str]:
        """Delete drafts and refused filings that were left alone; return their documents' digests."""
        old = sa.select(Filing).where(
            Filing.status.in_(_UNFINISHED), Filing.changed_at <= at - self.draft_lifetime
        )
        digests: list[str] = []
        for filing in session.scalars(old).all():
            session.execute(sa.delete(PreparedSignature).where(PreparedSignature.filing_id == filing.id))
            digests += [digest for digest in (filing.document_digest, filing.signed_digest) if digest]
            self.audit.append(
                session, at=at, actor=_ACTOR, action="filing-expired", subject=filing.id, details={}
            )
            session.delete(filing)
        return digests


def _unreferenced(session: Session, digests: Iterable[str]) -> set[str]:
    """Those of the digests that no row names any more."""
    candidates = set(digests)
    columns = (Filing.document_digest, Filing.signed_digest, PreparedSignature.document_digest)
    for column in columns:
        candidates -= set(session.scalars(sa.select(column).where(column.in_(candidates))))
    return candidates
