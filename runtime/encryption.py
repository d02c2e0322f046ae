"""Personal data at rest: AES-256-GCM for content, HMAC-SHA-256 for look-up.

A sealed value is bound to its context (table, column, row), so that it cannot be moved to another
place and still open. The look-up index lets a service find a person by identity number without
storing the number in the clear; it is keyed, so a stolen database cannot be searched by trying all
numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from runtime.errors import KeyFileError, SealedDataError
from runtime.secret_file import read_secret, write_secret

_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT_VERSION = b"\x01"


class DataKey:
    """The key of a service's personal data; one secret, two derived keys."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _KEY_BYTES:
            raise KeyFileError(
                f"a data key has {_KEY_BYTES} bytes, this one {len(secret)}", code="data-key-invalid"
            )
        self._cipher = AESGCM(_derive(secret, b"tongxing data encryption"))
        self._index_key = _derive(secret, b"tongxing look-up index")

    @classmethod
    def load(cls, path: Path) -> DataKey:
        """Read the key from its file (hexadecimal, mode 0600)."""
        try:
            return cls(bytes.fromhex(read_secret(path).decode("ascii").strip()))
        except ValueError:
            raise KeyFileError(f"{path}: not a hexadecimal key", code="data-key-invalid") from None

    @staticmethod
    def create(path: Path) -> None:
        """Make a new key file; never over an existing one."""
        write_secret(path, secrets.token_hex(_KEY_BYTES).encode("ascii") + b"\n")

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt text for one context: version octet, nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT_VERSION + nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())

    def open(self, sealed: bytes, context: str) -> str:
        """Decrypt what `seal` made for the same context; raise SealedDataError otherwise."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _FORMAT_VERSION or len(nonce) != _NONCE_BYTES:
            raise SealedDataError("sealed data is not in a known format", code="sealed-format")
        try:
            return self._cipher.decrypt(nonce, ciphertext, context.encode()).decode()
        except InvalidTag:
            raise SealedDataError(
                "sealed data does not open: altered, moved, or another key", code="sealed-invalid"
            ) from None

    def index(self, text: str, context: str) -> bytes:
        """Return the keyed look-up digest of a value within a context, 32 bytes."""
        return hmac.digest(self._index_key, context.encode() + b"\x00" + text.encode(), hashlib.sha256)

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "<DataKey>"


def _derive(secret: bytes, purpose: bytes) -> bytes:
    """Derive one key per purpose from the file's uniform secret (RFC 5869, expand only)."""
    return HKDFExpand(SHA256(), _KEY_BYTES, purpose).derive(secret)
