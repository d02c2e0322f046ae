"""Validation Context Initialization (EN 319 102-1 5.2.4): there is something to trust."""

from __future__ import annotations

from signing.indication import SubIndication
from signing.judge.conclusion import Block, BlockConclusion, Failure, Reason, indeterminate, run_block
from signing.judge.inputs import JudgeInputs


def initialize_context(inputs: JudgeInputs) -> BlockConclusion:
    """Run the block: INDETERMINATE/POLICY_PROCESSING_ERROR without a trust anchor."""
    return run_block(Block.VALIDATION_CONTEXT, [("trust-anchors", lambda: check_anchors(inputs))])


def check_anchors(inputs: JudgeInputs) -> Failure | None:
    """One rule: at least one trust anchor is configured."""
    if inputs.anchors:
        return None
    return indeterminate(SubIndication.POLICY_PROCESSING_ERROR, Reason.NO_TRUST_ANCHOR)
