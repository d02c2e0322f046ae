"""A card's key as a `trust.signer.Signer`, for certification requests, documents and approvals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from cardreader.connection import Reader, transaction
from cardreader.errors import CardError, PinBlockedError
from cardreader.piv import PinStatus, PivCard
from cardreader.piv_key import algorithm_of
from cardreader.piv_terms import Slot
from cardreader.process import wipe
from trust.algorithms import SignatureError, algorithm_for, verify_signature
from trust.certificate import Certificate

AskPin = Callable[[PinStatus], bytearray]


class CardSigner:
    """Signs with one slot of a card that is held in a transaction.

    The PIN is asked for after the counter was read, lives in one bytearray, serves `signatures` signatures
    (the batch that was shown and confirmed) and is wiped then, and on every way out. The key in 9C wants the
    PIN before each signature, so it is verified before each.
    """

    def __init__(
        self,
        card: PivCard,
        slot: Slot,
        ask_pin: AskPin,
        *,
        public_key: bytes | None = None,
        signatures: int = 1,
    ) -> None:
        self._card = card
        self._slot = slot
        self._ask_pin = ask_pin
        self._batch = signatures
        self._left = 0
        self._pin = bytearray()
        if public_key is None:
            public_key = Certificate.parse(card.require_certificate(slot)).public_key
        self._public_key = public_key
        self._kind = algorithm_of(public_key)
        self._algorithm = algorithm_for(public_key, self._kind.digest)

    @property
    def algorithm(self) -> bytes:
        """DER AlgorithmIdentifier of the signatures."""
        return self._algorithm

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return self._public_key

    def sign(self, data: bytes) -> bytes:
        """Verify the PIN, sign, and check the signature, so that a wrong key on the card shows here."""
        try:
            self._verify_pin()
            signature = self._card.sign(self._slot, self._kind, data)
            self._left -= 1
        except BaseException:
            self.close()
            raise
        if self._left <= 0:
            self.close()
        try:
            verify_signature(self._public_key, self._algorithm, signature, data)
        except SignatureError as error:
            raise CardError(
                "The card's key does not belong to its certificate. Have the card replaced at a desk.",
                "卡中的密钥与证书不符，请到服务窗口换卡。",
                code="key-mismatch",
            ) from error
        return signature

    def close(self) -> None:
        """Wipe the PIN."""
        wipe(self._pin)
        self._pin = bytearray()
        self._left = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _verify_pin(self) -> None:
        """Ask for the PIN when none is held, and prove it to the card."""
        if not self._pin:
            status = self._card.pin_status()
            if status.blocked:
                raise PinBlockedError
            self._pin = self._ask_pin(status)
            self._left = self._batch
        self._card.verify_pin(self._pin)


@contextmanager
def open_signer(reader: Reader, slot: Slot, ask_pin: AskPin, *, signatures: int = 1) -> Iterator[CardSigner]:
    """A signer for as long as the block lasts: card held exclusively, then reset, and the PIN wiped."""
    with transaction(reader) as connection:
        card = PivCard.select(connection)
        with CardSigner(card, slot, ask_pin, signatures=signatures) as signer:
            yield signer
