"""Signature algorithms: read an AlgorithmIdentifier, load a key, verify, and accept by date.

RFC 3279, 4055, 5480, 5758, 8017 and 8410 say how keys and algorithms are written. Which of them are still
good enough is policy: `AlgorithmPolicy`, a table by date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from trust.encoding import der
from trust.encoding.der import Reader
from trust.errors import TrustError
from trust.public_key import (
    OID_ED25519,
    OID_RSA_ENCRYPTION,
    OID_RSA_PSS,
    AlgorithmError,
    load_public_key,
    parse_key_info,
    split_algorithm,
)

OID_MGF1 = "1.2.840.113549.1.1.8"

MAXIMUM_PSS_SALT = 512


class SignatureError(TrustError):
    """A signature that does not verify."""


class DigestAlgorithm(Enum):
    """Digest algorithms that appear in certificates; old ones too, so that they can be refused by name."""

    MD5 = ("md5", "1.2.840.113549.2.5")
    SHA1 = ("sha1", "1.3.14.3.2.26")
    SHA224 = ("sha224", "2.16.840.1.101.3.4.2.4")
    SHA256 = ("sha256", "2.16.840.1.101.3.4.2.1")
    SHA384 = ("sha384", "2.16.840.1.101.3.4.2.2")
    SHA512 = ("sha512", "2.16.840.1.101.3.4.2.3")

    def __init__(self, label: str, oid: str) -> None:
        self.label = label
        self.oid = oid

    def new(self) -> hashes.HashAlgorithm:
        """The library's object for this digest."""
        return _HASHES[self]

    def digest(self, data: bytes) -> bytes:
        """The digest of data."""
        context = hashes.Hash(_HASHES[self])
        context.update(data)
        return context.finalize()


_HASHES: dict[DigestAlgorithm, hashes.HashAlgorithm] = {
    DigestAlgorithm.MD5: hashes.MD5(),  # noqa: S303 - known only in order to be refused
    DigestAlgorithm.SHA1: hashes.SHA1(),  # noqa: S303 - certificate ids still use it; signatures by policy
    DigestAlgorithm.SHA224: hashes.SHA224(),
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
_DIGEST_BY_OID = {digest.oid: digest for digest in DigestAlgorithm}
_DIGEST_BY_LABEL = {digest.label: digest for digest in DigestAlgorithm}


class SignatureScheme(Enum):
    """How a digest becomes a signature."""

    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    ED25519 = "Ed25519"


@dataclass(frozen=True)
class SignatureAlgorithm:
    """A signature algorithm, read: the scheme, the digest (None for Ed25519), and the salt of PSS."""

    scheme: SignatureScheme
    digest: DigestAlgorithm | None
    salt_length: int = 0

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
    OID_ED25519: SignatureAlgorithm(SignatureScheme.ED25519, None),
}
_OID_BY_ALGORITHM = {algorithm: oid for oid, algorithm in _FIXED.items()}


# --- reading ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
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
    allowed = (b"",) if known.scheme is SignatureScheme.ED25519 else (b"", der.null())
    if parameters not in allowed:
        raise AlgorithmError(
            f"{known.name} does not take these parameters", code="algorithm-parameters", clause="RFC 4055 5"
        )
    return known


def parse_digest_algorithm(algorithm: bytes) -> DigestAlgorithm:
    """Read a digest AlgorithmIdentifier; parameters absent or NULL (RFC 5754 section 2)."""
    oid, parameters = split_algorithm(algorithm)
    digest = _DIGEST_BY_OID.get(oid)
    if digest is None or parameters not in (b"", der.null()):
        raise AlgorithmError(f"digest algorithm {oid} is not known here", code="algorithm-unknown")
    return digest


def digest_named(label: str) -> DigestAlgorithm:
    """The digest algorithm called "sha256", "sha384", …"""
    digest = _DIGEST_BY_LABEL.get(label)
    if digest is None:
        raise AlgorithmError(f"there is no digest named {label!r}", code="algorithm-unknown")
    return digest


