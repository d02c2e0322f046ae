"""Cross-site request forgery: a token per session, and Sec-Fetch-Site where the browser sends it.

Origin is not used: with `Referrer-Policy: no-referrer` browsers send `Origin: null` on form posts.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import flask
from markupsafe import Markup

from runtime.web.problem import abort_with

View = TypeVar("View", bound=Callable[..., Any])

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_EXEMPT = "csrf_exempt"


def csrf_exempt(view: View) -> View:
    """Mark a protocol endpoint whose callers prove themselves in another way and use no cookie."""
    setattr(view, _EXEMPT, True)
    return view


def csrf_token() -> str:
    """Return the session's token, made on first use."""
    token: str = flask.session.setdefault(FIELD, secrets.token_urlsafe(32))
    return token


def csrf_field() -> Markup:
    """Return the hidden form field that carries the token."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def install(app: flask.Flask) -> None:
    """Check every request that changes something."""
    app.jinja_env.globals.update(csrf_field=csrf_field, csrf_token=csrf_token)

    @app.before_request
    def _check() -> None:
        if flask.request.method in _SAFE_METHODS or flask.request.endpoint is None:
            return
        if getattr(app.view_functions.get(flask.request.endpoint), _EXEMPT, False):
            return
        check_csrf()


def check_csrf() -> None:
    """Refuse a request that another site may have caused."""
    site = flask.request.headers.get("Sec-Fetch-Site", "same-origin")
    given = flask.request.headers.get(HEADER) or flask.request.form.get(FIELD, "")
    expected = flask.session.get(FIELD, "")
    if site not in _OWN_SITES or not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        abort_with(
            403,
            "csrf",
            "This form has expired or was sent from another page. Open the page again and repeat.",
        )
