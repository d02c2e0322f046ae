"""The command `card`: look at cards, mind their PINs, personalise them, run the agent, make virtual cards."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cardreader import clock, terminal
from cardreader.agent.cli import agent
from cardreader.connection import Reader, transaction
from cardreader.errors import CardError, PinBlockedError
from cardreader.options import CardGroup, ask_new_secret, choose_reader, reader_options, source_option
from cardreader.personalization_cli import personalize
from cardreader.piv import PivCard
from cardreader.piv_terms import Slot, check_pin, check_puk
from cardreader.process import protect_process, wipe
from cardreader.source import open_source
from cardreader.virtual.cli import virtual
from trust.certificate import Certificate
from trust.errors import TrustError

SHOWN_SLOTS = (Slot.AUTHENTICATION, Slot.SIGNATURE, Slot.KEY_MANAGEMENT, Slot.CARD_AUTHENTICATION)


@click.group("card", cls=CardGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Cards and readers on this computer.

    \b
    First steps:
      card list                        which readers and cards there are
      card status                      certificates and PIN counter of the card
      card change-pin                  choose another PIN
      card unblock                     a new PIN, by the PUK of the PIN letter
      card agent --origin https://…    let a site's pages ask for the card

    \b
    No card at hand? Virtual cards live in a folder:
      card virtual new liming --virtual ./cards
      card list --virtual ./cards

    PINs are asked on the terminal (or read from standard input, one a line), never taken as arguments.
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no reader or card, 4 wrong PIN, 5 blocked, 6 cancelled.
    """  # noqa: D301 - click wants the control character
    protect_process()


cli.add_command(agent)
cli.add_command(personalize)
cli.add_command(virtual)


@cli.command("list")
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_command(virtual: Path | None, as_json: bool) -> None:
    """List readers and the cards in them; asks for no PIN."""
    described = [describe(reader) for reader in open_source(virtual).readers()]
    if as_json:
        click.echo(json.dumps(described, ensure_ascii=False, indent=1))
    elif not described:
        click.echo("No card reader is connected. `card virtual new --virtual DIR NAME` makes a virtual card.")
    else:
        click.echo("\n".join(_lines(item) for item in described))


@cli.command("status")
@reader_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def status_command(virtual: Path | None, reader: str | None, as_json: bool) -> None:
    """Show one card: its identifier, PIN counter and certificates; asks for no PIN."""
    described = describe(choose_reader(virtual, reader), strict=True)
    click.echo(json.dumps(described, ensure_ascii=False, indent=1) if as_json else _lines(described))


@cli.command("change-pin")
@reader_options
def change_pin(virtual: Path | None, reader: str | None) -> None:
    """Change the PIN: asks for the old one, and for the new one twice."""
    with transaction(choose_reader(virtual, reader)) as connection:
        card = PivCard.select(connection)
        _say_tries(card)
        old = terminal.read_secret("PIN: ")
        new = bytearray()
        try:
            check_pin(old)
            new = ask_new_secret("New PIN (six to eight digits)", check_pin)
            card.change_pin(old, new)
        finally:
            wipe(old)
            wipe(new)
    click.echo("The PIN was changed.")


@cli.command("change-puk")
@reader_options
def change_puk(virtual: Path | None, reader: str | None) -> None:
    """Change the PUK: asks for the old one, and for the new one twice."""
    with transaction(choose_reader(virtual, reader)) as connection:
        card = PivCard.select(connection)
        old = terminal.read_secret("PUK: ")
        new = bytearray()
        try:
            check_puk(old)
            new = ask_new_secret("New PUK (eight characters)", check_puk)
            card.change_puk(old, new)
        finally:
            wipe(old)
            wipe(new)
    click.echo("The PUK was changed.")


