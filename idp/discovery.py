"""What the provider publishes about itself: metadata (OIDC Discovery 3, RFC 8414) and keys (RFC 7517 5)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from idp.claims import SCOPE_CLAIMS
from idp.tokens import VerificationKey
from idp.vocabulary import (
    Acr,
    ClientAuthentication,
    CodeChallengeMethod,
    GrantType,
    Prompt,
    ResponseMode,
    ResponseType,
    Scope,
    SigningAlgorithm,
)

DISCOVERY_PATH = "/.well-known/openid-configuration"
AUTHORIZATION_PATH = "/authorize"
TOKEN_PATH = "/token"  # noqa: S105 - an address
USERINFO_PATH = "/userinfo"
JWKS_PATH = "/jwks"
LOGOUT_PATH = "/logout"

_PROTOCOL_CLAIMS = ("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid")


def metadata(issuer: str) -> dict[str, Any]:
    """Return the provider's metadata document."""
    claims = [claim for names in SCOPE_CLAIMS.values() for claim in names]
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZATION_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "userinfo_endpoint": issuer + USERINFO_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "end_session_endpoint": issuer + LOGOUT_PATH,
        "scopes_supported": [scope.value for scope in Scope],
        "claims_supported": [*claims, *_PROTOCOL_CLAIMS],
        "response_types_supported": [value.value for value in ResponseType],
        "response_modes_supported": [value.value for value in ResponseMode],
        "grant_types_supported": [value.value for value in GrantType],
        "subject_types_supported": ["pairwise"],
        "acr_values_supported": [value.value for value in Acr],
        "prompt_values_supported": [value.value for value in Prompt],
        "display_values_supported": ["page"],
        "ui_locales_supported": ["zh-CN", "en"],
        "id_token_signing_alg_values_supported": [value.value for value in SigningAlgorithm],
        "token_endpoint_auth_methods_supported": [value.value for value in ClientAuthentication],
        "token_endpoint_auth_signing_alg_values_supported": [value.value for value in SigningAlgorithm],
        "code_challenge_methods_supported": [value.value for value in CodeChallengeMethod],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def discovery_document(issuer: str) -> bytes:
    """Return the metadata as it is served."""
    return json.dumps(metadata(issuer), indent=1).encode()


def jwks_document(keys: Iterable[VerificationKey]) -> bytes:
    """Return our public keys as they are served."""
    return json.dumps({"keys": [key.published() for key in keys]}, indent=1).encode()
