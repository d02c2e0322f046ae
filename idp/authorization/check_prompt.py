"""`prompt` holds known words, and `none` alone (OIDC Core 3.1.2.1)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError, Prompt

_KNOWN = {prompt.value: prompt for prompt in Prompt}


def check_prompt(draft: Draft) -> None:
    """Check the words and their combination."""
    words = draft.parameters.words("prompt")
    if any(word not in _KNOWN for word in words):
        raise AuthorizationError(OAuthError.INVALID_REQUEST, f"prompt: one of {' '.join(_KNOWN)}")
    if Prompt.NONE in words and len(words) > 1:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "prompt: none stands alone")
    draft.established["prompts"] = tuple(_KNOWN[word] for word in words)
