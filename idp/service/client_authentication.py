"""How a site proves itself at the token endpoint (RFC 6749 2.3, OIDC Core 9, RFC 7523)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from idp.authorization.parameters import Parameters
from idp.client import Client, digest_secret
from idp.errors import SignedTokenError, TokenEndpointError
from idp.models import UsedAssertionRecord
from idp.provider import Provider
from idp.service.clients import find_client
from idp.tokens import Purpose, VerificationKey, unverified_claims, verify_token
from idp.vocabulary import CLIENT_ASSERTION_TYPE, ClientAuthentication, OAuthError

_BASIC = "basic "


def authenticate_client(
    provider: Provider, authorization: str | None, parameters: Parameters, at: datetime
) -> Client:
    """Return the site that proved itself, by exactly the one method it registered.

    1. One method is used, no more. 2. The client exists and is not disabled. 3. It is the registered method.
    4. The secret matches, or the assertion verifies and was never used before.
    """
    method = _method_used(authorization, parameters)
    client_id, proof = _claimed_identity(method, authorization or "", parameters)
    body_id = parameters.get("client_id")
    if body_id is not None and body_id != client_id:
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "client_id names another client")
    with provider.database.read() as connection:
        client = find_client(connection, client_id)
    if client is None or client.disabled:
        raise _invalid_client("unknown or disabled client")
    if client.authentication is not method:
        raise _invalid_client(f"this client is registered for {client.authentication.value}")
    if method is ClientAuthentication.PRIVATE_KEY_JWT:
        _check_assertion(provider, client, proof, at)
    elif not client.secret_matches(proof):
        raise _invalid_client("the client secret is wrong")
    return client


def _invalid_client(description: str) -> TokenEndpointError:
    """Make the error of a site that did not prove itself."""
    return TokenEndpointError(OAuthError.INVALID_CLIENT, description, HTTPStatus.UNAUTHORIZED)


def _method_used(authorization: str | None, parameters: Parameters) -> ClientAuthentication:
    """Tell which method the request uses; refuse none, and more than one (RFC 6749 2.3)."""
    used = []
    if authorization is not None:
        used.append(ClientAuthentication.CLIENT_SECRET_BASIC)
    if parameters.get("client_secret") is not None:
        used.append(ClientAuthentication.CLIENT_SECRET_POST)
    if parameters.get("client_assertion") is not None or parameters.get("client_assertion_type") is not None:
        used.append(ClientAuthentication.PRIVATE_KEY_JWT)
    if not used:
        raise _invalid_client("client authentication is missing")
    if len(used) > 1:
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "more than one client authentication method")
    return used[0]


def _claimed_identity(
    method: ClientAuthentication, authorization: str, parameters: Parameters
) -> tuple[str, str]:
    """Return which client the request claims to come from, and the proof it offers."""
    if method is ClientAuthentication.CLIENT_SECRET_BASIC:
        return _read_basic(authorization)
    if method is ClientAuthentication.CLIENT_SECRET_POST:
        return parameters.get("client_id") or "", parameters.get("client_secret") or ""
    if parameters.get("client_assertion_type") != CLIENT_ASSERTION_TYPE:
        raise _invalid_client(f"client_assertion_type must be {CLIENT_ASSERTION_TYPE}")
    assertion = parameters.get("client_assertion") or ""
    try:
        subject = unverified_claims(assertion).get("sub")
    except SignedTokenError as error:
        raise _invalid_client(f"client_assertion: {error.message}") from None
    return (subject if isinstance(subject, str) else ""), assertion


def _read_basic(authorization: str) -> tuple[str, str]:
    """Read an Authorization header of scheme Basic; both parts are form-encoded (RFC 6749 2.3.1)."""
    if not authorization.lower().startswith(_BASIC):
        raise _invalid_client("the Authorization header must use Basic")
    try:
        text = base64.b64decode(authorization[len(_BASIC) :].strip(), validate=True).decode("utf-8")
        client_id, _, secret = text.partition(":")
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise _invalid_client("the Authorization header cannot be read") from None


def _check_assertion(provider: Provider, client: Client, assertion: str, at: datetime) -> None:
    """Verify a client assertion (RFC 7523 3): signature, issuer, subject, audience, lifetime, first use."""
    try:
        claims = verify_token(
            assertion,
            Purpose.CLIENT_ASSERTION,
            keys=_keys_of(json.dumps(client.jwks)),
            issuer=client.client_id,
            audience=provider.issuer,
            at=at,
        )
    except SignedTokenError as error:
        raise _invalid_client(f"client_assertion: {error.message}") from None
    if claims["sub"] != client.client_id:
        raise _invalid_client("client_assertion: sub is not the client")
    _remember_assertion(provider, client, claims)


@lru_cache(maxsize=1024)
def _keys_of(jwks: str) -> tuple[VerificationKey, ...]:
    """Build a site's keys once."""
    keys: list[Mapping[str, Any]] = json.loads(jwks)
    return tuple(VerificationKey.from_jwk(key) for key in keys)


def _remember_assertion(provider: Provider, client: Client, claims: Mapping[str, Any]) -> None:
    """Record the assertion's identifier; one that is recorded already is a replay."""
    until = datetime.fromtimestamp(float(claims["exp"]), UTC) + timedelta(minutes=1)
    try:
        with provider.database.engine.begin() as connection:
            connection.execute(
                sa.insert(UsedAssertionRecord).values(
                    client_id=client.client_id, jti_digest=digest_secret(claims["jti"]), expires_at=until
                )
            )
    except IntegrityError:
        raise _invalid_client("client_assertion: used before (jti)") from None
