"""`scope` contains `openid` (OIDC Core 3.1.2.1) and nothing the site is not registered for."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError, Scope

_KNOWN = {scope.value: scope for scope in Scope}


def check_scope(draft: Draft) -> None:
    """Take the scopes we know; others are ignored (OIDC Core 3.1.2.1), ours need registration."""
    asked = draft.parameters.words("scope")
    if Scope.OPENID not in asked:
        raise AuthorizationError(OAuthError.INVALID_SCOPE, "scope must contain openid")
    scopes = tuple(_KNOWN[word] for word in dict.fromkeys(asked) if word in _KNOWN)
    beyond = [scope.value for scope in scopes if scope not in draft.known_client.scopes]
    if beyond:
        raise AuthorizationError(
            OAuthError.INVALID_SCOPE, f"the site is not registered for scope {' '.join(beyond)}"
        )
    draft.established["scopes"] = scopes
