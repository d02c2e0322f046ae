"""No parameter comes more than once (RFC 6749 3.1)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError


def check_repeated(draft: Draft) -> None:
    """Refuse repetition: two readers of one request must not see two different requests."""
    if draft.parameters.repeated:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "a parameter comes more than once")
