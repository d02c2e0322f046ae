"""Certificates: the TBSCertificate and the signed whole (RFC 5280 4.1).

`cryptography`'s builder writes the same bytes for RSA and ECDSA keys; this one signs through any
`Signer`, so that cards, PKCS#11 tokens and SM2 keys are the same to an authority.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from trust.encoding import der
from trust.encoding.extensions import Extension, encode_extensions
from trust.errors import EncodingError
from trust.signer import Signer
from trust.vocabulary import ExtensionOID

_VERSION_3: Final = der.explicit(0, der.integer(2))
_EMPTY_NAME: Final = der.sequence()
MAXIMUM_SERIAL_OCTETS: Final = 20


class CertificateFields(NamedTuple):
    """Everything a TBSCertificate says (RFC 5280 4.1.2); names, algorithm and key are DER."""

    serial_number: int
    algorithm: bytes
    issuer: bytes
    not_valid_before: datetime
    not_valid_after: datetime
    subject: bytes
    public_key: bytes
    extensions: tuple[Extension, ...] = ()


def encode_tbs_certificate(fields: CertificateFields) -> bytes:
    """DER TBSCertificate, version 3 (RFC 5280 4.1.2)."""
    check_serial_number(fields.serial_number)
    validity = der.sequence(der.time(fields.not_valid_before), der.time(fields.not_valid_after))
    if fields.not_valid_after < fields.not_valid_before:
        raise EncodingError(
            "the certificate would end before it begins", code="validity-order", clause="RFC 5280 4.1.2.5"
        )
    _check_names(fields)
    return der.sequence(
        _VERSION_3,
        der.integer(fields.serial_number),
        fields.algorithm,
        fields.issuer,
        validity,
        fields.subject,
        fields.public_key,
        der.explicit(3, encode_extensions(fields.extensions)) if fields.extensions else b"",
    )


def _check_names(fields: CertificateFields) -> None:
    """Check that the issuer has a name, and the subject one of some kind (RFC 5280 4.1.2.4, 4.1.2.6)."""
    if fields.issuer == _EMPTY_NAME:
        raise EncodingError("the issuer has no name", code="issuer-empty", clause="RFC 5280 4.1.2.4")
    if fields.subject == _EMPTY_NAME and not any(
        extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME and extension.critical
        for extension in fields.extensions
    ):
        raise EncodingError(
            "a subject without a name needs critical alternative names",
            code="subject-empty",
            clause="RFC 5280 4.1.2.6",
        )


def check_serial_number(serial_number: int) -> None:
    """Check that a serial number is positive and at most 20 octets (RFC 5280 4.1.2.2)."""
    if not 0 < serial_number < 1 << (8 * MAXIMUM_SERIAL_OCTETS - 1):
        raise EncodingError(
            "a serial number is positive and has at most 20 octets",
            code="serial-number",
            clause="RFC 5280 4.1.2.2",
        )


def assemble(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """The signed whole of a certificate, a CRL or a certification request (RFC 5280 4.1.1)."""
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def sign_certificate(fields: CertificateFields, signer: Signer) -> bytes:
    """DER Certificate; the algorithm in the fields must be the signer's (RFC 5280 4.1.1.2)."""
    if fields.algorithm != signer.algorithm:
        raise EncodingError(
            "the signer signs with another algorithm than the certificate says",
            code="algorithm-mismatch",
            clause="RFC 5280 4.1.1.2",
        )
    tbs = encode_tbs_certificate(fields)
    return assemble(tbs, signer.algorithm, signer.sign(tbs))
