"""Signature algorithms: read an AlgorithmIdentifier, load a key, verify, and accept by date.

RFC 3279, 4055, 5480, 5758, 8017, 8410 and 9881 and GM/T 0006 say how keys and algorithms are written. Which
of them are still good enough is policy: `AlgorithmPolicy`, a table by date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from trust.digest import DigestAlgorithm, digest_named, parse_digest_algorithm
from trust.encoding import der
from trust.errors import TrustError
from trust.keeping import kept
from trust.pss import read_pss_parameters, write_pss_algorithm
from trust.public_key import (
    MAXIMUM_DSA_BITS,
    OID_DSA,
    OID_EC_PUBLIC_KEY,
    OID_ED448,
    OID_ED25519,
    OID_ML_DSA_44,
    OID_ML_DSA_65,
    OID_ML_DSA_87,
    OID_RSA_ENCRYPTION,
    OID_RSA_PSS,
    AlgorithmError,
    EdwardsPublicKey,
    KeyKind,
    KeyStrength,
    MLDSAPublicKey,
    PublicKey,
    key_strength,
    load_public_key,
    parse_key_info,
    split_algorithm,
)
from trust.sm2 import OID_SM2_WITH_SM3, SM2_WITH_SM3, SM2PublicKey


class SignatureError(TrustError):
    """A signature that does not verify."""


class SignatureScheme(Enum):
    """How a digest becomes a signature."""

    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    SM2 = "SM2"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    ML_DSA_44 = "ML-DSA-44"
    ML_DSA_65 = "ML-DSA-65"
    ML_DSA_87 = "ML-DSA-87"
    DSA = "DSA"


@dataclass(frozen=True)
class SignatureAlgorithm:
    """A signature algorithm, read: scheme, digest (None where the scheme has its own), salt of PSS."""

    scheme: SignatureScheme
    digest: DigestAlgorithm | None
    salt_length: int = 0

    @cached_property
    def ecdsa(self) -> ec.ECDSA:
        """The library's object for ECDSA with the digest."""
        return ec.ECDSA(_digest_of(self))

    @property
    def name(self) -> str:
        """A name for reports: "ECDSA with sha256"."""
        return self.scheme.value if self.digest is None else f"{self.scheme.value} with {self.digest.label}"


_FIXED: dict[str, SignatureAlgorithm] = {
    "1.2.840.113549.1.1.4": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.MD5),
    "1.2.840.113549.1.1.5": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA1),
    "1.2.840.113549.1.1.14": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA224),
    "1.2.840.113549.1.1.11": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA256),
    "1.2.840.113549.1.1.12": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA384),
    "1.2.840.113549.1.1.13": SignatureAlgorithm(SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA512),
    "1.2.840.10045.4.1": SignatureAlgorithm(SignatureScheme.ECDSA, DigestAlgorithm.SHA1),
    "1.2.840.10045.4.3.1": SignatureAlgorithm(SignatureScheme.ECDSA, DigestAlgorithm.SHA224),
    "1.2.840.10045.4.3.2": SignatureAlgorithm(SignatureScheme.ECDSA, DigestAlgorithm.SHA256),
    "1.2.840.10045.4.3.3": SignatureAlgorithm(SignatureScheme.ECDSA, DigestAlgorithm.SHA384),
    "1.2.840.10045.4.3.4": SignatureAlgorithm(SignatureScheme.ECDSA, DigestAlgorithm.SHA512),
    OID_SM2_WITH_SM3: SignatureAlgorithm(SignatureScheme.SM2, DigestAlgorithm.SM3),
    OID_ED25519: SignatureAlgorithm(SignatureScheme.ED25519, None),
    OID_ED448: SignatureAlgorithm(SignatureScheme.ED448, None),
    OID_ML_DSA_44: SignatureAlgorithm(SignatureScheme.ML_DSA_44, None),
    OID_ML_DSA_65: SignatureAlgorithm(SignatureScheme.ML_DSA_65, None),
    OID_ML_DSA_87: SignatureAlgorithm(SignatureScheme.ML_DSA_87, None),
    "1.2.840.10040.4.3": SignatureAlgorithm(SignatureScheme.DSA, DigestAlgorithm.SHA1),
    "2.16.840.1.101.3.4.3.1": SignatureAlgorithm(SignatureScheme.DSA, DigestAlgorithm.SHA224),
    "2.16.840.1.101.3.4.3.2": SignatureAlgorithm(SignatureScheme.DSA, DigestAlgorithm.SHA256),
}
# Schemes that take the data whole and have one kind of key; their identifiers have no parameters.
_WHOLE_DATA_KEYS: dict[SignatureScheme, type[EdwardsPublicKey | MLDSAPublicKey]] = {
    SignatureScheme.ED25519: ed25519.Ed25519PublicKey,
    SignatureScheme.ED448: ed448.Ed448PublicKey,
    SignatureScheme.ML_DSA_44: mldsa.MLDSA44PublicKey,
    SignatureScheme.ML_DSA_65: mldsa.MLDSA65PublicKey,
    SignatureScheme.ML_DSA_87: mldsa.MLDSA87PublicKey,
}
_OID_BY_ALGORITHM = {algorithm: oid for oid, algorithm in _FIXED.items()}


