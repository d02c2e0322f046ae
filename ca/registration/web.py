"""The registration process over HTTP: the officers' desk for people, subjects for other services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from runtime import clock
from runtime.internal import InternalClient
from runtime.jobs import Job
from runtime.web import WsgiCallable, create_flask

from ca.errors import (
    ApplicationError,
    ApprovalError,
    AuthorityUnavailableError,
    CaError,
    OfficerError,
    RegisterError,
)
from ca.registration.gateway import AuthorityGateway, HttpGateway
from ca.registration.internal import internal_app
from ca.registration.service import SERVICE, RegistrationService
from ca.settings import RegistrationSettings

AUTHORITY = "ca"
_ERRORS: dict[type[Exception], int] = {
    CaError: 400,
    RegisterError: 422,
    ApplicationError: 409,
    ApprovalError: 403,
    OfficerError: 403,
    AuthorityUnavailableError: 503,
}


def create_app(
    settings: RegistrationSettings,
    now: Callable[[], datetime] = clock.now,
    gateway: AuthorityGateway | None = None,
) -> WsgiCallable:
    """Make the public application: the officers' desk."""
    app = create_flask(
        SERVICE,
        settings,
        package="ca.registration",
        title="Registration desk",
        csp={"connect-src": [settings.agent_url], "form-action": [settings.issuer or "'self'"]},
        errors=_ERRORS,
        now=now,
    )
    return app.wsgi_app


def create_internal_app(
    settings: RegistrationSettings,
    now: Callable[[], datetime] = clock.now,
    gateway: AuthorityGateway | None = None,
) -> WsgiCallable:
    """Make the application for other services."""
    return internal_app(settings, open_service(settings, gateway), now)


def jobs(settings: RegistrationSettings) -> list[Job]:  # noqa: ARG001 - every process has the same three doors
    """Registration has no background work of its own."""
    return []


def open_service(settings: RegistrationSettings, gateway: AuthorityGateway | None = None) -> RegistrationService:
    """Open the registers, and the way to the issuing process."""
    if gateway is None:
        client = InternalClient(settings.authority_url, settings, service=AUTHORITY)
        gateway = HttpGateway(client)
    return RegistrationService.open(settings, gateway)
