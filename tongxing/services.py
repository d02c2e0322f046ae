"""The table of services: for each its name, its packages, its ports and how its application is made.

Nothing of a service is imported until it is asked for: a process imports its own service and no other,
and the command line starts without any.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tongxing.errors import TownError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from runtime.clock_watch import WatchedClock
    from runtime.database import Database
    from runtime.internal import RevocationSource
    from runtime.jobs import Job
    from runtime.settings import ServiceSettings

DEFAULT_BASE_PORT = 8400
_INTERNAL_PORT_OFFSET = 50


@dataclass(frozen=True)
class Service:
    """One service: which package it is, where its port lies, and what it offers other services."""

    name: str
    title: str
    port_offset: int
    settings_class: str
    web_module: str
    schema_package: str
    has_internal: bool = False
    has_jobs: bool = False

    @property
    def section(self) -> str:
        """The table of the settings file that belongs to this service."""
        return self.name

    def port(self, base: int) -> int:
        """Return the public port, counted from the town's base."""
        return base + self.port_offset

    def internal_port(self, base: int) -> int:
        """Return the port for other services; 0 when the service offers them nothing."""
        return base + self.port_offset + _INTERNAL_PORT_OFFSET if self.has_internal else 0

    def settings_type(self) -> type[ServiceSettings]:
        """Return the class of the service's settings."""
        module, _, name = self.settings_class.partition(":")
        cls: type[ServiceSettings] = getattr(importlib.import_module(module), name)
        return cls

    def load_settings(self, document: Mapping[str, Any]) -> ServiceSettings:
        """Read and check the service's settings."""
        from runtime.settings import load_settings

        return load_settings(self.settings_type(), self.section, document)

    def create_app(self, settings: ServiceSettings, now: Callable[[], datetime]) -> Callable[..., Any]:
        """Make the public WSGI application, which takes the time from `now`."""
        app: Callable[..., Any] = importlib.import_module(self.web_module).create_app(settings, now)
        return app

    def create_internal_app(
        self, settings: ServiceSettings, now: Callable[[], datetime]
    ) -> Callable[..., Any]:
        """Make the WSGI application for other services."""
        app: Callable[..., Any] = importlib.import_module(self.web_module).create_internal_app(settings, now)
        return app

    def watched_clock(self, settings: ServiceSettings) -> WatchedClock:
        """Return the time for this process: refused while the clock is not to be believed."""
        from runtime.audit import AuditLog
        from runtime.clock_watch import ClockPolicy, WatchedClock
        from runtime.database import check_schema

        models, database = self.models(), self.database(settings)
        try:
            check_schema(database, models.SCHEMA_REVISION)
            with database.session() as session:
                newest = AuditLog(models.AuditRecord).last_time(session)
        finally:
            database.dispose()
        return WatchedClock(ClockPolicy(tolerance=settings.clock_tolerance), newest)

    def revocation_of_callers(self, settings: ServiceSettings) -> RevocationSource:
        """Return where the listener for other services learns which of their certificates are revoked."""
        source: RevocationSource = importlib.import_module(self.web_module).revocation_of_callers(settings)
        return source

    def jobs(self, settings: ServiceSettings) -> Sequence[Job]:
        """Return the service's background jobs."""
        if not self.has_jobs:
            return ()
        jobs: Sequence[Job] = importlib.import_module(self.web_module).jobs(settings)
        return jobs

    def models(self) -> Any:
        """Return the module with the service's tables."""
        return importlib.import_module(f"{self.schema_package}.models")

    def database(self, settings: ServiceSettings) -> Database:
        """Open the service's database."""
        from runtime.database import Database

        return Database(settings.effective_database_url(self.name))


SERVICES: tuple[Service, ...] = (
    Service(
        name="ca",
        title="certificate authority",
        port_offset=2,
        settings_class="ca.settings:AuthoritySettings",
        web_module="ca.web",
        schema_package="ca",
        has_internal=True,
        has_jobs=True,
    ),
    Service(
        name="va",
        title="certificate status (OCSP, CRL)",
        port_offset=3,
        settings_class="ca.settings:StatusSettings",
        web_module="ca.status.web",
        schema_package="ca.status",
        has_jobs=True,
    ),
    Service(
        name="ra",
        title="registration",
        port_offset=1,
        settings_class="ca.settings:RegistrationSettings",
        web_module="ca.registration.web",
        schema_package="ca.registration",
        has_internal=True,
    ),
    Service(
        name="tsa",
        title="timestamps",
        port_offset=6,
        settings_class="signing.settings:TimestampSettings",
        web_module="signing.tsa_web",
        schema_package="signing.tsa",
    ),
    Service(
        name="idp",
        title="login",
        port_offset=4,
        settings_class="idp.settings:IdpSettings",
        web_module="idp.web",
        schema_package="idp",
        has_jobs=True,
    ),
    Service(
        name="signing",
        title="filing",
        port_offset=5,
        settings_class="signing.settings:SigningSettings",
        web_module="signing.web",
        schema_package="signing",
        has_jobs=True,
    ),
)
"""In the order in which they stand on one another; stopped in the reverse order."""

_BY_NAME = {service.name: service for service in SERVICES}
SERVICE_NAMES = tuple(_BY_NAME)


def service_named(name: str) -> Service:
    """Return the service of that name."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise TownError(
            f"no service is called {name!r}; there are {', '.join(SERVICE_NAMES)}", code="unknown-service"
        ) from None


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read a TOML settings file."""
    document: dict[str, Any] = importlib.import_module("runtime.settings").read_document(path)
    return document
