"""Browser sessions: a signed cookie per service, ended by idleness and by age.

Cookies ignore ports, so each service names its own. The content is signed, not hidden: it holds what
the person may see (who they are logged in as), never a secret of ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import flask
from flask.sessions import SecureCookieSessionInterface

from runtime.settings import ServiceSettings
from runtime.web.request import at

IDLE_TIMEOUT = timedelta(minutes=30)
ABSOLUTE_TIMEOUT = timedelta(hours=10)
_CREATED = "_created"
_SEEN = "_seen"
# Views that do not look at who asks; they answer also while the clock is not to be believed.
_WITHOUT_SESSION = frozenset(("static", "shared_static", "healthz", "exposition"))


def renew(**values: object) -> None:
    """Begin a new session with the given values; called at log-in, against session fixation.

    The language a person chose is kept.
    """
    chosen = flask.session.get("language")
    flask.session.clear()
    if chosen:
        flask.session["language"] = chosen
    flask.session.update(values)
    flask.session[_CREATED] = flask.session[_SEEN] = int(at().timestamp())


def install(app: flask.Flask, settings: ServiceSettings) -> None:
    """Configure the cookie and end sessions that are idle or old."""
    secure = settings.public_url.startswith("https:")
    name = f"tx_{app.config['SERVICE'].replace('-', '_')}"
    app.session_interface = SecureCookieSessionInterface()
    app.config.update(
        SESSION_COOKIE_NAME=f"__Host-{name}" if secure else name,
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=ABSOLUTE_TIMEOUT,
    )

    @app.before_request
    def _expire() -> None:
        if not flask.session or flask.request.endpoint in _WITHOUT_SESSION:
            return
        if _is_over(flask.session.get(_CREATED), flask.session.get(_SEEN), at()):
            flask.session.clear()
        moment = int(at().timestamp())
        flask.session.setdefault(_CREATED, moment)
        # Once a minute is often enough, and keeps most responses free of Set-Cookie.
        if moment - flask.session.get(_SEEN, 0) >= 60:
            flask.session[_SEEN] = moment


def _is_over(created: int | None, seen: int | None, present: datetime) -> bool:
    """Whether a session with these stamps has ended; one without stamps has just begun."""
    moment = present.timestamp()
    too_old = created is not None and moment - created > ABSOLUTE_TIMEOUT.total_seconds()
    too_idle = seen is not None and moment - seen > IDLE_TIMEOUT.total_seconds()
    return too_old or too_idle
