"""The answer to a site: a redirect with `code` or `error`, always with `iss` (RFC 9207) and `state`."""

from __future__ import annotations

from urllib.parse import urlencode

from idp.errors import AuthorizationError


def success_location(redirect_uri: str, *, code: str, state: str | None, issuer: str) -> str:
    """Return the address that brings a code back (RFC 6749 4.1.2)."""
    return _with_query(redirect_uri, {"code": code, "state": state, "iss": issuer})


def error_location(redirect_uri: str, error: AuthorizationError, *, state: str | None, issuer: str) -> str:
    """Return the address that brings an error back (RFC 6749 4.1.2.1)."""
    parameters = {
        "error": error.error.value,
        "error_description": error.message,
        "state": state,
        "iss": issuer,
    }
    return _with_query(redirect_uri, parameters)


def _with_query(uri: str, parameters: dict[str, str | None]) -> str:
    """Add parameters to a registered URI, keeping the query it has (RFC 6749 3.1.2)."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"
