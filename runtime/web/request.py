"""Around each request: its id, the proxies that may speak for it, its size, its line in the log."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import flask

from runtime import log, metrics
from runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

_LOG = logging.getLogger("request")
_BODY_LIMIT = "body_limit"
_QUIET = "quiet"
# Headers that only a proxy in front of us may set; from anybody else they are lies.
_PROXY_HEADERS = ("HTTP_X_FORWARDED_", "HTTP_X_SSL_", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_X_REQUEST_ID")
_MAXIMUM_REQUEST_ID = 64


def at() -> datetime:
    """Return the time of the present request: the clock is asked once, and only where time matters.

    Raises ClockError while the clock is not to be believed.
    """
    if "at" not in flask.g:
        flask.g.at = flask.current_app.config["NOW"]()
    moment: datetime = flask.g.at
    return moment


def body_limit(maximum_bytes: int) -> Callable[[View], View]:
    """Let a view accept a larger (or only a smaller) body than the application's default."""

    def mark(view: View) -> View:
        setattr(view, _BODY_LIMIT, maximum_bytes)
        return view

    return mark


def quiet(view: View) -> View:
    """Mark a view that programs ask every second: answers that succeed are logged at DEBUG only."""
    setattr(view, _QUIET, True)
    return view


def install(app: flask.Flask, settings: ServiceSettings) -> None:
    """Add the proxy filter, the request id, the size limit and the log line."""
    app.wsgi_app = ProxyFilter(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]

    @app.before_request
    def _begin() -> None:
        given = flask.request.headers.get("X-Request-Id", "")
        acceptable = 0 < len(given) <= _MAXIMUM_REQUEST_ID and given.isascii() and given.isalnum()
        flask.g.request_id = given if acceptable else secrets.token_hex(8)
        log.request_id.set(flask.g.request_id)
        flask.g.started = time.perf_counter()
        limit = getattr(_view(app), _BODY_LIMIT, None)
        if limit is not None:
            flask.request.max_content_length = limit

    @app.after_request
    def _end(response: flask.Response) -> flask.Response:
        seconds = time.perf_counter() - flask.g.get("started", time.perf_counter())
        route = flask.request.url_rule.rule if flask.request.url_rule else "unmatched"
        response.headers["X-Request-Id"] = flask.g.get("request_id", "")
        metrics.observe_request(
            app.config["SERVICE"], flask.request.method, route, response.status_code, seconds
        )
        succeeded = response.status_code < 400
        log.event(
            _LOG,
            "request",
            level=logging.DEBUG if succeeded and getattr(_view(app), _QUIET, False) else logging.INFO,
            method=flask.request.method,
            route=route,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
        )
        return response


def _view(app: flask.Flask) -> Callable[..., Any] | None:
    """Return the view that answers the present request, if one does."""
    return app.view_functions.get(flask.request.endpoint or "")


class ProxyFilter:
    """Believes forwarding headers from the configured proxies only, and strips them otherwise."""

    def __init__(self, app: WSGIApplication, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted = frozenset(trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Adjust the environment, then pass the request on."""
        if environ.get("REMOTE_ADDR") in self._trusted:
            self._believe(environ)
        else:
            for name in [name for name in environ if name.startswith(_PROXY_HEADERS)]:
                del environ[name]
        return self._app(environ, start_response)

    @staticmethod
    def _believe(environ: WSGIEnvironment) -> None:
        """Take the client's address and scheme from the last proxy's headers."""
        if forwarded := environ.get("HTTP_X_FORWARDED_FOR", ""):
            environ["REMOTE_ADDR"] = forwarded.rsplit(",", 1)[-1].strip()
        if environ.get("HTTP_X_FORWARDED_PROTO") in {"http", "https"}:
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]
