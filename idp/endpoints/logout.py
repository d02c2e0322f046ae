"""Logout begun by a site (OIDC RP-Initiated Logout 1.0), and by the person."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import flask
from werkzeug.wrappers import Response

from idp import browser
from idp.authorization.check_state import safe_state
from idp.authorization.parameters import MAXIMUM_CHARACTERS, Parameters
from idp.client import Client, origin_of
from idp.discovery import LOGOUT_PATH
from idp.errors import SignedTokenError, UntrustedRequestError
from idp.service.clients import find_client
from idp.service.sessions import log_out
from idp.tokens import Purpose, unverified_claims, verify_token
from runtime.web import allow_source, at, body_limit, csrf_exempt

blueprint = flask.Blueprint("logout", __name__)
_SEE_OTHER = 303


@dataclass(frozen=True)
class LogoutRequest:
    """A logout request, checked: who asks, whose session is meant, where to go afterwards."""

    client: Client | None
    hinted_session: str | None
    location: str | None

    @property
    def parameters(self) -> dict[str, str]:
        """What the confirmation form carries; it is checked again when it comes back."""
        return {"client_id": self.client.client_id} if self.client else {}


@blueprint.get(LOGOUT_PATH)
def logout() -> Response | str:
    """End the session a hint names; without such a hint ask the person first."""
    parameters = Parameters.parse(flask.request.query_string.decode("latin-1"))
    wanted = _check_request(parameters)
    session = browser.current_session()
    if session is None:
        return _farewell(wanted)
    if wanted.hinted_session == session.session_id:
        log_out(browser.provider(), session, at())
        browser.forget_login()
        return _farewell(wanted)
    if wanted.location:
        allow_source("form-action", origin_of(wanted.location))
    fields = {name: parameters.get(name) for name in ("post_logout_redirect_uri", "state")}
    return flask.render_template(
        "logout.html",
        client=wanted.client,
        name=session.end_user.name,
        fields={**{name: value for name, value in fields.items() if value}, **wanted.parameters},
    )


@blueprint.post(LOGOUT_PATH)
@csrf_exempt
@body_limit(MAXIMUM_CHARACTERS)
def logout_by_post() -> Response:
    """Take the request from a form and repeat it as a GET, so that our cookie comes along."""
    encoded = flask.request.get_data(cache=False).decode("latin-1")
    Parameters.parse(encoded)
    query = urlencode(parse_qsl(encoded, keep_blank_values=True))
    return flask.redirect(f"{LOGOUT_PATH}?{query}", _SEE_OTHER)


@blueprint.post(f"{LOGOUT_PATH}/confirm")
@body_limit(MAXIMUM_CHARACTERS)
def confirm() -> Response | str:
    """End the session at the person's own word."""
    wanted = _check_request(Parameters.parse(urlencode(list(flask.request.form.items()))))
    session = browser.current_session()
    if session is not None:
        log_out(browser.provider(), session, at())
    browser.forget_login()
    return _farewell(wanted)


def _farewell(wanted: LogoutRequest) -> Response | str:
    """Send the person where the site wants them, or say that they are logged out."""
    if wanted.location:
        return flask.redirect(wanted.location, _SEE_OTHER)
    return flask.render_template("logged_out.html", client=wanted.client)


def _check_request(parameters: Parameters) -> LogoutRequest:
    """Check a logout request (RP-Initiated Logout 2 and 3); never redirect to what is not registered."""
    if parameters.repeated:
        raise UntrustedRequestError("A parameter comes more than once.", code="invalid_request")
    client, hinted_session = _check_hint(parameters)
    target = parameters.get("post_logout_redirect_uri")
    if target is None:
        return LogoutRequest(client, hinted_session, None)
    if client is None or target not in client.post_logout_redirect_uris:
        raise UntrustedRequestError(
            "The address to go to after logout is not one the site registered.",
            code="post-logout-redirect-uri-unknown",
        )
    state = safe_state(parameters)
    query = urlencode({"state": state}) if state else ""
    separator = "" if not query else "&" if "?" in target else "?"
    return LogoutRequest(client, hinted_session, f"{target}{separator}{query}")


def _check_hint(parameters: Parameters) -> tuple[Client | None, str | None]:
    """Return the site that asks and the session its ID Token names; the hint must be ours and the site's."""
    hint, client_id = parameters.get("id_token_hint"), parameters.get("client_id")
    try:
        audience = unverified_claims(hint).get("aud") if hint else client_id
        client = _find(audience) if isinstance(audience, str) else None
        if hint is None:
            return client, None
        if client is None or client_id not in (None, client.client_id):
            raise SignedTokenError("made for another client")
        claims = verify_token(
            hint,
            Purpose.ID_TOKEN_HINT,
            keys=browser.provider().keys.published,
            issuer=browser.provider().issuer,
            audience=client.client_id,
            at=at(),
        )
    except SignedTokenError:
        raise UntrustedRequestError(
            "The logout request carries an ID Token that this service did not give to the site.",
            code="id-token-hint-invalid",
        ) from None
    return client, str(claims["sid"])


def _find(client_id: str) -> Client | None:
    """Find a site that is in force."""
    with browser.provider().database.read() as connection:
        client = find_client(connection, client_id)
    return None if client is None or client.disabled else client
