"""Asking the register who a certificate's subject number stands for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from idp.claims import EndUser, Enterprise
from idp.errors import RegisterUnavailableError
from idp.login.failures import LoginFailure
from idp.settings import IdpSettings
from runtime.internal import InternalClient, InternalError, RemoteProblemError
from trust.profile_policy import CertificateKind

REGISTER_SERVICE = "ra"
_KINDS = {
    CertificateKind.CITIZEN_AUTHENTICATION: "citizen",
    CertificateKind.ENTERPRISE_AUTHENTICATION: "enterprise",
    CertificateKind.OFFICER_AUTHENTICATION: "officer",
}


class Register:
    """The person and enterprise register, over mutual TLS."""

    def __init__(self, settings: IdpSettings) -> None:
        self._client = InternalClient(settings.registration_url, settings, service=REGISTER_SERVICE)

    def end_user(self, subject_number: str, kind: CertificateKind, fingerprint: str) -> EndUser:
        """Return the person, and the enterprise an enterprise card acts for; both must be in force."""
        return read_subject(self._ask(subject_number), kind, fingerprint)

    def _ask(self, subject_number: str) -> Any:
        """Ask for one subject number."""
        try:
            return self._client.get_json(f"/internal/subjects/{quote(subject_number, safe='')}")
        except RemoteProblemError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise LoginFailure.PERSON_UNKNOWN.error(error.code) from None
            raise _unavailable() from error
        except InternalError as error:
            raise _unavailable() from error


def read_subject(answer: Any, kind: CertificateKind, fingerprint: str) -> EndUser:
    """Read the register's answer; it must be about the kind of card that was shown."""
    if not isinstance(answer, dict):
        raise _unavailable()
    if answer.get("active") is not True:
        raise LoginFailure.PERSON_INACTIVE.error()
    if answer.get("kind") != _KINDS.get(kind):
        raise LoginFailure.PERSON_UNKNOWN.error("subject-kind-differs")
    try:
        named = answer["enterprise"] if kind is CertificateKind.ENTERPRISE_AUTHENTICATION else None
        enterprise = Enterprise(str(named["name"]), str(named["uscc"])) if named else None
        person_id, name = answer["person_id"], answer["name"]
    except (KeyError, TypeError):
        raise _unavailable() from None
    if not isinstance(person_id, str) or not person_id or not isinstance(name, str):
        raise _unavailable()
    if kind is CertificateKind.ENTERPRISE_AUTHENTICATION and enterprise is None:
        raise LoginFailure.PERSON_UNKNOWN.error("enterprise-missing")
    officer = fingerprint if kind is CertificateKind.OFFICER_AUTHENTICATION else None
    return EndUser(person_id, name, enterprise, officer)


def _unavailable() -> RegisterUnavailableError:
    """Make the error of a register that does not answer."""
    return RegisterUnavailableError(
        "The register cannot be reached at the moment, so nobody can log in. Please try again in a minute.",
        code="register-unavailable",
    )
