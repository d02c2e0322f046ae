"""`card personalize`: the two halves of making a card, for a desk that carries files to its authority."""

from __future__ import annotations

from pathlib import Path

import click

from cardreader import terminal
from cardreader.errors import PersonalizationError
from cardreader.journal import Journal, Step
from cardreader.options import ask_new_secret, choose_reader, reader_options
from cardreader.personalization import CardSecrets, Personalization
from cardreader.piv_terms import KeyAlgorithm, Slot, check_pin, check_puk
from trust.certificate import load_pem_certificates
from trust.names import NameAttribute, encode_name

_journal_option = click.option(
    "--journal",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the journal: what was done to which card, no secrets.",
)
_master_key_option = click.option(
    "--master-key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="File with the desk's master key, from which each card's management key is derived.",
)
_PEM_MARK = b"-----BEGIN"


@click.group("personalize")
def personalize() -> None:
    """Make a blank card somebody's: keys on the card, requests out, certificates back.

    \b
      head -c 32 /dev/urandom > master.key; chmod 600 master.key
      card personalize prepare --journal ./journal --master-key master.key --out ./requests
      … the authority signs 9A.csr and 9C.csr …
      card personalize complete --journal ./journal --master-key master.key \\
           --authentication 9A.pem --signature 9C.pem

    Both may be run again after a pulled plug: they go on where they stopped.
    """  # noqa: D301 - click wants the control character


@personalize.command("prepare")
@reader_options
@_journal_option
@_master_key_option
@click.option(
    "--name", default="", help="Common name for the requests; without it the register alone names the holder."
)
@click.option("--algorithm", type=click.Choice(["p256", "p384", "rsa2048", "rsa3072"]), default="p256")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where requests go."
)
def prepare(
    virtual: Path | None,
    reader: str | None,
    journal: Path,
    master_key: Path,
    name: str,
    algorithm: str,
    out: Path,
) -> None:
    """Make the keys, set PIN and PUK, write 9A.csr and 9C.csr."""
    chosen = choose_reader(virtual, reader)
    pin = ask_new_secret("PIN for the card (six to eight digits)", check_pin)
    puk = ask_new_secret("PUK for the card (eight characters)", check_puk)
    card_secrets = CardSecrets(pin, puk, master_key.read_bytes())
    work = Personalization(Journal(journal), algorithm=KeyAlgorithm.named(algorithm), progress=_tell)
    try:
        prepared = work.prepare(chosen, card_secrets, _subject(name))
    finally:
        card_secrets.wipe()
    out.mkdir(parents=True, exist_ok=True)
    for slot, request in prepared.requests.items():
        path = out / f"{slot.label}.csr"
        path.write_bytes(request)
        click.echo(f"{path}: certification request (DER), signed by the key in {slot.label}")


@personalize.command("complete")
@reader_options
@_journal_option
@_master_key_option
@click.option("--authentication", type=click.Path(path_type=Path, exists=True), required=True, help="For 9A.")
@click.option("--signature", type=click.Path(path_type=Path, exists=True), required=True, help="For 9C.")
def complete(
    virtual: Path | None,
    reader: str | None,
    journal: Path,
    master_key: Path,
    authentication: Path,
    signature: Path,
) -> None:
    """Write both certificates to the card and check it; asks for the PIN and PUK given by `prepare`."""
    chosen = choose_reader(virtual, reader)
    pin = terminal.read_secret("PIN of the card: ")
    puk = terminal.read_secret("PUK of the card: ")
    card_secrets = CardSecrets(pin, puk, master_key.read_bytes())
    certificates = {
        Slot.AUTHENTICATION: _read_certificate(authentication),
        Slot.SIGNATURE: _read_certificate(signature),
    }
    work = Personalization(Journal(journal), progress=_tell)
    try:
        record = work.complete(chosen, card_secrets, certificates)
    finally:
        card_secrets.wipe()
    click.echo(f"The card {record.guid.hex()} is ready.")


def _subject(name: str) -> bytes:
    """The Name the requests carry; an empty one leaves naming the holder to the authority's register."""
    return encode_name([(NameAttribute.COMMON_NAME, name)] if name else [])


def _read_certificate(path: Path) -> bytes:
    """A certificate from a PEM or DER file."""
    content = path.read_bytes()
    if not content.lstrip().startswith(_PEM_MARK):
        return content
    certificates = load_pem_certificates(content.decode("ascii", "replace"))
    if not certificates:
        raise PersonalizationError(f"There is no certificate in {path}.", f"{path} 中没有证书。")
    return certificates[0].der


def _tell(step: Step) -> None:
    """Show a step as it begins."""
    terminal.write(f"… {step.value}")
