"""`response_type` is `code` (OIDC Core 3.1.2.1): no token ever travels in a redirect."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import AuthorizationError
from idp.vocabulary import OAuthError, ResponseMode, ResponseType


def check_response_type(draft: Draft) -> None:
    """Check the flow, and that its answer travels in the query."""
    response_type = draft.parameters.get("response_type")
    if response_type is None:
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "response_type is missing")
    if response_type != ResponseType.CODE:
        raise AuthorizationError(OAuthError.UNSUPPORTED_RESPONSE_TYPE, "response_type: code is offered")
    if draft.parameters.get("response_mode") not in (None, ResponseMode.QUERY):
        raise AuthorizationError(OAuthError.INVALID_REQUEST, "response_mode: query is offered")
