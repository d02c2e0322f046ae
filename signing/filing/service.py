"""The verbs of filing: upload, prepare, submit; each one transaction and one audit record.

1. `upload` keeps a document as a draft.
2. `prepare` makes room for the signature and returns the attributes that the card signs.
3. `submit` embeds the signature value with a timestamp (status signed) and has it judged (`acceptance`):
   accepted with a receipt, or refused with the report; the draft stays either way.

Work on documents and talk with the timestamp authority happen outside transactions.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.audit import AuditLog
from runtime.database import Database
from signing.errors import (
    AlreadySignedError,
    CertificateRefusedError,
    DocumentError,
    FilingError,
    FilingNotFoundError,
    SigningError,
)
from signing.filing.acceptance import Acceptance
from signing.filing.document_store import ByteStream, DocumentStore
from signing.filing.prepared import PreparedSessions
from signing.filing.submitter import Submitter, check_signing_certificate
from signing.formats.pdf import embed_signature, prepare_pdf
from signing.formats.pdf_reading import PdfDescription, describe_pdf
from signing.models import AuditRecord, Filing, FilingStatus
from signing.timestamp_client import TimestampClient, pdf_timestamper
from trust.certificate import Certificate
from trust.errors import TrustError

_IDENTIFIER_BYTES: Final = 16
_MAXIMUM_LISTED: Final = 200
_SIGNABLE: Final = frozenset({FilingStatus.DRAFT, FilingStatus.REFUSED})


@dataclass(frozen=True)
class Preparation:
    """What the card is asked to sign, and what the person is shown of it."""

    session: str
    signed_attributes: bytes
    digest: bytes
    title: str
    size: int
    pages: int


@dataclass(frozen=True)
class FilingService:
    """The verbs, over the service's database, documents, sessions and the acceptance that judges."""

    database: Database
    store: DocumentStore
    sessions: PreparedSessions
    acceptance: Acceptance
    timestamps: TimestampClient
    intermediates: tuple[Certificate, ...]
    policy_arc: str
    maximum_bytes: int
    audit: AuditLog = field(default_factory=lambda: AuditLog(AuditRecord))

    # --- upload and look up ---

    def upload(self, submitter: Submitter, stream: ByteStream, file_name: str, at: datetime) -> Filing:
        """Keep a document as a draft; the same document uploaded again is the same draft."""
        with self._audited_refusal(submitter, "upload-refused", "none", at):
            digest, size = self.store.receive(stream, self.maximum_bytes)
            description = self._describe(digest, file_name)
        with self.database.session() as session:
            existing = session.scalars(_open_draft(submitter, digest)).first()
            if existing is not None:
                return existing
            filing = _new_filing(submitter, description, at)
            session.add(filing)
            if not self.store.holds(digest):
                raise DocumentError(
                    "The document could not be kept. Upload it again.", code="document-missing"
                )
            self._record(session, filing, "filing-uploaded", submitter, at, {"size": size})
        return filing

    def _describe(self, digest: str, file_name: str) -> PdfDescription:
        """Look at an uploaded document; refuse what cannot be signed here."""
        description = describe_pdf(self.store.get(digest), PurePath(file_name).stem, self.maximum_bytes)
        if description.signatures:
            raise AlreadySignedError(
                "The PDF already carries a signature. Upload the unsigned document and sign it here."
            )
        return description

    def find(self, submitter: Submitter, filing_id: str) -> Filing:
        """Return one of the submitter's filings."""
        with self.database.session() as session:
            return _own(session, submitter, filing_id)

    def list(self, submitter: Submitter) -> list[Filing]:
        """Return the submitter's filings in the capacity they are logged in with, the newest first."""
        query = sa.select(Filing).where(Filing.owner == submitter.subject, _capacity(submitter))
        with self.database.session() as session:
            newest_first = query.order_by(Filing.created_at.desc()).limit(_MAXIMUM_LISTED)
            return list(session.scalars(newest_first))

    def document(self, submitter: Submitter, filing_id: str) -> bytes:
        """Return the document as it was uploaded."""
        return self.store.get(self.find(submitter, filing_id).document_digest)

    def signed_document(self, submitter: Submitter, filing_id: str) -> bytes:
        """Return the signed document."""
        digest = self.find(submitter, filing_id).signed_digest
        if digest is None:
            raise FilingNotFoundError("This filing has not been signed yet.", code="filing-not-signed")
        return self.store.get(digest)

    # --- sign ---

    def prepare(self, submitter: Submitter, filing_id: str, certificate: bytes, at: datetime) -> Preparation:
        """Make room for a signature by this certificate and return what is to be signed."""
        filing = self.find(submitter, filing_id)
        _check_signable(filing)
        with self._audited_refusal(submitter, "prepare-refused", filing_id, at):
            parsed = _parse_certificate(certificate)
            check_signing_certificate(parsed, submitter, self.policy_arc, at)
        prepared = prepare_pdf(
            self.store.get(filing.document_digest),
            certificate,
            chain=tuple(item.der for item in self.intermediates if item.subject == parsed.issuer),
            at=at,
            maximum=self.maximum_bytes,
        )
        with self.database.session() as session:
            identifier = self.sessions.keep(session, filing_id, prepared, at)
            details = {"certificate": parsed.fingerprint, "digest": prepared.document_digest.hex()}
            self._record(session, filing, "filing-prepared", submitter, at, details)
        return Preparation(
            identifier,
            prepared.signed_attributes,
            prepared.document_digest,
            filing.title,
            filing.size,
            filing.pages,
        )

    def submit(
        self, submitter: Submitter, filing_id: str, session_id: str, signature: bytes, at: datetime
    ) -> Filing:
        """Embed the signature value of a prepared session, with a timestamp, and have the filing judged.

        Repeating a submission that was accepted returns the accepted filing.
        """
        filing = self.find(submitter, filing_id)
        if filing.status is FilingStatus.ACCEPTED:
            return filing
        _check_signable(filing)
        with self._audited_refusal(submitter, "signature-refused", filing_id, at):
            with self.database.session() as session:
                prepared = self.sessions.open(session, session_id, filing_id, at)
            signed = embed_signature(prepared, signature, timestamper=pdf_timestamper(self.timestamps))
        digest = self.store.put(signed)
        with self.database.session() as session:
            self.sessions.redeem(session, session_id, at)
            _mark_signed(session, filing_id, digest, at)
            self._record(session, filing, "filing-signed", submitter, at, {"signed": digest})
        return self.acceptance.decide(filing_id, at)

    # --- audit ---

    def _record(
        self,
        session: Session,
        filing: Filing,
        action: str,
        submitter: Submitter,
        at: datetime,
        details: Mapping[str, object],
    ) -> None:
        """Write the audit record of a verb."""
        known = {"document": filing.document_digest, **details}
        self.audit.append(
            session, at=at, actor=submitter.subject, action=action, subject=filing.id, details=known
        )

    @contextmanager
    def _audited_refusal(
        self, submitter: Submitter, action: str, filing_id: str, at: datetime
    ) -> Iterator[None]:
        """Record a refusal before the error goes its way."""
        try:
            yield
        except SigningError as error:
            with self.database.session() as session:
                details = {"code": error.code}
                self.audit.append(
                    session, at=at, actor=submitter.subject, action=action, subject=filing_id, details=details
                )
            raise


