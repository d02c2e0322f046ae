"""The redirect URI is, to the letter, one the site registered (RFC 9700 2.1: else never redirect)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import UntrustedRequestError


def check_redirect_uri(draft: Draft) -> None:
    """Compare by simple string comparison (RFC 3986 6.2.1); no wildcard, no prefix, no default."""
    redirect_uri = draft.parameters.get("redirect_uri")
    if redirect_uri is None:
        raise UntrustedRequestError(
            "The request does not say where to return to.", code="redirect-uri-missing"
        )
    if redirect_uri not in draft.known_client.redirect_uris:
        raise UntrustedRequestError(
            "The address to return to is not one the site registered.", code="redirect-uri-unknown"
        )
    draft.established["redirect_uri"] = redirect_uri
