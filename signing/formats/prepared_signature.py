"""What the formats share between prepare and embed: the digest of a key, the check of a signature value."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from signing.errors import SignatureMismatchError
from trust.algorithms import algorithm_for, verify_signature
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.public_key import load_public_key
from trust.sm2 import SM2PublicKey

USUAL_DIGEST: Final = "sha256"
_LONGER_DIGEST: Final = "sha384"
_NATIONAL_DIGEST: Final = "sm3"


def signature_digest(public_key: bytes) -> str:
    """The digest a key signs with: SHA-384 for P-384, SM3 for SM2, SHA-256 else (SP 800-78-5 table 4)."""
    key = load_public_key(public_key)
    if isinstance(key, SM2PublicKey):
        return _NATIONAL_DIGEST
    longer = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
    return _LONGER_DIGEST if longer else USUAL_DIGEST


def signature_algorithm(certificate: bytes) -> bytes:
    """DER AlgorithmIdentifier of the signatures that the certificate's key makes."""
    public_key = Certificate.parse(certificate).public_key
    return algorithm_for(public_key, signature_digest(public_key))


def verify_prepared_signature(certificate: bytes, signed_attributes: bytes, signature: bytes) -> None:
    """Check the signature value over the attributes with the certificate's key (RFC 5652 5.4)."""
    try:
        algorithm = signature_algorithm(certificate)
        verify_signature(Certificate.parse(certificate).public_key, algorithm, signature, signed_attributes)
    except TrustError as error:
        raise SignatureMismatchError(
            "The signature does not belong to the document that was prepared, or was made by another "
            "certificate's key. Sign again."
        ) from error
