"""What the commands `ca` and `sign` are given to reach cards with: they import no reader themselves.

A card is named by the path of a virtual card (`state/cards/liming`, with or without `.json`) or by the
name of a PC/SC reader. PINs are asked for on the terminal.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cardreader import terminal
from cardreader.connection import Reader, find_reader, transaction
from cardreader.journal import Record, Step
from cardreader.personalization import CardSecrets
from cardreader.piv import PinStatus, PivCard
from cardreader.piv_terms import check_pin
from cardreader.signer import AskPin, CardSigner
from cardreader.virtual.reader import VirtualReader
from runtime.secret_file import read_secret, write_secret
from tongxing.cards import MASTER_KEY_BYTES, CardDesk, card_signer, random_puk, read_card_certificate

_SUFFIX = ".json"
_MASTER_KEY = Path("secrets/master-key")
_JOURNAL = Path("journal")


class OfficerCard:
    """The SIGNATURE key of a card, with its certificate: a `trust.signer.Signer`."""

    def __init__(self, signer: CardSigner, certificate: bytes) -> None:
        self._signer = signer
        self.certificate = certificate

    @property
    def algorithm(self) -> bytes:
        """DER AlgorithmIdentifier of the signatures."""
        return self._signer.algorithm

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return self._signer.public_key

    def sign(self, data: bytes) -> bytes:
        """Sign with the card; its PIN is asked for."""
        return self._signer.sign(data)


class AuthorityCards:
    """Cards for `tongxing ca`: officers' cards sign, blank cards are personalised at this desk."""

    def __init__(self, desk: Path) -> None:
        self._desk = desk

    @contextmanager
    def card_signer(self, card: str) -> Iterator[OfficerCard]:
        """Open a card for signing."""
        reader = reader_named(card)
        certificate = read_card_certificate(reader).der
        with card_signer(reader, ask_pin_of(card)) as signer:
            yield OfficerCard(signer, certificate)

    def check_reader(self, card: str) -> None:
        """Check that a card answers there; a virtual card that does not exist yet will be made."""
        if _is_virtual(card) and not _virtual_file(card).exists():
            return
        with transaction(reader_named(card)) as connection:
            PivCard.select(connection)

    def personaliser(self) -> CardDesk:
        """The desk: its journal and the master key of its cards, made on first use."""
        key_file = self._desk / _MASTER_KEY
        if not key_file.exists():
            write_secret(key_file, secrets.token_bytes(MASTER_KEY_BYTES))
        master_key = read_secret(key_file)
        return CardDesk(
            lambda name: reader_named(name, blank=True),
            self._desk / _JOURNAL,
            lambda name, record: _card_secrets(name, record, master_key),
        )


class SigningCards:
    """Cards for `tongxing sign`."""

    @contextmanager
    def card_signer(self, *, reader: str | None, virtual: Path | None) -> Iterator[tuple[CardSigner, bytes]]:
        """Lend the card's SIGNATURE key and its certificate."""
        found = _pcsc_reader(reader) if virtual is None else _virtual_reader(virtual, reader)
        certificate = read_card_certificate(found).der
        with card_signer(found, ask_pin_of(found.name)) as signer:
            yield signer, certificate


def authority_cards(desk: Path) -> AuthorityCards:
    """What `tongxing ca` is given."""
    return AuthorityCards(desk)


def signing_cards(_desk: Path) -> SigningCards:
    """What `tongxing sign` is given."""
    return SigningCards()


def reader_named(card: str, *, blank: bool = False) -> Reader:
    """The reader of a card: a virtual one by its path (made when `blank` and absent), else PC/SC's."""
    if not _is_virtual(card):
        return _pcsc_reader(card or None)
    file = _virtual_file(card)
    folder, name = VirtualReader(file.parent), file.name.removesuffix(_SUFFIX)
    return folder.new_card(name) if blank and not file.exists() else folder.slot(name)


def _is_virtual(card: str) -> bool:
    """Whether the name is a virtual card's path rather than a reader's name."""
    path = Path(card)
    return path.suffix == _SUFFIX or len(path.parts) > 1


def _virtual_file(card: str) -> Path:
    """The file of a virtual card, whose suffix need not be said."""
    path = Path(card)
    return path.parent / f"{path.name.removesuffix(_SUFFIX)}{_SUFFIX}"


def ask_pin_of(card: str) -> AskPin:
    """Ask for a card's PIN on the terminal, saying how many tries are left."""

    def ask(status: PinStatus) -> bytearray:
        tries = "" if status.attempts_remaining is None else f" ({status.attempts_remaining} tries left)"
        return terminal.read_secret(f"PIN of {card}{tries}: ")

    return ask


def _virtual_reader(folder: Path, name: str | None) -> Reader:
    """A virtual card by its name, or the first of the folder."""
    source = VirtualReader(folder)
    return source.slot(name) if name else find_reader(source)


def _pcsc_reader(name: str | None) -> Reader:
    """A reader of this machine by its name, or the first with a card."""
    from cardreader.pcsc import PcscReaders

    return find_reader(PcscReaders(), name)


def _card_secrets(card: str, record: Record | None, master_key: bytes) -> CardSecrets:
    """The PIN and the PUK of a card: new ones, or those it was given when it was begun before."""
    begun, done = (record.begun, record.done) if record is not None else (set(), set())
    pin = _begun_pin(card) if Step.SET_PIN in begun else _new_pin(card)
    if Step.SET_PUK in done:
        puk = random_puk()  # stands in: the card has its own, which is not needed again
    elif Step.SET_PUK in begun:
        puk = bytes(terminal.read_secret(f"PUK of {card}, as it was shown then: "))
    else:
        puk = _new_puk(card)
    return CardSecrets(bytes(pin), puk, master_key)


def _new_pin(card: str) -> bytearray:
    """The holder's choice, typed twice at the desk."""
    pin = terminal.read_secret(f"New PIN of {card}, typed by its holder: ")
    check_pin(bytes(pin))
    if terminal.read_secret("The same again: ") != pin:
        raise click.ClickException("the two PINs differ; nothing was done")
    return pin


def _new_puk(card: str) -> bytes:
    """A random PUK, shown once."""
    puk = random_puk()
    terminal.write(f"PUK of {card}, for the holder's sealed envelope, shown once: {puk.decode('ascii')}")
    return puk


def _begun_pin(card: str) -> bytearray:
    """The PIN of a card whose personalisation goes on."""
    terminal.write(f"{card} was begun at this desk before and keeps the PIN and the PUK it was given then.")
    return terminal.read_secret(f"PIN of {card}, typed by its holder: ")
