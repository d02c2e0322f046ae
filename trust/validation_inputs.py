"""What a validation is given besides the certificate and the time (RFC 5280 6.1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from trust.algorithms import DEFAULT_ALGORITHM_POLICY, AlgorithmPolicy
from trust.certificate import Certificate
from trust.encoding.extensions import KeyUsage
from trust.revocation import Freshness, RevocationEvidence, RevocationPolicy

MAXIMUM_PATH_LENGTH = 16


@dataclass(frozen=True)
class ValidationInputs:
    """RFC 5280 6.1.1: what a validation is given besides the certificate and the time.

    - `initial_policies`: the policies the relying party accepts; none given means any. When some are given an
      explicit policy is asked for too, unless `initial_explicit_policy` says otherwise.
    - `required_key_usage`: all of these bits; `required_extended_key_usage`: this purpose. A certificate that
      does not say what it is for does not have them.
    - `evidence_at`: as of when the evidence must be current, when that is not the time asked about. Then a
      revocation later than the time asked about counts as good.
    """

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()
    revocation: RevocationEvidence = field(default_factory=RevocationEvidence)
    revocation_policy: RevocationPolicy = RevocationPolicy.HARD_FAIL
    freshness: Freshness = field(default_factory=Freshness)
    evidence_at: datetime | None = None
    ocsp_nonce: bytes | None = None
    initial_policies: frozenset[str] = frozenset()
    initial_explicit_policy: bool | None = None
    initial_policy_mapping_inhibit: bool = False
    initial_any_policy_inhibit: bool = False
    required_key_usage: frozenset[KeyUsage] = frozenset()
    required_extended_key_usage: str | None = None
    check_anchor_validity: bool = True
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    maximum_path_length: int = MAXIMUM_PATH_LENGTH

    @property
    def explicit_policy(self) -> bool:
        """6.1.1 (e) initial-explicit-policy, as it was given or as it follows from the policies."""
        if self.initial_explicit_policy is None:
            return bool(self.initial_policies)
        return self.initial_explicit_policy
