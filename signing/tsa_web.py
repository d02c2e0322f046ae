"""The timestamp authority over HTTP (RFC 3161 3.4): POST /timestamp, application/timestamp-query.

The endpoint is raw WSGI ahead of Flask; Flask answers the page, /healthz and /metrics.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import flask

from runtime import clock
from runtime.database import Database, check_schema
from runtime.errors import ClockError
from runtime.web import WsgiCallable, create_flask, hot_paths
from runtime.web.hot_path import Environ
from signing.settings import TimestampSettings
from signing.tsa.models import SCHEMA_REVISION
from signing.tsa.service import TimestampService, load_authority
from signing.tsa_protocol import QUERY_TYPE, REPLY_TYPE

PATH: Final = "/timestamp"
_MAXIMUM_REQUEST_BYTES: Final = 16 * 1024


def create_app(
    settings: TimestampSettings,
    now: Callable[[], datetime] = clock.now,
    database: Database | None = None,
) -> WsgiCallable:
    """Make the timestamp authority's application."""
    database = database or Database(settings.effective_database_url("tsa"))
    check_schema(database, SCHEMA_REVISION)
    authority = load_authority(settings)
    service = TimestampService(database, authority)
    app = create_flask(
        "tsa",
        settings,
        package="signing",
        title="Timestamps",
        health_checks=[lambda: check_schema(database, SCHEMA_REVISION)],
        now=now,
    )

    @app.get("/")
    def home() -> str:
        return flask.render_template(
            "timestamps.html",
            address=settings.public_url + PATH,
            policy=authority.policy,
            accuracy=settings.accuracy_milliseconds,
            certificate=base64.b64encode(authority.certificate).decode("ascii"),
        )

    return hot_paths(app, {PATH: timestamp_endpoint(service, now)})


def jobs(settings: TimestampSettings) -> Sequence[Any]:  # noqa: ARG001 - every service has this function
    """The timestamp authority has no background work."""
    return ()


def timestamp_endpoint(service: TimestampService, now: Callable[[], datetime]) -> WsgiCallable:
    """Make the endpoint: one POST, one response."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = _refusal(environ)
        if refusal is not None:
            return _respond(start_response, *refusal)
        data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        client = environ.get("REMOTE_ADDR", "")
        try:
            response = service.answer(data, now(), client)
        except ClockError as error:
            response = service.refuse_for_clock(str(error), client)
        return _respond(start_response, HTTPStatus.OK, response, REPLY_TYPE)

    return answer


def _refusal(environ: Environ) -> tuple[HTTPStatus, bytes, str] | None:
    """What HTTP alone refuses: other paths and methods, other types, requests without a sensible length."""
    plain = "text/plain; charset=utf-8"
    if environ.get("PATH_INFO") != PATH:
        return HTTPStatus.NOT_FOUND, b"Send timestamp requests to /timestamp.\n", plain
    if environ.get("REQUEST_METHOD") != "POST":
        return HTTPStatus.METHOD_NOT_ALLOWED, b"Send an RFC 3161 request by POST.\n", plain
    media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media_type != QUERY_TYPE:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {QUERY_TYPE}.\n".encode(), plain
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isascii() or not length.isdigit():
        return HTTPStatus.LENGTH_REQUIRED, b"Send Content-Length.\n", plain
    if int(length) > _MAXIMUM_REQUEST_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"A timestamp request is smaller than that.\n", plain
    return None


def _respond(
    start_response: Callable[..., Any], status: HTTPStatus, body: bytes, content_type: str
) -> list[bytes]:
    """Send one response."""
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "POST"))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
