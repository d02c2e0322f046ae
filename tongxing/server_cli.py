"""The operator's commands: serve, work, check, migrate, audit."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from runtime.errors import SettingsError
from runtime.settings import load_settings
from tongxing.services import SERVICE_NAMES, SERVICES, Service, read_settings_file, service_named

DEFAULT_SETTINGS = Path("state/town.toml")

settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_SETTINGS,
    show_default=True,
    help="The TOML settings file.",
)
service_argument = click.argument("name", metavar="SERVICE", type=click.Choice(SERVICE_NAMES))


@click.command()
@click.argument("name", metavar="SERVICE", required=False, type=click.Choice(SERVICE_NAMES))
@settings_option
def serve(name: str | None, settings_file: Path) -> None:
    """Run one service in the foreground; without a name, every service of the file, supervised."""
    if name is None:
        from tongxing.town_cli import supervise

        supervise(settings_file)
        return
    from runtime import log
    from tongxing.serving import ServeSettings
    from tongxing.serving import serve as serve_service

    document = read_settings_file(settings_file)
    service = service_named(name)
    settings = service.load_settings(document)
    log.configure(service.name, settings.log_level)
    serve_service(service, settings, load_settings(ServeSettings, "serve", document))


@click.command()
@service_argument
@settings_option
def work(name: str, settings_file: Path) -> None:
    """Run one service's background jobs until stopped."""
    from runtime import log
    from tongxing.serving import run_jobs_forever

    service = service_named(name)
    settings = service.load_settings(read_settings_file(settings_file))
    log.configure(service.name, settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run_jobs_forever(service, settings, stop)


@click.command()
@settings_option
def check(settings_file: Path) -> None:
    """Report every mistake in the settings at once; exit code 1 when there is one."""
    from tongxing.checking import find_mistakes

    mistakes = find_mistakes(read_settings_file(settings_file))
    if mistakes:
        raise SettingsError(mistakes)
    click.echo(f"{settings_file}: no mistakes")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--service", "name", type=click.Choice(SERVICE_NAMES), help="Only this service.")
@settings_option
def migrate(*, dry_run: bool, name: str | None, settings_file: Path) -> None:
    """Bring the databases to the schema of this version. Make a backup first."""
    from runtime.migration import migrate as migrate_database
    from runtime.migration import pending

    document = read_settings_file(settings_file)
    for service in _chosen(name, document):
        database = service.database(service.load_settings(document))
        revisions = (
            pending(database, service.schema_package)
            if dry_run
            else migrate_database(database, service.schema_package)
        )
        database.dispose()
        verb = "would apply" if dry_run else "applied"
        click.echo(f"{service.name}: {verb + ' ' + ', '.join(revisions) if revisions else 'up to date'}")


@click.group()
def audit() -> None:
    """The audit logs of the services."""


@audit.command("verify")
@click.option("--service", "name", type=click.Choice(SERVICE_NAMES), help="Only this service.")
@settings_option
def verify_audit(name: str | None, settings_file: Path) -> None:
    """Walk each service's chain; exit code 1 when one is broken."""
    from runtime.audit import AuditLog

    document = read_settings_file(settings_file)
    broken = False
    for service in _chosen(name, document):
        database = service.database(service.load_settings(document))
        with database.session() as session:
            verdict = AuditLog(service.models().AuditRecord).verify(session)
        database.dispose()
        if verdict.intact:
            click.echo(f"{service.name}: {verdict.records} records, intact, ends in {verdict.last_digest}")
        else:
            broken = True
            click.echo(f"{service.name}: BROKEN at record {verdict.broken_at}: {verdict.reason}")
    if broken:
        raise SystemExit(1)


def _chosen(name: str | None, document: dict[str, object]) -> list[Service]:
    """Return the named service, or every service the settings file has a table for."""
    if name is not None:
        return [service_named(name)]
    return [service for service in SERVICES if service.section in document]
