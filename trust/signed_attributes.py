"""What a signer signs: the signed attributes of CMS, read strictly (RFC 5652 5.3, 5.4 and 11; RFC 5035 3).

`trust.cms` reads them inside a message; the card agent reads them alone, before the card signs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from trust.digest import MESSAGE_DIGESTS, DigestAlgorithm, parse_digest_algorithm
from trust.encoding import der
from trust.encoding.cms import AttributeType
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import TrustError

MAXIMUM_ATTRIBUTES: Final = 32
MAXIMUM_SIGNED_ATTRIBUTES_SIZE: Final = 64 * 1024


class CMSError(TrustError):
    """A signed message that is malformed, or whose signature does not cover what it should."""


@dataclass(frozen=True)
class SignedAttributes:
    """The attributes a signature covers; `encoded` is the SET OF that is signed."""

    encoded: bytes = field(repr=False)
    values: Mapping[str, bytes] = field(repr=False)
    content_type: str
    message_digest: bytes
    signing_time: datetime | None
    signing_certificate_digest: tuple[DigestAlgorithm, bytes] | None


def parse_signed_attributes(encoded: bytes) -> SignedAttributes:
    """Read the DER SET OF attributes that a signature covers; each attribute has exactly one value."""
    try:
        return _parse(bytes(encoded))
    except DerError as error:
        raise CMSError(
            f"not signed attributes: {error.message}", code=error.code, clause=error.clause or "RFC 5652 5.3"
        ) from error


def _parse(encoded: bytes) -> SignedAttributes:
    """The attributes, DER throughout, then those that have a meaning here."""
    der.check_der(encoded, maximum_size=MAXIMUM_SIGNED_ATTRIBUTES_SIZE)
    values: dict[str, bytes] = {}
    for oid, attribute_values in read_attributes(Reader(encoded).enter(Tag.SET)):
        if oid in values or len(attribute_values) != 1:
            raise CMSError(
                f"attribute {oid} does not have exactly one value",
                code="cms-attribute-repeated",
                clause="RFC 5652 11",
            )
        values[oid] = attribute_values[0]
    signing_time = values.get(AttributeType.SIGNING_TIME)
    return SignedAttributes(
        encoded=encoded,
        values=MappingProxyType(values),
        content_type=Reader(_required(values, AttributeType.CONTENT_TYPE, "content-type")).read_oid(),
        message_digest=Reader(
            _required(values, AttributeType.MESSAGE_DIGEST, "message-digest")
        ).read_octet_string(),
        signing_time=None if signing_time is None else Reader(signing_time).read_time(),
        signing_certificate_digest=_signing_certificate(values),
    )


def read_attributes(reader: Reader) -> list[tuple[str, list[bytes]]]:
    """Attributes as (type, encoded values), a bounded number of them."""
    attributes: list[tuple[str, list[bytes]]] = []
    while not reader.at_end:
        if len(attributes) == MAXIMUM_ATTRIBUTES:
            raise CMSError(f"more than {MAXIMUM_ATTRIBUTES} attributes", code="cms-too-many-attributes")
        attribute = reader.enter()
        oid = attribute.read_oid()
        values = set_members(attribute.read_raw(Tag.SET))
        attribute.finish()
        attributes.append((oid, values))
    return attributes


def set_members(encoded: bytes) -> list[bytes]:
    """Encoded members of a SET OF."""
    members = Reader(encoded).enter(Tag.SET)
    result: list[bytes] = []
    while not members.at_end:
        result.append(members.read_raw())
    return result


def accepted_digest(identifier: bytes) -> DigestAlgorithm:
    """The digest algorithm, refused when it is one of yesterday."""
    digest = parse_digest_algorithm(identifier)
    if digest not in MESSAGE_DIGESTS:
        raise CMSError(
            f"signed with {digest.label}, which is not accepted; sign with sha256 or better",
            code="cms-weak-digest",
            clause="NIST SP 800-131A",
        )
    return digest


def _required(attributes: Mapping[str, bytes], oid: str, name: str) -> bytes:
    """The value of an attribute that must be there."""
    if oid not in attributes:
        raise CMSError(f"the {name} attribute is missing", code=f"cms-no-{name}", clause="RFC 5652 5.3")
    return attributes[oid]


def _signing_certificate(attributes: Mapping[str, bytes]) -> tuple[DigestAlgorithm, bytes] | None:
    """Digest of the signer's certificate in signing-certificate-v2, the first listed (RFC 5035 3 and 4)."""
    value = attributes.get(AttributeType.SIGNING_CERTIFICATE_V2)
    if value is None:
        return None
    identifier = der.read_sequence(value).enter().enter()
    digest = DigestAlgorithm.SHA256
    if identifier.peek() == Tag.SEQUENCE:
        digest = accepted_digest(identifier.read_raw())
    return digest, identifier.read_octet_string()
