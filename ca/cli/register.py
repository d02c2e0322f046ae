"""`tongxing ca register` and `officers`: the registers, and who works here."""

from __future__ import annotations

import csv
from pathlib import Path

import click

from ca.cli.context import answer, json_option, open_authority, open_registration, settings_option
from ca.errors import RegisterError
from runtime import clock

_ACTOR = "register"
csv_argument = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group("register")
def register() -> None:
    """The person and enterprise registers."""


@register.command("import-persons")
@csv_argument
@settings_option
def import_persons(file: Path, settings_file: Path) -> None:
    """Import persons from a CSV file (UTF-8) with the columns name,identity_number; all or none."""
    rows = read_rows(file, ("name", "identity_number"))
    registration = open_registration(settings_file, open_authority(settings_file))
    click.echo(f"{registration.import_persons(rows, actor=_ACTOR, at=clock.now())} persons imported")


@register.command("import-enterprises")
@csv_argument
@settings_option
def import_enterprises(file: Path, settings_file: Path) -> None:
    """Import enterprises from a CSV file (UTF-8) with the columns name,uscc; all or none."""
    rows = read_rows(file, ("name", "uscc"))
    registration = open_registration(settings_file, open_authority(settings_file))
    click.echo(f"{registration.import_enterprises(rows, actor=_ACTOR, at=clock.now())} enterprises imported")


@register.command("show")
@click.argument("subject_number")
@settings_option
@json_option
def show_subject(subject_number: str, settings_file: Path, as_json: bool) -> None:
    """Show whom a certificate's subject number stands for; the look-up is put on record."""
    registration = open_registration(settings_file, open_authority(settings_file))
    view = registration.resolve_subject(subject_number, actor=_ACTOR, at=clock.now())
    document = {
        "subject_number": view.subject_number,
        "kind": view.shape.value,
        "name": view.name,
        "enterprise": view.enterprise_name or None,
        "uscc": view.uscc or None,
        "active": view.active,
    }
    lines = [f"{name}: {value}" for name, value in document.items() if value is not None]
    answer(document, as_json=as_json, lines=lines)


@click.command("officers")
@settings_option
@json_option
def officers(settings_file: Path, as_json: bool) -> None:
    """List the officers and their roles."""
    views = open_authority(settings_file).officers()
    documents = [
        {
            "name": view.name,
            "roles": sorted(view.roles),
            "subject_number": view.subject_number,
            "fingerprint": view.fingerprint,
            "active": view.active,
        }
        for view in views
    ]
    lines = [
        f"{view.name}  {', '.join(sorted(view.roles))}  {view.subject_number}"
        + ("" if view.active else "  (not active)")
        for view in views
    ]
    answer(documents, as_json=as_json, lines=lines)


def read_rows(file: Path, columns: tuple[str, str]) -> list[tuple[str, str]]:
    """The two columns of a CSV file that has exactly these."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if tuple(reader.fieldnames or ()) != columns:
                raise RegisterError(
                    f"{file}: the first line must be {','.join(columns)}", code="import-columns"
                )
            return [(row[columns[0]] or "", row[columns[1]] or "") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RegisterError(f"{file}: not a CSV file in UTF-8 ({error})", code="import-unreadable") from None
