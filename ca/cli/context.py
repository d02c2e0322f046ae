"""What the commands share: the settings file, the opened services, and the door to cards."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from ca.errors import CaError
from ca.personalization import CardPersonaliser
from ca.registration.gateway import DirectGateway
from ca.registration.service import RegistrationService
from ca.service import CertificateAuthority
from ca.settings import AuthoritySettings, RegistrationSettings
from runtime import clock
from runtime.settings import load_settings, read_document
from trust.approval import sign_approval
from trust.signer import Signer

DEFAULT_SETTINGS = Path("state/town.toml")
Command = TypeVar("Command", bound=Callable[..., Any])


class OfficerSigner(Signer, Protocol):
    """The SIGNATURE key of an officer's card, with its certificate."""

    @property
    def certificate(self) -> bytes:
        """The card's signature certificate, DER."""
        ...


class CardDoor(Protocol):
    """What an assembly puts on click's context (`ctx.obj`): cards, by names of its own."""

    def card_signer(self, card: str) -> AbstractContextManager[OfficerSigner]:
        """Open a card for signing, asking for its PIN."""
        ...

    def check_reader(self, card: str) -> None:
        """Check that the named reader is there and holds a card; raise what says what to do otherwise."""
        ...

    def personaliser(self) -> CardPersonaliser:
        """The desk's card personaliser."""
        ...


settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_SETTINGS,
    show_default=True,
    help="The TOML settings file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
officer_option = click.option(
    "--officer",
    "officer_card",
    required=True,
    metavar="CARD",
    help="The officer's card that signs the order.",
)


def open_authority(settings_file: Path) -> CertificateAuthority:
    """The issuing CA of a settings file."""
    return CertificateAuthority.open(authority_settings(settings_file))


def open_registration(settings_file: Path, authority: CertificateAuthority) -> RegistrationService:
    """The registers of a settings file, with the issuing CA of this process."""
    settings = load_settings(RegistrationSettings, "ra", read_document(settings_file))
    return RegistrationService.open(settings, DirectGateway(authority))


def authority_settings(settings_file: Path) -> AuthoritySettings:
    """The table [ca] of a settings file."""
    return load_settings(AuthoritySettings, "ca", read_document(settings_file))


def card_door(context: click.Context) -> CardDoor:
    """The door to cards; a program without one cannot sign."""
    door = context.obj
    if door is None or not hasattr(door, "card_signer"):
        raise CaError(
            "this program was started without access to cards; use the command tongxing", code="no-card-door"
        )
    return door  # type: ignore[no-any-return]


def sign_statement(context: click.Context, card: str, statement: bytes) -> bytes:
    """Have a card sign an approval statement: CMS, with the statement inside."""
    with card_door(context).card_signer(card) as signer:
        return sign_approval(statement, signer, signer.certificate, at=clock.now())


def officer_number(authority: CertificateAuthority, who: str) -> str:
    """The subject number of an officer, named by it or by the officer's name."""
    for officer in authority.officers():
        if who in (officer.subject_number, officer.name, officer.fingerprint) and officer.active:
            return officer.subject_number
    raise CaError(
        f"{who} is not an officer of this authority; `tongxing ca officers` lists them",
        code="officer-unknown",
    )


def answer(document: Any, *, as_json: bool, lines: list[str]) -> None:
    """Print the document for a program, or the lines for a person."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            click.echo(line)
