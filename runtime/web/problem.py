"""Errors on the wire: problem+json (RFC 9457) for programs, a plain page for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

import flask
from werkzeug.exceptions import HTTPException, default_exceptions

from runtime.errors import KeyTokenError

_LOG = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
# One English sentence a status; translated on pages.
_GENERAL = {
    400: "The request cannot be understood.",
    401: "Please log in first.",
    403: "You may not do this.",
    404: "There is nothing at this address.",
    405: "This address does not accept that kind of request.",
    413: "What was sent is too large.",
    415: "This kind of content is not accepted here.",
    429: "Too many requests from your address. Wait a moment, then try again.",
    500: "Something went wrong on our side. Nothing was lost; please try again later.",
    503: "The service cannot do its work at the moment. Please try again later.",
}


class ProblemError(HTTPException):
    """An HTTP error with a code and a sentence for the person."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = status
        self.problem_code = code
        self.headers = dict(headers or {})


def abort_with(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> NoReturn:
    """End the request with an error: page or problem+json, as the caller prefers."""
    raise ProblemError(status, code, detail, headers)


def problem(status: int, code: str, detail: str) -> flask.Response:
    """Return a problem+json response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": flask.g.get("request_id", ""),
    }
    return flask.Response(json.dumps(body, ensure_ascii=False), status=status, content_type=CONTENT_TYPE)


def wants_page() -> bool:
    """Whether the caller is a person's browser asking for a page."""
    accepts = flask.request.accept_mimetypes
    return (
        bool(accepts)
        and accepts.best_match(["application/json", "text/html"]) == "text/html"
        and ("text/html" in str(accepts))
    )


def install(app: flask.Flask, errors: Mapping[type[Exception], int]) -> None:
    """Turn the package's errors, HTTP errors and anything unforeseen into responses."""
    for cls, status in errors.items():
        app.register_error_handler(cls, _handler(status))
    for status in default_exceptions:
        app.register_error_handler(status, _on_http_error)
    app.register_error_handler(ProblemError, _on_problem)
    app.register_error_handler(KeyTokenError, _on_key_away)
    app.register_error_handler(Exception, _on_unforeseen)


def _handler(status: int):  # type: ignore[no-untyped-def] # noqa: ANN202 - Flask's own handler type
    """Make the handler of one error class: its code and message, at this status."""

    def handle(error: Exception) -> flask.Response:
        return respond(status, getattr(error, "code", "error"), str(error))

    return handle


def respond(status: int, code: str, detail: str) -> flask.Response:
    """Answer with a page for a person, with problem+json for a program."""
    if not wants_page():
        return problem(status, code, detail)
    page = flask.render_template("error.html", status=status, code=code, detail=detail)
    return flask.make_response(page, status)


def _on_problem(error: ProblemError) -> flask.Response:
    """Answer an error raised by `abort_with`."""
    response = respond(error.code or 500, error.problem_code, error.description or "")
    response.headers.update(error.headers)
    return response


def _on_key_away(error: KeyTokenError) -> flask.Response:
    """Log what the operator has to do; the caller is told to come back."""
    _LOG.warning("nothing can be signed (%s): %s", error.code, error)
    return respond(503, "key-unavailable", _GENERAL[503])


def _on_http_error(error: HTTPException) -> flask.Response:
    """Answer an HTTP error of the framework in our own words."""
    status = error.code or 500
    if status < 400:
        return flask.make_response(error.get_response())
    code = HTTPStatus(status).phrase.lower().replace(" ", "-")
    response = respond(status, code, _GENERAL.get(status, HTTPStatus(status).phrase))
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _on_unforeseen(error: Exception) -> flask.Response:
    """Log what nobody foresaw and tell the caller nothing of its inside."""
    _LOG.error("unforeseen error", exc_info=error)
    return respond(500, "internal-error", _GENERAL[500])
