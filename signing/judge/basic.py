"""Validation Process for Basic Signatures (EN 319 102-1 5.3)."""

from __future__ import annotations

from collections.abc import Callable
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

_Step = Callable[[], BlockConclusion]


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
    first_steps: tuple[_Step, ...] = (
        lambda: check_format(evidence),
        lambda: identify_signing_certificate(evidence),
        lambda: initialize_context(inputs),
    )
    if failure := _run_steps(first_steps, blocks):
        return BasicConclusion(tuple(blocks), failure)
    certificate = evidence.unverified_signing_certificate
    assert certificate is not None  # noqa: S101 - step 2 passed
    # Step 4: X.509 Certificate Validation; its failure waits, for a broken signature outweighs it.
    x509, path = validate_certificate(
        certificate, evidence.unverified_certificates, inputs, signer_role(inputs), at
    )
    blocks.append(x509)
    # Step 5: Cryptographic Verification. Step 6: Signature Acceptance Validation.
    last_steps: tuple[_Step, ...] = (
        lambda: verify_cryptographically(evidence, certificate),
        lambda: accept_signature(evidence, path, inputs, at),
    )
    if failure := _run_steps(last_steps, blocks):
        return BasicConclusion(tuple(blocks), failure, path)
    # Step 7: the status of step 4 is the status of the process.
    return BasicConclusion(tuple(blocks), x509.failure, path)


def _run_steps(steps: tuple[_Step, ...], blocks: list[BlockConclusion]) -> Failure | None:
    """Run blocks in order up to the first that fails; what ran is added to `blocks`."""
    for step in steps:
        blocks.append(step())
        if failure := blocks[-1].failure:
            return failure
    return None
