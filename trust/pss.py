"""RSASSA-PSS-params: what a PSS signature says of itself (RFC 4055 section 3.1)."""

from __future__ import annotations

from typing import NamedTuple

from trust.encoding import der
from trust.encoding.der import Reader
from trust.public_key import OID_RSA_PSS, AlgorithmError, split_algorithm

OID_MGF1 = "1.2.840.113549.1.1.8"
MAXIMUM_SALT = 512

_SHA1 = der.sequence(der.oid("1.3.14.3.2.26"))
_DEFAULT_SALT = 20
_TRAILER_BC = 1


class PSSParameters(NamedTuple):
    """AlgorithmIdentifiers of the digest and the mask's digest; the length of the salt in octets."""

    digest: bytes
    mask_digest: bytes
    salt_length: int


def read_pss_parameters(parameters: bytes) -> PSSParameters:
    """Read RSASSA-PSS-params; the mask is MGF1, the trailer field 1, the salt of bounded length."""
    reader = der.read_sequence(parameters)
    digest = mask_digest = _SHA1
    if reader.peek() == der.context(0):
        digest = reader.read(der.context(0))
    if reader.peek() == der.context(1):
        oid, mask_digest = split_algorithm(reader.read(der.context(1)))
        if oid != OID_MGF1:
            raise _refused("PSS is known here with MGF1 only")
    salt_length = _read_number(reader, 2, _DEFAULT_SALT)
    trailer = _read_number(reader, 3, _TRAILER_BC)
    reader.finish()
    if trailer != _TRAILER_BC or not 0 <= salt_length <= MAXIMUM_SALT:
        raise _refused("PSS with this trailer or length of salt is not accepted")
    return PSSParameters(digest, mask_digest, salt_length)


def _read_number(reader: Reader, number: int, default: int) -> int:
    """[number] EXPLICIT INTEGER DEFAULT."""
    tagged = reader.enter_optional(der.context(number))
    if tagged is None:
        return default
    value = tagged.read_integer()
    tagged.finish()
    return value


def _refused(message: str) -> AlgorithmError:
    """The error for parameters that are not accepted."""
    return AlgorithmError(message, code="algorithm-parameters", clause="RFC 4055 3.1")


def write_pss_algorithm(digest_oid: str, digest_size: int) -> bytes:
    """The AlgorithmIdentifier of PSS with MGF1 over the same digest and a salt as long as the digest."""
    digest = der.sequence(der.oid(digest_oid), der.null())
    return der.sequence(
        der.oid(OID_RSA_PSS),
        der.sequence(
            der.explicit(0, digest),
            der.explicit(1, der.sequence(der.oid(OID_MGF1), digest)),
            der.explicit(2, der.integer(digest_size)),
        ),
    )
