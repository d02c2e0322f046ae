"""Validation Process for Signatures with Time (EN 319 102-1 5.5): what a signature timestamp proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from signing.evidence import SignatureEvidence
from signing.indication import BlockStatus, Indication, SubIndication
from signing.judge.basic import BasicConclusion, validate_basic
from signing.judge.conclusion import Block, BlockConclusion, Failure, Reason, failed, indeterminate, run_block
from signing.judge.inputs import JudgeInputs
from signing.judge.timestamp import TimestampConclusion, validate_timestamp
from signing.judge.x509_validation import signer_role, was_valid_at
from trust.report import PathReport

# Failures of the basic process that a proof of existence may outweigh (5.5.4 step 2).
_PROOF_MAY_HELP: Final = frozenset(
    {
        SubIndication.REVOKED_NO_POE,
        SubIndication.REVOKED_CA_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
    }
)


@dataclass(frozen=True)
class SignatureConclusion:
    """The judgement on one signature, with everything that led to it."""

    evidence: SignatureEvidence
    at: datetime
    blocks: tuple[BlockConclusion, ...]
    failure: Failure | None
    best_signature_time: datetime
    path: PathReport | None = None
    timestamps: tuple[TimestampConclusion, ...] = ()

    @property
    def indication(self) -> Indication:
        """TOTAL-PASSED, TOTAL-FAILED or INDETERMINATE."""
        return Indication.of(self.failure.status if self.failure else BlockStatus.PASSED)

    @property
    def sub_indication(self) -> SubIndication | None:
        """Why it did not pass."""
        return self.failure.sub_indication if self.failure else None


def validate_with_time(evidence: SignatureEvidence, inputs: JudgeInputs, at: datetime) -> SignatureConclusion:
    """Run the process at a given time."""
    # Step 1: without a timestamp, the best signature time is now.
    # Step 2: the process for basic signatures; only some of its failures may be outweighed.
    basic = validate_basic(evidence, inputs, at)
    if basic.failure and basic.failure.sub_indication not in _PROOF_MAY_HELP:
        return SignatureConclusion(evidence, at, basic.blocks, basic.failure, at, basic.path)
    # Step 3: each signature timestamp; the earliest good one is the proof of existence.
    timestamps = tuple(validate_timestamp(item, inputs, at) for item in evidence.timestamps)
    proven = [item.generated_at for item in timestamps if item.generated_at is not None]
    best = min([at, *proven])
    # Step 4: compare times; step 5: the policy's constraints on timestamps.
    block = run_block(
        Block.WITH_TIME,
        [
            ("certificate-at-signature-time", lambda: check_certificate(basic, evidence, inputs, best, at)),
            ("issued-before-signature", lambda: check_issued_before(evidence, best)),
            ("signature-timestamp", lambda: check_timestamp_present(timestamps, inputs)),
        ],
    )
    return SignatureConclusion(
        evidence, at, (*basic.blocks, block), block.failure, best, basic.path, timestamps
    )


def check_certificate(
    basic: BasicConclusion, evidence: SignatureEvidence, inputs: JudgeInputs, best: datetime, at: datetime
) -> Failure | None:
    """Step 4 a) to c): revoked or out of bounds only after the best signature time is no fault then."""
    certificate = evidence.unverified_signing_certificate
    if basic.failure is None or certificate is None:
        return basic.failure
    if best >= at or basic.failure.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE:
        return basic.failure
    if basic.failure.sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE:
        # An expired certificate may have left the revocation lists: today's say nothing of it (4 b).
        return basic.failure
    role = signer_role(inputs)
    good_then = was_valid_at(certificate, evidence.unverified_certificates, inputs, role, best, at=at)
    return None if good_then else basic.failure


def check_issued_before(evidence: SignatureEvidence, best: datetime) -> Failure | None:
    """Step 4 b): a signature older than its certificate was not made with it."""
    certificate = evidence.unverified_signing_certificate
    if certificate is None or best >= certificate.not_valid_before:
        return None
    return failed(SubIndication.NOT_YET_VALID, Reason.SIGNED_BEFORE_ISSUE)


def check_timestamp_present(
    timestamps: tuple[TimestampConclusion, ...], inputs: JudgeInputs
) -> Failure | None:
    """One rule of policy: at least one signature timestamp holds (level T)."""
    if not inputs.policy.signature_timestamp or any(item.failure is None for item in timestamps):
        return None
    if not timestamps:
        return indeterminate(SubIndication.SIG_CONSTRAINTS_FAILURE, Reason.TIMESTAMP_MISSING)
    first = timestamps[0].failure
    assert first is not None  # noqa: S101 - none of them passed
    return indeterminate(
        SubIndication.SIG_CONSTRAINTS_FAILURE, first.reason, first.detail_en, first.detail_zh
    )
