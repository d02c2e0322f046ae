"""Parameters of extensions this provider does not offer (OIDC Core 3.1.2.6, 6.1, 6.2, 7.2.1)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError

_REFUSED = {
    "request": OAuthError.REQUEST_NOT_SUPPORTED,
    "request_uri": OAuthError.REQUEST_URI_NOT_SUPPORTED,
    "registration": OAuthError.REGISTRATION_NOT_SUPPORTED,
}


def check_unsupported(draft: Draft) -> None:
    """Refuse request objects by name: ignoring one would answer another request than was meant."""
    for name, error in _REFUSED.items():
        if draft.parameters.get(name) is not None:
            raise AuthorizationError(error, f"{name} is not supported")
