"""Who may file what: the person the provider logged in, and the certificate they sign with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from signing.errors import CertificateRefusedError, UnauthorizedFilingError
from signing.formats.prepared_signature import USUAL_DIGEST, signature_digest
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.names import NameAttribute
from trust.profile_policy import CertificateKind, kind_of

ORGANIZATION_IDENTIFIER_PREFIX: Final = "NTRCN-"
CARD_LOGIN: Final = "urn:tongxing:acr:3"


@dataclass(frozen=True)
class Enterprise:
    """The enterprise somebody acts for: its name and unified social credit code."""

    name: str
    code: str


@dataclass(frozen=True)
class Submitter:
    """A person logged in: `subject` is the pairwise identifier this service knows them by."""

    subject: str
    name: str
    enterprise: Enterprise | None

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Submitter:
        """Read the ID Token's claims; a card login is required to file."""
        if claims.get("acr") != CARD_LOGIN:
            raise UnauthorizedFilingError(
                "Log in with your card to file documents.", code="filing-needs-card-login"
            )
        given = claims.get("enterprise")
        enterprise = Enterprise(str(given["name"]), str(given["uscc"])) if given else None
        return cls(str(claims["sub"]), str(claims.get("name", "")), enterprise)

    @property
    def signature_kind(self) -> CertificateKind:
        """The kind of certificate this submitter signs with."""
        if self.enterprise is not None:
            return CertificateKind.ENTERPRISE_SIGNATURE
        return CertificateKind.CITIZEN_SIGNATURE


def check_signing_certificate(
    certificate: Certificate, submitter: Submitter, policy_arc: str, at: datetime
) -> None:
    """One rule: the certificate is a current signature certificate of the one who files.

    For an enterprise its organizationIdentifier is the one in the login's claim; for a citizen the name.
    The key must sign with SHA-256: the card's window shows that digest of the document.
    """
    try:
        kind = kind_of(certificate.policies, policy_arc)
        attributes = certificate.subject_attributes
    except TrustError as error:
        raise CertificateRefusedError(
            "The card's certificate cannot be read: %(why)s", why=error.message
        ) from error
    if kind is not submitter.signature_kind:
        raise CertificateRefusedError(_wrong_kind(submitter), code="certificate-kind")
    if signature_digest(certificate.public_key) != USUAL_DIGEST:
        raise CertificateRefusedError(
            "The key on the card is of a kind that cannot be used here. Use a card with a P-256 or RSA key.",
            code="certificate-key",
        )
    if not certificate.not_valid_before <= at <= certificate.not_valid_after:
        raise CertificateRefusedError(
            "The certificate on the card has expired or is not valid yet. Renew it, then sign.",
            code="certificate-expired",
        )
    if submitter.enterprise is None:
        matches = attributes.get(NameAttribute.COMMON_NAME) == submitter.name
    else:
        expected = ORGANIZATION_IDENTIFIER_PREFIX + submitter.enterprise.code
        matches = attributes.get(NameAttribute.ORGANIZATION_IDENTIFIER) == expected
    if not matches:
        raise CertificateRefusedError(
            "The certificate on the card belongs to somebody else than the one who is logged in. "
            "Insert your own card, or log in again with this one.",
            code="certificate-other-holder",
        )


def _wrong_kind(submitter: Submitter) -> str:
    """What to do about a certificate of the wrong kind."""
    if submitter.enterprise is not None:
        return "Filing for an enterprise needs the enterprise's signature certificate. Insert that card."
    return "Filing for yourself needs your citizen card's signature certificate. Insert that card."
