"""The ordered table of checks of an authentication request (OIDC Core 3.1.2.2, RFC 6749 4.1.1).

The first two decide whether the browser may be sent back at all; whatever fails after them is told to the
site by redirect, with `iss` and `state`.
"""

from __future__ import annotations

from collections.abc import Callable

from idp.authorization.check_client import check_client
from idp.authorization.check_hints import check_hints
from idp.authorization.check_id_token_hint import check_id_token_hint
from idp.authorization.check_max_age import check_max_age
from idp.authorization.check_nonce import check_nonce
from idp.authorization.check_pkce import check_pkce
from idp.authorization.check_prompt import check_prompt
from idp.authorization.check_redirect_uri import check_redirect_uri
from idp.authorization.check_repeated import check_repeated
from idp.authorization.check_response_type import check_response_type
from idp.authorization.check_scope import check_scope
from idp.authorization.check_state import check_state
from idp.authorization.check_unsupported import check_unsupported
from idp.authorization.request import AuthorizationRequest, Draft

Check = Callable[[Draft], None]

CHECKS: tuple[Check, ...] = (
    check_client,
    check_redirect_uri,
    check_repeated,
    check_state,
    check_unsupported,
    check_response_type,
    check_scope,
    check_nonce,
    check_pkce,
    check_prompt,
    check_max_age,
    check_hints,
    check_id_token_hint,
)


def validate_request(draft: Draft) -> AuthorizationRequest:
    """Run every check in order and return the request they establish."""
    for check in CHECKS:
        check(draft)
    return draft.request()
