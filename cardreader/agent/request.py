"""What a page may ask: four typed requests, read strictly and bounded."""

from __future__ import annotations

import base64
import binascii
import hmac
import unicodedata
from dataclasses import dataclass
from typing import Any

from cardreader.errors import BadRequestError
from trust.approval import ApprovalStatement, parse_statement
from trust.encoding.cms import ContentType
from trust.errors import TrustError
from trust.signed_attributes import parse_signed_attributes

MINIMUM_NONCE, MAXIMUM_NONCE = 44, 128  # Web eID: 256 bits in Base64, at least
MAXIMUM_TITLE = 200
MAXIMUM_ATTRIBUTES = 16_384
MAXIMUM_CERTIFICATE = 16_384
SHA256_SIZE = 32
LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class LoginRequest:
    """A card token for this nonce."""

    nonce: str


@dataclass(frozen=True)
class DocumentRequest:
    """A signature over signed attributes whose message digest is that of the document shown."""

    certificate: bytes
    signed_attributes: bytes
    title: str
    size: int
    pages: int | None
    digest: bytes


@dataclass(frozen=True)
class ApprovalRequest:
    """A signature over an approval statement."""

    encoded: bytes
    statement: ApprovalStatement


def parse_language(body: dict[str, Any]) -> str:
    """The language to show: zh (also when none is named), or English for any other."""
    language = str(body.get("lang", "zh"))[:35].lower()
    return "zh" if language.startswith("zh") else "en"


def parse_login(body: dict[str, Any]) -> LoginRequest:
    """A login request."""
    nonce = _text(body, "nonce")
    if not MINIMUM_NONCE <= len(nonce) <= MAXIMUM_NONCE or not nonce.isascii() or not nonce.isprintable():
        raise BadRequestError("the nonce must have 44 to 128 characters")
    return LoginRequest(nonce)


def parse_document(body: dict[str, Any]) -> DocumentRequest:
    """A document request, whose signed attributes must be about the document that is shown."""
    document = body.get("document")
    if not isinstance(document, dict):
        raise BadRequestError("document must be an object")
    digest = _base64(document, "digest", SHA256_SIZE)
    attributes = _base64(body, "signed_attributes", MAXIMUM_ATTRIBUTES)
    certificate = _base64(body, "certificate", MAXIMUM_CERTIFICATE)
    check_document_attributes(attributes, certificate, digest)
    return DocumentRequest(
        certificate=certificate,
        signed_attributes=attributes,
        title=_shown_text(_text(document, "title")),
        size=_count(document, "size"),
        pages=_count(document, "pages") if document.get("pages") is not None else None,
        digest=digest,
    )


def parse_approval(body: dict[str, Any]) -> ApprovalRequest:
    """An approval request; the statement is read as strictly as the authority will read it."""
    encoded = _base64(body, "statement", MAXIMUM_ATTRIBUTES)
    try:
        return ApprovalRequest(encoded, parse_statement(encoded))
    except TrustError as error:
        raise BadRequestError(f"the approval statement is refused ({error.code})") from error


def check_document_attributes(signed_attributes: bytes, certificate: bytes, digest: bytes) -> None:
    """Check that what the card would sign is the document shown, as a document, for this certificate.

    RFC 5652 11.1: the content type is id-data, since an approval signed by the same key has its own; 11.2:
    the message digest is that of the document; RFC 5035 3: a named certificate is the one that signs.
    """
    if len(digest) != SHA256_SIZE:
        raise BadRequestError("the document's digest must be SHA-256")
    try:
        attributes = parse_signed_attributes(signed_attributes)
    except TrustError as error:
        raise BadRequestError(f"signed_attributes are refused ({error.code})") from error
    if attributes.content_type != ContentType.DATA:
        raise BadRequestError("signed_attributes are not those of a document")
    if not hmac.compare_digest(attributes.message_digest, digest):
        raise BadRequestError("what is to be signed is not the document that is shown")
    named = attributes.signing_certificate_digest
    if named is not None and not hmac.compare_digest(named[0].digest(certificate), named[1]):
        raise BadRequestError("signed_attributes name another certificate")


def _text(body: dict[str, Any], name: str) -> str:
    """A member that must be a string."""
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequestError(f"{name} must be a string")
    return value


def _count(body: dict[str, Any], name: str) -> int:
    """A member that must be a count."""
    value = body.get(name)
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise BadRequestError(f"{name} must be a whole number")
    return value


def _base64(body: dict[str, Any], name: str, maximum: int) -> bytes:
    """A member that must be Base64 of at most `maximum` bytes."""
    text = _text(body, name)
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadRequestError(f"{name} must be Base64") from error
    if not 0 < len(value) <= maximum:
        raise BadRequestError(f"{name} must have 1 to {maximum} bytes")
    return value


def _shown_text(text: str) -> str:
    """A title as it may be shown: no control or direction characters, not longer than a line or two."""
    visible = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text)
    visible = visible.strip()
    if not visible:
        raise BadRequestError("the document needs a title")
    return visible if len(visible) <= MAXIMUM_TITLE else visible[: MAXIMUM_TITLE - 1] + "…"
