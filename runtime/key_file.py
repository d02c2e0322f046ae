"""Key files: private keys as PKCS#8 (RFC 5958), encrypted under a passphrase, in PEM."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from runtime.errors import KeyFileError
from runtime.secret_file import read_limited, write_secret

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def save_private_key(key: PrivateKey, path: Path, passphrase: bytes) -> None:
    """Write the key as encrypted PKCS#8 (PEM), readable by its owner only; never over an existing file."""
    encoded = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )
    write_secret(path, encoded)


def load_private_key(path: Path, passphrase: bytes) -> PrivateKey:
    """Read an encrypted PKCS#8 file; raise KeyFileError saying what is wrong with it."""
    encoded = read_limited(path)
    try:
        key = serialization.load_pem_private_key(encoded, passphrase)
    except TypeError:
        raise KeyFileError(
            f"{path}: the key is not encrypted; encrypt it before use", code="key-not-encrypted"
        ) from None
    except ValueError:
        raise KeyFileError(f"{path}: wrong passphrase, or not a PKCS#8 key", code="key-unreadable") from None
    if not isinstance(key, PrivateKey):
        raise KeyFileError(f"{path}: a {type(key).__name__} cannot sign here", code="key-unsupported")
    return key
