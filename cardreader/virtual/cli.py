"""`card virtual`: make virtual cards, insert and remove them, plug one into pcscd's virtual reader."""

from __future__ import annotations

from pathlib import Path

import click

from cardreader.piv_terms import ManagementAlgorithm, ManagementKey
from cardreader.virtual.reader import VirtualReader
from cardreader.virtual.state import CardState
from cardreader.virtual.vpcd import DEFAULT_PORT, VpcdLink

_folder = click.option(
    "--virtual",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    required=True,
    help="The folder of virtual cards.",
)


@click.group("virtual")
def virtual() -> None:
    """Virtual cards: one file each (mode 0600, keys included) in a folder; for trying out and tests only.

    \b
      card virtual new liming --virtual ./cards      a blank card (PIN 123456, PUK 12345678)
      card virtual remove liming --virtual ./cards   take it out of its reader
      card virtual insert liming --virtual ./cards   put it back
      card virtual plug liming --virtual ./cards     into Debian's vsmartcard-vpcd, for any PC/SC program
    """  # noqa: D301 - click wants the control character


@virtual.command("new")
@_folder
@click.option("--management", type=click.Choice(["3des", "aes128", "aes192", "aes256"]), default="aes192")
@click.option("--plain", is_flag=True, help="A card without Yubico's additions to PIV.")
@click.argument("name")
def new(folder: Path, management: str, plain: bool, name: str) -> None:
    """Make a blank card."""
    algorithm = {
        "3des": ManagementAlgorithm.TRIPLE_DES,
        "aes128": ManagementAlgorithm.AES_128,
        "aes192": ManagementAlgorithm.AES_192,
        "aes256": ManagementAlgorithm.AES_256,
    }[management]
    state = CardState(yubico=not plain, management=ManagementKey.factory(algorithm))
    slot = VirtualReader(folder).new_card(name, state)
    click.echo(f"{slot.name}: a blank card with the factory PIN, PUK and management key.")


@virtual.command("list")
@_folder
def list_command(folder: Path) -> None:
    """List the cards of the folder."""
    for slot in VirtualReader(folder).readers():
        click.echo(f"{slot.card_name}{'' if slot.card_present() else ' (not inserted)'}")


@virtual.command("insert")
@_folder
@click.argument("name")
def insert(folder: Path, name: str) -> None:
    """Put a card into its reader."""
    VirtualReader(folder).slot(name).insert()


@virtual.command("remove")
@_folder
@click.argument("name")
def remove(folder: Path, name: str) -> None:
    """Pull a card out of its reader, whatever it is doing."""
    VirtualReader(folder).slot(name).remove()


@virtual.command("plug")
@_folder
@click.option("--port", type=int, default=DEFAULT_PORT, show_default=True, help="The vpcd reader's port.")
@click.argument("name")
def plug(folder: Path, port: int, name: str) -> None:
    """Plug a card into the vpcd reader of pcscd, until Ctrl-C."""
    connection = VirtualReader(folder).slot(name).connect()
    link = VpcdLink(connection.card, port)
    try:
        link.insert()
        click.echo(f"{name} is in the virtual reader on port {port}; Ctrl-C pulls it out.")
        link.wait()
    except KeyboardInterrupt:
        click.echo("Pulled out.")
    finally:
        link.remove()
        connection.disconnect()
