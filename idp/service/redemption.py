"""Redeeming an authorization code for tokens (RFC 6749 4.1.3, OIDC Core 3.1.3)."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from idp.authorization.parameters import Parameters
from idp.client import Client, digest_secret
from idp.errors import TokenEndpointError
from idp.models import AccessTokenRecord, CodeRecord, CodeState
from idp.provider import Provider, new_secret
from idp.service.audit_actions import Action, site
from idp.strict_json import encode_base64url
from idp.tokens import Purpose, half_digest, sign_token
from idp.vocabulary import GrantType, OAuthError

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")
_CODES = CodeRecord.__table__
# One statement decides who redeems: the row changes for exactly one of any number of attempts.
_REDEEM = (
    sa.update(CodeRecord)
    .where(
        CodeRecord.code_digest == sa.bindparam("digest"),
        CodeRecord.client_id == sa.bindparam("client"),
        CodeRecord.used == CodeState.UNUSED,
        CodeRecord.expires_at > sa.bindparam("at", type_=CodeRecord.expires_at.type),
    )
    .values(used=CodeState.REDEEMED)
    .returning(_CODES)
)
_STORE = sa.insert(AccessTokenRecord)


def redeem_code(provider: Provider, client: Client, parameters: Parameters, at: datetime) -> dict[str, Any]:
    """Exchange a code for an access token and an ID Token.

    1. The grant is a code, with the redirect URI and the PKCE verifier. 2. The code is taken: once, by the
    client it was issued to, in time. 3. It was issued for this redirect URI and this verifier; a wrong one
    spends the code. 4. Tokens are made and the access token stored, in the transaction that took the code.
    """
    code, redirect_uri, verifier = _read_grant(parameters)
    digest = digest_secret(code)
    with provider.database.engine.begin() as connection:
        row = connection.execute(_REDEEM, {"digest": digest, "client": client.client_id, "at": at}).first()
        fault = _binding_fault(row, redirect_uri, verifier) if row else None
        if row and not fault:
            access_token = new_secret()
            connection.execute(_STORE, _access_token_row(provider, row, access_token, at))
            return _token_response(provider, client, row, access_token, at)
    if fault:
        raise TokenEndpointError(OAuthError.INVALID_GRANT, fault)
    _handle_replay(provider, client, digest, at)
    raise TokenEndpointError(
        OAuthError.INVALID_GRANT, "the code is unknown, expired, used, or was issued to another client"
    )


def _read_grant(parameters: Parameters) -> tuple[str, str, str]:
    """Read the grant's parameters (RFC 6749 4.1.3, RFC 7636 4.5)."""
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "grant_type is missing")
    if grant_type != GrantType.AUTHORIZATION_CODE:
        raise TokenEndpointError(
            OAuthError.UNSUPPORTED_GRANT_TYPE, "grant_type: authorization_code is offered"
        )
    values = [parameters.get(name) for name in ("code", "redirect_uri", "code_verifier")]
    code, redirect_uri, verifier = values
    if not code or not redirect_uri or not verifier:
        raise TokenEndpointError(
            OAuthError.INVALID_REQUEST, "code, redirect_uri and code_verifier are required"
        )
    if not _VERIFIER.match(verifier):
        raise TokenEndpointError(
            OAuthError.INVALID_REQUEST, "code_verifier: 43 to 128 unreserved characters (RFC 7636 4.1)"
        )
    return code, redirect_uri, verifier


def _binding_fault(row: Any, redirect_uri: str, verifier: str) -> str | None:
    """Say which binding of the code does not hold, if any."""
    if row.redirect_uri != redirect_uri:
        return "redirect_uri is not the one of the authentication request"
    challenge = encode_base64url(hashlib.sha256(verifier.encode("ascii")).digest())
    if not hmac.compare_digest(challenge, row.code_challenge):
        return "code_verifier does not fit the code_challenge"
    return None


def _access_token_row(provider: Provider, row: Any, access_token: str, at: datetime) -> dict[str, Any]:
    """Return the access token as it is stored."""
    return {
        "token_digest": digest_secret(access_token),
        "code_digest": row.code_digest,
        "client_id": row.client_id,
        "session_id": row.session_id,
        "sub": row.sub,
        "scopes": row.scopes,
        "expires_at": at + timedelta(seconds=provider.settings.access_token_seconds),
        "revoked_at": None,
    }


def _token_response(
    provider: Provider, client: Client, row: Any, access_token: str, at: datetime
) -> dict[str, Any]:
    """Return the successful response (OIDC Core 3.1.3.3) with its ID Token (2)."""
    issued = int(at.timestamp())
    id_token = {
        "iss": provider.issuer,
        "sub": row.sub,
        "aud": client.client_id,
        "exp": issued + provider.settings.id_token_seconds,
        "iat": issued,
        "auth_time": int(row.auth_time.timestamp()),
        "nonce": row.nonce,
        "acr": row.acr,
        "amr": row.amr.split(),
        "at_hash": half_digest(access_token),
        "sid": row.session_id,
    }
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": provider.settings.access_token_seconds,
        "scope": row.scopes,
        "id_token": sign_token(
            Purpose.ID_TOKEN, id_token, provider.keys.signing_key(client.id_token_algorithm)
        ),
    }


def _handle_replay(provider: Provider, client: Client, digest: str, at: datetime) -> None:
    """A code that comes again has leaked: revoke what it was redeemed for (RFC 6749 4.1.2)."""
    with provider.database.session() as session:
        code = session.execute(
            sa.select(CodeRecord.client_id).where(
                CodeRecord.code_digest == digest, CodeRecord.used == CodeState.REDEEMED
            )
        ).first()
        if code is None:
            return
        session.execute(
            sa.update(AccessTokenRecord)
            .where(AccessTokenRecord.code_digest == digest, AccessTokenRecord.revoked_at.is_(None))
            .values(revoked_at=at)
            .execution_options(synchronize_session=False)
        )
        provider.audit.append(
            session,
            at=at,
            actor=site(client.client_id),
            action=Action.CODE_REPLAYED,
            subject=site(code.client_id),
            details={"code_digest": digest},
        )