def _parse_pss(parameters: bytes) -> SignatureAlgorithm:
    """RSASSA-PSS-params (RFC 4055 section 3.1): MGF1 with the same digest, trailer field 1."""
    reader = der.read_sequence(parameters)
    digest = mask_digest = DigestAlgorithm.SHA1
    salt_length = 20
    if reader.peek() == der.context(0):
        digest = parse_digest_algorithm(reader.read(der.context(0)))
    if reader.peek() == der.context(1):
        oid, inner = split_algorithm(reader.read(der.context(1)))
        mask_digest = parse_digest_algorithm(inner)
        if oid != OID_MGF1:
            raise AlgorithmError("PSS is known here with MGF1 only", code="algorithm-parameters")
    if reader.peek() == der.context(2):
        salt_length = _lone_integer(reader.read(der.context(2)))
    trailer = _lone_integer(reader.read(der.context(3))) if reader.peek() == der.context(3) else 1
    reader.finish()
    if mask_digest is not digest or trailer != 1 or not 0 <= salt_length <= MAXIMUM_PSS_SALT:
        raise AlgorithmError(
            "PSS with these parameters is not accepted", code="algorithm-parameters", clause="RFC 4055 3.1"
        )
    return SignatureAlgorithm(SignatureScheme.RSA_PSS, digest, salt_length)


def _lone_integer(data: bytes) -> int:
    """The one INTEGER in data."""
    reader = Reader(data)
    value = reader.read_integer()
    reader.finish()
    return value


# --- writing ---------------------------------------------------------------------------------------------


def algorithm_for(public_key: bytes, digest: str = "sha256", *, pss: bool = False) -> bytes:
    """The AlgorithmIdentifier a key of this type signs with (RFC 4055, 5758, 8410)."""
    key = load_public_key(public_key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return der.sequence(der.oid(OID_ED25519))
    chosen = digest_named(digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return der.sequence(der.oid(_OID_BY_ALGORITHM[SignatureAlgorithm(SignatureScheme.ECDSA, chosen)]))
    if pss:
        return pss_algorithm(chosen)
    oid = _OID_BY_ALGORITHM[SignatureAlgorithm(SignatureScheme.RSA_PKCS1, chosen)]
    return der.sequence(der.oid(oid), der.null())


def pss_algorithm(digest: DigestAlgorithm) -> bytes:
    """RSASSA-PSS with MGF1 over the same digest and a salt as long as the digest (RFC 4055 3.1)."""
    digest_identifier = der.sequence(der.oid(digest.oid), der.null())
    return der.sequence(
        der.oid(OID_RSA_PSS),
        der.sequence(
            der.explicit(0, digest_identifier),
            der.explicit(1, der.sequence(der.oid(OID_MGF1), digest_identifier)),
            der.explicit(2, der.integer(digest.new().digest_size)),
        ),
    )


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
        if isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, public_key, algorithm, signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm.scheme is SignatureScheme.ECDSA:
            key.verify(signature, data, ec.ECDSA(_digest_of(algorithm)))
        elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm.scheme is SignatureScheme.ED25519:
            key.verify(signature, data)
        else:
            raise _mismatch(algorithm)
    except InvalidSignature as error:
        raise SignatureError("the signature does not verify", code="signature-invalid") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"the signature cannot be checked: {error}", code="signature-invalid") from error


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

# MD5 was broken for certificates in December 2008; SHA-1 ended with 2016 (CA/Browser Forum, NIST SP
# 800-131A); digests of 224 bits end with 2030 (NIST SP 800-131A revision 3).
_SUNSETS = (
    (DigestAlgorithm.MD5, datetime.min.replace(tzinfo=UTC)),
    (DigestAlgorithm.SHA1, datetime(2017, 1, 1, tzinfo=UTC)),
    (DigestAlgorithm.SHA224, datetime(2031, 1, 1, tzinfo=UTC)),
)


@dataclass(frozen=True)
class AlgorithmPolicy:
    """Which algorithms count until when: digests by the moment they end, RSA by the size of the modulus."""

    sunsets: tuple[tuple[DigestAlgorithm, datetime], ...] = _SUNSETS
    minimum_rsa_bits: int = 2048

    def sunset(self, digest: DigestAlgorithm) -> datetime | None:
        """From when on the digest is refused in signatures; None while no end is set."""
        return dict(self.sunsets).get(digest)


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


def check_public_key(public_key: bytes, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY) -> None:
    """One rule: the key can be loaded and is long enough."""
    key = load_public_key(public_key)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < policy.minimum_rsa_bits:
        raise AlgorithmError(
            f"an RSA key of {key.key_size} bits is too short; {policy.minimum_rsa_bits} are asked for",
            code="key-size",
            clause="NIST SP 800-131A",
        )
