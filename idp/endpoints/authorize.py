"""The authorization endpoint (OIDC Core 3.1.2): answer from the session in hand, or ask for the card."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

import flask
from werkzeug.wrappers import Response

from idp import browser
from idp.authorization.check_state import safe_state
from idp.authorization.decision import Decision, decide
from idp.authorization.parameters import MAXIMUM_CHARACTERS, Parameters
from idp.authorization.request import AuthorizationRequest, Draft
from idp.authorization.response import error_location, success_location
from idp.authorization.table import validate_request
from idp.client import Client
from idp.discovery import AUTHORIZATION_PATH
from idp.errors import (
    AuthorizationError,
    InteractionError,
    SessionEndedError,
    SessionUncheckedError,
    UntrustedRequestError,
)
from idp.provider import Provider
from idp.service.authorization import issue_code
from idp.service.clients import find_client
from idp.service.confirmation import confirm_session
from idp.service.interactions import begin_interaction, find_interaction, finish_interaction
from idp.session import LoginSession
from idp.vocabulary import OAuthError, Prompt
from runtime import clock
from runtime.errors import ClockError
from runtime.web import at, body_limit, csrf_exempt, rate_limit
from runtime.web.locale import LANGUAGES
from runtime.web.problem import respond

blueprint = flask.Blueprint("authorize", __name__)
_SEE_OTHER = 303
# Many people may share one address; a login leaves a row in the database, so there is a limit at all.
_PER_MINUTE = 1200


@blueprint.get(AUTHORIZATION_PATH)
@rate_limit("authorize", per_minute=_PER_MINUTE)
def authorize() -> Response:
    """Check the request; then answer it from the live session, or begin a login."""
    provider = browser.provider()
    parameters = Parameters.parse(flask.request.query_string.decode("latin-1"))
    draft = _draft(provider, parameters, at())
    try:
        request = validate_request(draft)
        session = browser.current_session()
        decision = _decide(provider, request, draft.known_client, session)
    except AuthorizationError as error:
        return _tell_site(draft, error)
    if decision is Decision.ANSWER and session is not None:
        return answer(provider, request, draft.known_client, session)
    _prefer_language(parameters)
    interaction_id = begin_interaction(provider, request, browser.browser_id(), at())
    return flask.redirect(flask.url_for("login.page", interaction_id=interaction_id), _SEE_OTHER)


@blueprint.post(AUTHORIZATION_PATH)
@csrf_exempt
@body_limit(MAXIMUM_CHARACTERS)
@rate_limit("authorize", per_minute=_PER_MINUTE)
def authorize_by_post() -> Response:
    """Take the request from a form (OIDC Core 3.1.2.1) and repeat it as a GET.

    A form posted by another site does not bring our cookie along (SameSite=Lax), a visit does.
    """
    if flask.request.mimetype != "application/x-www-form-urlencoded":
        raise UntrustedRequestError("The request cannot be understood.", code="invalid_request")
    encoded = flask.request.get_data(cache=False).decode("latin-1")
    Parameters.parse(encoded)
    query = urlencode(parse_qsl(encoded, keep_blank_values=True))
    return flask.redirect(f"{AUTHORIZATION_PATH}?{query}", _SEE_OTHER)


@blueprint.errorhandler(ClockError)
def refuse_for_clock(error: ClockError) -> Response:
    """While the clock is not to be believed the site is told so, if it is one of ours (RFC 6749 4.1.2.1).

    A 503 could not be given by a redirect; a person who is on the way to a site gets one as a page.
    """
    if flask.request.endpoint != "authorize.authorize":
        return respond(HTTPStatus.SERVICE_UNAVAILABLE, error.code, str(error))
    parameters = Parameters.parse(flask.request.query_string.decode("latin-1"))
    # The time matters for hints only; whatever they are worth, the answer is the same.
    draft = _draft(browser.provider(), parameters, clock.now())
    try:
        validate_request(draft)
    except AuthorizationError as refused:
        return _tell_site(draft, refused)
    except UntrustedRequestError as untrusted:
        return respond(HTTPStatus.BAD_REQUEST, untrusted.code, untrusted.message)
    return _tell_site(draft, AuthorizationError(OAuthError.TEMPORARILY_UNAVAILABLE, str(error)))


@blueprint.get("/authorize/resume/<interaction_id>")
def resume(interaction_id: str) -> Response:
    """Answer a waiting request after its person has logged in."""
    provider = browser.provider()
    interaction = find_interaction(provider, interaction_id, browser.browser_id(), at())
    request = interaction.request
    client = client_of(provider, request)
    session = browser.current_session()
    try:
        decision = _decide(provider, request, client, session, just_now=interaction.authenticated)
    except AuthorizationError as error:
        finish_interaction(provider, interaction_id)
        return redirect_error(provider, request, error)
    if decision is Decision.ASK or session is None:
        return flask.redirect(flask.url_for("login.page", interaction_id=interaction_id), _SEE_OTHER)
    if not finish_interaction(provider, interaction_id):
        raise InteractionError(
            "This login has been completed already. Go back to the site.", code="login-over"
        )
    return answer(provider, request, client, session)


def _decide(
    provider: Provider,
    request: AuthorizationRequest,
    client: Client,
    session: LoginSession | None,
    *,
    just_now: bool = False,
) -> Decision:
    """Decide whether the session answers the request: only while the card that began it is in force."""
    subject = None if session is None else provider.subject_of(session.end_user.person_id, client)
    decision = decide(request, session, subject, at(), just_now=just_now)
    if decision is Decision.ANSWER and session is not None:
        return _confirm(provider, session, silent=Prompt.NONE in request.prompts)
    return decision


def _confirm(provider: Provider, session: LoginSession, *, silent: bool) -> Decision:
    """Check the session's card before a code is issued; `silent`: the person may not be bothered."""
    try:
        confirm_session(provider, session, at())
    except SessionEndedError as error:
        browser.note_ending(error.code)
        if silent:
            raise AuthorizationError(OAuthError.LOGIN_REQUIRED, "the card is no longer in force") from None
        return Decision.ASK
    except SessionUncheckedError:
        if silent:
            raise AuthorizationError(
                OAuthError.TEMPORARILY_UNAVAILABLE, "the status of the card cannot be had at the moment"
            ) from None
        raise
    return Decision.ANSWER


