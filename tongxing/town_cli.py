"""The town's commands: run, demo, town init; and `tongxing serve` without a name."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tongxing.layout import TownLayout, locked

if TYPE_CHECKING:
    from tongxing.town import Town

_FOLDER = click.Path(path_type=Path, file_okay=False)
_LANGUAGES = click.Choice(["zh", "en"])

state_option = click.option(
    "--state", type=_FOLDER, default=Path("state"), show_default=True, help="State directory of the town."
)
base_port_option = click.option(
    "--base-port", type=click.IntRange(1024, 65000), help="Count every port from this one (8400)."
)
tls_option = click.option("--tls", is_flag=True, help="Serve https with certificates of the town's own CA.")
language_option = click.option("--lang", "language", type=_LANGUAGES, help="Language of what is printed.")


@click.command()
@state_option
@base_port_option
@tls_option
@language_option
def run(*, state: Path, base_port: int | None, tls: bool, language: str | None) -> None:
    """Start the town; on the first run make it. Ctrl-C stops it."""
    from tongxing.opening import open_or_make

    layout = TownLayout(state.absolute())
    with locked(layout):
        town = open_or_make(layout, base_port=base_port, tls=tls, language=language, announce=click.echo)
        _run(town)


def supervise(settings_file: Path) -> None:
    """Run every service of a settings file under one supervisor."""
    from tongxing.town import Town

    town = Town(TownLayout(settings_file.absolute().parent))
    with locked(town.layout):
        _run(town)


@click.group()
def town() -> None:
    """The demonstration town's state."""


@town.command("init")
@state_option
@base_port_option
@tls_option
@language_option
def init(*, state: Path, base_port: int | None, tls: bool, language: str | None) -> None:
    """Make a town without starting it; one that exists is left as it is."""
    from tongxing.opening import open_or_make

    layout = TownLayout(state.absolute())
    with locked(layout):
        open_or_make(layout, base_port=base_port, tls=tls, language=language, announce=click.echo)
    click.echo(f"{layout.root}")


@town.command("settings")
@base_port_option
@tls_option
@language_option
def settings(*, base_port: int | None, tls: bool, language: str | None) -> None:
    """Print the settings file of a town, every key explained; examples/town.toml is this."""
    from tongxing.settings import TownSettings
    from tongxing.tables import TownPlan

    default = TownSettings()
    wanted = TownSettings(
        base_port=base_port or default.base_port, tls=tls, language=language or default.language
    )
    click.echo(TownPlan(wanted).render(), nl=False)


@click.command()
@click.option("--state", type=_FOLDER, help="Use this state (made when absent); default: a temporary one.")
@base_port_option
@tls_option
@language_option
@click.option("--keep", is_flag=True, help="Keep the temporary state, and say where it is.")
def demo(*, state: Path | None, base_port: int | None, tls: bool, language: str | None, keep: bool) -> None:
    """Play issuance, login and filing without a person; exit code 1 when a step fails."""
    from tongxing.demo.play import play

    play(state=state, base_port=base_port, tls=tls, language=language or "zh", keep=keep, echo=click.echo)


def _run(town: Town) -> None:
    """Start the town's processes, print the table, and wait for Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    supervisor = town.supervisor(click.echo)
    try:
        seconds = supervisor.start(stop)
        if not stop.is_set():
            click.echo(town.table(seconds))
            supervisor.watch(stop)
    finally:
        click.echo(town.say("正在停止……", "stopping …"))
        supervisor.stop()
