"""SM2 signatures with SM3 (GB/T 32918.2, GM/T 0003.2): keys, signing and verifying.

The arithmetic is libcrypto's. What it is given is checked here first: a point is on the curve, a signature is
DER with r and s in their range. The signer's identifier is 1234567812345678 unless agreed otherwise, which
certificates, CRLs and OCSP answers never do (GM/T 0009 10, GM/T 0015).
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from trust.encoding import der
from trust.errors import TrustError
from trust.libcrypto import Libcrypto, SM2Error, open_libcrypto
from trust.sm2_self_test import run_self_test

OID_SM2_CURVE: Final = "1.2.156.10197.1.301"
OID_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
SM2_WITH_SM3: Final = der.sequence(der.oid(OID_SM2_WITH_SM3))
DEFAULT_SIGNER_ID: Final = b"1234567812345678"
# Its length in bits has two octets (ENTL, GB/T 32918.2 5.5): 8191, of which libcrypto takes one less.
MAXIMUM_SIGNER_ID_SIZE: Final = 0xFFFF // 8 - 1

# The recommended curve y² = x³ + ax + b over the field of p elements, a = -3, of order n (GB/T 32918.5 2).
_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_COORDINATE_SIZE: Final = 32
SM2_POINT_SIZE: Final = 1 + 2 * _COORDINATE_SIZE
_UNCOMPRESSED: Final = 0x04
# AlgorithmIdentifier { id-ecPublicKey, the SM2 curve } (RFC 5480 2.1.1).
_KEY_ALGORITHM: Final = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(OID_SM2_CURVE))
# SEQUENCE of two INTEGERs of at most 33 octets.
_MAXIMUM_SIGNATURE_SIZE: Final = 72


class _TestedLibrary:
    """The library, opened and tested at the first use; that first outcome, good or bad, is every caller's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Libcrypto | SM2Error | None = None

    def get(self) -> Libcrypto:
        """The library; SM2Error when it is missing or failed its self-test, then and ever after."""
        if self._outcome is None:
            with self._lock:
                self._outcome = self._outcome or self._open()
        if isinstance(self._outcome, SM2Error):
            raise SM2Error(self._outcome.message, code=self._outcome.code)
        return self._outcome

    def _open(self) -> Libcrypto | SM2Error:
        """Open the library and run its self-test."""
        try:
            library = open_libcrypto()
            run_self_test(library)
        except SM2Error as error:
            return error
        return library


_library = _TestedLibrary()


class SM2PublicKey:
    """A point of the SM2 curve."""

    key_size = 256

    def __init__(self, point: bytes) -> None:
        """Take an uncompressed point; ValueError when it is none, or not on the curve."""
        if len(point) != SM2_POINT_SIZE or point[0] != _UNCOMPRESSED:
            raise ValueError("an SM2 key is an uncompressed point of 65 octets")
        x = int.from_bytes(point[1 : 1 + _COORDINATE_SIZE], "big")
        y = int.from_bytes(point[1 + _COORDINATE_SIZE :], "big")
        if max(x, y) >= _P or (y * y - (x * x * x - 3 * x + _B)) % _P:
            raise ValueError("the point is not on the SM2 curve")
        self._point = point

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return der.sequence(_KEY_ALGORITHM, der.bit_string(self._point))

    @cached_property
    def _key(self) -> Any:
        """The library's key, kept."""
        return _library.get().load_public_key(self._point)

    def verify(self, signature: bytes, data: bytes, signer_id: bytes = DEFAULT_SIGNER_ID) -> None:
        """Verify a DER signature over data: ValueError when it is malformed, InvalidSignature when wrong."""
        check_signature_encoding(signature)
        check_signer_id(signer_id)
        if not _library.get().verify(self._key, signature, data, signer_id):
            raise InvalidSignature


class SM2PrivateKey:
    """A private key in memory. It is used as the library's keys of other kinds are."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def public_key(self) -> SM2PublicKey:
        """The public half."""
        return SM2PublicKey(_library.get().encode_public_key(self._key)[-SM2_POINT_SIZE:])

    @classmethod
    def generate(cls) -> SM2PrivateKey:
        """A new key."""
        return cls(_library.get().generate_key())

    @classmethod
    def load(cls, private_key: bytes) -> SM2PrivateKey:
        """Read a DER PrivateKeyInfo (RFC 5958); SM2Error when it is not an SM2 key."""
        return cls(_library.get().load_private_key(private_key))

    @classmethod
    def decrypt(cls, encrypted: bytes, passphrase: bytes) -> SM2PrivateKey:
        """Read a DER EncryptedPrivateKeyInfo; SM2Error when passphrase or key are wrong."""
        return cls(_library.get().decrypt_private_key(encrypted, passphrase))

    def encrypt(self, passphrase: bytes) -> bytes:
        """DER EncryptedPrivateKeyInfo of the key (RFC 5958 3): PBES2 with AES-256-CBC."""
        return _library.get().encrypt_private_key(self._key, passphrase)

    def sign(self, data: bytes, signer_id: bytes = DEFAULT_SIGNER_ID) -> bytes:
        """SM2-with-SM3 over data: DER SEQUENCE of r and s (GM/T 0009 7.3)."""
        check_signer_id(signer_id)
        return _library.get().sign(self._key, data, signer_id)

    def __repr__(self) -> str:
        """Nothing of the key's content."""
        return "<SM2PrivateKey>"


def check_signature_encoding(signature: bytes) -> None:
    """One rule: SEQUENCE { r, s } in DER, both from 1 to n - 1 (GM/T 0009 7.3, GB/T 32918.2 7.1 B1, B2)."""
    try:
        reader = der.read_sequence(signature, maximum_size=_MAXIMUM_SIGNATURE_SIZE)
        r, s = reader.read_integer(), reader.read_integer()
        reader.finish()
    except TrustError as error:
        raise ValueError(f"an SM2 signature is a DER SEQUENCE of r and s: {error.message}") from error
    if not (0 < r < _N and 0 < s < _N):
        raise ValueError("r and s of an SM2 signature are from 1 to n - 1")


def check_signer_id(signer_id: bytes) -> None:
    """One rule: the identifier is short enough for its length to be written (GB/T 32918.2 5.5)."""
    if len(signer_id) > MAXIMUM_SIGNER_ID_SIZE:
        raise SM2Error(
            f"a signer's identifier has at most {MAXIMUM_SIGNER_ID_SIZE} octets",
            code="sm2-signer-id",
            clause="GB/T 32918.2 5.5",
        )
