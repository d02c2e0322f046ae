"""Validation policy as data: what a signature must be to count here (EN 319 102-1 clause 5.1.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trust.algorithms import DEFAULT_ALGORITHM_POLICY, AlgorithmPolicy
from trust.profile_policy import DEFAULT_POLICY_ARC, CertificateKind, policy_oid

SIGNATURE_KINDS: Final = frozenset(kind for kind in CertificateKind if kind.is_signature)
FILING_KINDS: Final = frozenset({CertificateKind.ENTERPRISE_SIGNATURE, CertificateKind.CITIZEN_SIGNATURE})


@dataclass(frozen=True)
class SignaturePolicy:
    """The demands on a signature; the default is what a filing must meet."""

    accepted_kinds: frozenset[CertificateKind] = FILING_KINDS
    policy_arc: str = DEFAULT_POLICY_ARC
    whole_document: bool = True
    signature_timestamp: bool = True
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY

    @property
    def signer_policies(self) -> frozenset[str]:
        """The certificate policies of which the signer's certificate must have one."""
        return frozenset(policy_oid(kind, self.policy_arc) for kind in self.accepted_kinds)

    @property
    def timestamp_policies(self) -> frozenset[str]:
        """The certificate policy a timestamp authority must have."""
        return frozenset({policy_oid(CertificateKind.TIMESTAMPING, self.policy_arc)})
