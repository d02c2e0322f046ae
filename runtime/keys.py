"""Private keys of the servers: made, kept as encrypted PKCS#8, and loaded once as a `Signer`.

Loading an RSA key costs more than five hundred signatures, so a process loads each key at start and
keeps the `Signer`. Passphrases come from files only their service can read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from runtime.errors import KeyFileError
from runtime.settings import process_environment
from trust.algorithms import algorithm_for

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_SECRET_MODE = 0o600
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAXIMUM_KEY_FILE_BYTES = 64 * 1024


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
        self._digest = hashes.SHA384() if _needs_sha384(key) else hashes.SHA256()
        self.algorithm = algorithm_for(self.public_key, self._digest.name)

    def sign(self, data: bytes) -> bytes:
        """Sign the data; ECDSA signatures are DER, RSA is PKCS#1 v1.5."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(self._digest))
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), self._digest)
        return self._key.sign(data)

    def __repr__(self) -> str:
        """Name the kind of key and nothing of its content."""
        return f"<KeySigner {type(self._key).__name__}>"


def _needs_sha384(key: PrivateKey) -> bool:
    """P-384 is used with SHA-384, everything else here with SHA-256."""
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)


def generate_private_key(algorithm: KeyAlgorithm | str = KeyAlgorithm.P256) -> PrivateKey:
    """Make a new private key of the named kind."""
    return _MAKERS[KeyAlgorithm(algorithm)]()


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
    encoded = _read_limited(path)
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


def load_signer(path: Path, passphrase: bytes) -> KeySigner:
    """Load an encrypted PKCS#8 file as a Signer; do it once, at start."""
    return KeySigner(load_private_key(path, passphrase))


def read_secret(path: Path) -> bytes:
    """Read a secret file whole; refuse one that others may read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})", code="secret-missing") from None
    if mode & _OPEN_TO_OTHERS and not _is_credential(path):
        raise KeyFileError(f"{path}: readable by others; run chmod 600 on it", code="secret-exposed")
    return _read_limited(path)


def _is_credential(path: Path) -> bool:
    """Whether systemd passed the file as a credential (systemd.exec(5), LoadCredential).

    Access to those is given by an access control list, which a file's mode shows as if it were the group's.
    """
    directory = process_environment().get("CREDENTIALS_DIRECTORY", "")
    return bool(directory) and path.resolve().parent == Path(directory).resolve()


def read_passphrase(path: Path) -> bytes:
    """Read a passphrase file: its first line, without the line's end."""
    lines = read_secret(path).splitlines()
    if not lines or not lines[0]:
        raise KeyFileError(f"{path}: is empty", code="secret-empty")
    return lines[0]


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file only its owner can read, durably; an existing file is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SECRET_MODE)
    except FileExistsError:
        raise KeyFileError(f"{path}: exists already and is not overwritten", code="secret-exists") from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot be written ({error.strerror})", code="secret-unwritable"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read_limited(path: Path) -> bytes:
    """Read a small file; refuse one that is missing or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})", code="secret-missing") from None
    if len(content) > _MAXIMUM_KEY_FILE_BYTES:
        raise KeyFileError(f"{path}: larger than {_MAXIMUM_KEY_FILE_BYTES} bytes", code="secret-too-large")
    return content