# --- reading ---------------------------------------------------------------------------------------------


@kept
def parse_algorithm(algorithm: bytes) -> SignatureAlgorithm:
    """Read a signature AlgorithmIdentifier.

    RSA and ECDSA parameters may be absent or NULL: RFC 4055 section 5 asks readers for both with RSA, and
    cards in the field (the Finnish one) carry ecdsa-with-SHA384 with a NULL although RFC 5758 says absent.
    """
    oid, parameters = split_algorithm(algorithm)
    if oid == OID_RSA_PSS:
        return _parse_pss(parameters)
    known = _FIXED.get(oid)
    if known is None:
        raise AlgorithmError(
            f"signature algorithm {oid} is not known here",
            code="algorithm-unknown",
            clause="RFC 5280 4.1.1.2",
        )
    allowed = (b"",) if known.digest is None else (b"", der.null())
    if parameters not in allowed:
        raise AlgorithmError(
            f"{known.name} does not take these parameters", code="algorithm-parameters", clause="RFC 4055 5"
        )
    return known


def _parse_pss(parameters: bytes) -> SignatureAlgorithm:
    """RSASSA-PSS, whose mask uses the digest of the signature (RFC 4055 section 3.1)."""
    read = read_pss_parameters(parameters)
    digest = parse_digest_algorithm(read.digest)
    if parse_digest_algorithm(read.mask_digest) is not digest:
        raise AlgorithmError(
            "PSS with two different digests is not accepted",
            code="algorithm-parameters",
            clause="RFC 4055 3.1",
        )
    return SignatureAlgorithm(SignatureScheme.RSA_PSS, digest, read.salt_length)


# --- writing ---------------------------------------------------------------------------------------------


def algorithm_for(public_key: bytes, digest: str = "sha256", *, pss: bool = False) -> bytes:
    """The AlgorithmIdentifier a key of this type signs with (RFC 4055, 5758, 8410, 9881; GM/T 0006).

    A DSA key signs nothing here, and the digest is the key's own where the scheme has one.
    """
    key = load_public_key(public_key)
    for scheme, kind in _WHOLE_DATA_KEYS.items():
        if isinstance(key, kind):
            return der.sequence(der.oid(_OID_BY_ALGORITHM[SignatureAlgorithm(scheme, None)]))
    if isinstance(key, SM2PublicKey):
        return SM2_WITH_SM3
    chosen = digest_named(digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return der.sequence(der.oid(_OID_BY_ALGORITHM[SignatureAlgorithm(SignatureScheme.ECDSA, chosen)]))
    if not isinstance(key, rsa.RSAPublicKey):
        raise AlgorithmError("keys of this kind sign nothing here", code="key-mismatch")
    if pss:
        return write_pss_algorithm(chosen.oid, chosen.new().digest_size)
    oid = _OID_BY_ALGORITHM[SignatureAlgorithm(SignatureScheme.RSA_PKCS1, chosen)]
    return der.sequence(der.oid(oid), der.null())


# The kinds of key that each scheme signs with; the others need not be tried.
_KEY_OIDS: dict[SignatureScheme, frozenset[str]] = {
    SignatureScheme.RSA_PKCS1: frozenset((OID_RSA_ENCRYPTION,)),
    SignatureScheme.RSA_PSS: frozenset((OID_RSA_ENCRYPTION, OID_RSA_PSS)),
    SignatureScheme.ECDSA: frozenset((OID_EC_PUBLIC_KEY,)),
    SignatureScheme.SM2: frozenset((OID_EC_PUBLIC_KEY,)),
    SignatureScheme.ED25519: frozenset((OID_ED25519,)),
    SignatureScheme.ED448: frozenset((OID_ED448,)),
    SignatureScheme.ML_DSA_44: frozenset((OID_ML_DSA_44,)),
    SignatureScheme.ML_DSA_65: frozenset((OID_ML_DSA_65,)),
    SignatureScheme.ML_DSA_87: frozenset((OID_ML_DSA_87,)),
    SignatureScheme.DSA: frozenset((OID_DSA,)),
}


def may_have_signed(public_key: bytes, algorithm: bytes) -> bool:
    """Whether a key of this kind makes signatures of this algorithm; cheap, and no verification."""
    try:
        return parse_key_info(public_key).oid in _KEY_OIDS[parse_algorithm(algorithm).scheme]
    except TrustError:
        return False


# --- verifying -------------------------------------------------------------------------------------------


def verify_signature(public_key: bytes, algorithm: bytes, signature: bytes, data: bytes) -> None:
    """Verify one signature over data; SignatureError when it is wrong, AlgorithmError when key and algorithm
    do not belong together.
    """
    verify_with(public_key, parse_algorithm(algorithm), signature, data)


def verify_with(public_key: bytes, algorithm: SignatureAlgorithm, signature: bytes, data: bytes) -> None:
    """`verify_signature` with an algorithm that has been read already."""
    key = load_public_key(public_key)
    try:
        _verify(key, public_key, algorithm, signature, data)
    except InvalidSignature as error:
        raise SignatureError("the signature does not verify", code="signature-invalid") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"the signature cannot be checked: {error}", code="signature-invalid") from error


