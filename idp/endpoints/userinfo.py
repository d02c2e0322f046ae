"""The UserInfo endpoint (OIDC Core 5.3), protected by a bearer token in the header (RFC 6750 2.1)."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from idp.discovery import USERINFO_PATH
from idp.endpoints.wsgi import NO_STORE, Answer, Environ, endpoint, json_answer
from idp.errors import BearerTokenError
from idp.provider import Provider
from idp.service.userinfo import userinfo
from idp.vocabulary import OAuthError
from runtime.web import WsgiCallable

_METHODS = frozenset({"GET", "POST"})
_BEARER = "bearer "
_REALM = 'Bearer realm="userinfo"'


def userinfo_endpoint(provider: Provider) -> WsgiCallable:
    """Make the UserInfo endpoint."""

    def handle(environ: Environ) -> Answer:
        try:
            return json_answer(userinfo(provider, _bearer_token(environ), provider.now()))
        except BearerTokenError as error:
            return _refusal(error)

    return endpoint(USERINFO_PATH, _METHODS, handle)


def _bearer_token(environ: Environ) -> str:
    """Take the access token from the header; from nowhere else (a token in an address ends up in logs)."""
    if "access_token" in parse_qs(environ.get("QUERY_STRING", "")):
        raise BearerTokenError(
            OAuthError.INVALID_REQUEST, "the access token belongs in the header", HTTPStatus.BAD_REQUEST
        )
    header = environ.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise BearerTokenError(None, "an access token is needed", HTTPStatus.UNAUTHORIZED)
    if not header.lower().startswith(_BEARER):
        raise BearerTokenError(
            OAuthError.INVALID_REQUEST, "the Authorization header must use Bearer", HTTPStatus.BAD_REQUEST
        )
    return str(header[len(_BEARER) :].strip())


def _refusal(error: BearerTokenError) -> Answer:
    """Say why, in the header as RFC 6750 3 wants it and in the body for people."""
    if error.error is None:
        return json_answer({}, error.status, {**NO_STORE, "WWW-Authenticate": _REALM})
    challenge = f'{_REALM}, error="{error.error.value}", error_description="{error.message}"'
    body = {"error": error.error.value, "error_description": error.message}
    return json_answer(body, error.status, {**NO_STORE, "WWW-Authenticate": challenge})
