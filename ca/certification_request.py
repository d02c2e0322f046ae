"""Certification requests (PKCS#10, RFC 2986): read strictly, proof of possession and key checked.

Nothing of a request but its public key goes into a certificate: names come from the register, extensions
from the profile. The subject is compared, so that a request made for somebody else is noticed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca.errors import CertificationRequestError
from trust.algorithms import verify_signature
from trust.encoding import der
from trust.errors import TrustError
from trust.names import names_match
from trust.public_key import load_public_key
from trust.sm2 import SM2PublicKey

MAXIMUM_REQUEST_BYTES = 16 * 1024
MINIMUM_RSA_BITS = 2048
MINIMUM_RSA_EXPONENT = 65537
_SMALL_PRIMES = tuple(n for n in range(3, 752, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
_VERSION_1 = 0
_ATTRIBUTES = der.context(0)
_EMPTY_NAME = der.sequence()


@dataclass(frozen=True)
class CertificationRequest:
    """A request as it was sent; `public_key` may be trusted only after `verify_possession`."""

    der: bytes
    info: bytes
    subject: bytes
    public_key: bytes
    algorithm: bytes
    signature: bytes

    @property
    def key_digest(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hexadecimal: how a key is recognised again."""
        return hashlib.sha256(self.public_key).hexdigest()


def parse_request(encoded: bytes) -> CertificationRequest:
    """Read a DER certification request (RFC 2986 4.2); refuse anything that is not exactly one."""
    try:
        return _parse(encoded)
    except TrustError as error:
        raise CertificationRequestError(
            f"not a certification request: {error}; make it again on the card", code="request-malformed"
        ) from error


def _parse(encoded: bytes) -> CertificationRequest:
    """Take the structure apart."""
    outer = der.read_sequence(encoded, maximum_size=MAXIMUM_REQUEST_BYTES)
    info = outer.read_raw(der.Tag.SEQUENCE)
    algorithm = outer.read_raw(der.Tag.SEQUENCE)
    signature, _unused_bits = outer.read_bit_string()
    outer.finish()
    inner = der.read_sequence(info)
    if inner.read_integer() != _VERSION_1:
        raise CertificationRequestError("not a version 1 certification request", code="request-malformed")
    subject = inner.read_raw(der.Tag.SEQUENCE)
    public_key = inner.read_raw(der.Tag.SEQUENCE)
    inner.read(_ATTRIBUTES)
    inner.finish()
    return CertificationRequest(encoded, info, subject, public_key, algorithm, signature)


def verify_possession(request: CertificationRequest) -> None:
    """Verify that the request was signed by the key it names (proof of possession, RFC 2986 3)."""
    try:
        verify_signature(request.public_key, request.algorithm, request.signature, request.info)
    except TrustError as error:
        raise CertificationRequestError(
            f"the request is not signed by its own key: {error}", code="request-possession"
        ) from error


def check_key(public_key: bytes) -> None:
    """Check that the key is of a kind and strength that is certified here."""
    try:
        key = load_public_key(public_key)
    except TrustError as error:
        raise CertificationRequestError(f"the key is not usable: {error}", code="key-refused") from error
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)
    elif not isinstance(key, SM2PublicKey) and not (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    ):
        raise CertificationRequestError(
            "only EC P-256 and P-384, SM2 and RSA keys are certified; make another key", code="key-refused"
        )


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    """Check length, exponent, and that no small prime divides the modulus."""
    numbers = key.public_numbers()
    if key.key_size < MINIMUM_RSA_BITS:
        raise CertificationRequestError(
            f"an RSA key of {key.key_size} bits is too weak: {MINIMUM_RSA_BITS} at least", code="key-weak"
        )
    if numbers.e < MINIMUM_RSA_EXPONENT:
        raise CertificationRequestError(f"RSA exponent {numbers.e} is too small", code="key-weak")
    if numbers.n % 2 == 0 or any(numbers.n % prime == 0 for prime in _SMALL_PRIMES):
        raise CertificationRequestError("the RSA modulus has a small factor", code="key-weak")


def check_request_subject(request: CertificationRequest, subject: bytes) -> None:
    """Check that the request names the subject it is used for, or nobody."""
    if request.subject != _EMPTY_NAME and not names_match(request.subject, subject):
        raise CertificationRequestError(
            "the request names another subject than the register does", code="request-subject"
        )


def decode_pem_request(content: bytes) -> bytes:
    """A certification request as DER, whether it came as PEM (RFC 7468) or as DER."""
    if not content.lstrip().startswith(b"-----BEGIN"):
        return content
    try:
        return x509.load_pem_x509_csr(content).public_bytes(Encoding.DER)
    except ValueError as error:
        raise CertificationRequestError(
            "not a certification request in PEM; make it again on the card", code="request-malformed"
        ) from error
