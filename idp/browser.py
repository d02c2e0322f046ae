"""What the provider keeps in a person's browser: who this browser is, and the secret of its session."""

from __future__ import annotations

import flask

from idp.provider import Provider, new_secret
from idp.service.sessions import find_session
from idp.session import LoginSession
from runtime.web import at
from runtime.web.session import renew

_BROWSER = "browser"
_LOGIN = "login"
_ENDED = "ended"
_PROVIDER = "PROVIDER"


def provider() -> Provider:
    """Return the provider of the present application."""
    found: Provider = flask.current_app.config[_PROVIDER]
    return found


def install(app: flask.Flask, the_provider: Provider) -> None:
    """Let the views of the application find their provider."""
    app.config[_PROVIDER] = the_provider


def browser_id() -> str:
    """Return the random name of this browser, made on first use; waiting requests are bound to it."""
    name: str = flask.session.setdefault(_BROWSER, new_secret())
    return name


def current_session() -> LoginSession | None:
    """Return the live login session of this browser."""
    return find_session(provider(), flask.session.get(_LOGIN), at())


def remember_login(secret: str) -> None:
    """Keep the secret of the session that has just begun, in a cookie that begins anew (session fixation).

    The browser's own name stays, so that requests waiting in other tabs are still this browser's.
    """
    renew(**{_BROWSER: browser_id(), _LOGIN: secret})


def forget_login() -> None:
    """Forget the session."""
    flask.session.pop(_LOGIN, None)


def note_ending(code: str) -> None:
    """Forget the session, and keep for the next login page why the provider ended it."""
    forget_login()
    flask.session[_ENDED] = code


def take_ending() -> str | None:
    """Return why the provider ended the session of this browser; told once."""
    code: str | None = flask.session.pop(_ENDED, None)
    return code
