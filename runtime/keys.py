"""The keys servers sign with: made, and loaded once as a `trust.signer.Signer`.

Loading an RSA key costs more than five hundred signatures, so a process loads each key at start and
keeps the `Signer`. How a key lies in a file is told in `runtime/key_file.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from runtime.key_file import PrivateKey, load_private_key
from trust.algorithms import algorithm_for


class KeyAlgorithm(StrEnum):
    """The kinds of key a server can make."""

    P256 = "p256"
    P384 = "p384"
    RSA3072 = "rsa3072"
    ED25519 = "ed25519"


_MAKERS: dict[KeyAlgorithm, Callable[[], PrivateKey]] = {
    KeyAlgorithm.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyAlgorithm.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyAlgorithm.RSA3072: lambda: rsa.generate_private_key(65537, 3072),
    KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate,
}


class KeySigner:
    """A `trust.signer.Signer` over a private key in memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashes.SHA384() if _needs_sha384(key) else hashes.SHA256()
        self.algorithm = algorithm_for(self.public_key, digest.name)
        self._scheme = _signature_scheme(key, digest)

    def sign(self, data: bytes) -> bytes:
        """Sign the data; ECDSA signatures are DER, RSA is PKCS#1 v1.5."""
        return self._key.sign(data, *self._scheme)

    def __repr__(self) -> str:
        """Name the kind of key and nothing of its content."""
        return f"<KeySigner {type(self._key).__name__}>"


def _signature_scheme(key: PrivateKey, digest: hashes.HashAlgorithm) -> tuple[Any, ...]:
    """What the key's own sign wants after the data: decided once, since asking is a tenth of a signature."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (ec.ECDSA(digest),)
    return (padding.PKCS1v15(), digest) if isinstance(key, rsa.RSAPrivateKey) else ()


def _needs_sha384(key: PrivateKey) -> bool:
    """P-384 is used with SHA-384, everything else here with SHA-256."""
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)


def generate_private_key(algorithm: KeyAlgorithm | str = KeyAlgorithm.P256) -> PrivateKey:
    """Make a new private key of the named kind."""
    return _MAKERS[KeyAlgorithm(algorithm)]()


def load_signer(path: Path, passphrase: bytes) -> KeySigner:
    """Load an encrypted PKCS#8 file as a Signer; do it once, at start."""
    return KeySigner(load_private_key(path, passphrase))
