"""Why a card login is refused: one code and one sentence each, for the person who stands before the page.

The sentences are gettext message ids; the Chinese is in `translations/`.
"""

from __future__ import annotations

from enum import Enum

from idp.errors import CardStatusUnknownError, LoginError


class LoginFailure(Enum):
    """Reasons for refusal: code, and what to tell the person."""

    TOKEN_MALFORMED = (
        "card-token-malformed",
        "What the card agent sent cannot be read. Please log in again; if that fails, update the agent.",
    )
    SIGNATURE = (
        "card-token-signature",
        "The card's answer was made for another page or another login. "
        "Open the login page from the site's own link and try again.",
    )
    EXPIRED = (
        "certificate-expired",
        "The certificate on this card has expired. Please have the card renewed at the service desk.",
    )
    NOT_YET_VALID = (
        "certificate-not-yet-valid",
        "The certificate on this card is not valid yet. Check the date, or ask at the service desk.",
    )
    REVOKED = (
        "certificate-revoked",
        "This card has been revoked and can no longer be used. Ask at the service desk for a new one.",
    )
    ON_HOLD = (
        "certificate-on-hold",
        "This card is suspended. If you have found it again, ask at the service desk to release it.",
    )
    UNKNOWN_ISSUER = (
        "certificate-issuer-unknown",
        "This card was not issued by an authority that the city trusts.",
    )
    STATUS_UNKNOWN = (
        "certificate-status-unknown",
        "It cannot be established at the moment whether this card is in force. Please try again later.",
    )
    WRONG_KIND = (
        "certificate-kind",
        "The certificate used is not meant for logging in. Use the card's authentication certificate.",
    )
    NOT_ACCEPTED = (
        "certificate-not-accepted",
        "The certificate on this card does not meet the rules for logging in.",
    )
    PERSON_UNKNOWN = (
        "person-unknown",
        "The register does not know the holder of this card. Please ask at the service desk.",
    )
    PERSON_INACTIVE = (
        "person-inactive",
        "The register says that this card may not be used at present. Please ask at the service desk.",
    )

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message

    def error(self, cause: str = "") -> LoginError:
        """Make the error; `cause` is a code for the audit log."""
        kind = CardStatusUnknownError if self is LoginFailure.STATUS_UNKNOWN else LoginError
        return kind(self.message, code=self.code, cause=cause)

    @classmethod
    def told(cls, code: str | None) -> tuple[str, str] | None:
        """Return code and sentence of a failure by its code; none for a code that is not one."""
        return next(((failure.code, failure.message) for failure in cls if failure.code == code), None)
