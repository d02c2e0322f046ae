"""A relying site on Flask and Authlib: log in, see who logged in, log out.

1. `/login` sends the browser to the provider (authorization code flow, PKCE, nonce, state: by Authlib).
2. `/callback` checks `iss` (RFC 9207), redeems the code, verifies the ID Token, asks /userinfo.
3. `/logout` ends the session here and at the provider (RP-initiated logout).
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import flask
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from werkzeug.wrappers import Response

from examples.relying_site.settings import SiteSettings
from examples.relying_site.texts import text

SCOPES = "openid profile enterprise"
LANGUAGES = ("zh", "en")
CHINA_STANDARD_TIME = timezone(timedelta(hours=8))
# Chromium applies form-action to the redirects after a form: logging out leads to the provider.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {issuer}; "
    "frame-ancestors 'none'; base-uri 'none'"
)


class ProviderSession(OAuth2Session):
    """Requests to the provider; REQUESTS_CA_BUNDLE of the environment would overrule `verify`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.trust_env = False


class ProviderClient(FlaskOAuth2App):
    """Authlib's client over that session."""

    client_cls = ProviderSession


class Providers(OAuth):
    """Authlib's registry of such clients."""

    oauth2_client_cls = ProviderClient


def create_app(settings: SiteSettings) -> flask.Flask:
    """Make the site."""
    app = flask.Flask(__name__)
    app.secret_key = settings.session_key
    # Cookies ignore ports: two sites on one machine need two names.
    app.config.update(
        SESSION_COOKIE_NAME=f"site_{settings.client_id.replace('-', '_')}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    app.jinja_env.globals.update(text=text, site=settings, masked=masked, moment=moment, language=language)
    city = register_provider(app, settings)
    add_login(app, settings, city)
    add_pages(app, settings)
    return app


def moment(timestamp: int) -> str:
    """Return a NumericDate as people of the city read it (China Standard Time)."""
    return datetime.fromtimestamp(timestamp, CHINA_STANDARD_TIME).strftime("%Y-%m-%d %H:%M:%S")


def register_provider(app: flask.Flask, settings: SiteSettings) -> Any:
    """Tell Authlib about the provider; everything else it reads from the discovery document."""
    return Providers(app).register(
        "city",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": SCOPES,
            "code_challenge_method": "S256",
            "verify": str(settings.trust_anchors) if settings.trust_anchors else True,
        },
    )


def add_login(app: flask.Flask, settings: SiteSettings, city: Any) -> None:
    """Add login, callback and logout."""

    @app.get("/login")
    def login() -> Response:
        redirect: Response = city.authorize_redirect(
            f"{settings.public_url}/callback", ui_locales="zh-CN" if language() == "zh" else "en"
        )
        return redirect

    @app.get("/callback")
    def callback() -> Response | tuple[str, int]:
        if flask.request.args.get("iss") != settings.issuer:
            return failure("mix-up", 400)
        try:
            token = city.authorize_access_token()
        except OAuthError as error:
            return failure(error.error or "refused", 403 if error.error == "access_denied" else 400)
        person = dict(city.userinfo(token=token))
        if person["sub"] != token["userinfo"]["sub"]:
            return failure("sub", 400)
        chosen = flask.session.get("language")
        flask.session.clear()
        flask.session.update(
            person=person,
            login={name: token["userinfo"].get(name) for name in ("acr", "amr", "auth_time")},
            id_token=token["id_token"],
            form_token=secrets.token_urlsafe(16),
            **({"language": chosen} if chosen else {}),
        )
        return flask.redirect("/", 303)

    @app.post("/logout")
    def logout() -> Response | tuple[str, int]:
        if flask.request.form.get("form_token") != flask.session.get("form_token"):
            return failure("refused", 403)
        hint = flask.session.get("id_token")
        flask.session.clear()
        query = urlencode(
            {
                "client_id": settings.client_id,
                "post_logout_redirect_uri": f"{settings.public_url}/",
                **({"id_token_hint": hint} if hint else {}),
            }
        )
        return flask.redirect(f"{city.load_server_metadata()['end_session_endpoint']}?{query}", 303)


def add_pages(app: flask.Flask, settings: SiteSettings) -> None:
    """Add the home page, the health check and the headers."""

    @app.get("/")
    def home() -> str:
        return flask.render_template(
            "home.html",
            person=flask.session.get("person"),
            login=flask.session.get("login"),
            form_token=flask.session.get("form_token", ""),
        )

    @app.get("/healthz")
    def healthz() -> Response:
        return flask.jsonify(status="ok", service=settings.client_id)

    @app.errorhandler(404)
    def not_found(_error: Exception) -> tuple[str, int]:
        return failure("not-found", 404)

    @app.before_request
    def choose_language() -> None:
        if flask.request.args.get("lang") in LANGUAGES:
            flask.session["language"] = flask.request.args["lang"]

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY.format(issuer=settings.issuer)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def failure(reason: str, status: int) -> tuple[str, int]:
    """Show that the login did not work, and why, in the protocol's word."""
    return flask.render_template("failure.html", reason=reason), status


def language() -> str:
    """Return the reader's language: chosen by link, else by the browser."""
    chosen = flask.session.get("language")
    return chosen if chosen in LANGUAGES else flask.request.accept_languages.best_match(LANGUAGES, "zh")


def masked(value: str, kept: int = 1) -> str:
    """Show the beginning and the end of a value only."""
    if len(value) <= kept * 2:
        return value[:kept] + "*" * (len(value) - kept)
    return value[:kept] + "*" * (len(value) - 2 * kept) + value[-kept:]
