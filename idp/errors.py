"""What can go wrong at the provider: one base, a class for each way an error is answered."""

from __future__ import annotations

from http import HTTPStatus

from idp.vocabulary import OAuthError


class IdpError(Exception):
    """Base of every error raised by `idp/`: a code for machines, a message that says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class SignedTokenError(IdpError):
    """A signed token (ID Token, client assertion) that must not be believed."""

    def __init__(self, message: str, *, code: str = "invalid-signed-token") -> None:
        super().__init__(message, code=code)


class RegistrationError(IdpError):
    """A relying site cannot be registered or changed as asked."""


class SigningKeyError(IdpError):
    """The provider's own keys are missing, or not in the state an operation needs."""


class UntrustedRequestError(IdpError):
    """A request that names no site we may send the browser to: answered by a page, never by a redirect."""


class AuthorizationError(IdpError):
    """An authentication request refused; the site is told by redirect (OIDC Core 3.1.2.6)."""

    def __init__(self, error: OAuthError, description: str) -> None:
        super().__init__(description, code=error.value)
        self.error = error


class TokenEndpointError(IdpError):
    """A token request refused (RFC 6749 5.2)."""

    def __init__(
        self, error: OAuthError, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(description, code=error.value)
        self.error = error
        self.status = status


class BearerTokenError(IdpError):
    """A request to a protected resource refused (RFC 6750 3.1); without an error code when no token came."""

    def __init__(self, error: OAuthError | None, description: str, status: HTTPStatus) -> None:
        super().__init__(description, code=error.value if error else "token-missing")
        self.error = error
        self.status = status


class LoginError(IdpError):
    """A card login refused; the person sees why and what to do, the audit log also the `cause`."""

    def __init__(self, message: str, *, code: str, cause: str = "") -> None:
        super().__init__(message, code=code)
        self.cause = cause


class CardStatusUnknownError(LoginError):
    """A card whose status cannot be had at present: it is refused, but nothing is held against it."""


class SessionEndedError(IdpError):
    """A live session whose card is no longer accepted: it has been ended; the code is the card's failure."""


class SessionUncheckedError(IdpError):
    """A live session whose card cannot be checked at present: it grants nothing now, and lives on."""


class InteractionError(IdpError):
    """A login page whose request is over, unknown, or belongs to another browser."""


class RegisterUnavailableError(IdpError):
    """The register that resolves a card's subject number cannot be asked at present."""
