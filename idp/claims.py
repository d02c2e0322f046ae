"""What a site is told about a person: `sub`, and the claims of the scopes it was granted.

`sub` is pairwise (OIDC Core 8.1): two sites cannot compare notes, and no site ever sees `person_id`, the
register's key, which survives the renewal and the replacement of a card.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from idp.strict_json import encode_base64url
from idp.vocabulary import Scope

_SUBJECT_PURPOSE = b"tongxing pairwise subject v1"
MINIMUM_SECRET_BYTES = 32


@dataclass(frozen=True)
class Enterprise:
    """The enterprise a person acts for: its registered name and unified social credit code."""

    name: str
    uscc: str


@dataclass(frozen=True)
class EndUser:
    """The person a card belongs to, as the register tells it."""

    person_id: str
    name: str
    enterprise: Enterprise | None = None
    officer_certificate: str | None = None


SCOPE_CLAIMS: Mapping[Scope, tuple[str, ...]] = {
    Scope.OPENID: ("sub",),
    Scope.PROFILE: ("name",),
    Scope.ENTERPRISE: ("enterprise",),
    Scope.OFFICER: ("officer",),
}


def pairwise_subject(secret: bytes, sector_identifier: str, person_id: str) -> str:
    """Return a person's `sub` within one sector: HMAC-SHA-256, 43 characters, stable for life."""
    parts = (_SUBJECT_PURPOSE, sector_identifier.encode(), person_id.encode())
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return encode_base64url(hmac.digest(secret, message, hashlib.sha256))


def claims_for(end_user: EndUser, scopes: Iterable[Scope]) -> dict[str, Any]:
    """Return the claims that the scopes give about a person, `sub` apart (OIDC Core 5.4)."""
    granted = frozenset(scopes)
    claims: dict[str, Any] = {}
    if Scope.PROFILE in granted:
        claims["name"] = end_user.name
    if Scope.ENTERPRISE in granted and end_user.enterprise:
        claims["enterprise"] = {"name": end_user.enterprise.name, "uscc": end_user.enterprise.uscc}
    if Scope.OFFICER in granted and end_user.officer_certificate:
        claims["officer"] = {"certificate_sha256": end_user.officer_certificate}
    return claims
