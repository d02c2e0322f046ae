"""`tongxing ca crl`: the CRLs as they are published."""

from __future__ import annotations

from pathlib import Path

import click

from ca.cli.context import answer, json_option, open_authority, settings_option
from runtime import clock


@click.command("crl")
@click.option("--publish", is_flag=True, help="Sign a new CRL now, whether or not one is due.")
@click.option(
    "--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the CRLs (DER) here."
)
@settings_option
@json_option
def crl(publish: bool, folder: Path | None, settings_file: Path, as_json: bool) -> None:
    """Show the current CRLs of the root and the issuing CA."""
    publisher = open_authority(settings_file).publisher
    if publish:
        publisher.publish(clock.now(), actor="crl --publish")
    views = publisher.current()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for view in views:
            (folder / f"{view.issuer_key_id}.crl").write_bytes(view.der)
    documents = [
        {
            "issuer_key_id": view.issuer_key_id,
            "number": view.number,
            "this_update": view.this_update.isoformat(),
            "next_update": view.next_update.isoformat(),
            "bytes": len(view.der),
        }
        for view in views
    ]
    lines = [
        f"{view.issuer_key_id}  number {view.number}  from {view.this_update:%Y-%m-%d %H:%M}  "
        f"to {view.next_update:%Y-%m-%d %H:%M}  {len(view.der)} bytes"
        for view in views
    ]
    answer(documents, as_json=as_json, lines=lines)
