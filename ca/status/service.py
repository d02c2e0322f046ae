"""The status process's memory: follows the feed with a durable cursor, and answers look-ups.

What it knows is complete up to a moment (`complete_at`), and answers say so: an OCSP answer's thisUpdate
is that moment, not the moment it was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.errors import StatusSourceError
from ca.issuance import serial_text
from ca.models import StatusEvent
from ca.publication import CrlView, issuer_key_id
from ca.standing import FeedEntry
from ca.status.feed import StatusFeed
from ca.status.models import AuditRecord, CurrentCRL, FeedCursor, KnownCertificate
from ca.status.responder import KnownStatus
from runtime.audit import AuditLog
from runtime.database import Database
from trust.certificate import Certificate
from trust.crl import check_crl_issuer, load_crl
from trust.errors import TrustError
from trust.status import CRLReason

_CURSOR_ROW = 1
_ACTOR = "va"
_REVOKED_EVENTS = (StatusEvent.REVOKED.value, StatusEvent.SUSPENDED.value)


@dataclass(frozen=True)
class Snapshot:
    """Statuses, and the moment up to which they are complete; None before the feed was ever read."""

    statuses: Mapping[int, KnownStatus]
    complete_at: datetime | None


class StatusService:
    """Follows the issuing process and answers from what it learned."""

    def __init__(self, database: Database, authorities: Sequence[Certificate]) -> None:
        self._database = database
        self._audit = AuditLog(AuditRecord)
        self._authorities = {issuer_key_id(each): each for each in authorities}

    # --- following -----------------------------------------------------------------------------

    def follow(self, feed: StatusFeed, at: datetime) -> int:
        """Take in everything new; return how many changes there were. Safe to repeat at any point."""
        taken = 0
        while True:
            cursor = self._cursor()
            page = feed.changes(cursor)
            if page.last_sequence < cursor:
                raise StatusSourceError(
                    f"the feed ends at {page.last_sequence}, before {cursor} that was read already: "
                    "the issuing process was restored from an old backup; do not go on",
                    code="feed-went-back",
                )
            self._take(cursor, page.entries, at)
            taken += len(page.entries)
            reached = cursor + len(page.entries)
            if reached >= page.last_sequence:
                break
            if not page.entries:
                raise StatusSourceError("the feed has a gap", code="feed-gap")
        self._mark_complete(at)
        self._follow_crls(feed, page.crl_numbers, at)
        return taken

    def _cursor(self) -> int:
        """How far the feed has been read."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(FeedCursor.sequence)) or 0

    def _take(self, cursor: int, entries: Sequence[FeedEntry], at: datetime) -> None:
        """Store a page of entries and move the cursor, in one transaction."""
        if not entries:
            return
        for expected, entry in enumerate(entries, cursor + 1):
            if entry.sequence != expected:
                raise StatusSourceError(f"the feed lacks entry {expected}", code="feed-gap")
        with self._database.session() as session:
            for entry in entries:
                self._apply(session, entry)
            self._move_cursor(session, entries[-1].sequence, at)

    def _apply(self, session: Session, entry: FeedEntry) -> None:
        """Store one entry, and put a change of standing on record."""
        revoked = entry.event in _REVOKED_EVENTS
        session.merge(
            KnownCertificate(
                serial_number=entry.serial_number,
                revoked_at=entry.at if revoked else None,
                reason=entry.reason if revoked else None,
                sequence=entry.sequence,
            )
        )
        if entry.event != StatusEvent.ISSUED.value:
            self._audit.append(
                session,
                at=entry.at,
                actor=_ACTOR,
                action=f"status.{entry.event}",
                subject=entry.serial_number,
                details={"sequence": entry.sequence},
            )

    def _move_cursor(self, session: Session, sequence: int, at: datetime) -> None:
        """Move the cursor; the entries are complete only once the page was the last."""
        cursor = session.get(FeedCursor, _CURSOR_ROW)
        if cursor is None:
            session.add(FeedCursor(id=_CURSOR_ROW, sequence=sequence, complete_at=at))
        else:
            cursor.sequence = sequence

    def _mark_complete(self, at: datetime) -> None:
        """Note that everything up to `at` is known; time does not go back."""
        with self._database.session() as session:
            cursor = session.get(FeedCursor, _CURSOR_ROW)
            if cursor is None:
                session.add(FeedCursor(id=_CURSOR_ROW, sequence=0, complete_at=at))
            elif cursor.complete_at < at:
                cursor.complete_at = at

    def _follow_crls(self, feed: StatusFeed, numbers: Mapping[str, int], at: datetime) -> None:
        """Fetch and publish the CRLs when a number is higher than ours."""
        with self._database.read() as connection:
            ours = {row.issuer_key_id: row.number for row in connection.execute(_CRL_NUMBERS)}
        if any(number > ours.get(key_id, -1) for key_id, number in numbers.items()):
            for crl in feed.crls():
                if crl.number > ours.get(crl.issuer_key_id, -1):
                    self._publish_crl(crl, at)

    def _publish_crl(self, crl: CrlView, at: datetime) -> None:
        """Verify a CRL's signature, then let it take the place of the one before."""
        authority = self._authorities.get(crl.issuer_key_id)
        if authority is None:
            raise StatusSourceError(
                "a CRL came from an authority that is not in trust_anchors or intermediates",
                code="crl-issuer-unknown",
            )
        try:
            loaded = load_crl(crl.der)
            check_crl_issuer(loaded, authority)
            loaded.verify(authority.public_key, at)
        except TrustError as error:
            raise StatusSourceError(f"a CRL was refused: {error.message}", code="crl-refused") from error
        with self._database.session() as session:
            session.merge(
                CurrentCRL(
                    issuer_key_id=crl.issuer_key_id,
                    number=crl.number,
                    this_update=crl.this_update,
                    next_update=crl.next_update,
                    der=crl.der,
                )
            )
            self._audit.append(
                session,
                at=at,
                actor=_ACTOR,
                action="crl.published",
                subject=crl.issuer_key_id,
                details={"number": crl.number},
            )

    # --- answering -----------------------------------------------------------------------------

    def look_up(self, serial_numbers: Iterable[int]) -> Snapshot:
        """Statuses of the issued certificates among these, and how fresh they are."""
        texts = {serial_text(number): number for number in serial_numbers if number > 0}
        # One statement, one snapshot: the moment and what is known as of then belong together.
        with self._database.read() as connection:
            rows = connection.execute(_SNAPSHOT, {"serials": list(texts)}).all()
        statuses = {
            texts[row.serial_number]: KnownStatus(
                row.revoked_at, CRLReason(row.reason) if row.reason is not None else None
            )
            for row in rows
            if row.serial_number is not None
        }
        complete_at = rows[0].complete_at if rows else None
        return Snapshot(statuses, complete_at)

    def crl_number(self, key_id: str) -> int | None:
        """The number of an issuer's current CRL."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(CurrentCRL.number).where(CurrentCRL.issuer_key_id == key_id))

    def crl(self, key_id: str) -> CrlView | None:
        """An issuer's current CRL."""
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(
                    CurrentCRL.issuer_key_id,
                    CurrentCRL.number,
                    CurrentCRL.this_update,
                    CurrentCRL.next_update,
                    CurrentCRL.der,
                ).where(CurrentCRL.issuer_key_id == key_id)
            ).first()
        return CrlView(*row) if row else None

    def authority(self, key_id: str) -> Certificate | None:
        """A CA certificate by its key identifier."""
        return self._authorities.get(key_id)


_CRL_NUMBERS = sa.select(CurrentCRL.issuer_key_id, CurrentCRL.number)
_SNAPSHOT = sa.select(
    FeedCursor.complete_at,
    KnownCertificate.serial_number,
    KnownCertificate.revoked_at,
    KnownCertificate.reason,
).select_from(
    sa.outerjoin(
        FeedCursor,
        KnownCertificate,
        KnownCertificate.serial_number.in_(sa.bindparam("serials", expanding=True)),
    )
)
