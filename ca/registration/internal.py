"""What the registration process tells other services: whom a certificate's subject number stands for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import flask

from ca.errors import RegisterError
from ca.registration.register import SubjectView
from ca.registration.service import SERVICE, RegistrationService
from ca.settings import RegistrationSettings
from runtime import clock
from runtime.internal import caller, callers
from runtime.web import WsgiCallable, at, create_flask

IDP = "idp"


def internal_app(
    settings: RegistrationSettings,
    service: RegistrationService,
    now: Callable[[], datetime] = clock.now,
) -> WsgiCallable:
    """Make the application for other services; who calls is proven by mutual TLS."""
    app = create_flask(
        SERVICE,
        settings,
        package="ca.registration",
        title="Registration",
        errors={RegisterError: 404},
        now=now,
    )

    @app.get("/internal/subjects/<subject_number>")
    @callers(IDP)
    def subject(subject_number: str) -> dict[str, Any]:
        actor = caller(flask.request.environ)
        return encode_subject(service.resolve_subject(subject_number, actor=actor, at=at()))

    return app.wsgi_app


def encode_subject(view: SubjectView) -> dict[str, Any]:
    """A subject as JSON; the identity number is not in it, whoever asks."""
    enterprise = {"name": view.enterprise_name, "uscc": view.uscc} if view.uscc else None
    return {
        "subject_number": view.subject_number,
        "kind": view.shape.value,
        "person_id": view.person_id,
        "name": view.name,
        "enterprise": enterprise,
        "active": view.active,
    }
