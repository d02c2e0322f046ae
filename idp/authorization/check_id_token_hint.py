"""`id_token_hint` is an ID Token we gave to this site (OIDC Core 3.1.2.2 step 4)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError, SignedTokenError
from idp.tokens import Purpose, verify_token
from idp.vocabulary import OAuthError


def check_id_token_hint(draft: Draft) -> None:
    """Verify the hint; its `sub` is then the only person this request may end with."""
    hint = draft.parameters.get("id_token_hint")
    draft.established["hinted_sub"] = None
    if hint is None:
        return
    try:
        claims = verify_token(
            hint,
            Purpose.ID_TOKEN_HINT,
            keys=draft.keys,
            issuer=draft.issuer,
            audience=draft.known_client.client_id,
            at=draft.at,
        )
    except SignedTokenError as error:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, f"id_token_hint: {error.message}") from None
    draft.established["hinted_sub"] = claims["sub"]