def _verify(
    key: PublicKey, public_key: bytes, algorithm: SignatureAlgorithm, signature: bytes, data: bytes
) -> None:
    """Verify by the scheme, which the key must belong to."""
    scheme = algorithm.scheme
    if scheme is SignatureScheme.ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, algorithm.ecdsa)
    elif scheme is SignatureScheme.SM2 and isinstance(key, SM2PublicKey):
        key.verify(signature, data)
    elif isinstance(key, rsa.RSAPublicKey):
        _verify_rsa(key, public_key, algorithm, signature, data)
    elif scheme is SignatureScheme.DSA and isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, data, _digest_of(algorithm))
    elif scheme in _WHOLE_DATA_KEYS and isinstance(key, _WHOLE_DATA_KEYS[scheme]):
        key.verify(signature, data)
    else:
        raise _mismatch(algorithm)


def _verify_rsa(
    key: rsa.RSAPublicKey, public_key: bytes, algorithm: SignatureAlgorithm, signature: bytes, data: bytes
) -> None:
    """PKCS#1 v1.5 or PSS; a key marked RSASSA-PSS signs with PSS only (RFC 4055 1.2)."""
    info = parse_key_info(public_key)
    digest = _digest_of(algorithm) if algorithm.digest else None
    if algorithm.scheme is SignatureScheme.RSA_PKCS1 and info.oid == OID_RSA_ENCRYPTION and digest:
        key.verify(signature, data, padding.PKCS1v15(), digest)
    elif algorithm.scheme is SignatureScheme.RSA_PSS and digest:
        if info.oid == OID_RSA_PSS and info.parameters:
            _check_pss_limits(_parse_pss(info.parameters), algorithm)
        key.verify(signature, data, padding.PSS(padding.MGF1(digest), algorithm.salt_length), digest)
    else:
        raise _mismatch(algorithm)


def _check_pss_limits(limits: SignatureAlgorithm, algorithm: SignatureAlgorithm) -> None:
    """A PSS key's own parameters bind its signatures: same digest, at least that salt (RFC 4055 3.3)."""
    if limits.digest is not algorithm.digest or algorithm.salt_length < limits.salt_length:
        raise _mismatch(algorithm)


def _digest_of(algorithm: SignatureAlgorithm) -> hashes.HashAlgorithm:
    """The library's digest object of an algorithm that has one."""
    if algorithm.digest is None:
        raise _mismatch(algorithm)
    return algorithm.digest.new()


def _mismatch(algorithm: SignatureAlgorithm) -> AlgorithmError:
    """The error for a key of one kind under a signature of another."""
    return AlgorithmError(f"the key cannot have made a signature by {algorithm.name}", code="key-mismatch")


# --- acceptance by date ----------------------------------------------------------------------------------

