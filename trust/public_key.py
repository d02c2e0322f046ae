"""Public keys: take a SubjectPublicKeyInfo apart and load it, within bounds of work.

RFC 3279 and 8017 (RSA), RFC 4055 (RSASSA-PSS), RFC 5480 (EC), RFC 8410 (Ed25519).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trust.encoding import der
from trust.encoding.der import Reader, Tag
from trust.errors import TrustError

OID_RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
OID_RSA_PSS = "1.2.840.113549.1.1.10"
OID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
OID_ED25519 = "1.3.101.112"

# An RSA verification costs the square of the modulus times the length of the exponent: both are bounded, so
# that a hostile key cannot buy time (OpenSSL draws the same lines).
MAXIMUM_RSA_BITS = 8192
MAXIMUM_RSA_EXPONENT_BITS = 64

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_CURVES: dict[str, ec.EllipticCurve] = {
    "1.2.840.10045.3.1.7": ec.SECP256R1(),
    "1.3.132.0.34": ec.SECP384R1(),
    "1.3.132.0.35": ec.SECP521R1(),
}


class AlgorithmError(TrustError):
    """An algorithm or a key that cannot be read, is unknown, or is no longer acceptable."""


def split_algorithm(algorithm: bytes) -> tuple[str, bytes]:
    """The OID and the raw parameters (empty when absent) of an AlgorithmIdentifier (RFC 5280 4.1.1.2)."""
    reader = der.read_sequence(algorithm)
    oid = reader.read_oid()
    parameters = b"" if reader.at_end else reader.read_raw()
    reader.finish()
    return oid, parameters


@dataclass(frozen=True)
class KeyInfo:
    """A SubjectPublicKeyInfo, read: its algorithm OID and parameters, and the bits of the key."""

    oid: str
    parameters: bytes
    key: bytes


def parse_key_info(public_key: bytes) -> KeyInfo:
    """Take a SubjectPublicKeyInfo apart (RFC 5280 4.1.2.7) without loading the key."""
    reader = der.read_sequence(public_key)
    oid, parameters = split_algorithm(reader.read_raw())
    key, unused = reader.read_bit_string()
    reader.finish()
    if unused or not key:
        raise AlgorithmError("a public key is at least one whole octet", code="key-invalid")
    return KeyInfo(oid, parameters, key)


@lru_cache(maxsize=2048)
def load_public_key(public_key: bytes) -> PublicKey:
    """Load a SubjectPublicKeyInfo: RSA, EC on P-256, P-384 or P-521, or Ed25519; anything else is refused."""
    info = parse_key_info(public_key)
    try:
        if info.oid in (OID_RSA_ENCRYPTION, OID_RSA_PSS):
            return _load_rsa(info)
        if info.oid == OID_EC_PUBLIC_KEY:
            return _load_ec(info)
        if info.oid == OID_ED25519 and not info.parameters:
            return ed25519.Ed25519PublicKey.from_public_bytes(info.key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AlgorithmError(f"the public key is not usable: {error}", code="key-invalid") from error
    raise AlgorithmError(f"public keys of type {info.oid} are not known here", code="key-unknown")


def _load_rsa(info: KeyInfo) -> rsa.RSAPublicKey:
    """RSAPublicKey ::= SEQUENCE { modulus, publicExponent } (RFC 8017 A.1.1), within bounds of work."""
    if info.oid == OID_RSA_ENCRYPTION and info.parameters != der.null():
        raise AlgorithmError("an RSA key takes NULL parameters", code="key-invalid", clause="RFC 3279 2.3.1")
    reader = der.read_sequence(info.key)
    modulus, exponent = reader.read_integer(), reader.read_integer()
    reader.finish()
    if not 512 <= modulus.bit_length() <= MAXIMUM_RSA_BITS:
        raise AlgorithmError(f"an RSA key of {modulus.bit_length()} bits is not accepted", code="key-size")
    if modulus % 2 == 0:
        raise AlgorithmError("the RSA modulus is even", code="key-invalid")
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAXIMUM_RSA_EXPONENT_BITS:
        raise AlgorithmError("the RSA public exponent is not accepted", code="key-invalid")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _load_ec(info: KeyInfo) -> ec.EllipticCurvePublicKey:
    """An uncompressed point on a named curve (RFC 5480 2.1.1, 2.2)."""
    reader = Reader(info.parameters)
    if reader.peek() != Tag.OBJECT_IDENTIFIER:
        raise AlgorithmError("only named curves are accepted", code="key-unknown", clause="RFC 5480 2.1.1")
    oid = reader.read_oid()
    reader.finish()
    curve = _CURVES.get(oid)
    if curve is None:
        raise AlgorithmError(f"curve {oid} is not known here", code="key-unknown", clause="RFC 5480 2.1.1.1")
    if not info.key.startswith(b"\x04"):
        raise AlgorithmError("only uncompressed points are accepted", code="key-invalid")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, info.key)
