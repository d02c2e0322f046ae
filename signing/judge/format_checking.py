"""Format Checking (EN 319 102-1 5.2.2): does the signature have the form its format demands."""

from __future__ import annotations

from signing.evidence import Fault, FaultCode, SignatureEvidence
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


def check_format(evidence: SignatureEvidence) -> BlockConclusion:
    """Run the block: FAILED/FORMAT_FAILURE for a fault of form."""
    return run_block(Block.FORMAT_CHECKING, [("well-formed", lambda: check_well_formed(evidence))])


def check_well_formed(evidence: SignatureEvidence) -> Failure | None:
    """One rule: extraction found no fault of form."""
    return fault_failure(evidence.faults[0]) if evidence.faults else None


def fault_failure(fault: Fault) -> Failure:
    """The failure a fault of form stands for; an outdated algorithm is no fault of form (5.2.8)."""
    if fault.code is FaultCode.ALGORITHM_REFUSED:
        return indeterminate(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, Reason.ALGORITHM_REFUSED, fault.detail
        )
    return failed(SubIndication.FORMAT_FAILURE, Reason(fault.code.value), fault.detail)
