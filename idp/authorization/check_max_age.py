"""`max_age` is a number of seconds (OIDC Core 3.1.2.1)."""

from __future__ import annotations

import re

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError

_SECONDS = re.compile(r"[0-9]{1,9}\Z")


def check_max_age(draft: Draft) -> None:
    """Read the number; anything else is an error, not a wish to be ignored."""
    text = draft.parameters.get("max_age")
    if text is not None and not _SECONDS.match(text):
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "max_age: a number of seconds")
    draft.established["max_age"] = None if text is None else int(text)
