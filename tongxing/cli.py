"""The command `tongxing`: a root whose sub-commands are imported only when they are used.

A citizen's PC has no server packages: `tongxing card` works there, and a server's command says what to
install. Exit codes: 0 done, 1 failed with a message, 2 wrong usage.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from tongxing.errors import in_one_line

EXIT_FAILED = 1


@dataclass(frozen=True)
class LazyCommand:
    """Where a sub-command is, and the line that tells what it does."""

    module: str
    attribute: str
    help: str
    cards: str = ""
    """Function of tongxing/card_doors.py that gives the command its cards."""


COMMANDS: dict[str, LazyCommand] = {
    "run": LazyCommand("tongxing.town_cli", "run", "Start the demonstration town; make it on the first run."),
    "demo": LazyCommand("tongxing.town_cli", "demo", "Play issuance, login and filing without a person."),
    "town": LazyCommand("tongxing.town_cli", "town", "Make a town without starting it."),
    "serve": LazyCommand("tongxing.server_cli", "serve", "Run one service."),
    "work": LazyCommand("tongxing.server_cli", "work", "Run one service's background jobs."),
    "check": LazyCommand("tongxing.server_cli", "check", "Report every mistake in the settings at once."),
    "migrate": LazyCommand("tongxing.server_cli", "migrate", "Bring the databases to this version's schema."),
    "audit": LazyCommand("tongxing.server_cli", "audit", "Verify the audit logs."),
    "backup": LazyCommand("tongxing.archive_cli", "backup", "Write the whole state into one archive."),
    "restore": LazyCommand("tongxing.archive_cli", "restore", "Restore a state from an archive."),
    "ca": LazyCommand("ca.cli", "cli", "The certificate authority.", cards="authority_cards"),
    "card": LazyCommand("cardreader.cli", "cli", "Cards and readers on this computer."),
    "idp": LazyCommand("idp.cli", "cli", "The OpenID Provider: relying sites and keys."),
    "trust": LazyCommand("tongxing.trust_cli", "cli", "Judge certificates from files, rule by rule."),
    "sign": LazyCommand("signing.cli", "cli", "Sign files and judge signatures.", cards="signing_cards"),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name every command, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, and put what it may reach cards with on the context."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        if lazy.cards:
            doors = importlib.import_module("tongxing.card_doors")
            ctx.obj = getattr(doors, lazy.cards)(ctx.params.get("desk"))
        command: click.Command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tongxing")
@click.option(
    "--desk",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("state/desk"),
    show_default=True,
    help="Folder of the card desk: master key of its cards, and journal.",
)
def cli(desk: Path) -> None:
    """Tongxing (通行): one certificate, one login, the whole city."""
    del desk  # read by the group when it hands a command its cards


def main() -> None:
    """Run the command line; an error of ours is a line on standard error and exit code 1."""
    try:
        cli(prog_name="tongxing")
    except Exception as error:
        line = in_one_line(error)
        if line is None:
            raise
        click.echo(line, err=True)
        sys.exit(EXIT_FAILED)
