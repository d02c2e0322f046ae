"""One document and all its signatures: every one must hold, and there must be one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signing.evidence import DocumentEvidence
from signing.indication import BlockStatus, Indication, SubIndication
from signing.judge.conclusion import Failure
from signing.judge.format_checking import fault_failure
from signing.judge.inputs import JudgeInputs
from signing.judge.with_time import SignatureConclusion, validate_with_time


@dataclass(frozen=True)
class DocumentConclusion:
    """The judgement on a document."""

    evidence: DocumentEvidence
    at: datetime
    signatures: tuple[SignatureConclusion, ...]
    failure: Failure | None

    @property
    def indication(self) -> Indication:
        """The document's indication: that of its worst signature."""
        return Indication.of(self.failure.status if self.failure else BlockStatus.PASSED)

    @property
    def sub_indication(self) -> SubIndication | None:
        """Why it did not pass."""
        return self.failure.sub_indication if self.failure else None


def judge_document(evidence: DocumentEvidence, inputs: JudgeInputs, at: datetime) -> DocumentConclusion:
    """Judge every signature of a document at a given time."""
    if evidence.fault is not None:
        return DocumentConclusion(evidence, at, (), fault_failure(evidence.fault))
    conclusions = tuple(validate_with_time(signature, inputs, at) for signature in evidence.signatures)
    return DocumentConclusion(evidence, at, conclusions, _worst(conclusions))


def _worst(conclusions: tuple[SignatureConclusion, ...]) -> Failure | None:
    """A failed signature outweighs an indeterminate one, which outweighs a good one."""
    failures = [conclusion.failure for conclusion in conclusions if conclusion.failure]
    return min(failures, key=lambda failure: failure.status is not BlockStatus.FAILED, default=None)
