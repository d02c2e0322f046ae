"""Serving: what a service's listener for other services is told."""

from __future__ import annotations

import importlib
import inspect
from datetime import timedelta
from types import SimpleNamespace

import pytest

import runtime.internal
from runtime import clock, server
from runtime.audit import AuditLog
from runtime.errors import ClockError
from runtime.migration import migrate
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
        create_internal_app=lambda _settings, _now: None,
        revocation_of_callers=lambda settings: ("revoked as", settings, "knows"),
    )
    serving._start_internal(fake, "settings", lambda: None)
    assert told == {"revocation": ("revoked as", "settings", "knows")}
    assert callable(importlib.import_module(service.web_module).revocation_of_callers)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_application_takes_the_time_from_the_process(service):
    """What dates certificates, tokens and answers is told the time by one watched clock."""
    module = importlib.import_module(service.web_module)
    for name in ("create_app", *(["create_internal_app"] if service.has_internal else [])):
        assert list(inspect.signature(getattr(module, name)).parameters)[:2] == ["settings", "now"]


def test_a_process_whose_clock_is_behind_its_records_dates_nothing(tmp_path):
    service = next(service for service in SERVICES if service.name == "tsa")
    settings = SimpleNamespace(
        effective_database_url=lambda _name: f"sqlite:///{tmp_path / 'tsa.sqlite'}",
        clock_tolerance=timedelta(seconds=1),
    )
    database = service.database(settings)
    migrate(database, service.schema_package)
    assert service.watched_clock(settings)() is not None
    with database.session() as session:
        later = clock.now() + timedelta(hours=1)
        AuditLog(service.models().AuditRecord).append(session, at=later, actor="a", action="b", subject="c")
    database.dispose()
    with pytest.raises(ClockError) as caught:
        service.watched_clock(settings)()
    assert caught.value.code == "clock-behind"
