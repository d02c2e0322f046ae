"""Public keys: take a SubjectPublicKeyInfo apart and load it, within bounds of work.

RFC 3279 and 8017 (RSA), RFC 4055 (RSASSA-PSS), RFC 5480 (EC), GB/T 32918.5 (SM2), RFC 8410 (Ed25519, Ed448),
RFC 9881 (ML-DSA), RFC 3279 (DSA, for the past: its parameters may be the issuer's).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa

from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import TrustError
from trust.keeping import kept
from trust.sm2 import OID_SM2_CURVE, SM2PublicKey

OID_RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
OID_RSA_PSS = "1.2.840.113549.1.1.10"
OID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
OID_ED25519 = "1.3.101.112"
OID_ED448 = "1.3.101.113"
OID_DSA = "1.2.840.10040.4.1"
OID_ML_DSA_44 = "2.16.840.1.101.3.4.3.17"
OID_ML_DSA_65 = "2.16.840.1.101.3.4.3.18"
OID_ML_DSA_87 = "2.16.840.1.101.3.4.3.19"

# An RSA verification costs the square of the modulus times the length of the exponent: both are bounded, so
# that a hostile key cannot buy time (OpenSSL draws the same lines).
MAXIMUM_RSA_BITS = 8192
MAXIMUM_RSA_EXPONENT_BITS = 64

# Larger than every key that is known here; loaded keys are remembered, which must not cost memory.
MAXIMUM_KEY_SIZE = 8192

# FIPS 186-4 4.2: no larger group was ever standardised.
MAXIMUM_DSA_BITS = 3072
# FIPS 186-4 4.2 knows no longer order; the check of the generator costs its length.
MAXIMUM_DSA_ORDER_BITS = 256

MLDSAPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
EdwardsPublicKey = ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | SM2PublicKey
    | EdwardsPublicKey
    | MLDSAPublicKey
    | dsa.DSAPublicKey
)

# The AlgorithmIdentifier of a DSA key that leaves its parameters to the issuer's key (RFC 3279 2.3.2).
_DSA_WITHOUT_PARAMETERS = der.sequence(der.oid(OID_DSA))
# A SEQUENCE's tag and at most three octets of length stand before it.
_LONGEST_HEADER = 4

# By the encoded parameters of the key's algorithm.
_CURVES: dict[bytes, ec.EllipticCurve] = {
    der.oid("1.2.840.10045.3.1.7"): ec.SECP256R1(),
    der.oid("1.3.132.0.34"): ec.SECP384R1(),
    der.oid("1.3.132.0.35"): ec.SECP521R1(),
}
_SM2_CURVE = der.oid(OID_SM2_CURVE)


# The code of the one refusal that path building has to tell from the others: the key may become whole yet.
PARAMETERS_MISSING = "key-parameters-missing"


class AlgorithmError(TrustError):
    """An algorithm or a key that cannot be read, is unknown, or is no longer acceptable."""


@kept
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
    start, end = der.whole(public_key, Tag.SEQUENCE)
    fields = der.read_elements(public_key, start, end)
    if [field[0] for field in fields] != [Tag.SEQUENCE, Tag.BIT_STRING]:
        raise DerError("not the fields of a public key", code="der-wrong-tag", clause="RFC 5280 4.1")
    (_, begin, _, stop), (_, _, start, end) = fields
    oid, parameters = split_algorithm(public_key[begin:stop])
    # The bit string's first octet counts its unused bits.
    if public_key[start : start + 1] != b"\0" or end - start < 2:
        raise AlgorithmError("a public key is at least one whole octet", code="key-invalid")
    return KeyInfo(oid, parameters, public_key[start + 1 : end])


@lru_cache(maxsize=512)
def load_public_key(public_key: bytes) -> PublicKey:
    """Load a SubjectPublicKeyInfo of a kind that is listed in `KeyKind`; anything else is refused."""
    if len(public_key) > MAXIMUM_KEY_SIZE:
        raise AlgorithmError(f"a key of {len(public_key)} octets is not accepted", code="key-size")
    info = parse_key_info(public_key)
    load = _LOADERS.get(info.oid)
    if load is None:
        raise AlgorithmError(f"public keys of type {info.oid} are not known here", code="key-unknown")
    try:
        return load(info)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AlgorithmError(f"the public key is not usable: {error}", code="key-invalid") from error


def _load_rsa(info: KeyInfo) -> rsa.RSAPublicKey:
    """RSAPublicKey ::= SEQUENCE { modulus, publicExponent } (RFC 8017 A.1.1), within bounds of work."""
    if info.oid == OID_RSA_ENCRYPTION and info.parameters != der.null():
        raise AlgorithmError("an RSA key takes NULL parameters", code="key-invalid", clause="RFC 3279 2.3.1")
    reader = der.read_sequence(info.key)
    modulus, exponent = reader.read_integer(), reader.read_integer()
    reader.finish()
    if modulus < 0:
        raise AlgorithmError("the RSA modulus is negative", code="key-invalid")
    if not 512 <= modulus.bit_length() <= MAXIMUM_RSA_BITS:
        raise AlgorithmError(f"an RSA key of {modulus.bit_length()} bits is not accepted", code="key-size")
    if modulus % 2 == 0:
        raise AlgorithmError("the RSA modulus is even", code="key-invalid")
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAXIMUM_RSA_EXPONENT_BITS:
        raise AlgorithmError("the RSA public exponent is not accepted", code="key-invalid")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _load_ec(info: KeyInfo) -> ec.EllipticCurvePublicKey | SM2PublicKey:
    """An uncompressed point on a named curve (RFC 5480 2.1.1, 2.2), which may be that of SM2."""
    curve = _CURVES.get(info.parameters)
    if curve is None and info.parameters != _SM2_CURVE:
        raise _unknown_curve(info.parameters)
    if not info.key.startswith(b"\x04"):
        raise AlgorithmError("only uncompressed points are accepted", code="key-invalid")
    if curve is None:
        return SM2PublicKey(info.key)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, info.key)


def _unknown_curve(parameters: bytes) -> AlgorithmError:
    """The error for a curve that is not named, or not known here."""
    reader = Reader(parameters)
    if reader.peek() != Tag.OBJECT_IDENTIFIER:
        return AlgorithmError("only named curves are accepted", code="key-unknown", clause="RFC 5480 2.1.1")
    return AlgorithmError(
        f"curve {reader.read_oid()} is not known here", code="key-unknown", clause="RFC 5480 2.1.1.1"
    )


def _without_parameters(info: KeyInfo, clause: str) -> bytes:
    """The key of an algorithm whose identifier has no parameters."""
    if info.parameters:
        raise AlgorithmError(
            f"a key of type {info.oid} takes no parameters", code="key-invalid", clause=clause
        )
    return info.key


def _load_ml_dsa(info: KeyInfo) -> MLDSAPublicKey:
    """ML-DSA: the bare key of FIPS 204, of one length a parameter set (RFC 9881 4)."""
    key = _without_parameters(info, "RFC 9881 2")
    if info.oid == OID_ML_DSA_44:
        return mldsa.MLDSA44PublicKey.from_public_bytes(key)
    if info.oid == OID_ML_DSA_65:
        return mldsa.MLDSA65PublicKey.from_public_bytes(key)
    return mldsa.MLDSA87PublicKey.from_public_bytes(key)


def _load_dsa(info: KeyInfo) -> dsa.DSAPublicKey:
    """DSAPublicKey ::= INTEGER, with Dss-Parms { p, q, g } (RFC 3279 2.3.2)."""
    if not info.parameters:
        raise AlgorithmError(
            "the DSA key leaves its parameters to its issuer's key",
            code=PARAMETERS_MISSING,
            clause="RFC 5280 6.1.4 (e)",
        )
    reader, value = der.read_sequence(info.parameters), Reader(info.key)
    p, q, g, y = reader.read_integer(), reader.read_integer(), reader.read_integer(), value.read_integer()
    reader.finish()
    value.finish()
    if p.bit_length() > MAXIMUM_DSA_BITS or q.bit_length() > MAXIMUM_DSA_ORDER_BITS or not 0 < q < p:
        raise AlgorithmError(f"a DSA key of {p.bit_length()} bits is not accepted", code="key-size")
    if (p - 1) % q or not 1 < g < p or not 1 < y < p - 1 or not _generates(g, q, p):
        raise AlgorithmError("the DSA parameters or the key are not usable", code="key-invalid")
    return dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()


@lru_cache(maxsize=512)
def _generates(g: int, q: int, p: int) -> bool:
    """Whether the order of g divides q; ten milliseconds, so that a refusal is remembered too."""
    return pow(g, q, p) == 1


_LOADERS: dict[str, Callable[[KeyInfo], PublicKey]] = {
    OID_RSA_ENCRYPTION: _load_rsa,
    OID_RSA_PSS: _load_rsa,
    OID_EC_PUBLIC_KEY: _load_ec,
    OID_ED25519: lambda info: ed25519.Ed25519PublicKey.from_public_bytes(
        _without_parameters(info, "RFC 8410 3")
    ),
    OID_ED448: lambda info: ed448.Ed448PublicKey.from_public_bytes(_without_parameters(info, "RFC 8410 3")),
    OID_ML_DSA_44: _load_ml_dsa,
    OID_ML_DSA_65: _load_ml_dsa,
    OID_ML_DSA_87: _load_ml_dsa,
    OID_DSA: _load_dsa,
}


# --- what a key is ---------------------------------------------------------------------------------------


class KeyKind(StrEnum):
    """The kinds of public key that are read here."""

    RSA = "RSA"
    EC = "EC"
    SM2 = "SM2"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    ML_DSA = "ML-DSA"
    DSA = "DSA"


class KeyStrength(NamedTuple):
    """What acceptance goes by: the kind of key, the bits of its modulus or field (ML-DSA: its set)."""

    kind: KeyKind
    bits: int


_ONE_SIZE: dict[str, KeyStrength] = {
    OID_ED25519: KeyStrength(KeyKind.ED25519, 256),
    OID_ED448: KeyStrength(KeyKind.ED448, 456),
    OID_ML_DSA_44: KeyStrength(KeyKind.ML_DSA, 44),
    OID_ML_DSA_65: KeyStrength(KeyKind.ML_DSA, 65),
    OID_ML_DSA_87: KeyStrength(KeyKind.ML_DSA, 87),
}


@lru_cache(maxsize=512)
def key_strength(public_key: bytes) -> KeyStrength:
    """Kind and size of a SubjectPublicKeyInfo; AlgorithmError when it cannot be loaded."""
    key = load_public_key(public_key)
    if isinstance(key, rsa.RSAPublicKey):
        return KeyStrength(KeyKind.RSA, key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return KeyStrength(KeyKind.EC, key.key_size)
    if isinstance(key, SM2PublicKey):
        return KeyStrength(KeyKind.SM2, key.key_size)
    if isinstance(key, dsa.DSAPublicKey):
        return KeyStrength(KeyKind.DSA, key.key_size)
    return _ONE_SIZE[parse_key_info(public_key).oid]


def lacks_parameters(public_key: bytes) -> bool:
    """Whether this is, going by its first octets, a DSA key that leaves its parameters to its issuer's."""
    end = _LONGEST_HEADER + len(_DSA_WITHOUT_PARAMETERS)
    return public_key.find(_DSA_WITHOUT_PARAMETERS, 0, end) >= 0


def inherit_parameters(public_key: bytes, issuer_public_key: bytes) -> bytes:
    """The key with its issuer's DSA parameters when it has none of its own; otherwise the key as it is.

    RFC 5280 6.1.4 (d) to (f), working_public_key_parameters: only a DSA key can leave them out (RFC 3279
    2.3.2), and only a DSA issuer has them to give. What cannot be read neither inherits nor gives.
    """
    if not lacks_parameters(public_key):
        return public_key
    try:
        info, issuer = parse_key_info(public_key), parse_key_info(issuer_public_key)
    except TrustError:
        return public_key
    if info.oid != OID_DSA or issuer.oid != OID_DSA:
        return public_key
    return der.sequence(der.sequence(der.oid(OID_DSA), issuer.parameters), der.bit_string(info.key))
