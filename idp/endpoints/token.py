"""The token endpoint (RFC 6749 3.2, OIDC Core 3.1.3)."""

from __future__ import annotations

import logging
from http import HTTPStatus

from idp.discovery import TOKEN_PATH
from idp.endpoints.wsgi import NO_STORE, Answer, Environ, endpoint, error_answer, json_answer, read_form
from idp.errors import TokenEndpointError
from idp.provider import Provider
from idp.service.client_authentication import authenticate_client
from idp.service.redemption import redeem_code
from idp.vocabulary import OAuthError
from runtime import log
from runtime.web import WsgiCallable

_LOG = logging.getLogger(__name__)
_POST = frozenset({"POST"})
_CHALLENGE = {**NO_STORE, "WWW-Authenticate": 'Basic realm="token"'}


def token_endpoint(provider: Provider) -> WsgiCallable:
    """Make the token endpoint."""

    def handle(environ: Environ) -> Answer:
        try:
            return _exchange(provider, environ)
        except TokenEndpointError as error:
            log.event(_LOG, "token request refused", error=error.code, reason=error.message)
            unauthorized = error.status is HTTPStatus.UNAUTHORIZED
            return error_answer(
                error.error, error.message, error.status, _CHALLENGE if unauthorized else NO_STORE
            )

    return endpoint(TOKEN_PATH, _POST, handle)


def _exchange(provider: Provider, environ: Environ) -> Answer:
    """1. Read the form. 2. Authenticate the site. 3. Redeem the grant."""
    at = provider.now()
    if environ.get("QUERY_STRING"):
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "parameters belong in the body")
    parameters = read_form(environ)
    client = authenticate_client(provider, environ.get("HTTP_AUTHORIZATION"), parameters, at)
    return json_answer(redeem_code(provider, client, parameters, at))
