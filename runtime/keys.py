"""The keys servers sign with: made, and loaded once as a `trust.signer.Signer`.

A key lies in a file (`runtime/key_file.py`) or on a PKCS#11 token (`runtime/pkcs11/`); settings say where
(`runtime/key_location.py`), and nobody else needs to know. Loading an RSA key costs more than five hundred
signatures, so a process loads each key at start and keeps the `Signer`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from runtime.key_algorithm import KeyAlgorithm, digest_for
from runtime.key_file import PrivateKey, encode_public_key, load_private_key, save_private_key
from runtime.key_location import KeyLocation, TokenKey
from runtime.secret_file import read_passphrase
from trust.algorithms import algorithm_for
from trust.digest import DigestAlgorithm
from trust.signer import Signer
from trust.sm2 import SM2PrivateKey

__all__ = [
    "KeyAlgorithm",
    "KeySigner",
    "generate_private_key",
    "key_exists",
    "load_signer",
    "make_signer",
]

_RSA_EXPONENT = 65537

_MAKERS: dict[KeyAlgorithm, Callable[[], PrivateKey]] = {
    KeyAlgorithm.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyAlgorithm.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyAlgorithm.P521: lambda: ec.generate_private_key(ec.SECP521R1()),
    KeyAlgorithm.RSA3072: lambda: rsa.generate_private_key(_RSA_EXPONENT, 3072),
    KeyAlgorithm.RSA4096: lambda: rsa.generate_private_key(_RSA_EXPONENT, 4096),
    KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate,
    KeyAlgorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.generate,
    KeyAlgorithm.SM2: SM2PrivateKey.generate,
}


class KeySigner:
    """A `trust.signer.Signer` over a private key in memory.

    ECDSA and SM2 signatures are DER; RSA is PKCS#1 v1.5, or PSS when asked for.
    """

    def __init__(self, key: PrivateKey, *, pss: bool = False) -> None:
        self._key: Any = key
        self.public_key = encode_public_key(key)
        digest = digest_for(key.public_key())
        self.algorithm = algorithm_for(self.public_key, digest.label, pss=pss)
        self._method = _method(key, digest, pss=pss)

    def sign(self, data: bytes) -> bytes:
        """Sign the data."""
        signature: bytes = self._key.sign(data, *self._method)
        return signature

    def __repr__(self) -> str:
        """Name the kind of key and nothing of its content."""
        return f"<KeySigner {type(self._key).__name__}>"


def _method(key: PrivateKey, digest: DigestAlgorithm, *, pss: bool) -> tuple[Any, ...]:
    """What the library's `sign` takes beside the data; the salt of PSS as RFC 4055 section 3.1 advises."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (ec.ECDSA(digest.new()),)
    if isinstance(key, rsa.RSAPrivateKey) and pss:
        return (padding.PSS(padding.MGF1(digest.new()), padding.PSS.DIGEST_LENGTH), digest.new())
    if isinstance(key, rsa.RSAPrivateKey):
        return (padding.PKCS1v15(), digest.new())
    return ()


def generate_private_key(algorithm: KeyAlgorithm | str = KeyAlgorithm.P256) -> PrivateKey:
    """Make a new private key of the named kind, in memory."""
    return _MAKERS[KeyAlgorithm(algorithm)]()


def load_signer(location: KeyLocation, passphrase_file: Path, *, pss: bool = False) -> Signer:
    """Open the key of a file, whose passphrase the other file holds, or of a token; do it once, at start.

    `pss`: an RSA key signs by RSASSA-PSS. Raises KeyFileError and KeyTokenError, saying what to do.
    """
    if isinstance(location, TokenKey):
        from runtime.pkcs11.signer import TokenSigner

        return TokenSigner(location, pss=pss)
    return KeySigner(load_private_key(location, read_passphrase(passphrase_file)), pss=pss)


def key_exists(location: KeyLocation) -> bool:
    """Whether there is a key already; a token is asked, and must be there."""
    if isinstance(location, TokenKey):
        from runtime.pkcs11.generation import key_exists as is_on_token

        return is_on_token(location)
    return location.exists()


def make_signer(location: KeyLocation, algorithm: KeyAlgorithm, passphrase_file: Path) -> Signer:
    """Make a new key, in a file or on a token, and open it; an existing one is never overwritten."""
    if isinstance(location, TokenKey):
        from runtime.pkcs11.generation import generate_on_token

        generate_on_token(location, algorithm)
    else:
        save_private_key(generate_private_key(algorithm), location, read_passphrase(passphrase_file))
    return load_signer(location, passphrase_file)
