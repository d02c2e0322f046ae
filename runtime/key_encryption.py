"""How a PKCS#8 file is encrypted, read before it is decrypted: the work it asks for is bounded.

EncryptedPrivateKeyInfo (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2) over PBKDF2 or scrypt
(RFC 7914 section 7). The file says itself how often its passphrase is digested and how much memory that
takes; a thousand million rounds would keep the process from starting.
"""

from __future__ import annotations

from trust.encoding import der
from trust.encoding.der import Reader, Tag
from trust.errors import TrustError
from trust.public_key import split_algorithm

_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_SCRYPT = "1.3.6.1.4.1.11591.4.11"

# About a second of one core each; OpenSSL writes 2,048 rounds, OWASP asks for 600,000.
_MAXIMUM_ROUNDS = 1_000_000
# The product of scrypt's N, r and p: 128 bytes of memory each when p is 1, so 128 MiB at most.
_MAXIMUM_SCRYPT_WORK = 2**20
_MAXIMUM_DERIVED_BYTES = 64


def check_encryption(encrypted: bytes) -> str:
    """Refuse (ValueError) what is not PBES2, and what asks for more work than a start can bear.

    Returns the cipher's object identifier.
    """
    try:
        reader = der.read_sequence(encrypted)
        scheme, parameters = split_algorithm(reader.read_raw())
        reader.read(Tag.OCTET_STRING)
        reader.finish()
        if scheme != _PBES2:
            raise ValueError(f"encrypted by {scheme}, too old; encrypt it anew (openssl pkcs8 -topk8)")
        derivation, cipher = _pbes2(parameters)
        _check_work(*split_algorithm(derivation))
        return split_algorithm(cipher)[0]
    except TrustError as error:
        raise ValueError(f"not an encrypted PKCS#8 key ({error})") from None


def _pbes2(parameters: bytes) -> tuple[bytes, bytes]:
    """PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme } (RFC 8018 A.4)."""
    reader = der.read_sequence(parameters)
    parts = reader.read_raw(), reader.read_raw()
    reader.finish()
    return parts


def _check_work(derivation: str, parameters: bytes) -> None:
    """The passphrase is digested within bounds of time and memory."""
    reader = der.read_sequence(parameters)
    reader.read(Tag.OCTET_STRING)
    if derivation == _PBKDF2:
        work, maximum = reader.read_integer(), _MAXIMUM_ROUNDS
    elif derivation == _SCRYPT:
        work, maximum = _scrypt_work(reader), _MAXIMUM_SCRYPT_WORK
    else:
        raise ValueError(f"the passphrase is digested by {derivation}; PBKDF2 and scrypt are known here")
    length = reader.read_integer() if reader.peek() == Tag.INTEGER else 0
    if not 0 < work <= maximum or not 0 <= length <= _MAXIMUM_DERIVED_BYTES:
        raise ValueError(
            f"its encryption asks for {work} rounds, not 1 to {maximum}: encrypt it anew "
            "(openssl pkcs8 -topk8)"
        )


def _scrypt_work(reader: Reader) -> int:
    """The product of costParameter N, blockSize r and parallelizationParameter p (RFC 7914 section 6)."""
    cost, block_size, parallel = (reader.read_integer() for _ in range(3))
    if (
        min(cost, block_size, parallel) < 1
        or cost & (cost - 1)
        or not 1 < cost.bit_length() <= 16 * block_size
    ):
        raise ValueError("the parameters of scrypt are not as RFC 7914 has them; encrypt it anew")
    return cost * block_size * parallel
