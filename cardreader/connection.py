"""The seam between the driver and whatever holds the card: PC/SC, or the virtual card in memory.

A card is only ever used inside `transaction`: exclusive from the first byte, and reset on every way out, so
that no other program finds it with the PIN still verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from cardreader.errors import NoCardError, NoReaderError


class CardConnection(Protocol):
    """An exclusive hold on one powered card."""

    def transmit(self, command: bytes | bytearray) -> tuple[bytes, int]:
        """Send one command APDU; the response data and the status word.

        Raises CardRemovedError when the card is gone, ReaderError for other faults of the way to it.
        """
        ...

    def disconnect(self) -> None:
        """Reset the card and let go of it. Never raises: a card that is gone has nothing to reset."""
        ...


class Reader(Protocol):
    """One card reader."""

    @property
    def name(self) -> str:
        """The reader's name, unique on this machine."""
        ...

    @property
    def is_virtual(self) -> bool:
        """Whether the card behind it is a file of this machine; only such cards take a scripted PIN."""
        ...

    def card_present(self) -> bool:
        """Whether a card is in the reader."""
        ...

    def connect(self) -> CardConnection:
        """Take exclusive hold of the card; NoCardError, CardBusyError."""
        ...


class ReaderSource(Protocol):
    """Where readers are found: the PC/SC service, or a folder of virtual cards."""

    def readers(self) -> Sequence[Reader]:
        """Every reader there is now."""
        ...


@contextmanager
def transaction(reader: Reader) -> Iterator[CardConnection]:
    """Hold the card in `reader` exclusively; reset it on every way out."""
    connection = reader.connect()
    try:
        yield connection
    finally:
        connection.disconnect()


def find_reader(source: ReaderSource, name: str | None = None) -> Reader:
    """The reader called `name`, or the first one with a card in it."""
    readers = source.readers()
    if name is not None:
        readers = [reader for reader in readers if reader.name == name]
    if not readers:
        raise NoReaderError(name)
    with_card = next((reader for reader in readers if reader.card_present()), None)
    if with_card is None:
        raise NoCardError
    return with_card