def _new_filing(submitter: Submitter, description: PdfDescription, at: datetime) -> Filing:
    """A draft."""
    enterprise = submitter.enterprise
    return Filing(
        id=secrets.token_hex(_IDENTIFIER_BYTES),
        owner=submitter.subject,
        owner_name=submitter.name,
        enterprise_name=enterprise.name if enterprise else None,
        enterprise_code=enterprise.code if enterprise else None,
        title=description.title,
        pages=description.pages,
        size=description.size,
        document_digest=description.digest,
        status=FilingStatus.DRAFT,
        created_at=at,
        changed_at=at,
        signed_digest=None,
        report=None,
        receipt=None,
        sealed_receipt=None,
    )


def _open_draft(submitter: Submitter, digest: str) -> sa.Select[Filing]:
    """The query for a draft of the same document by the same submitter, in the same capacity."""
    return sa.select(Filing).where(
        Filing.owner == submitter.subject,
        Filing.document_digest == digest,
        Filing.status.in_(_SIGNABLE),
        _capacity(submitter),
    )


def _capacity(submitter: Submitter) -> sa.ColumnElement[bool]:
    """The rows filed for the enterprise the submitter acts for, or for nobody but themselves."""
    if submitter.enterprise is None:
        return Filing.enterprise_code.is_(None)
    return Filing.enterprise_code == submitter.enterprise.code


def _own(session: Session, submitter: Submitter, filing_id: str) -> Filing:
    """The submitter's filing, in the capacity they are logged in with; others' do not exist for them."""
    filing = session.get(Filing, filing_id)
    code = submitter.enterprise.code if submitter.enterprise else None
    if filing is None or filing.owner != submitter.subject or filing.enterprise_code != code:
        raise FilingNotFoundError("You have no filing of this number.")
    return filing


def _check_signable(filing: Filing) -> None:
    """One rule: a filing is signed once; a refused one may be signed again."""
    if filing.status not in _SIGNABLE:
        raise _signed_already()


def _mark_signed(session: Session, filing_id: str, signed_digest: str, at: datetime) -> None:
    """Make a filing signed, unless somebody signed it in the meantime."""
    signable = sa.and_(Filing.id == filing_id, Filing.status.in_(_SIGNABLE))
    values = {"status": FilingStatus.SIGNED, "signed_digest": signed_digest, "changed_at": at}
    changed = session.scalar(sa.update(Filing).where(signable).values(**values).returning(Filing.id))
    if changed is None:
        raise _signed_already()


def _signed_already() -> FilingError:
    """The error for a filing that cannot be signed any more."""
    return FilingError("This filing has been signed already.", code="filing-already-signed")


def _parse_certificate(certificate: bytes) -> Certificate:
    """Read the certificate the card offers."""
    try:
        return Certificate.parse(certificate)
    except TrustError as error:
        raise CertificateRefusedError(
            "The card's certificate cannot be read: %(why)s", why=error.message
        ) from error
