"""Validation Process for Basic Signatures (EN 319 102-1 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.evidence import SignatureEvidence
from signing.judge.acceptance import accept_signature
from signing.judge.conclusion import BlockConclusion, Failure
from signing.judge.cryptographic_verification import verify_cryptographically
from signing.judge.format_checking import check_format
from signing.judge.inputs import JudgeInputs
from signing.judge.signing_certificate import identify_signing_certificate
from signing.judge.validation_context import initialize_context
from signing.judge.x509_validation import signer_role, validate_certificate
from trust.report import PathReport


@dataclass(frozen=True)
class BasicConclusion:
    """What the basic process found: the blocks that ran, the deciding failure, the signer's path."""

    blocks: tuple[BlockConclusion, ...]
    failure: Failure | None
    path: PathReport | None = None


def validate_basic(evidence: SignatureEvidence, inputs: JudgeInputs, at: datetime) -> BasicConclusion:
    """Run the process at a given time."""
    # Steps 1 to 3: Format Checking, Identification of the Signing Certificate, Validation Context.
    blocks: list[BlockConclusion] = []
    for block in (
        lambda: check_format(evidence),
        lambda: identify_signing_certificate(evidence),
        lambda: initialize_context(inputs),
    ):
        blocks.append(block())
        if blocks[-1].failure:
            return BasicConclusion(tuple(blocks), blocks[-1].failure)
    certificate = evidence.unverified_signing_certificate
    assert certificate is not None  # noqa: S101 - step 2 passed
    # Step 4: X.509 Certificate Validation; its failure waits, for a broken signature outweighs it.
    x509, path = validate_certificate(
        certificate, evidence.unverified_certificates, inputs, signer_role(inputs), at
    )
    blocks.append(x509)
    # Step 5: Cryptographic Verification. Step 6: Signature Acceptance Validation.
    for block in (
        lambda: verify_cryptographically(evidence, certificate),
        lambda: accept_signature(evidence, inputs.policy, at),
    ):
        blocks.append(block())
        if blocks[-1].failure:
            return BasicConclusion(tuple(blocks), blocks[-1].failure, path)
    # Step 7: the status of step 4 is the status of the process.
    return BasicConclusion(tuple(blocks), x509.failure, path)
