"""The registration process over HTTP: the officers' desk for people, subjects for other services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import flask

from ca.errors import (
    ApplicationError,
    ApprovalError,
    AuthorityUnavailableError,
    CaError,
    OfficerError,
    RegisterError,
    UnknownApplicationError,
)
from ca.registration.desk import desk_pages
from ca.registration.gateway import AuthorityGateway, HttpGateway
from ca.registration.internal import internal_app
from ca.registration.service import SERVICE, RegistrationService
from ca.settings import RegistrationSettings
from runtime import clock
from runtime.internal import InternalClient, RevocationSource
from runtime.jobs import Job
from runtime.relying_party import RelyingParty
from runtime.revocation import EVIDENCE_POLICIES, EvidencePurpose, RevocationFetcher
from runtime.secret_file import read_secret
from runtime.web import WsgiCallable, create_flask

AUTHORITY = "ca"
# Officers log in with their cards; the provider then says which card it was.
_SCOPE = "openid profile officer"
_REQUIRED_ACR = "urn:tongxing:acr:3"
_ERRORS: dict[type[Exception], int] = {
    CaError: 422,
    RegisterError: 422,
    ApplicationError: 409,
    UnknownApplicationError: 404,
    ApprovalError: 403,
    OfficerError: 403,
    AuthorityUnavailableError: 503,
}


class Login(Protocol):
    """Logs people in (`runtime.relying_party.RelyingParty`)."""

    def register(self, app: flask.Flask) -> None:
        """Add /login, /callback and /logout."""
        ...


def create_app(
    settings: RegistrationSettings,
    now: Callable[[], datetime] = clock.now,
    *,
    gateway: AuthorityGateway | None = None,
    login: Login | None = None,
) -> WsgiCallable:
    """Make the public application, the officers' desk; tests bring their own gateway and login."""
    service = open_service(settings, gateway)
    app = create_flask(
        SERVICE,
        settings,
        package="ca.registration",
        title="Registration desk",
        csp={"connect-src": [settings.agent_url]},
        errors=_ERRORS,
        now=now,
    )
    app.jinja_env.globals["agent_url"] = settings.agent_url
    (login or _relying_party(settings)).register(app)
    app.register_blueprint(desk_pages(service))
    return app.wsgi_app


def create_internal_app(
    settings: RegistrationSettings,
    now: Callable[[], datetime] = clock.now,
    *,
    gateway: AuthorityGateway | None = None,
) -> WsgiCallable:
    """Make the application for other services."""
    return internal_app(settings, open_service(settings, gateway), now)


def revocation_of_callers(settings: RegistrationSettings) -> RevocationSource:
    """What is known of the revocation of other services' certificates, as the status service tells it."""
    policy = EVIDENCE_POLICIES[EvidencePurpose.SERVICE_CALL]
    return RevocationFetcher.from_settings(settings, policy).evidence_for


def jobs(settings: RegistrationSettings) -> list[Job]:  # noqa: ARG001 - every process has the same three doors
    """Registration has no background work of its own."""
    return []


def open_service(
    settings: RegistrationSettings, gateway: AuthorityGateway | None = None
) -> RegistrationService:
    """Open the registers, and the way to the issuing process."""
    if gateway is None:
        gateway = HttpGateway(InternalClient(settings.authority_url, settings, service=AUTHORITY))
    return RegistrationService.open(settings, gateway)


def _relying_party(settings: RegistrationSettings) -> Login:
    """The login through the provider."""
    return RelyingParty(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=read_secret(settings.client_secret_file).decode("ascii").strip(),
        public_url=settings.public_url,
        trust_anchors=settings.trust_anchors,
        scope=_SCOPE,
        required_acr=_REQUIRED_ACR,
    )
