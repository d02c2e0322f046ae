"""`state` is short printable ASCII (RFC 6749 A.5); it goes back as it came."""

from __future__ import annotations

import re

from idp.authorization.parameters import Parameters
from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError

_STATE = re.compile(r"[\x20-\x7e]{1,1024}\Z")


def safe_state(parameters: Parameters) -> str | None:
    """Return the state to echo; None when there is none, or none that can be echoed."""
    state = parameters.get("state")
    return state if state and _STATE.match(state) else None


def check_state(draft: Draft) -> None:
    """Refuse what cannot be echoed."""
    state = safe_state(draft.parameters)
    if state is None and draft.parameters.get("state") is not None:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "state: at most 1024 printable ASCII characters")
    draft.established["state"] = state