@cli.command("unblock")
@reader_options
def unblock(virtual: Path | None, reader: str | None) -> None:
    """Give a blocked card a new PIN, by the PUK of its PIN letter."""
    with transaction(choose_reader(virtual, reader)) as connection:
        card = PivCard.select(connection)
        puk = terminal.read_secret("PUK: ")
        new = bytearray()
        try:
            check_puk(puk)
            new = ask_new_secret("New PIN (six to eight digits)", check_pin)
            card.unblock_pin(puk, new)
        finally:
            wipe(puk)
            wipe(new)
    click.echo("The card has a new PIN and is no longer blocked.")


# --- what a card shows without a PIN ---------------------------------------------------------------------


def describe(reader: Reader, *, strict: bool = False) -> dict[str, Any]:
    """A reader and its card for programs; faults are described too, unless `strict`."""
    described: dict[str, Any] = {"reader": reader.name, "virtual": reader.is_virtual, "card": None}
    try:
        if strict or reader.card_present():
            described["card"] = _describe_card(reader, clock.now())
    except CardError as error:
        if strict:
            raise
        described["error"] = {"code": error.code, "message": error.message}
    return described


def _describe_card(reader: Reader, at: datetime) -> dict[str, Any]:
    """A card for programs."""
    with transaction(reader) as connection:
        card = PivCard.select(connection)
        chuid = card.read_chuid()
        status = card.pin_status()
        certificates = {slot: card.read_certificate(slot) for slot in SHOWN_SLOTS}
    return {
        "guid": None if chuid is None else chuid.guid.hex(),
        "pin_attempts_remaining": status.attempts_remaining,
        "certificates": {
            slot.label: _describe_certificate(certificate, at)
            for slot, certificate in certificates.items()
            if certificate is not None
        },
    }


def _describe_certificate(encoded: bytes, at: datetime) -> dict[str, Any]:
    """A certificate for programs; nothing about it is proven here."""
    try:
        certificate = Certificate.parse(encoded)
    except TrustError as error:
        return {"error": error.code}
    return {
        "subject": certificate.subject_text,
        "serial_number": f"{certificate.serial_number:x}",
        "not_valid_before": certificate.not_valid_before.isoformat(),
        "not_valid_after": certificate.not_valid_after.isoformat(),
        "in_time": certificate.not_valid_before <= at <= certificate.not_valid_after,
        "fingerprint": certificate.fingerprint,
    }


def _lines(described: dict[str, Any]) -> str:
    """A reader and its card for a person."""
    lines = [described["reader"]]
    card = described["card"]
    if "error" in described:
        lines.append(f"  {described['error']['message']}")
    elif card is None:
        lines.append("  no card")
    else:
        tries = card["pin_attempts_remaining"]
        pin = "blocked: `card unblock`" if tries == 0 else f"{tries} tries left"
        lines.append(f"  card {card['guid'] or '(blank: no identifier)'}")
        lines.append(f"  PIN  {pin}")
        for label, certificate in card["certificates"].items():
            lines.append(f"  {label}   {_certificate_line(certificate)}")
        if not card["certificates"]:
            lines.append("  no certificates: `card personalize` makes this a citizen's card")
    return "\n".join(lines)


def _certificate_line(certificate: dict[str, Any]) -> str:
    """A certificate for a person."""
    if "error" in certificate:
        return f"a certificate that cannot be read ({certificate['error']})"
    state = "until" if certificate["in_time"] else "NOT VALID NOW, until"
    return f"{certificate['subject']} · {state} {certificate['not_valid_after'][:10]}"


def _say_tries(card: PivCard) -> None:
    """Tell the tries left before the PIN is typed; a blocked card is told at once."""
    status = card.pin_status()
    if status.blocked:
        raise PinBlockedError
    if status.attempts_remaining == 1:
        terminal.write("Last try: if this PIN is wrong, the card is blocked.")
    elif status.attempts_remaining is not None:
        terminal.write(f"{status.attempts_remaining} tries left.")


if __name__ == "__main__":
    cli(prog_name="card")
