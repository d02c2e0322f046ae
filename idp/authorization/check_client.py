"""The site is registered and not disabled (RFC 6749 4.1.2.1: else never redirect)."""

from __future__ import annotations

from idp.authorization.request import Draft
from idp.errors import UntrustedRequestError


def check_client(draft: Draft) -> None:
    """Find the client by its one `client_id`."""
    client_id = draft.parameters.get("client_id")
    if client_id is None:
        raise UntrustedRequestError(
            "The request does not say which site it comes from.", code="client-id-missing"
        )
    client = draft.find_client(client_id)
    if client is None:
        raise UntrustedRequestError(
            "The site that sent you here is not registered with this service.", code="client-unknown"
        )
    if client.disabled:
        raise UntrustedRequestError(
            "The site that sent you here may not use this service at present.", code="client-disabled"
        )
    draft.client = client
