"""`nonce` is present (profile `gov`): it binds the ID Token to the site's browser session."""

from __future__ import annotations

import re

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError

_NONCE = re.compile(r"[\x20-\x7e]{1,512}\Z")


def check_nonce(draft: Draft) -> None:
    """Require a nonce of sane form."""
    nonce = draft.parameters.get("nonce")
    if nonce is None:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "nonce is required")
    if not _NONCE.match(nonce):
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "nonce: at most 512 printable ASCII characters")
    draft.established["nonce"] = nonce
