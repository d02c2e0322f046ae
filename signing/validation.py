"""Validation of whatever somebody brings: a signed PDF, a CMS signature with its document, a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.errors import ReceiptError
from signing.filing.judgement import Trust
from signing.formats.cms_extraction import decode_pem, extract_cms
from signing.formats.pdf_extraction import extract_pdf
from signing.formats.pdf_reading import PDF_HEADER
from signing.judge.document import DocumentConclusion
from signing.judge.policy import SignaturePolicy
from signing.receipt import Receipt, read_sealed_receipt, verify_receipt

_DER_SEQUENCE = 0x30


@dataclass(frozen=True)
class Validation:
    """What was judged: a receipt's statement when it was one, and the conclusion."""

    conclusion: DocumentConclusion
    receipt: Receipt | None = None


def validate(
    document: bytes,
    trust: Trust,
    policy: SignaturePolicy,
    at: datetime,
    *,
    signature: bytes | None = None,
    maximum: int,
) -> Validation:
    """Tell what the bytes are by themselves, and judge them.

    With `signature` given, the document is what a detached signature signs (or a receipt's statement).
    """
    container = signature if signature is not None else document
    if signature is None and not looks_like_cms(document):
        return Validation(trust.judge(extract_pdf(document, maximum), policy, at))
    try:
        receipt: Receipt | None = read_sealed_receipt(container)
    except ReceiptError:
        receipt = None
    evidence = extract_cms(container, document if signature is not None else None)
    if receipt is None:
        return Validation(trust.judge(evidence, policy, at))
    verdict = verify_receipt(
        container,
        trust.inputs_for(evidence, policy, at),
        at,
        statement=document if signature is not None else None,
    )
    return Validation(verdict.conclusion, receipt)


def looks_like_cms(data: bytes) -> bool:
    """Whether the bytes begin like a CMS signature, in DER or PEM."""
    return not data.startswith(PDF_HEADER) and decode_pem(data)[:1] == bytes((_DER_SEQUENCE,))
