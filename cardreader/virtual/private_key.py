"""The private keys inside a virtual card: generate, store, use."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from cardreader.piv_terms import KeyAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_PUBLIC_EXPONENT = 65_537


def generate_private_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A new key."""
    if algorithm.is_rsa:
        return rsa.generate_private_key(_PUBLIC_EXPONENT, algorithm.bits)
    return ec.generate_private_key(ec.SECP384R1() if algorithm is KeyAlgorithm.P_384 else ec.SECP256R1())


def encode_private_key(key: PrivateKey) -> bytes:
    """The key as PKCS#8, in the clear: a virtual card's file is 0600 and holds test keys only."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private_key(encoded: bytes) -> PrivateKey:
    """The key from its PKCS#8 form; ValueError for anything but an EC or RSA key."""
    key = serialization.load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an EC nor an RSA key")  # noqa: TRY004 - a wrong value in a file
    return key


def sign_block(key: PrivateKey, block: bytes) -> bytes:
    """What GENERAL AUTHENTICATE computes over a challenge; ValueError when the block does not fit."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _raw_rsa(key, block)
    size = (key.curve.key_size + 7) // 8
    if not 0 < len(block) <= size:
        raise ValueError("the digest does not fit the curve")
    # A shorter digest is the same number with zeros in front of it (FIPS 186-5 6.4.1).
    digest = hashes.SHA384() if size == hashes.SHA384.digest_size else hashes.SHA256()
    return key.sign(block.rjust(size, b"\0"), ec.ECDSA(utils.Prehashed(digest)))


def _raw_rsa(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """The RSA private operation with the Chinese remainder theorem (RFC 8017 5.1.2)."""
    numbers = key.private_numbers()
    size = key.key_size // 8
    message = int.from_bytes(block, "big")
    if len(block) != size or message >= numbers.public_numbers.n:
        raise ValueError("the block does not fit the modulus")
    first = pow(message % numbers.p, numbers.dmp1, numbers.p)
    second = pow(message % numbers.q, numbers.dmq1, numbers.q)
    difference = (numbers.iqmp * (first - second)) % numbers.p
    return (second + difference * numbers.q).to_bytes(size, "big")
