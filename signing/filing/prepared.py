"""The session between prepare and embed: kept on the server, sealed, expiring, redeemed once.

The prepared document lies in the document store under its digest; everything else is sealed with the
service's data key for this one session, so that a row cannot be moved, mixed or edited.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.encryption import DataKey
from runtime.errors import SealedDataError
from signing.errors import PreparedSessionError
from signing.filing.document_store import DocumentStore
from signing.formats.pdf import PreparedPdf
from signing.models import PreparedSignature

_IDENTIFIER_BYTES: Final = 24
_START_AGAIN = "Start the signature again from the filing's page; nothing is lost."


@dataclass(frozen=True)
class PreparedSessions:
    """Keeps prepared documents until their signature comes."""

    store: DocumentStore
    data_key: DataKey
    lifetime: timedelta
    random_bytes: Callable[[int], bytes]

    def keep(self, session: Session, filing_id: str, prepared: PreparedPdf, at: datetime) -> str:
        """Keep a prepared document and return the session's identifier."""
        identifier = base64.urlsafe_b64encode(self.random_bytes(_IDENTIFIER_BYTES)).decode("ascii")
        digest = self.store.put(prepared.document)
        session.add(
            PreparedSignature(
                id=identifier,
                filing_id=filing_id,
                document_digest=digest,
                sealed_state=self.data_key.seal(
                    _encode(prepared, filing_id, digest), _context(identifier, filing_id)
                ),
                created_at=at,
                expires_at=at + self.lifetime,
                redeemed_at=None,
            )
        )
        return identifier

    def open(self, session: Session, identifier: str, filing_id: str, at: datetime) -> PreparedPdf:
        """Return what was prepared; PreparedSessionError unless it is this filing's, unused and current."""
        row = session.get(PreparedSignature, identifier)
        if row is None or row.filing_id != filing_id:
            raise PreparedSessionError(
                "This signature was not prepared for this filing. " + _START_AGAIN,
                code="prepared-session-unknown",
            )
        if row.redeemed_at is not None:
            raise PreparedSessionError(
                "This prepared signature has been used already. " + _START_AGAIN, code="prepared-session-used"
            )
        if at >= row.expires_at:
            raise PreparedSessionError(
                "The prepared signature has expired. " + _START_AGAIN, code="prepared-session-expired"
            )
        try:
            state = self.data_key.open(row.sealed_state, _context(identifier, filing_id))
        except SealedDataError as error:
            raise PreparedSessionError(
                "The prepared signature was altered. " + _START_AGAIN, code="prepared-session-altered"
            ) from error
        return _decode(state, self.store, filing_id)

    def redeem(self, session: Session, identifier: str, at: datetime) -> None:
        """Use the session up; of two that try at once one fails."""
        statement = (
            sa.update(PreparedSignature)
            .where(PreparedSignature.id == identifier, PreparedSignature.redeemed_at.is_(None))
            .values(redeemed_at=at, sealed_state=b"")
            .returning(PreparedSignature.id)
        )
        if session.scalar(statement) is None:
            raise PreparedSessionError(
                "This prepared signature has been used already. " + _START_AGAIN, code="prepared-session-used"
            )

    def remove_expired(self, session: Session, at: datetime) -> list[str]:
        """Delete sessions that are over; return the digests of documents they held."""
        over = sa.or_(PreparedSignature.expires_at <= at, PreparedSignature.redeemed_at.is_not(None))
        statement = sa.delete(PreparedSignature).where(over).returning(PreparedSignature.document_digest)
        return list(session.scalars(statement))


def _context(identifier: str, filing_id: str) -> str:
    """What a sealed state is bound to."""
    return f"prepared_signature:{identifier}:{filing_id}"


def _encode(prepared: PreparedPdf, filing_id: str, digest: str) -> str:
    """Everything but the document, as text to be sealed."""
    return json.dumps(
        {
            "filing": filing_id,
            "document": digest,
            "signed_attributes": _text(prepared.signed_attributes),
            "document_digest": _text(prepared.document_digest),
            "reserved": [prepared.reserved_start, prepared.reserved_end],
            "certificate": _text(prepared.certificate),
            "chain": [_text(der) for der in prepared.chain],
        }
    )


def _decode(state: str, store: DocumentStore, filing_id: str) -> PreparedPdf:
    """The prepared document again, from its sealed state and the store."""
    members = json.loads(state)
    if members["filing"] != filing_id:
        raise PreparedSessionError(
            "The prepared signature belongs to another filing. " + _START_AGAIN,
            code="prepared-session-altered",
        )
    start, end = members["reserved"]
    return PreparedPdf(
        document=store.get(members["document"]),
        signed_attributes=base64.b64decode(members["signed_attributes"]),
        document_digest=base64.b64decode(members["document_digest"]),
        reserved_start=start,
        reserved_end=end,
        certificate=base64.b64decode(members["certificate"]),
        chain=tuple(base64.b64decode(text) for text in members["chain"]),
    )


def _text(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")
