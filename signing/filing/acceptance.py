"""Deciding on a signed filing: judged, then accepted with a receipt, or refused with the report.

A verdict of TRY_LATER decides nothing: the filing stays signed, and the job comes back to it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from runtime.audit import AuditLog
from runtime.database import Database
from signing.errors import FilingNotFoundError, SigningError
from signing.filing.document_store import DocumentStore
from signing.filing.judgement import Trust
from signing.formats.pdf_extraction import extract_pdf
from signing.indication import Indication, SubIndication
from signing.judge.document import DocumentConclusion
from signing.judge.policy import SignaturePolicy
from signing.models import AuditRecord, Filing, FilingStatus
from signing.receipt import Receipt, Seal, SealedReceipt, seal_receipt
from signing.reports.simple import report_json, write_time
from trust.certificate import Certificate
from trust.names import NameAttribute
from trust.profile_policy import CertificateKind

_ACTOR: Final = "signing"
_IDENTIFIER_BYTES: Final = 16


@dataclass(frozen=True)
class Acceptance:
    """Judges signed filings and seals receipts."""

    database: Database
    store: DocumentStore
    trust: Trust
    seal: Seal
    timestamp: Callable[[bytes], bytes]
    policy_arc: str
    maximum_bytes: int
    audit: AuditLog = field(default_factory=lambda: AuditLog(AuditRecord))

    def decide(self, filing_id: str, at: datetime) -> Filing:
        """Judge one signed filing and write the outcome; a filing decided already is returned as it is."""
        with self.database.session() as session:
            filing = _get(session, filing_id)
        if filing.status is not FilingStatus.SIGNED or filing.signed_digest is None:
            return filing
        signed = self.store.get(filing.signed_digest)
        conclusion = self.trust.judge(extract_pdf(signed, self.maximum_bytes), self._policy(filing), at)
        if conclusion.indication is Indication.TOTAL_PASSED:
            receipt = seal_receipt(
                self._receipt(filing, conclusion, len(signed), at), self.seal, self.timestamp, at
            )
            return self._settle(filing, FilingStatus.ACCEPTED, conclusion, at, receipt)
        if conclusion.sub_indication is SubIndication.TRY_LATER:
            return self._settle(filing, FilingStatus.SIGNED, conclusion, at)
        return self._settle(filing, FilingStatus.REFUSED, conclusion, at)

    def decide_pending(self, at: datetime) -> None:
        """Decide every filing that is signed and not yet judged; one that fails does not stop the others."""
        with self.database.session() as session:
            query = sa.select(Filing.id).where(Filing.status == FilingStatus.SIGNED)
            pending = list(session.scalars(query))
        problem: SigningError | None = None
        for filing_id in pending:
            try:
                self.decide(filing_id, at)
            except SigningError as error:
                problem = error
        if problem is not None:
            raise problem

    def _policy(self, filing: Filing) -> SignaturePolicy:
        """The policy for this filing: an enterprise's or a citizen's signature, and no other."""
        kind = (
            CertificateKind.ENTERPRISE_SIGNATURE
            if filing.enterprise_code
            else CertificateKind.CITIZEN_SIGNATURE
        )
        return SignaturePolicy(accepted_kinds=frozenset({kind}), policy_arc=self.policy_arc)

    def _receipt(self, filing: Filing, conclusion: DocumentConclusion, size: int, at: datetime) -> Receipt:
        """The statement for an accepted filing."""
        signature = conclusion.signatures[0]
        signer = signature.evidence.unverified_signing_certificate
        assert signer is not None  # noqa: S101 - the judge has identified it
        attributes = signer.subject_attributes
        return Receipt(
            receipt_id=secrets.token_hex(_IDENTIFIER_BYTES),
            filing_id=filing.id,
            title=filing.title,
            document_sha256=conclusion.evidence.digest,
            document_size=size,
            unsigned_sha256=filing.document_digest,
            signer_name=attributes.get(NameAttribute.COMMON_NAME, ""),
            signer_organization=attributes.get(NameAttribute.ORGANIZATION_IDENTIFIER),
            signer_certificate_sha256=signer.fingerprint,
            signed_at=write_time(signature.best_signature_time),
            accepted_at=write_time(at),
            indication=conclusion.indication.value,
            service=Certificate.parse(self.seal.certificate).subject_text,
        )

    def _settle(
        self,
        filing: Filing,
        status: FilingStatus,
        conclusion: DocumentConclusion,
        at: datetime,
        receipt: SealedReceipt | None = None,
    ) -> Filing:
        """Write the outcome, unless somebody else has decided in the meantime."""
        with self.database.session() as session:
            mine = sa.and_(
                Filing.id == filing.id,
                Filing.status == FilingStatus.SIGNED,
                Filing.signed_digest == filing.signed_digest,
            )
            values = {
                "status": status,
                "report": report_json(conclusion),
                "changed_at": at,
                "receipt": receipt.statement if receipt else None,
                "sealed_receipt": receipt.sealed if receipt else None,
            }
            changed = session.scalar(sa.update(Filing).where(mine).values(**values).returning(Filing.id))
            if changed is not None and status is not FilingStatus.SIGNED:
                self.audit.append(
                    session,
                    at=at,
                    actor=_ACTOR,
                    action=f"filing-{status.value}",
                    subject=filing.id,
                    details={
                        "signed": filing.signed_digest,
                        "sealed_receipt": hashlib.sha256(receipt.sealed).hexdigest() if receipt else None,
                        "indication": conclusion.indication.value,
                        "sub_indication": conclusion.sub_indication,
                    },
                )
            session.expire_all()
            return _get(session, filing.id)


def _get(session: Session, filing_id: str) -> Filing:
    """A filing that must be there."""
    filing = session.get(Filing, filing_id)
    if filing is None:
        raise FilingNotFoundError("There is no filing of this number.")
    return filing
