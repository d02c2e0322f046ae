"""Log in through the city's OpenID Provider: what a service's own pages use, on Authlib's Flask client.

1. `/login` remembers where the person was going (on this site only) and sends the browser to the provider:
   authorization code flow, PKCE S256, nonce, and a state of its own for every tab.
2. `/callback` checks state and `iss` (RFC 9207), redeems the code, verifies the ID Token (OIDC Core 3.1.3.7),
   asks /userinfo, checks that both speak of the same person, begins a new session, and goes on.
3. `/logout` ends the session here and at the provider (OIDC RP-Initiated Logout 1.0).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import flask
import requests
from authlib.integrations.base_client import MismatchingStateError, OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from runtime.secret_file import read_secret
from runtime.web.locale import language
from runtime.web.policy import allow_source
from runtime.web.problem import abort_with
from runtime.web.session import renew

View = TypeVar("View", bound=Callable[..., Any])

_LOG = logging.getLogger(__name__)
_PERSON = "person"
_ID_TOKEN = "id_token"  # noqa: S105 - a key of the session
_PROVIDER = "city"
_SCOPE = "openid profile enterprise"
_TIMEOUT_SECONDS = 5.0
_CLOCK_SKEW_SECONDS = 10
# What a person may have begun in several tabs; the oldest is forgotten, a cookie holds four kilobytes.
_MAXIMUM_PENDING = 4
_MAXIMUM_TARGET = 256
_UI_LOCALES = {"zh": "zh-CN", "en": "en"}
_ALGORITHMS = ["ES256", "RS256"]
# Claims of the ID Token that pages use; the rest is between us and the provider.
_LOGIN_CLAIMS = ("acr", "amr", "auth_time", "sid")

# The provider answers in these ways when it, or the way to it, is broken.
_BROKEN = (requests.RequestException, ValueError, KeyError, RuntimeError)

_CANCELLED = "You cancelled the login. Nothing has happened; you can log in again at any time."
_EXPIRED = "This login has expired or was begun in another browser. Please log in again."
_REFUSED = "The login could not be completed. Please log in again."
_UNAVAILABLE = "The login service does not answer at the moment. Please try again in a few minutes."
_TOO_WEAK = "This page needs a login with a card. Please log in with your card."
_LOGIN_FIRST = "Please log in first."


class LoginSettings(Protocol):
    """The settings a service needs to let people log in."""

    @property
    def issuer(self) -> str:
        """The provider's address."""
        ...

    @property
    def client_id(self) -> str:
        """Our name at the provider."""
        ...

    @property
    def client_secret_file(self) -> Path:
        """File with our secret at the provider, mode 0600."""
        ...

    @property
    def public_url(self) -> str:
        """Our own address."""
        ...

    @property
    def trust_anchors(self) -> Path:
        """The roots that the provider's certificate may lead to."""
        ...


class _Session(OAuth2Session):  # type: ignore[misc] # untyped library
    """Requests to the provider: no proxies or passwords from the environment, no redirects, in time."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        # The access token is used once, at once; a short-lived one must not count as expired already.
        super().__init__(*arguments, default_timeout=_TIMEOUT_SECONDS, leeway=0, **keywords)
        self.trust_env = False
        self.max_redirects = 0


class _Client(FlaskOAuth2App):  # type: ignore[misc] # untyped library
    """Authlib's client over our session."""

    client_cls = _Session


class _Registry(OAuth):  # type: ignore[misc] # untyped library
    """Authlib's registry of our clients."""

    oauth2_client_cls = _Client


