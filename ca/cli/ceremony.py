"""`tongxing ca init` and `root-crl`: what needs the root's key, away from the servers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from ca.ceremony import initialise, renew_root_crl
from ca.ceremony_plan import (
    AUTHORITY_ALGORITHMS,
    CeremonyPlan,
    OfficerOrder,
    ServiceCertificateOrder,
    ServiceOrder,
    check_plan,
    describe,
)
from ca.cli.context import answer, authority_settings, card_door, json_option, settings_option
from ca.errors import CeremonyError
from ca.officers import OfficerRole
from ca.registration.service import SERVICE as REGISTRATION
from ca.registration.service import RegistrationService
from ca.settings import RegistrationSettings
from runtime import clock
from runtime.database import Database
from runtime.encryption import DataKey
from runtime.keys import KeyAlgorithm
from runtime.migration import migrate
from runtime.secret_file import read_passphrase
from runtime.settings import load_settings, read_document
from trust.errors import TrustError

_ALGORITHMS = [algorithm.value for algorithm in AUTHORITY_ALGORITHMS]


@click.command("init")
@click.argument("ceremony_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--algorithm", type=click.Choice(_ALGORITHMS), default=_ALGORITHMS[0], show_default=True,
    help="Kind of the root's and the issuing CA's key; sm2 is also the services', but for TLS.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be made.")
@settings_option
@click.pass_context
def init(
    context: click.Context, ceremony_file: Path, algorithm: str, dry_run: bool, settings_file: Path
) -> None:
    """Hold the first ceremony, as CEREMONY_FILE plans it.

    The file (TOML, mode 0600, for it names people) has `root_key` and `root_passphrase_file`; a table
    [[service]] each with `name`, `keys_directory`, `passphrase_file` and `certificates` (profile to common
    name); and [[officer]] each with `name`, `identity_number`, `roles` and `card`.
    """
    settings = authority_settings(settings_file)
    document = _read(ceremony_file)
    plan = read_plan(document, ceremony_file.absolute().parent, KeyAlgorithm(algorithm))
    check_plan(plan, settings)
    # A ceremony is held once: what would stop it half-way is looked for before anything is made.
    for card in dict.fromkeys(officer.card for officer in plan.officers):
        card_door(context).check_reader(card)
    if dry_run:
        for line in describe(plan, settings):
            click.echo(line)
        click.echo("nothing was made (--dry-run)")
        return
    registration = _open_registration(settings_file)
    passphrase = read_passphrase(ceremony_file.absolute().parent / _text(document, "root_passphrase_file"))
    initialise(
        plan,
        settings,
        root_passphrase=passphrase,
        personaliser=card_door(context).personaliser(),
        register_officer=lambda officer, at: registration.enrol_officer(
            officer.name, officer.identity_number, actor="ceremony", at=at
        ),
        at=clock.now(),
        report=click.echo,
    )


@click.command("root-crl")
@click.option(
    "--root-key", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The root's key file, from its safe.",
)  # fmt: skip
@click.option(
    "--root-passphrase-file", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the root key's passphrase, mode 0600.",
)  # fmt: skip
@settings_option
@json_option
def root_crl(root_key: Path, root_passphrase_file: Path, settings_file: Path, as_json: bool) -> None:
    """Sign the root's next CRL with the offline key, and publish it."""
    view = renew_root_crl(
        authority_settings(settings_file),
        root_key,
        read_passphrase(root_passphrase_file),
        actor="root-crl",
        at=clock.now(),
    )
    document = {
        "issuer_key_id": view.issuer_key_id,
        "number": view.number,
        "next_update": view.next_update.isoformat(),
    }
    answer(
        document, as_json=as_json, lines=[f"root CRL {view.number}, nextUpdate {view.next_update:%Y-%m-%d}"]
    )


def read_plan(document: dict[str, Any], folder: Path, algorithm: KeyAlgorithm) -> CeremonyPlan:
    """Read a ceremony's file; relative paths are meant from its folder."""
    try:
        return CeremonyPlan(
            root_key=folder / _text(document, "root_key"),
            services=tuple(_service(each, folder) for each in document.get("service", [])),
            officers=tuple(_officer(each) for each in document.get("officer", [])),
            algorithm=algorithm,
        )
    except (KeyError, TypeError, ValueError, TrustError) as error:
        raise CeremonyError(
            f"the ceremony's file is not as it should be ({error}); see `tongxing ca init --help`",
            code="ceremony-file",
        ) from None


def _service(table: dict[str, Any], folder: Path) -> ServiceOrder:
    """One [[service]]."""
    return ServiceOrder(
        name=_text(table, "name"),
        keys_directory=folder / _text(table, "keys_directory"),
        passphrase_file=folder / _text(table, "passphrase_file"),
        certificates=tuple(
            ServiceCertificateOrder(profile, common_name)
            for profile, common_name in table["certificates"].items()
        ),
        dns_names=tuple(table.get("dns_names", ("localhost",))),
        ip_addresses=tuple(table.get("ip_addresses", ("127.0.0.1",))),
    )


def _officer(table: dict[str, Any]) -> OfficerOrder:
    """One [[officer]]."""
    return OfficerOrder(
        name=_text(table, "name"),
        identity_number=_text(table, "identity_number"),
        roles=tuple(OfficerRole(role) for role in table["roles"]),
        card=_text(table, "card"),
    )


def _text(table: dict[str, Any], name: str) -> str:
    """A member that must be a text."""
    value = table[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def _read(path: Path) -> dict[str, Any]:
    """Read the ceremony's file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CeremonyError(f"{path}: not readable as TOML ({error})", code="ceremony-file") from None


def _open_registration(settings_file: Path) -> RegistrationService:
    """Open the registers, making their tables if need be; the authority does not exist yet."""
    settings = load_settings(RegistrationSettings, REGISTRATION, read_document(settings_file))
    if not settings.data_key_file.exists():
        DataKey.create(settings.data_key_file)
    database = Database(settings.effective_database_url(REGISTRATION))
    migrate(database, "ca.registration")
    database.dispose()
    return RegistrationService.open(settings, None)
