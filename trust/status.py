"""Certificate status and revocation reasons (RFC 5280 5.3.1, RFC 6960 4.2.1)."""

from __future__ import annotations

from enum import Enum, IntEnum


class CertStatus(Enum):
    """What an authority says of a certificate (RFC 6960 2.2)."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class CRLReason(IntEnum):
    """Why a certificate was revoked (RFC 5280 5.3.1; 7 is not used)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10

    @property
    def text(self) -> str:
        """The reason as RFC 5280 writes it, for example keyCompromise."""
        return _REASON_TEXTS[self]

    @classmethod
    def from_text(cls, text: str) -> CRLReason:
        """The reason RFC 5280 writes so; ValueError when it names none."""
        for reason, name in _REASON_TEXTS.items():
            if name == text:
                return reason
        raise ValueError(f"{text!r} is not a revocation reason of RFC 5280 5.3.1")


_REASON_TEXTS = {
    CRLReason.UNSPECIFIED: "unspecified",
    CRLReason.KEY_COMPROMISE: "keyCompromise",
    CRLReason.CA_COMPROMISE: "cACompromise",
    CRLReason.AFFILIATION_CHANGED: "affiliationChanged",
    CRLReason.SUPERSEDED: "superseded",
    CRLReason.CESSATION_OF_OPERATION: "cessationOfOperation",
    CRLReason.CERTIFICATE_HOLD: "certificateHold",
    CRLReason.REMOVE_FROM_CRL: "removeFromCRL",
    CRLReason.PRIVILEGE_WITHDRAWN: "privilegeWithdrawn",
    CRLReason.AA_COMPROMISE: "aACompromise",
}
