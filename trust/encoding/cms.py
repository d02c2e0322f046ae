"""Signed messages, written: CMS SignedData with exactly one signer (RFC 5652 5, RFC 5035 for ESS).

Two steps, since the signer may be a card somewhere else: `signed_attributes` is what is signed,
`assemble_signed_data` puts the message around the signature; `sign_cms` does both at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from trust.algorithms import parse_algorithm
from trust.certificate import Certificate
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.errors import EncodingError
from trust.signer import Signer

_VERSION_1, _VERSION_3 = 1, 3


class ContentType:
    """Content types (RFC 5652 4 and 5.1, RFC 3161 2.4.2)."""

    DATA: Final = "1.2.840.113549.1.7.1"
    SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
    TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"


class AttributeType:
    """Attributes of a signer (RFC 5652 11, RFC 5035 5, RFC 3161 appendix A)."""

    CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
    MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
    SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
    SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
    SIGNATURE_TIMESTAMP: Final = "1.2.840.113549.1.9.16.2.14"


def digest_for(algorithm: bytes) -> DigestAlgorithm:
    """The digest that belongs to a signature algorithm; SHA-512 with Ed25519 (RFC 8419 3)."""
    parsed = parse_algorithm(algorithm)
    return parsed.digest or DigestAlgorithm.SHA512


def encode_attribute(oid: str, *values: bytes) -> bytes:
    """DER Attribute (RFC 5652 5.3)."""
    return der.sequence(der.oid(oid), der.set_of(*values))


def signed_attributes(
    content_digest: bytes,
    content_type: str,
    signing_certificate: bytes,
    signing_time: datetime | None = None,
) -> bytes:
    """DER SET OF attributes, that is, the data to be signed (RFC 5652 5.4, RFC 5035 3).

    The digest is made with the digest of the signature algorithm (`digest_for`).
    """
    # ESSCertIDv2 with its default digest, SHA-256, and without issuerSerial (EN 319 122-1 5.2.2.3).
    certificate_digest = der.octet_string(hashlib.sha256(signing_certificate).digest())
    ess = der.sequence(der.sequence(der.sequence(certificate_digest)))
    attributes = [
        encode_attribute(AttributeType.CONTENT_TYPE, der.oid(content_type)),
        encode_attribute(AttributeType.MESSAGE_DIGEST, der.octet_string(content_digest)),
        encode_attribute(AttributeType.SIGNING_CERTIFICATE_V2, ess),
    ]
    if signing_time is not None:
        attributes.append(encode_attribute(AttributeType.SIGNING_TIME, der.time(signing_time)))
    return der.set_of(*attributes)


def assemble_signed_data(
    signed_attributes: bytes,
    signature: bytes,
    certificate: bytes,
    *,
    algorithm: bytes,
    content: bytes | None = None,
    content_type: str = ContentType.DATA,
    chain: Sequence[bytes] = (),
    unsigned_attributes: Iterable[bytes] = (),
    embed_certificate: bool = True,
) -> bytes:
    """DER ContentInfo around a signature over `signed_attributes`; without content it is detached.

    `certificate` and `chain` are DER certificates, `unsigned_attributes` DER Attributes.
    """
    digest = der.sequence(der.oid(digest_for(algorithm).oid))
    embedded = [certificate, *chain] if embed_certificate else list(chain)
    signer_info = _signer_info(
        signed_attributes, signature, certificate, digest, algorithm, tuple(unsigned_attributes)
    )
    encapsulated = b"" if content is None else der.explicit(0, der.octet_string(content))
    signed_data = der.sequence(
        der.integer(_VERSION_1 if content_type == ContentType.DATA else _VERSION_3),
        der.set_of(digest),
        der.sequence(der.oid(content_type), encapsulated),
        der.implicit(0, b"".join(sorted(set(embedded))), constructed=True) if embedded else b"",
        der.set_of(signer_info),
    )
    return der.sequence(der.oid(ContentType.SIGNED_DATA), der.explicit(0, signed_data))


def _signer_info(
    signed_attributes: bytes,
    signature: bytes,
    certificate: bytes,
    digest: bytes,
    algorithm: bytes,
    unsigned_attributes: tuple[bytes, ...],
) -> bytes:
    """DER SignerInfo, version 1: the signer named by issuer and serial number (RFC 5652 5.3)."""
    unsigned = b""
    if unsigned_attributes:
        unsigned = der.implicit(1, b"".join(sorted(unsigned_attributes)), constructed=True)
    return der.sequence(
        der.integer(_VERSION_1),
        _issuer_and_serial_number(certificate),
        digest,
        # Signed as SET OF, stored as [0] IMPLICIT (RFC 5652 5.4).
        der.retag(0, signed_attributes),
        algorithm,
        der.octet_string(signature),
        unsigned,
    )


@lru_cache(maxsize=16)
def _issuer_and_serial_number(certificate: bytes) -> bytes:
    """DER IssuerAndSerialNumber (RFC 5652 10.2.4); a service signs with one certificate all day."""
    signer = Certificate.parse(certificate)
    return der.sequence(signer.issuer, der.integer(signer.serial_number))


def sign_cms(
    content: bytes,
    signer: Signer,
    certificate: bytes,
    *,
    chain: Sequence[bytes] = (),
    detached: bool = False,
    at: datetime | None = None,
    content_type: str = ContentType.DATA,
) -> bytes:
    """Sign content with a signer at hand; `at`, when given, becomes the claimed signing time."""
    if Certificate.parse(certificate).public_key != signer.public_key:
        raise EncodingError("the certificate is of another key than the signer's", code="cms-signer-key")
    digest = digest_for(signer.algorithm).digest(content)
    attributes = signed_attributes(digest, content_type, certificate, at)
    return assemble_signed_data(
        attributes,
        signer.sign(attributes),
        certificate,
        algorithm=signer.algorithm,
        content=None if detached else content,
        content_type=content_type,
        chain=chain,
    )


def signature_timestamp_attribute(token: bytes) -> bytes:
    """DER unsigned attribute that holds a timestamp token over the signature (RFC 3161 appendix A)."""
    return encode_attribute(AttributeType.SIGNATURE_TIMESTAMP, token)
