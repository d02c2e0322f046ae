"""The timestamp authority's one verb: answer a request, with one audit record in one transaction."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.audit import AuditLog
from runtime.database import Database
from runtime.errors import KeyTokenError
from signing.errors import ClockError
from signing.service_key import load_service_key
from signing.settings import TimestampSettings
from signing.timestamp import TimestampAnswer, TimestampAuthority, check_clock, refuse
from signing.tsa.models import AuditRecord
from trust.encoding.timestamp import PKIFailureInfo

_LOG = logging.getLogger(__name__)


def load_authority(settings: TimestampSettings) -> TimestampAuthority:
    """Load key and certificates once, at start; refuse a key that is not the certificate's."""
    loaded = load_service_key(
        settings, settings.timestamp_key, settings.timestamp_certificate, code="timestamp-key-mismatch"
    )
    return TimestampAuthority(
        signer=loaded.signer,
        certificate=loaded.certificate,
        chain=loaded.chain,
        policy=settings.effective_policy,
        accuracy=timedelta(milliseconds=settings.accuracy_milliseconds),
    )


class TimestampService:
    """Answers requests and keeps the log; the log's last record tells when the last token was issued."""

    def __init__(self, database: Database, authority: TimestampAuthority) -> None:
        self._database = database
        self._authority = authority
        self._audit = AuditLog(AuditRecord)

    def answer(self, data: bytes, at: datetime, client: str) -> bytes:
        """Answer a TimeStampReq from a client's address; the response is DER whatever happens."""
        with self._database.session() as session:
            try:
                check_clock(at, self._audit.last_time(session), self._authority.accuracy)
            except ClockError as error:
                return self._refuse_for_clock(session, error.message, client)
            try:
                answer = self._authority.answer(data, at, secrets.token_bytes)
            except KeyTokenError as error:
                # The token may be back for the next request.
                _LOG.warning("no timestamp can be signed (%s): %s", error.code, error)
                answer = refuse(PKIFailureInfo.SYSTEM_FAILURE, "the authority cannot sign at the moment")
            self._record(session, answer, at, client)
        return answer.response

    def refuse_for_clock(self, explanation: str, client: str) -> bytes:
        """Refuse while the machine's clock is not to be believed (RFC 3161 2.4.2, timeNotAvailable)."""
        with self._database.session() as session:
            return self._refuse_for_clock(session, explanation, client)

    def _record(self, session: Session, answer: TimestampAnswer, at: datetime, client: str) -> None:
        """Write the audit record of an answer."""
        request = answer.request
        details: dict[str, str] = {}
        if request is not None:
            details = {"digest_algorithm": request.digest_algorithm.label, "digest": request.digest.hex()}
        if answer.failure is not None:
            details |= {"failure": answer.failure.name, "explanation": answer.explanation}
        action = "timestamp-issued" if answer.granted else "timestamp-refused"
        subject = f"{answer.serial_number:x}" if answer.serial_number is not None else "none"
        self._audit.append(session, at=at, actor=client, action=action, subject=subject, details=details)

    def _refuse_for_clock(self, session: Session, explanation: str, client: str) -> bytes:
        """Refuse while the clock is wrong; recorded at the last good time, once for each such spell."""
        newest = sa.select(AuditRecord).order_by(AuditRecord.sequence.desc()).limit(1)
        last = session.scalars(newest).one_or_none()
        if last is not None and last.action != "clock-stepped":
            self._audit.append(
                session,
                at=last.at,
                actor=client,
                action="clock-stepped",
                subject="clock",
                details={"explanation": explanation},
            )
        return refuse(PKIFailureInfo.TIME_NOT_AVAILABLE, explanation).response