class RelyingParty:
    """Adds login, callback and logout to a Flask application."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        public_url: str,
        trust_anchors: Path | None = None,
        scope: str = _SCOPE,
        required_acr: str = "",
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._public_url = public_url.rstrip("/")
        self._redirect_uri = f"{self._public_url}/callback"
        self._trust_anchors = trust_anchors
        self._scope = scope
        self._required_acr = required_acr
        self._client: Any = None

    @classmethod
    def from_settings(cls, settings: LoginSettings, *, required_acr: str = "") -> RelyingParty:
        """Make the relying party a service's settings describe."""
        return cls(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=read_secret(settings.client_secret_file).decode("ascii").strip(),
            public_url=settings.public_url,
            trust_anchors=settings.trust_anchors,
            required_acr=required_acr,
        )

    def __repr__(self) -> str:
        """Name the parties, not the secret."""
        return f"<RelyingParty {self._client_id} at {self._issuer}>"

    def register(self, app: flask.Flask) -> None:
        """Add the routes to the application."""
        self._client = _Registry(app).register(
            _PROVIDER,
            client_id=self._client_id,
            client_secret=self._client_secret,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": self._scope,
                "code_challenge_method": "S256",
                # Plain http is for loopback: there is no certificate to look at.
                "verify": str(self._trust_anchors) if self._trust_anchors else True,
            },
        )
        app.add_url_rule("/login", "login", self._login, methods=["GET"])
        app.add_url_rule("/callback", "login_callback", self._callback, methods=["GET"])
        app.add_url_rule("/logout", "logout", self._logout, methods=["POST"])
        app.before_request(self._allow_logout_form)
        app.jinja_env.globals["current_user"] = current_user

    # --- /login ---

    def _login(self) -> Response:
        """Send the browser to the provider."""
        target = local_path(flask.request.args.get("next", ""))
        wishes = {"ui_locales": _UI_LOCALES[language()]}
        if self._required_acr:
            wishes["acr_values"] = self._required_acr
        try:
            self._check_provider()
            begun = self._client.create_authorization_url(self._redirect_uri, **wishes)
        except _BROKEN as error:
            self._unavailable(error)
        remembered = {"nonce": begun["nonce"], "code_verifier": begun["code_verifier"], "target": target}
        self._make_room()
        self._client.framework.set_state_data(flask.session, begun["state"], remembered)
        return flask.redirect(begun["url"], 303)

    def _check_provider(self) -> None:
        """OIDC Discovery 4.3: the provider calls itself by the address we know it by."""
        metadata = self._client.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            metadata.clear()
            raise ValueError("the provider calls itself by another address than the settings")

    def _make_room(self) -> None:
        """Forget the oldest logins that were begun and not finished."""
        prefix = f"_state_{_PROVIDER}_"
        pending = [name for name in flask.session if name.startswith(prefix)]
        pending.sort(key=lambda name: flask.session[name].get("exp", 0))
        for name in pending[: max(0, len(pending) - _MAXIMUM_PENDING + 1)]:
            flask.session.pop(name)

    # --- /callback ---

    def _callback(self) -> Response:
        """Take the provider's answer."""
        # 1. The answer belongs to a login this browser began, and comes from our provider (RFC 9207).
        state = flask.request.args.get("state", "")
        begun = self._client.framework.get_state_data(flask.session, state)
        if begun is None:
            abort_with(400, "login-expired", _EXPIRED)
        if flask.request.args.get("iss") != self._issuer:
            abort_with(400, "login-wrong-issuer", _REFUSED)
        if error := flask.request.args.get("error"):
            self._client.framework.clear_state_data(flask.session, state)
            self._refused(error)
        # 2. The code is redeemed, the ID Token verified, the person asked for.
        claims, person, id_token = self._redeem()
        # 3. Both are about one person, who logged in as strongly as we need.
        if person.get("sub") != claims["sub"]:
            abort_with(400, "login-subject-mismatch", _REFUSED)
        if self._required_acr and claims.get("acr") != self._required_acr:
            abort_with(403, "login-too-weak", _TOO_WEAK)
        # 4. A new session: what was known of this browser before it logged in is forgotten.
        person |= {name: claims[name] for name in _LOGIN_CLAIMS if name in claims}
        renew(**{_PERSON: person, _ID_TOKEN: id_token})
        return flask.redirect(local_path(begun.get("target", "")), 303)

    def _redeem(self) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Return the ID Token's claims, the claims of /userinfo, and the ID Token."""
        expected = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "values": [self._client_id]},
            "sub": {"essential": True},
        }
        try:
            self._check_provider()
            self._client.server_metadata["id_token_signing_alg_values_supported"] = _ALGORITHMS
            token = self._client.authorize_access_token(
                redirect_uri=self._redirect_uri, claims_options=expected, leeway=_CLOCK_SKEW_SECONDS
            )
            claims = dict(token["userinfo"])
            person = dict(self._client.userinfo(token=token))
        except MismatchingStateError:
            abort_with(400, "login-expired", _EXPIRED)
        except OAuthError as error:
            self._refused(error.error or "")
        except JoseError as error:
            _LOG.warning("the provider's ID Token is not acceptable: %s", error)
            abort_with(400, "login-id-token", _REFUSED)
        except _BROKEN as error:
            self._unavailable(error)
        return claims, person, str(token["id_token"])

    def _refused(self, error: str) -> NoReturn:
        """Answer an error of the provider; its description is not shown, anybody can write a link."""
        if error == "access_denied":
            abort_with(403, "login-cancelled", _CANCELLED)
        if error in {"server_error", "temporarily_unavailable"}:
            abort_with(503, "login-unavailable", _UNAVAILABLE)
        _LOG.warning("the provider refused a login: %.40r", error)
        abort_with(400, "login-refused", _REFUSED)

    def _unavailable(self, error: Exception) -> NoReturn:
        """Answer when the provider cannot be asked."""
        _LOG.error("the provider %s cannot be used: %s", self._issuer, error)
        abort_with(503, "login-unavailable", _UNAVAILABLE)

    # --- /logout ---

    def _logout(self) -> Response:
        """End the session here, then at the provider; when that is away, here only."""
        hint = flask.session.get(_ID_TOKEN)
        renew()
        try:
            self._check_provider()
            url = self._client.create_logout_url(
                post_logout_redirect_uri=f"{self._public_url}/",
                id_token_hint=hint,
                client_id=self._client_id,
                ui_locales=_UI_LOCALES[language()],
            )["url"]
        except _BROKEN as error:
            _LOG.warning("logged out here only, the provider %s cannot be used: %s", self._issuer, error)
            return flask.redirect("/", 303)
        return flask.redirect(url, 303)

    def _allow_logout_form(self) -> None:
        """Let the logout form lead to the provider: Chromium applies form-action to the redirect."""
        parts = urlsplit(self._issuer)
        allow_source("form-action", f"{parts.scheme}://{parts.netloc}")


def current_user() -> dict[str, Any] | None:
    """Return the claims of the person who is logged in: sub, name, acr, amr, auth_time and others."""
    person: dict[str, Any] | None = flask.session.get(_PERSON)
    return person


def login_required(view: View) -> View:
    """Let only people who are logged in see a view; others log in and come back to it."""

    @wraps(view)
    def guarded(*arguments: Any, **keywords: Any) -> Any:
        if current_user() is not None:
            return view(*arguments, **keywords)
        if flask.request.method != "GET":
            abort_with(401, "login-required", _LOGIN_FIRST)
        target = iri_to_uri(flask.request.full_path.rstrip("?"))
        return flask.redirect(flask.url_for("login", next=target), 303)

    return cast("View", guarded)


def local_path(target: str) -> str:
    """Return a path on this site, or `/` for anything that could lead elsewhere."""
    plain = target.isascii() and target.isprintable() and " " not in target and "\\" not in target
    local = target.startswith("/") and not target.startswith("//")
    return target if plain and local and len(target) <= _MAXIMUM_TARGET else "/"
