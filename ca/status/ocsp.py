"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019 6), as raw WSGI ahead of Flask."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from ca.status.responder import OCSPResponder
from ca.status.service import StatusService
from runtime.errors import ClockError, KeyTokenError
from runtime.web import WsgiCallable
from trust.encoding.ocsp import (
    MAXIMUM_REQUEST_SIZE,
    OCSPRequest,
    OCSPResponseStatus,
    encode_ocsp_error,
    parse_ocsp_request,
)
from trust.errors import TrustError

_LOG = logging.getLogger(__name__)
PATH = "/ocsp"
_CONTENT_TYPE = "application/ocsp-response"
_ERRORS = {status: encode_ocsp_error(status) for status in OCSPResponseStatus if status}
# Long enough for a cache to take a burst, short enough for a revocation to be seen at once.
_CACHE_SECONDS = 5

Headers = list[tuple[str, str]]


def ocsp_endpoint(
    responder: OCSPResponder,
    service: StatusService,
    maximum_age: timedelta,
    now: Callable[[], datetime],
) -> WsgiCallable:
    """The WSGI callable for /ocsp (POST) and /ocsp/<base64> (GET)."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "POST"):
            start_response("405 Method Not Allowed", [("Allow", "GET, POST"), ("Content-Length", "0")])
            return [b""]
        encoded = _posted(environ) if method == "POST" else _in_path(environ)
        try:
            at = now()
        except ClockError:  # no answer can be dated
            body, headers = _error(OCSPResponseStatus.TRY_LATER)
        else:
            body, headers = respond(encoded, responder, service, maximum_age, at, cacheable=method == "GET")
        start_response(
            "200 OK", [("Content-Type", _CONTENT_TYPE), ("Content-Length", str(len(body))), *headers]
        )
        return [body]

    return answer


def respond(
    encoded: bytes | None,
    responder: OCSPResponder,
    service: StatusService,
    maximum_age: timedelta,
    at: datetime,
    *,
    cacheable: bool,
) -> tuple[bytes, Headers]:
    """Answer one request, told as RFC 6960 2.3 and 4.2 have it."""
    # 1. A request that cannot be read is malformed.
    request = _read(encoded)
    if request is None:
        return _error(OCSPResponseStatus.MALFORMED_REQUEST)
    # 2. Questions about other authorities only: not authorised to answer (RFC 5019 2.2.3).
    serial_numbers = responder.serial_numbers(request)
    if not serial_numbers:
        return _error(OCSPResponseStatus.UNAUTHORIZED)
    # 3. Without recent word from the authority nothing is certain: try later.
    snapshot = service.look_up(serial_numbers)
    if snapshot.complete_at is None or at - snapshot.complete_at > maximum_age:
        return _error(OCSPResponseStatus.TRY_LATER)
    # 4. An answer a question, signed, as of the moment up to which everything is known.
    this_update = min(snapshot.complete_at, at).replace(microsecond=0)
    try:
        body = responder.respond(request, snapshot.statuses, this_update=this_update, produced_at=at)
    except KeyTokenError as error:
        # The token may be back for the next question.
        _LOG.warning("no answer can be signed (%s): %s", error.code, error)
        return _error(OCSPResponseStatus.TRY_LATER)
    if not cacheable or request.nonce is not None:
        return body, [("Cache-Control", "no-store")]
    return body, _cache_headers(body, this_update, at)


def _read(encoded: bytes | None) -> OCSPRequest | None:
    """The request, or None when it is none."""
    if not encoded:
        return None
    try:
        return parse_ocsp_request(encoded)
    except TrustError:
        return None


def _posted(environ: dict[str, Any]) -> bytes | None:
    """The body of a POST, within its bound."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return None
    if not 0 < length <= MAXIMUM_REQUEST_SIZE:
        return None
    body: bytes = environ["wsgi.input"].read(length)
    return body


def _in_path(environ: dict[str, Any]) -> bytes | None:
    """The base64 request in a GET's path; a proxy may have taken one of two slashes in a row."""
    text = environ.get("PATH_INFO", "")[len(PATH) :].removeprefix("/")
    if not text or len(text) > MAXIMUM_REQUEST_SIZE:
        return None
    try:
        return base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _error(status: OCSPResponseStatus) -> tuple[bytes, Headers]:
    """An unsigned error response; never kept by caches."""
    return _ERRORS[status], [("Cache-Control", "no-store")]


def _cache_headers(body: bytes, this_update: datetime, at: datetime) -> Headers:
    """What a cache may do with the answer (RFC 5019 6.2)."""
    expires = at + timedelta(seconds=_CACHE_SECONDS)
    return [
        ("Cache-Control", f"max-age={_CACHE_SECONDS}, public, no-transform, must-revalidate"),
        ("Last-Modified", format_datetime(this_update, usegmt=True)),
        ("Expires", format_datetime(expires, usegmt=True)),
        ("ETag", f'"{hashlib.sha256(body).hexdigest()}"'),
    ]
