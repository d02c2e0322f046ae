"""The errors of the authority: what it refuses to do, with a code for machines and a next step for people."""

from __future__ import annotations


class CaError(Exception):
    """Base of every error raised by `ca/`: `code` in kebab-case, a message that says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class CertificationRequestError(CaError):
    """A certification request (PKCS#10) that must not be certified: malformed, unproven, weak, or foreign."""


class ProfileError(CaError):
    """A profile that does not exist, or a subject that does not fit its profile."""


class LintError(CaError):
    """A to-be-signed certificate that breaks a rule of RFC 5280 or of its profile; never signed."""


class PreparationError(CaError):
    """A preparation that is unknown, expired, or was redeemed before."""


class ApprovalError(CaError):
    """An approval that does not approve: wrong signer, wrong content, wrong role, or not valid any more."""


class OfficerError(CaError):
    """Somebody who is not an officer, lacks the role, or holds roles that exclude each other."""


class CertificateStatusError(CaError):
    """A certificate that is not known here, or a change of status that its present status does not allow."""


class UnknownCertificateError(CertificateStatusError):
    """A serial number that was never issued here."""


class PublicationError(CaError):
    """A freshly signed certificate or CRL that independent code does not accept; it is not released."""


class CeremonyError(CaError):
    """A ceremony that cannot begin or go on: already held, unusable plan, or a refused card."""


class RegisterError(CaError):
    """An entry of the person or enterprise register that is missing, doubled, inactive, or does not match."""


class ApplicationError(CaError):
    """An application that is unknown, or not in the state the act needs."""


class UnknownApplicationError(ApplicationError):
    """An application that does not exist."""


class AuthorityUnavailableError(CaError):
    """The issuing process did not answer; the act may be repeated."""


class StatusSourceError(CaError):
    """The certificate status at hand is too old or incomplete to answer from."""