def answer(
    provider: Provider, request: AuthorizationRequest, client: Client, session: LoginSession
) -> Response:
    """Send the browser back with a code."""
    code = issue_code(provider, request, client, session, at())
    location = success_location(request.redirect_uri, code=code, state=request.state, issuer=provider.issuer)
    return flask.redirect(location, _SEE_OTHER)


def redirect_error(provider: Provider, request: AuthorizationRequest, error: AuthorizationError) -> Response:
    """Send the browser back with an error."""
    location = error_location(request.redirect_uri, error, state=request.state, issuer=provider.issuer)
    return flask.redirect(location, _SEE_OTHER)


def client_of(provider: Provider, request: AuthorizationRequest) -> Client:
    """Return the site of a waiting request; it may have been disabled, or changed, in the meantime."""
    with provider.database.read() as connection:
        client = find_client(connection, request.client_id)
    if client is None or client.disabled or request.redirect_uri not in client.redirect_uris:
        raise UntrustedRequestError(
            "The site that sent you here may not use this service at present.", code="client-disabled"
        )
    return client


def _draft(provider: Provider, parameters: Parameters, moment: datetime) -> Draft:
    """Begin the examination of a request."""

    def find(client_id: str) -> Client | None:
        with provider.database.read() as connection:
            return find_client(connection, client_id)

    return Draft(parameters, find, provider.issuer, provider.keys.published, moment)


def _tell_site(draft: Draft, error: AuthorizationError) -> Response:
    """Report an error to the site; its redirect URI has been checked by now."""
    location = error_location(
        draft.established["redirect_uri"], error, state=safe_state(draft.parameters), issuer=draft.issuer
    )
    return flask.redirect(location, _SEE_OTHER)


def _prefer_language(parameters: Parameters) -> None:
    """Follow ui_locales, unless the person has chosen a language."""
    for tag in parameters.words("ui_locales"):
        primary = tag.split("-")[0].lower()
        if primary in LANGUAGES:
            flask.session.setdefault("language", primary)
            return


def cancelled() -> AuthorizationError:
    """Return the error of a person who does not want to log in (RFC 6749 4.1.2.1)."""
    return AuthorizationError(OAuthError.ACCESS_DENIED, "the person did not log in")
