"""Receipts: what the service says it accepted, from whom and when; canonical JSON, sealed and timestamped.

The statement is canonical JSON (RFC 8785). The service seal signs it as CMS with the statement inside, and
a timestamp covers the seal, so that a receipt proves itself without the service: `openssl cms -verify`
shows the statement, `verify_receipt` judges seal and timestamp like any signature.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from signing.errors import ReceiptError
from signing.formats.cms import assemble_cms, prepare_cms
from signing.formats.cms_extraction import decode_pem, extract_cms
from signing.formats.limits import MAXIMUM_CMS_BYTES
from signing.judge.document import DocumentConclusion, judge_document
from signing.judge.inputs import JudgeInputs
from trust.cms import parse_signed_data
from trust.errors import TrustError
from trust.profile_policy import CertificateKind
from trust.signer import Signer

RECEIPT_TYPE: Final = "urn:tongxing:receipt:1"


@dataclass(frozen=True)
class Receipt:
    """The statement. Times are RFC 3339 in UTC, digests SHA-256 in hexadecimal."""

    receipt_id: str
    filing_id: str
    title: str
    document_sha256: str
    document_size: int
    unsigned_sha256: str
    signer_name: str
    signer_organization: str | None
    signer_certificate_sha256: str
    signed_at: str
    accepted_at: str
    indication: str
    service: str
    type: str = RECEIPT_TYPE


@dataclass(frozen=True)
class Seal:
    """The service seal: its key and its certificates."""

    signer: Signer
    certificate: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class SealedReceipt:
    """A receipt as it is handed out: the statement, and the CMS that seals it (and holds it)."""

    statement: bytes
    sealed: bytes = field(repr=False)


def encode_receipt(receipt: Receipt) -> bytes:
    """The one JSON text of a receipt (RFC 8785; its members are texts and whole numbers)."""
    text = json.dumps(asdict(receipt), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def parse_receipt(statement: bytes) -> Receipt:
    """Read a statement strictly: its members and no others, in its one encoding."""
    try:
        members: dict[str, Any] = json.loads(statement)
        receipt = Receipt(**members)
    except (ValueError, TypeError, RecursionError) as error:
        raise ReceiptError("This is not a receipt of this service.", code="receipt-malformed") from error
    if receipt.type != RECEIPT_TYPE or encode_receipt(receipt) != statement:
        raise ReceiptError(
            "The receipt is not in the form this service writes; it was changed.", code="receipt-malformed"
        )
    return receipt


def seal_receipt(
    receipt: Receipt, seal: Seal, timestamp: Callable[[bytes], bytes], at: datetime
) -> SealedReceipt:
    """Seal a receipt and have the seal timestamped."""
    statement = encode_receipt(receipt)
    prepared = prepare_cms(statement, seal.certificate, chain=seal.chain, at=at)
    signature = seal.signer.sign(prepared.signed_attributes)
    return SealedReceipt(statement, assemble_cms(prepared, signature, timestamp=timestamp, content=statement))


@dataclass(frozen=True)
class ReceiptVerdict:
    """What `verify_receipt` found: the statement, and the judgement on seal and timestamp."""

    receipt: Receipt
    conclusion: DocumentConclusion


def read_sealed_receipt(sealed: bytes) -> Receipt:
    """Read the statement inside a sealed receipt; nothing of it is proven yet."""
    try:
        content = parse_signed_data(decode_pem(sealed), maximum_size=MAXIMUM_CMS_BYTES).content
    except TrustError as error:
        raise ReceiptError("This is not a sealed receipt.", code="receipt-malformed") from error
    if content is None:
        raise ReceiptError("The seal does not hold its receipt.", code="receipt-malformed")
    return parse_receipt(content)


def verify_receipt(
    sealed: bytes, inputs: JudgeInputs, at: datetime, *, statement: bytes | None = None
) -> ReceiptVerdict:
    """Judge a sealed receipt; with a statement given, it must be the one that was sealed.

    Raises ReceiptError for what is not a receipt; a seal that does not hold is a conclusion.
    """
    receipt = read_sealed_receipt(sealed)
    if statement is not None and statement.strip() != encode_receipt(receipt):
        raise ReceiptError("The receipt is not the one that was sealed; it was changed.")
    policy = replace(inputs.policy, accepted_kinds=frozenset({CertificateKind.SERVICE_SEAL}))
    conclusion = judge_document(extract_cms(sealed), replace(inputs, policy=policy), at)
    return ReceiptVerdict(receipt, conclusion)
