"""What an access token tells (OIDC Core 5.3)."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa

from idp.claims import claims_for
from idp.client import digest_secret
from idp.errors import BearerTokenError
from idp.models import AccessTokenRecord, ClientRecord, SessionRecord
from idp.provider import Provider
from idp.service.sessions import to_end_user
from idp.vocabulary import OAuthError, Scope

_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_LIVE_TOKEN = (
    sa.select(
        AccessTokenRecord.sub,
        AccessTokenRecord.scopes,
        SessionRecord.person_id,
        SessionRecord.name,
        SessionRecord.enterprise_name,
        SessionRecord.enterprise_uscc,
        SessionRecord.officer_certificate,
    )
    .join(SessionRecord, SessionRecord.session_id == AccessTokenRecord.session_id)
    .join(ClientRecord, ClientRecord.client_id == AccessTokenRecord.client_id)
    .where(
        AccessTokenRecord.token_digest == sa.bindparam("digest"),
        AccessTokenRecord.expires_at > sa.bindparam("at", type_=AccessTokenRecord.expires_at.type),
        AccessTokenRecord.revoked_at.is_(None),
        SessionRecord.ended_at.is_(None),
        SessionRecord.started_at >= sa.bindparam("started_since", type_=SessionRecord.started_at.type),
        SessionRecord.seen_at >= sa.bindparam("seen_since", type_=SessionRecord.seen_at.type),
        ClientRecord.disabled_at.is_(None),
    )
)


def userinfo(provider: Provider, access_token: str, at: datetime) -> dict[str, Any]:
    """Return the claims an access token gives, while it, its session and its site are in force."""
    row = None
    if _ACCESS_TOKEN.match(access_token):
        limits = provider.settings.session_limits
        values = {
            "digest": digest_secret(access_token),
            "at": at,
            "started_since": at - limits.absolute,
            "seen_since": at - limits.idle,
        }
        with provider.database.read() as connection:
            row = connection.execute(_LIVE_TOKEN, values).first()
    if row is None:
        raise BearerTokenError(
            OAuthError.INVALID_TOKEN,
            "the access token is unknown, expired or revoked",
            HTTPStatus.UNAUTHORIZED,
        )
    scopes = [Scope(scope) for scope in row.scopes.split()]
    return {"sub": row.sub, **claims_for(to_end_user(row), scopes)}
