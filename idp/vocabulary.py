"""The words of the protocol, exactly as the standards write them."""

from __future__ import annotations

from enum import StrEnum


class OAuthError(StrEnum):
    """Error codes on the wire: RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, OIDC Core 3.1.2.6."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a word of the protocol
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    ACCESS_DENIED = "access_denied"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    LOGIN_REQUIRED = "login_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"


class ResponseType(StrEnum):
    """Flows offered: only the code, never a token in a redirect."""

    CODE = "code"


class ResponseMode(StrEnum):
    """How the answer travels."""

    QUERY = "query"


class GrantType(StrEnum):
    """What may be redeemed at the token endpoint."""

    AUTHORIZATION_CODE = "authorization_code"


class CodeChallengeMethod(StrEnum):
    """PKCE methods accepted (RFC 7636 4.2); `plain` is not one."""

    S256 = "S256"


class Prompt(StrEnum):
    """OIDC Core 3.1.2.1 `prompt`."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


class Scope(StrEnum):
    """What a site may ask to be told."""

    OPENID = "openid"
    PROFILE = "profile"
    ENTERPRISE = "enterprise"
    OFFICER = "officer"


class ClientProfile(StrEnum):
    """How strict the provider is with a site. `gov`: code, PKCE S256 and nonce, exact redirect URI."""

    GOV = "gov"


class ClientAuthentication(StrEnum):
    """How a site proves itself at the token endpoint (OIDC Core 9)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a word of the protocol
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"


class SigningAlgorithm(StrEnum):
    """JWS algorithms in use (RFC 7518 3.1)."""

    ES256 = "ES256"
    RS256 = "RS256"


class Acr(StrEnum):
    """Authentication context: how sure the login is."""

    CARD_AND_PIN = "urn:tongxing:acr:3"


class Amr(StrEnum):
    """Authentication methods (RFC 8176 2)."""

    SMART_CARD = "sc"
    PIN = "pin"
    HARDWARE_KEY = "hwk"
    MULTIPLE_FACTORS = "mfa"


CARD_LOGIN_METHODS = (Amr.SMART_CARD, Amr.PIN, Amr.HARDWARE_KEY, Amr.MULTIPLE_FACTORS)
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
