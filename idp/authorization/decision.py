"""Whether the session in hand answers a request, or the person must authenticate (OIDC Core 3.1.2.3)."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from idp.authorization.request import AuthorizationRequest
from idp.errors import AuthorizationError
from idp.session import LoginSession, satisfies
from idp.vocabulary import OAuthError, Prompt


class Decision(Enum):
    """What happens next."""

    ANSWER = "answer the site"
    ASK = "ask the person for the card"


def decide(
    request: AuthorizationRequest,
    session: LoginSession | None,
    session_sub: str | None,
    at: datetime,
    *,
    just_now: bool = False,
) -> Decision:
    """Decide from the request and the session; `session_sub` is the session's `sub` for this site.

    `just_now`: the person has authenticated for this very request, as `prompt=login` or `max_age` wanted.
    """
    if session is None or session_sub is None:
        return _ask(request, "nobody is logged in")
    if not just_now and {Prompt.LOGIN, Prompt.SELECT_ACCOUNT} & set(request.prompts):
        return Decision.ASK
    if not just_now and not session.is_fresh(request.max_age, at):
        return _ask(request, "the login is older than max_age")
    if not satisfies(session.acr, request.acr_values):
        return _ask(request, "the login does not reach the level asked for")
    if request.hinted_sub not in (None, session_sub):
        if just_now:
            raise AuthorizationError(
                OAuthError.LOGIN_REQUIRED, "another person than the hinted one logged in"
            )
        return _ask(request, "another person than the hinted one is logged in")
    return Decision.ANSWER


def _ask(request: AuthorizationRequest, reason: str) -> Decision:
    """Ask the person, unless the site forbade it (prompt=none)."""
    if Prompt.NONE in request.prompts:
        raise AuthorizationError(OAuthError.LOGIN_REQUIRED, reason)
    return Decision.ASK
