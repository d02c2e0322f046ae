"""Digest algorithms by name and by AlgorithmIdentifier."""

from __future__ import annotations

from enum import Enum

from cryptography.hazmat.primitives import hashes

from trust.encoding import der
from trust.public_key import AlgorithmError, split_algorithm


class DigestAlgorithm(Enum):
    """Digest algorithms that appear in certificates; old ones too, so that they can be refused by name."""

    MD5 = ("md5", "1.2.840.113549.2.5")
    SHA1 = ("sha1", "1.3.14.3.2.26")
    SHA224 = ("sha224", "2.16.840.1.101.3.4.2.4")
    SHA256 = ("sha256", "2.16.840.1.101.3.4.2.1")
    SHA384 = ("sha384", "2.16.840.1.101.3.4.2.2")
    SHA512 = ("sha512", "2.16.840.1.101.3.4.2.3")
    SM3 = ("sm3", "1.2.156.10197.1.401")

    # By identity, as members are compared: they are looked up at every validation.
    __hash__ = object.__hash__

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
    DigestAlgorithm.SM3: hashes.SM3(),
}
# What a message or a timestamp may be over today; MD5, SHA-1 and SHA-224 are refused by name.
MESSAGE_DIGESTS = frozenset(
    (DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512, DigestAlgorithm.SM3)
)
_DIGEST_BY_OID = {digest.oid: digest for digest in DigestAlgorithm}
_DIGEST_BY_LABEL = {digest.label: digest for digest in DigestAlgorithm}


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