_ALWAYS = datetime.min.replace(tzinfo=UTC)

# MD5 was broken for certificates in December 2008; SHA-1 ended with 2016 (CA/Browser Forum, NIST SP
# 800-131A); digests of 224 bits end with 2030 (NIST SP 800-131A revision 3).
_SUNSETS = (
    (DigestAlgorithm.MD5, _ALWAYS),
    (DigestAlgorithm.SHA1, datetime(2017, 1, 1, tzinfo=UTC)),
    (DigestAlgorithm.SHA224, datetime(2031, 1, 1, tzinfo=UTC)),
)


@dataclass(frozen=True)
class KeySunset:
    """Keys of a kind with fewer than so many bits are refused from that moment on."""

    kind: KeyKind
    below_bits: int
    end: datetime


# RSA of 768 bits was factored in 2009. RSA and DSA of 1024 bits ended with 2013 (NIST SP 800-131A, CA/Browser
# Forum). DSA ended when FIPS 186-4 was withdrawn, a year after FIPS 186-5 of 2023-02-03 had dropped it. RSA
# of 2048 bits has no end yet: that of revision 3 of SP 800-131A is a draft.
_KEY_SUNSETS = (
    KeySunset(KeyKind.RSA, 1024, _ALWAYS),
    KeySunset(KeyKind.RSA, 2048, datetime(2014, 1, 1, tzinfo=UTC)),
    KeySunset(KeyKind.DSA, 1024, _ALWAYS),
    KeySunset(KeyKind.DSA, 2048, datetime(2014, 1, 1, tzinfo=UTC)),
    KeySunset(KeyKind.DSA, MAXIMUM_DSA_BITS + 1, datetime(2024, 2, 3, tzinfo=UTC)),
)


@dataclass(frozen=True)
class AlgorithmPolicy:
    """Until when algorithms count: digests, and keys by kind and size. What is not listed has no end."""

    sunsets: tuple[tuple[DigestAlgorithm, datetime], ...] = _SUNSETS
    key_sunsets: tuple[KeySunset, ...] = _KEY_SUNSETS

    @cached_property
    def _digest_ends(self) -> dict[DigestAlgorithm, datetime]:
        """The digests' ends by digest."""
        return dict(self.sunsets)

    @cached_property
    def _key_ends(self) -> dict[KeyKind, list[KeySunset]]:
        """The keys' ends by kind, the earliest first."""
        ends: dict[KeyKind, list[KeySunset]] = {}
        for sunset in sorted(self.key_sunsets, key=lambda sunset: sunset.end):
            ends.setdefault(sunset.kind, []).append(sunset)
        return ends

    def sunset(self, digest: DigestAlgorithm) -> datetime | None:
        """From when on the digest is refused in signatures; None while no end is set."""
        return self._digest_ends.get(digest)

    def key_sunset(self, strength: KeyStrength) -> datetime | None:
        """From when on such a key is refused; None while no end is set."""
        for sunset in self._key_ends.get(strength.kind, ()):
            if strength.bits < sunset.below_bits:
                return sunset.end
        return None


DEFAULT_ALGORITHM_POLICY = AlgorithmPolicy()


def check_algorithm(
    algorithm: bytes, at: datetime, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
) -> SignatureAlgorithm:
    """One rule: the signature algorithm is known and still accepted at that time."""
    parsed = parse_algorithm(algorithm)
    if parsed.digest is not None:
        check_digest_algorithm(parsed.digest, at, policy)
    return parsed


def check_digest_algorithm(
    digest: DigestAlgorithm, at: datetime, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
) -> None:
    """One rule: the digest is still accepted at that time."""
    sunset = policy.sunset(digest)
    if sunset is not None and at >= sunset:
        raise AlgorithmError(
            f"{digest.label} is no longer accepted in signatures; sign with sha256 or better",
            code="algorithm-sunset",
            clause="NIST SP 800-131A",
        )


def check_public_key(
    public_key: bytes, at: datetime, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
) -> None:
    """One rule: the key can be loaded, and its kind and size are still accepted at that time."""
    strength = key_strength(public_key)
    sunset = policy.key_sunset(strength)
    if sunset is not None and at >= sunset:
        raise AlgorithmError(
            f"{strength.kind} keys of {strength.bits} bits are not accepted since {sunset:%Y-%m-%d}",
            code="key-size",
            clause="NIST SP 800-131A",
        )
