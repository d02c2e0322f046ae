"""Key files: private keys as PKCS#8 (RFC 5958), encrypted under a passphrase, in PEM (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from runtime.errors import KeyFileError
from runtime.key_algorithm import check_strength
from runtime.key_encryption import check_encryption
from runtime.secret_file import read_sealed, write_secret
from trust.libcrypto import SM2Error
from trust.sm2 import SM2PrivateKey

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA65PrivateKey
    | SM2PrivateKey
)

_SM4_CBC = "1.2.156.10197.1.104.2"

_ENCRYPTED = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----(.*?)-----END ENCRYPTED PRIVATE KEY-----", re.S
)
_PLAIN = re.compile(rb"-----BEGIN (?!ENCRYPTED)(?:[A-Z]+ )?PRIVATE KEY-----(?!\s*Proc-Type)")


def save_private_key(key: PrivateKey, path: Path, passphrase: bytes) -> None:
    """Write the key as encrypted PKCS#8 (PEM), readable by its owner only; never over an existing file."""
    if isinstance(key, SM2PrivateKey):
        encoded = _encode_pem(key.encrypt(passphrase))
    else:
        encoded = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )
    write_secret(path, encoded)


def load_private_key(path: Path, passphrase: bytes) -> PrivateKey:
    """Read an encrypted PKCS#8 file; raise KeyFileError saying what is wrong with it."""
    encrypted = _decode(path, read_sealed(path))
    try:
        cipher = check_encryption(encrypted)
    except ValueError as error:
        raise KeyFileError(f"{path}: {error}", code="key-encryption") from None
    try:
        key = _decrypt(encrypted, passphrase, cipher)
    except SM2Error as error:
        code = "key-unsupported" if error.code == "sm2-refused" else error.code
        raise KeyFileError(f"{path}: not a key that can sign here: {error}", code=code) from None
    except (ValueError, InternalError) as error:
        reason = str(error).partition(". ")[0]
        raise KeyFileError(
            f"{path}: wrong passphrase, or not a PKCS#8 key ({reason})", code="key-unreadable"
        ) from None
    if not isinstance(key, PrivateKey):
        raise KeyFileError(f"{path}: a {type(key).__name__} cannot sign here", code="key-unsupported")
    try:
        check_strength(encode_public_key(key))
    except ValueError as error:
        raise KeyFileError(f"{path}: {error}", code="key-unsupported") from None
    return key


def _decrypt(encrypted: bytes, passphrase: bytes, cipher: str) -> object:
    """The key; SM2 is the one kind that `cryptography` decrypts and then does not know.

    SM4, the cipher that goes with SM2, it does not know at all.
    """
    if cipher == _SM4_CBC:
        return _decrypt_sm4(encrypted, passphrase)
    try:
        return serialization.load_der_private_key(encrypted, passphrase)
    except UnsupportedAlgorithm:
        return SM2PrivateKey.decrypt(encrypted, passphrase)


def _decrypt_sm4(encrypted: bytes, passphrase: bytes) -> object:
    """An SM2 key under SM4; libcrypto does not tell a wrong passphrase from another kind of key."""
    try:
        return SM2PrivateKey.decrypt(encrypted, passphrase)
    except SM2Error as error:
        if error.code == "sm2-refused":
            raise ValueError("SM4 is for SM2 keys") from None
        raise


def encode_public_key(key: PrivateKey) -> bytes:
    """The SubjectPublicKeyInfo of a private key."""
    if isinstance(key, SM2PrivateKey):
        return key.public_key().spki
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _decode(path: Path, content: bytes) -> bytes:
    """The EncryptedPrivateKeyInfo of a PEM file."""
    block = _ENCRYPTED.search(content)
    if block is None and _PLAIN.search(content):
        raise KeyFileError(
            f"{path}: the key is not encrypted; encrypt it before use", code="key-not-encrypted"
        )
    if block is None:
        raise KeyFileError(
            f"{path}: holds no encrypted PKCS#8 key in PEM, or a part of one", code="key-unreadable"
        )
    try:
        return base64.b64decode(b"".join(block[1].split()), validate=True)
    except binascii.Error:
        raise KeyFileError(f"{path}: the PEM text is damaged", code="key-unreadable") from None


def _encode_pem(encrypted: bytes) -> bytes:
    """The PEM text of an EncryptedPrivateKeyInfo, in lines of 64 characters (RFC 7468 11)."""
    body = base64.b64encode(encrypted)
    lines = b"\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"
