"""Signature Acceptance Validation (EN 319 102-1 5.2.8): algorithms and the signature's own constraints."""

from __future__ import annotations

from datetime import datetime

from signing.evidence import SignatureEvidence
from signing.indication import SubIndication
from signing.judge.brought import find_altered
from signing.judge.conclusion import Block, BlockConclusion, Failure, Reason, indeterminate, run_block
from signing.judge.inputs import JudgeInputs
from signing.judge.policy import SignaturePolicy
from trust.algorithms import check_digest_algorithm, check_public_key
from trust.digest import digest_named
from trust.errors import TrustError
from trust.report import PathReport


def accept_signature(
    evidence: SignatureEvidence, path: PathReport, inputs: JudgeInputs, at: datetime
) -> BlockConclusion:
    """Run the block at a given time."""
    policy = inputs.policy
    return run_block(
        Block.ACCEPTANCE,
        [
            ("whole-document", lambda: check_whole_document(evidence, policy)),
            ("certificates-unaltered", lambda: check_certificates(evidence, path, inputs)),
            ("algorithms", lambda: check_algorithms(evidence, policy, at)),
        ],
    )


def check_whole_document(evidence: SignatureEvidence, policy: SignaturePolicy) -> Failure | None:
    """One rule: nothing in the file lies outside what was signed, no later revision either."""
    coverage = evidence.coverage
    if coverage is None or coverage.whole_document or not policy.whole_document:
        return None
    outside = coverage.document_size - coverage.covered_end
    return indeterminate(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        Reason.NOT_WHOLE_DOCUMENT,
        f"{outside} bytes, {coverage.later_revisions} later revision(s)",
        f"{outside} 字节，{coverage.later_revisions} 次后续修订",
    )


def check_certificates(evidence: SignatureEvidence, path: PathReport, inputs: JudgeInputs) -> Failure | None:
    """One rule: no certificate that came with the signature is a known one with bytes changed."""
    altered = find_altered(evidence.unverified_certificates, path.path, inputs)
    if altered is None:
        return None
    return indeterminate(
        SubIndication.SIG_CONSTRAINTS_FAILURE, Reason.CERTIFICATE_ALTERED, altered.subject_text
    )


def check_algorithms(evidence: SignatureEvidence, policy: SignaturePolicy, at: datetime) -> Failure | None:
    """One rule: digest and signature algorithms are reliable at that time (5.2.8.4.2.10)."""
    try:
        if evidence.signature_algorithm is not None and evidence.signature_algorithm.digest is not None:
            check_digest_algorithm(evidence.signature_algorithm.digest, at, policy.algorithms)
        if evidence.unverified_signing_certificate is not None:
            check_public_key(evidence.unverified_signing_certificate.public_key, at, policy.algorithms)
        if evidence.content_digest is not None:
            check_digest_algorithm(digest_named(evidence.content_digest.algorithm), at, policy.algorithms)
    except TrustError as error:
        return indeterminate(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, Reason.ALGORITHM_REFUSED, error.message
        )
    return None
