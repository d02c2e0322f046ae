"""Cryptographic Verification (EN 319 102-1 5.2.7): the digest of the data, then the signature value."""

from __future__ import annotations

from signing.evidence import SignatureEvidence
from signing.indication import SubIndication
from signing.judge.conclusion import (
    Block,
    BlockConclusion,
    Failure,
    Reason,
    failed,
    indeterminate,
    run_block,
)
from trust.algorithms import verify_with
from trust.certificate import Certificate
from trust.errors import TrustError


def verify_cryptographically(evidence: SignatureEvidence, certificate: Certificate) -> BlockConclusion:
    """Run the block with the identified signing certificate."""
    return run_block(
        Block.CRYPTOGRAPHIC_VERIFICATION,
        [
            ("signed-data-present", lambda: check_data_present(evidence)),
            ("data-digest", lambda: check_digest(evidence)),
            ("signature-value", lambda: check_signature_value(evidence, certificate)),
        ],
    )


def check_data_present(evidence: SignatureEvidence) -> Failure | None:
    """Step 1: the signed data are at hand."""
    if evidence.content_digest is not None:
        return None
    return indeterminate(SubIndication.SIGNED_DATA_NOT_FOUND, Reason.CONTENT_MISSING)


def check_digest(evidence: SignatureEvidence) -> Failure | None:
    """Step 2: the digest in the signed attributes is the digest of the data."""
    if evidence.content_digest is not None and evidence.content_digest.matches:
        return None
    return failed(SubIndication.HASH_FAILURE, Reason.DOCUMENT_CHANGED)


def check_signature_value(evidence: SignatureEvidence, certificate: Certificate) -> Failure | None:
    """Step 3: the certificate's key made the signature value over the signed attributes."""
    if evidence.signature_algorithm is None:
        return failed(SubIndication.FORMAT_FAILURE, Reason.SIGNATURE_MALFORMED)
    try:
        verify_with(
            certificate.public_key,
            evidence.signature_algorithm,
            evidence.signature_value,
            evidence.signed_attributes,
        )
    except TrustError as error:
        return failed(SubIndication.SIG_CRYPTO_FAILURE, Reason.SIGNATURE_WRONG, error.message)
    return None
