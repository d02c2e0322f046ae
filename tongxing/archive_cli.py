"""The commands `tongxing backup` and `tongxing restore`."""

from __future__ import annotations

from pathlib import Path

import click

from runtime import clock
from runtime.secret_file import read_passphrase
from tongxing import archive
from tongxing.layout import TownLayout
from tongxing.services import read_settings_file

_PATH = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_state_option = click.option(
    "--state", type=_FOLDER, default=Path("state"), show_default=True, help="State directory."
)
_passphrase_option = click.option(
    "--passphrase-file",
    type=_PATH,
    help="File (mode 0600) with the backup's passphrase; asked for when absent.",
)


@click.command()
@click.argument("target", type=_PATH)
@_state_option
@_passphrase_option
def backup(target: Path, state: Path, passphrase_file: Path | None) -> None:
    """Write the whole state into one archive, also while the town runs.

    Keys are stored as they are kept, encrypted; what opens them is sealed under the passphrase.
    """
    layout = TownLayout(state.absolute())
    passphrase = _passphrase(passphrase_file, confirm=True)
    document = read_settings_file(layout.settings_file)
    report = archive.back_up(layout, document, target, passphrase, clock.now())
    _tell(f"{target}: {len(report.files)} files, {report.size:,} bytes", report.notes)


@click.command()
@click.argument("source", type=_PATH)
@_state_option
@_passphrase_option
@click.option("--dry-run", is_flag=True, help="Check the whole archive and write nothing.")
def restore(source: Path, state: Path, passphrase_file: Path | None, *, dry_run: bool) -> None:
    """Restore a state from an archive; never over an existing one.

    A database on PostgreSQL is not in the archive: pg_dump and pg_restore care for it.
    """
    layout = TownLayout(state.absolute())
    report = archive.restore(source, layout, _passphrase(passphrase_file, confirm=False), dry_run=dry_run)
    verb = "would be restored" if dry_run else "restored"
    _tell(f"{len(report.files)} files {verb} to {layout.root}, every digest right", report.notes)


def _passphrase(file: Path | None, *, confirm: bool) -> bytes:
    """Read the passphrase from its file, or ask for it."""
    if file is not None:
        return read_passphrase(file)
    answer: str = click.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=confirm)
    return answer.encode()


def _tell(line: str, notes: tuple[str, ...]) -> None:
    """Print the outcome, then what the archive does not hold."""
    click.echo(line)
    for note in notes:
        click.echo(f"note: {note}")
