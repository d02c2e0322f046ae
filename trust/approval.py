"""The approval statement: what a second officer's card signs before anything is issued.

Canonical JSON (RFC 8259; members sorted, no spaces, UTF-8): one statement has one encoding, and
whatever is not exactly that encoding is refused.  The signature around it is `trust.cms` with a
content type of its own: the same card signs documents, and a statement that somebody slipped in as
a document to be signed must never become an approval.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from trust.cms import SignedDataFacts, parse_signed_data, sign_cms
from trust.errors import TrustError
from trust.signer import Signer

# eContentType of approvals, under the documentation arc of RFC 5612; documents have id-data.
APPROVAL_CONTENT_TYPE: Final = "1.3.6.1.4.1.32473.2.1"
MAXIMUM_APPROVAL_SIZE: Final = 64 * 1024

APPROVAL_VERSION: Final = 1
MAXIMUM_STATEMENT_SIZE: Final = 16 * 1024
MAXIMUM_CERTIFICATES: Final = 64
MAXIMUM_TEXT_LENGTH: Final = 256
MAXIMUM_SUBJECT_LENGTH: Final = 2048

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_KEY_IDENTIFIER = re.compile(r"(?:[0-9a-f]{2}){1,64}\Z")
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_TIME = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}Z\Z")


class ApprovalError(TrustError):
    """A statement that is not exactly what version 1 of it says."""


class ApprovalPurpose(StrEnum):
    """What the signature allows."""

    ISSUE = "issue"
    REVOKE = "revoke"
    SUSPEND = "suspend"
    RELEASE = "release"


@dataclass(frozen=True)
class ApprovalStatement:
    """Do this with these certificates, byte for byte, for this application, until then.

    `subjects` are the certificates' subjects in words. A digest tells a person nothing: whoever stands
    between the authority and the card could otherwise have somebody else's certificate approved.
    """

    application: str
    issuer_key_id: str
    profiles: tuple[str, ...]
    subjects: tuple[str, ...]
    tbs_digests: tuple[str, ...]
    requester: str
    expires_at: datetime
    purpose: ApprovalPurpose = ApprovalPurpose.ISSUE
    version: int = APPROVAL_VERSION


_MEMBERS = frozenset(ApprovalStatement.__dataclass_fields__)


def encode_statement(statement: ApprovalStatement) -> bytes:
    """The one encoding of a statement; a statement that breaks a rule is refused."""
    check_statement(statement)
    document = {
        "application": statement.application,
        "expires_at": statement.expires_at.astimezone(UTC).strftime(_TIME_FORMAT),
        "issuer_key_id": statement.issuer_key_id,
        "profiles": list(statement.profiles),
        "purpose": statement.purpose.value,
        "requester": statement.requester,
        "subjects": list(statement.subjects),
        "tbs_digests": list(statement.tbs_digests),
        "version": statement.version,
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    data = text.encode("utf-8")
    if len(data) > MAXIMUM_STATEMENT_SIZE:
        raise ApprovalError("the statement is too long", code="approval-too-large")
    return data


def parse_statement(data: bytes) -> ApprovalStatement:
    """Read a statement strictly: every member once, of its type, in the one encoding."""
    # 1. Bounded JSON in UTF-8, no member twice.
    document = _load(data)
    # 2. Exactly the members of this version.
    version = document.get("version")
    if type(version) is not int or version != APPROVAL_VERSION:
        raise ApprovalError(
            "the statement's version is not known here; update this program", code="approval-version"
        )
    if document.keys() != _MEMBERS:
        names = ", ".join(sorted(str(name)[:40] for name in document.keys() ^ _MEMBERS)[:8])
        raise ApprovalError(f"members missing or not known: {names}", code="approval-members")
    # 3. Each of its type, obeying the rules of a statement.
    statement = ApprovalStatement(
        application=_text(document, "application"),
        issuer_key_id=_text(document, "issuer_key_id"),
        profiles=_texts(document, "profiles"),
        subjects=_texts(document, "subjects"),
        tbs_digests=_texts(document, "tbs_digests"),
        requester=_text(document, "requester"),
        expires_at=_time(_text(document, "expires_at")),
        purpose=_purpose(_text(document, "purpose")),
        version=version,
    )
    # 4. Written as we write it: otherwise two readers might see two statements.
    if encode_statement(statement) != data:
        raise ApprovalError("the statement is not in its canonical form", code="approval-not-canonical")
    return statement


def sign_approval(
    statement: bytes,
    signer: Signer,
    certificate: bytes,
    *,
    chain: Sequence[bytes] = (),
    at: datetime | None = None,
) -> bytes:
    """Sign an encoded statement, once it has been read strictly, as CMS of the approvals' content type."""
    parse_statement(statement)
    return sign_cms(statement, signer, certificate, chain=chain, at=at, content_type=APPROVAL_CONTENT_TYPE)


