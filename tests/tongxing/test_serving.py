"""Serving: what a service's listener for other services is told."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

import runtime.internal
from runtime import server
from tongxing import serving
from tongxing.services import SERVICES

OFFERING = [service for service in SERVICES if service.has_internal]


@pytest.mark.parametrize("service", OFFERING, ids=lambda service: service.name)
def test_the_listener_for_services_knows_of_revoked_certificates(service, monkeypatch):
    told = {}

    def listen(_app, _settings, **keywords):
        told.update(keywords)
        return SimpleNamespace(stop=lambda: None)

    monkeypatch.setattr(runtime.internal, "serve_internal", listen)
    monkeypatch.setattr(server, "run_beside", lambda _name, _work: None)
    fake = SimpleNamespace(
        name=service.name,
        create_internal_app=lambda _settings: None,
        revocation_of_callers=lambda settings: ("revoked as", settings, "knows"),
    )
    serving._start_internal(fake, "settings")
    assert told == {"revocation": ("revoked as", "settings", "knows")}
    assert callable(importlib.import_module(service.web_module).revocation_of_callers)
