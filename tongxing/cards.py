"""The cards at the desk, handed to the authority and to the signing service, which know no readers.

`CardDesk` personalises (the `CardPersonaliser` of `ca`), and signs approvals and documents with a card, the
same for the virtual cards of a folder and for a reader through PC/SC.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cardreader.connection import Reader, transaction
from cardreader.errors import CardError
from cardreader.journal import Journal, Record
from cardreader.personalization import CardSecrets, Personalization
from cardreader.piv import PivCard
from cardreader.piv_terms import Slot
from cardreader.signer import AskPin, CardSigner, open_signer
from cardreader.virtual.reader import VirtualReader
from trust import approval
from trust.certificate import Certificate

if TYPE_CHECKING:
    from ca.personalization import CardCertificates, CardOrder, CardRequests

MASTER_KEY_BYTES = 32
_PUK_DIGITS = 8


class CardDesk:
    """Personalises cards by name; the secrets of each card come from `secrets_of`.

    It is given the journal's record of a card that was begun before: such a card may have its PIN and PUK.
    """

    def __init__(
        self,
        reader_of: Callable[[str], Reader],
        journal: Path,
        secrets_of: Callable[[str, Record | None], CardSecrets],
    ) -> None:
        self._reader_of = reader_of
        self._personalization = Personalization(Journal(journal))
        self._secrets_of = secrets_of
        self._secrets: dict[str, CardSecrets] = {}

    def certification_requests(self, order: CardOrder) -> CardRequests:
        """Make both keys on the card and return the requests it signed."""
        from ca.personalization import CardRequests

        made = self._personalization.prepare(
            self._reader_of(order.card), self._card_secrets(order.card), order.subject
        )
        return CardRequests(made.requests[Slot.AUTHENTICATION], made.requests[Slot.SIGNATURE])

    def write_certificates(self, order: CardOrder, certificates: CardCertificates) -> None:
        """Write both certificates to the card and check that its keys answer to them."""
        self._personalization.complete(
            self._reader_of(order.card),
            self._card_secrets(order.card),
            {Slot.AUTHENTICATION: certificates.authentication, Slot.SIGNATURE: certificates.signature},
        )
        # The next card in the same reader is another holder's.
        del self._secrets[order.card]

    def _card_secrets(self, card: str) -> CardSecrets:
        """The card's secrets, the same for both halves of the work: asked for and shown once."""
        if card not in self._secrets:
            record = self._personalization.record_of(self._reader_of(card))
            self._secrets[card] = self._secrets_of(card, record)
        return self._secrets[card]


def virtual_desk(cards: Path, journal: Path, pins: Mapping[str, str], master_key: bytes) -> CardDesk:
    """A desk for virtual cards with demonstration PINs; a card that does not exist yet is made, blank."""
    folder = VirtualReader(cards)

    def reader_of(name: str) -> Reader:
        return folder.slot(name) if (cards / f"{name}.json").exists() else folder.new_card(name)

    def secrets_of(name: str, _record: Record | None) -> CardSecrets:
        return CardSecrets(pins[name].encode("ascii"), random_puk(), master_key)

    return CardDesk(reader_of, journal, secrets_of)


def read_card_certificate(reader: Reader, slot: Slot = Slot.SIGNATURE) -> Certificate:
    """Read a certificate from a card; no PIN is needed."""
    with transaction(reader) as connection:
        return Certificate.parse(PivCard.select(connection).require_certificate(slot))


@contextmanager
def card_signer(reader: Reader, ask_pin: AskPin, *, signatures: int = 1) -> Iterator[CardSigner]:
    """Sign with the SIGNATURE key of a card for as long as the block lasts."""
    with open_signer(reader, Slot.SIGNATURE, ask_pin, signatures=signatures) as signer:
        yield signer


def sign_approval(reader: Reader, ask_pin: AskPin, statement: bytes, at: datetime) -> bytes:
    """Sign an approval statement with an officer's card: CMS over the statement, which it carries."""
    certificate = read_card_certificate(reader)
    with card_signer(reader, ask_pin) as signer:
        return approval.sign_approval(statement, signer, certificate.der, at=at)


def fixed_pin(pin: str) -> AskPin:
    """A PIN that is known beforehand: demonstration cards only."""
    return lambda _status: bytearray(pin.encode("ascii"))


def virtual_reader(cards: Path, name: str) -> Reader:
    """The reader of one virtual card."""
    if not (cards / f"{name}.json").exists():
        raise CardError(f"there is no virtual card {name} in {cards}", f"{cards} 中没有虚拟卡 {name}")
    return VirtualReader(cards).slot(name)


def random_puk() -> bytes:
    """Eight random digits; nobody is told a demonstration card's."""
    return "".join(secrets.choice("0123456789") for _ in range(_PUK_DIGITS)).encode("ascii")
