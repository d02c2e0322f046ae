"""Wishes that bind nobody (OIDC Core 3.1.2.1): acr_values, login_hint, display, ui_locales; bounded."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError

_TOLERATED = ("acr_values", "login_hint", "display", "ui_locales", "claims_locales", "claims")
_MAXIMUM_CHARACTERS = 2048


def check_hints(draft: Draft) -> None:
    """Bound the wishes; keep the authentication contexts asked for."""
    for name in _TOLERATED:
        if len(draft.parameters.get(name) or "") > _MAXIMUM_CHARACTERS:
            raise AuthorizationError(OAuthError.INVALID_REQUEST, f"{name} is too long")
    draft.established["acr_values"] = draft.parameters.words("acr_values")