def parse_approval(data: bytes) -> tuple[ApprovalStatement, SignedDataFacts]:
    """Read an approval: the statement inside, and the facts for `verify_signed_data`."""
    facts = parse_signed_data(data, maximum_size=MAXIMUM_APPROVAL_SIZE)
    if facts.content_type != APPROVAL_CONTENT_TYPE:
        raise ApprovalError("this was signed as a document, not as an approval", code="approval-content-type")
    if facts.content is None:
        raise ApprovalError("the approval does not hold its statement", code="approval-detached")
    return parse_statement(facts.content), facts


def visible_text(text: str) -> str:
    """A text with every character that might not show (RFC 4514 2.4's way) written as its UTF-8 octets.

    A rare name may hold characters that this machine's tables do not know yet; it must still be approvable.
    """
    return "".join(
        "".join(f"\\{octet:02x}" for octet in character.encode("utf-8"))
        if _may_hide(character)
        else character
        for character in text
    )


def check_statement(statement: ApprovalStatement) -> None:
    """Check the rules every statement obeys, read or to be written."""
    if statement.version != APPROVAL_VERSION:
        raise ApprovalError(f"only version {APPROVAL_VERSION} is written", code="approval-version")
    for name in ("application", "requester"):
        _check_text(name, getattr(statement, name))
    if not _KEY_IDENTIFIER.match(statement.issuer_key_id):
        raise ApprovalError("issuer_key_id is not hexadecimal", code="approval-issuer-key-id")
    counts = {len(statement.tbs_digests), len(statement.profiles), len(statement.subjects)}
    if len(counts) > 1 or not 0 < len(statement.tbs_digests) <= MAXIMUM_CERTIFICATES:
        raise ApprovalError(
            f"there must be 1 to {MAXIMUM_CERTIFICATES} digests, and as many profiles and subjects",
            code="approval-count",
        )
    for profile in statement.profiles:
        _check_text("profile", profile)
    for subject in statement.subjects:
        _check_text("subject", subject, MAXIMUM_SUBJECT_LENGTH)
    if len(set(statement.tbs_digests)) != len(statement.tbs_digests) or not all(
        _DIGEST.match(digest) for digest in statement.tbs_digests
    ):
        raise ApprovalError("tbs_digests are not different SHA-256 digests", code="approval-digest")
    if statement.expires_at.tzinfo is None or statement.expires_at.microsecond:
        raise ApprovalError("expires_at is not a whole second in UTC", code="approval-time")


def _check_text(name: str, value: str, maximum: int = MAXIMUM_TEXT_LENGTH) -> None:
    """Check a text that people are shown: not empty, not long, nothing invisible."""
    if not 0 < len(value) <= maximum or any(map(_may_hide, value)):
        raise ApprovalError(f"{name} must have 1 to {maximum} visible characters", code="approval-text")


def _may_hide(character: str) -> bool:
    """Whether a character is a control, a format character, private or unassigned."""
    return unicodedata.category(character)[0] == "C"


def _load(data: bytes) -> dict[str, Any]:
    """The JSON object in data; members that occur twice are refused."""
    if len(data) > MAXIMUM_STATEMENT_SIZE:
        raise ApprovalError("the statement is too long", code="approval-too-large")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_members_once)
    except (ValueError, RecursionError) as error:
        raise ApprovalError("the statement is not JSON in UTF-8", code="approval-not-json") from error
    if not isinstance(document, dict):
        raise ApprovalError("the statement is not a JSON object", code="approval-not-json")
    return document


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members all have different names."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ApprovalError("a member occurs twice", code="approval-member-repeated")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    """A member that must be a string."""
    value = document[name]
    if not isinstance(value, str):
        raise ApprovalError(f"{name} is not a string", code="approval-type")
    return value


def _texts(document: dict[str, Any], name: str) -> tuple[str, ...]:
    """A member that must be a list of strings."""
    values = document[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ApprovalError(f"{name} is not a list of strings", code="approval-type")
    return tuple(values)


def _purpose(text: str) -> ApprovalPurpose:
    """The purpose, one of those known here."""
    try:
        return ApprovalPurpose(text)
    except ValueError as error:
        raise ApprovalError("the purpose is not known here", code="approval-purpose") from error


def _time(text: str) -> datetime:
    """A time written YYYY-MM-DDTHH:MM:SSZ."""
    try:
        if not _TIME.match(text):
            raise ValueError(text)
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise ApprovalError("expires_at is not YYYY-MM-DDTHH:MM:SSZ", code="approval-time") from error
