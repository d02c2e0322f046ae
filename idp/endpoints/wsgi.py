"""What the raw WSGI endpoints share: one request in, JSON out, counted and timed."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from idp.authorization.parameters import Parameters
from idp.errors import TokenEndpointError, UntrustedRequestError
from idp.settings import SERVICE
from idp.vocabulary import OAuthError
from runtime import log, metrics
from runtime.errors import ClockError
from runtime.web import WsgiCallable

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MAXIMUM_BODY = 32 * 1024
NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class Answer:
    """A response before it is written."""

    status: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = NO_STORE
) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), headers)


def error_answer(
    error: OAuthError, description: str, status: HTTPStatus, headers: Mapping[str, str] = NO_STORE
) -> Answer:
    """Return an error as OAuth writes it (RFC 6749 5.2)."""
    return json_answer({"error": error.value, "error_description": description}, status, headers)


def endpoint(route: str, methods: frozenset[str], handle: Callable[[Environ], Answer]) -> WsgiCallable:
    """Make a raw WSGI callable of a handler: exact path, known methods, one log line for a refusal."""
    allowed = ", ".join(sorted(methods))

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        log.request_id.set(secrets.token_hex(8))
        answer = _answer(environ, route, methods, allowed, handle)
        elapsed = time.perf_counter() - started
        metrics.observe_request(SERVICE, environ["REQUEST_METHOD"], route, answer.status, elapsed)
        headers = {
            "Content-Type": _JSON,
            "Content-Length": str(len(answer.body)),
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": log.request_id.get(),
            **answer.headers,
        }
        start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    return call


def _answer(
    environ: Environ, route: str, methods: frozenset[str], allowed: str, handle: Callable[[Environ], Answer]
) -> Answer:
    """Run the handler; whatever it did not foresee becomes server_error without details."""
    if environ.get("PATH_INFO") != route:
        return error_answer(OAuthError.INVALID_REQUEST, "nothing is here", HTTPStatus.NOT_FOUND)
    if environ["REQUEST_METHOD"] not in methods:
        return error_answer(
            OAuthError.INVALID_REQUEST,
            f"use {allowed}",
            HTTPStatus.METHOD_NOT_ALLOWED,
            {**NO_STORE, "Allow": allowed},
        )
    try:
        return handle(environ)
    except ClockError as error:
        return error_answer(OAuthError.TEMPORARILY_UNAVAILABLE, str(error), HTTPStatus.SERVICE_UNAVAILABLE)
    except Exception:  # noqa: BLE001 - the outermost frame of a request
        _LOG.exception("unforeseen error")
        return error_answer(
            OAuthError.SERVER_ERROR, "something went wrong on our side", HTTPStatus.INTERNAL_SERVER_ERROR
        )


def read_form(environ: Environ) -> Parameters:
    """Read a form body; raise TokenEndpointError when it is not one, too large, or repeats a parameter."""
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != _FORM:
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, f"the content type must be {_FORM}")
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()) or int(length) > _MAXIMUM_BODY:
        raise TokenEndpointError(
            OAuthError.INVALID_REQUEST, f"a body of known length, at most {_MAXIMUM_BODY} octets"
        )
    try:
        parameters = Parameters.parse(environ["wsgi.input"].read(int(length)).decode("ascii"))
    except (UnicodeDecodeError, UntrustedRequestError):
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "the form cannot be read") from None
    if parameters.repeated:
        raise TokenEndpointError(OAuthError.INVALID_REQUEST, "a parameter comes more than once")
    return parameters
