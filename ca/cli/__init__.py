"""`tongxing ca`: the authority from the shell, on the authority's own machine.

The commands open the authority's database and key themselves, so they work while no server runs. Cards
come in through the object an assembly puts on click's context: see `ca.cli.context.CardDoor`.
"""

from __future__ import annotations

import click

from ca.cli.ceremony import init, root_crl
from ca.cli.certificates import list_command, release, revoke, show, suspend
from ca.cli.issuing import approve, issue
from ca.cli.publishing import crl
from ca.cli.register import officers, register

__all__ = ["cli"]


@click.group("ca", context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The certificate authority: ceremony, cards, revocation, CRLs, registers.

    \b
    A city begins with            tongxing ca init ceremony.toml --dry-run
    people and enterprises        tongxing ca register import-persons persons.csv
    a card for a citizen          tongxing ca issue card --kind citizen --name 李明 --card CARD …
    a lost card                   tongxing ca suspend SERIAL --officer CARD

    CARD is the name of a reader, or the path of a virtual card such as state/cards/liming.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


for command in (
    init,
    issue,
    approve,
    revoke,
    suspend,
    release,
    list_command,
    show,
    crl,
    root_crl,
    register,
    officers,
):
    cli.add_command(command)
