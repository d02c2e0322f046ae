"""What the judge is given beside the evidence: anchors, certificates, revocation data, policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from signing.judge.policy import SignaturePolicy
from trust.certificate import Certificate
from trust.revocation import RevocationEvidence


@dataclass(frozen=True)
class JudgeInputs:
    """The signature validation context (EN 319 102-1 5.2.4), already collected: the judge fetches nothing."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()
    revocation: RevocationEvidence = field(default_factory=RevocationEvidence)
    policy: SignaturePolicy = field(default_factory=SignaturePolicy)
    evidence_at: datetime | None = None
    """As of when the revocation data are current, when that is later than the time asked about."""
