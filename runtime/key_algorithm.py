"""The kinds of key a server can make, and the digest each signs with."""

from __future__ import annotations

from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from trust.digest import DigestAlgorithm
from trust.errors import TrustError
from trust.public_key import KeyKind, PublicKey, key_strength
from trust.sm2 import SM2PublicKey

_MINIMUM_RSA_BITS = 2048


class KeyAlgorithm(StrEnum):
    """The kinds of key a server can make. RSA keys of 2048 bits are used where they exist, not made anew."""

    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    ED25519 = "ed25519"
    ML_DSA_65 = "ml-dsa-65"
    SM2 = "sm2"

    @property
    def is_made_on_tokens(self) -> bool:
        """Whether PKCS #11 2.40 or 3.0 says how a token makes such a key."""
        return self not in (KeyAlgorithm.ML_DSA_65, KeyAlgorithm.SM2)


def digest_for(key: PublicKey) -> DigestAlgorithm:
    """The digest as strong as the curve (FIPS 186-5 section 6.1.1); SHA-256 with RSA, SM3 with SM2."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {384: DigestAlgorithm.SHA384, 521: DigestAlgorithm.SHA512}.get(
            key.key_size, DigestAlgorithm.SHA256
        )
    return DigestAlgorithm.SM3 if isinstance(key, SM2PublicKey) else DigestAlgorithm.SHA256


def check_strength(public_key: bytes) -> None:
    """Refuse (ValueError) a key whose signatures nobody should accept, or nobody here could verify."""
    try:
        strength = key_strength(public_key)
    except TrustError as error:
        raise ValueError(str(error)) from None
    if strength.kind is KeyKind.RSA and strength.bits < _MINIMUM_RSA_BITS:
        raise ValueError(
            f"an RSA key of {strength.bits} bits is too short; make one of {_MINIMUM_RSA_BITS} or more"
        )
