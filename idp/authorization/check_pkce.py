"""PKCE with S256 (RFC 7636 4.3, required by profile `gov`)."""

from __future__ import annotations

import re

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import CodeChallengeMethod, OAuthError

# BASE64URL(SHA256(…)) without padding is always 43 characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def check_pkce(draft: Draft) -> None:
    """Require a challenge made by S256; an absent method means `plain`, which is not accepted."""
    challenge = draft.parameters.get("code_challenge")
    if challenge is None:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "code_challenge is required (PKCE, RFC 7636)")
    if draft.parameters.get("code_challenge_method") != CodeChallengeMethod.S256:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "code_challenge_method must be S256")
    if not _CHALLENGE.match(challenge):
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "code_challenge: 43 characters of base64url")
    draft.established["code_challenge"] = challenge
