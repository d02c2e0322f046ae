"""The login page: which site asks, for what, and the card."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import flask
from werkzeug.wrappers import Response

from idp import browser
from idp.authorization.decision import Decision, decide
from idp.authorization.request import AuthorizationRequest
from idp.client import Client
from idp.endpoints.authorize import cancelled, client_of, redirect_error
from idp.errors import AuthorizationError, LoginError, RegisterUnavailableError
from idp.login.failures import LoginFailure
from idp.provider import Provider
from idp.service.audit_actions import ANYBODY, Action, site
from idp.service.interactions import (
    Interaction,
    find_interaction,
    finish_interaction,
    issue_nonce,
    take_nonce,
)
from idp.service.sessions import log_in
from idp.session import LoginSession
from idp.vocabulary import Scope
from runtime.web import allow_source, at, body_limit, problem, rate_limit
from runtime.web.problem import wants_page

blueprint = flask.Blueprint("login", __name__, url_prefix="/login")
_LOG = logging.getLogger(__name__)
_SEE_OTHER = 303
_FORBIDDEN = 403
_UNAVAILABLE = 503
_CARD_TOKEN = "card_token"  # noqa: S105 - a form field
# What each scope means to the person, as message ids.
_MEANINGS = {
    Scope.OPENID: "a number for you that only this site gets",
    Scope.PROFILE: "your name",
    Scope.ENTERPRISE: "your enterprise's name and unified social credit code, if you use an enterprise card",
    Scope.OFFICER: "that you are an officer, if you use an officer card",
}


@blueprint.get("/<interaction_id>")
def page(interaction_id: str) -> Response | str:
    """Show the login page; or go on at once when the person logged in meanwhile (in another tab)."""
    interaction = _waiting(interaction_id)
    provider, client = browser.provider(), client_of(browser.provider(), interaction.request)
    session = browser.current_session()
    if session and _already_answered(provider, interaction, client, session):
        return flask.redirect(_resume(interaction_id), _SEE_OTHER)
    ending = LoginFailure.told(browser.take_ending())
    return _render(interaction, client, ending, ended=ending is not None)


@blueprint.post("/<interaction_id>")
@body_limit(64 * 1024)
@rate_limit("login", per_minute=120)
def submit(interaction_id: str) -> Response:
    """Take the card's answer: nonce, card token, person; then a session.

    1. The waiting request is this browser's. 2. Its nonce is taken: once, in time. 3. The card token is
    judged and the person found. 4. A session begins under a new secret. 5. The browser goes on by GET.
    """
    provider, interaction = browser.provider(), _waiting(interaction_id)
    client = client_of(provider, interaction.request)
    try:
        nonce = take_nonce(provider, interaction, at())
        login = provider.card_door.validate(flask.request.form.get(_CARD_TOKEN, ""), nonce, at())
    except LoginError as error:
        _record_refusal(provider, client, error)
        return _refuse(interaction, client, error.code, error.message, _FORBIDDEN)
    except RegisterUnavailableError as error:
        _LOG.exception("the register cannot be asked")
        return _refuse(interaction, client, error.code, error.message, _UNAVAILABLE)
    secret = log_in(provider, login, browser.current_session(), interaction_id, at())
    browser.remember_login(secret)
    return flask.redirect(_resume(interaction_id), _SEE_OTHER)


@blueprint.post("/<interaction_id>/nonce")
@rate_limit("nonce", per_minute=120)
def nonce(interaction_id: str) -> Response:
    """Give the page a fresh nonce, so that one left open for long still works."""
    value = issue_nonce(browser.provider(), _waiting(interaction_id), at())
    return flask.jsonify(nonce=value)


@blueprint.post("/<interaction_id>/cancel")
def cancel(interaction_id: str) -> Response:
    """Go back to the site without logging in."""
    provider, interaction = browser.provider(), _waiting(interaction_id)
    client = client_of(provider, interaction.request)
    finish_interaction(provider, interaction_id)
    with provider.database.session() as session:
        provider.audit.append(
            session,
            at=at(),
            actor=ANYBODY,
            action=Action.LOGIN_CANCELLED,
            subject=site(client.client_id),
        )
    return redirect_error(provider, interaction.request, cancelled())


def _waiting(interaction_id: str) -> Interaction:
    """Return the waiting request of this browser."""
    return find_interaction(browser.provider(), interaction_id, browser.browser_id(), at())


def _resume(interaction_id: str) -> str:
    """Return the address where a waiting request is answered."""
    return flask.url_for("authorize.resume", interaction_id=interaction_id)


def _already_answered(
    provider: Provider, interaction: Interaction, client: Client, session: LoginSession
) -> bool:
    """Whether the live session already satisfies the waiting request, or can only fail it."""
    sub = provider.subject_of(session.end_user.person_id, client)
    try:
        decision = decide(interaction.request, session, sub, at(), just_now=interaction.authenticated)
    except AuthorizationError:
        return True
    return decision is Decision.ANSWER


def _allow_return(client: Client) -> None:
    """Let the form's redirects lead back to the site: Chromium applies form-action to them."""
    for origin in client.origins:
        allow_source("form-action", origin)


def _render(
    interaction: Interaction,
    client: Client,
    failure: tuple[str, str] | None = None,
    *,
    ended: bool = False,
) -> str:
    """Render the page with a fresh nonce; `ended`: the failure is why the session before is over."""
    provider = browser.provider()
    _allow_return(client)
    allow_source("connect-src", provider.settings.agent_url)
    request: AuthorizationRequest = interaction.request
    return flask.render_template(
        "login.html",
        interaction_id=interaction.interaction_id,
        client=client,
        site=urlsplit(request.redirect_uri).netloc,
        told=[_MEANINGS[scope] for scope in request.scopes],
        nonce=issue_nonce(provider, interaction, at()),
        nonce_seconds=provider.settings.nonce_seconds,
        agent_url=provider.settings.agent_url,
        failure=failure,
        ended=ended,
    )


def _refuse(interaction: Interaction, client: Client, code: str, message: str, status: int) -> Response:
    """Show why, on the same page with a fresh nonce; as problem+json to a program."""
    if not wants_page():
        return problem(status, code, message)
    return flask.make_response(_render(interaction, client, (code, message)), status)


def _record_refusal(provider: Provider, client: Client, error: LoginError) -> None:
    """Write the refusal into the audit log, and its code into the log."""
    _LOG.warning("card login refused: %s %s", error.code, error.cause)
    with provider.database.session() as session:
        provider.audit.append(
            session,
            at=at(),
            actor=ANYBODY,
            action=Action.LOGIN_REFUSED,
            subject=site(client.client_id),
            details={"code": error.code, "cause": error.cause},
        )
