"""Readers of this machine through PC/SC: the only module that imports pyscard.

One exclusive transaction an operation (SCardBeginTransaction), ended by SCARD_RESET_CARD: after a plain
disconnect any other program could sign without the PIN.  Should this process die, pcscd resets the card.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from smartcard import scard  # noqa: TID251 - the one place

from cardreader import clock
from cardreader.errors import (
    ApduError,
    CardBusyError,
    CardRemovedError,
    NoCardError,
    NoReaderError,
    ReaderError,
    ServiceUnavailableError,
)

_PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
_CONNECT_TIMEOUT = 3.0
_LOOK_EVERY = 0.05
_NOW = 0  # milliseconds that SCardGetStatusChange waits

_NO_SERVICE = {
    scard.SCARD_E_NO_SERVICE,
    scard.SCARD_E_SERVICE_STOPPED,
    scard.SCARD_F_COMM_ERROR,
    scard.SCARD_F_INTERNAL_ERROR,
    scard.SCARD_E_SERVER_TOO_BUSY,
}
_NO_READER = {
    scard.SCARD_E_UNKNOWN_READER,
    scard.SCARD_E_READER_UNAVAILABLE,
    scard.SCARD_E_NO_READERS_AVAILABLE,
}
_NO_CARD = {
    scard.SCARD_E_NO_SMARTCARD,
    scard.SCARD_W_REMOVED_CARD,
    scard.SCARD_W_UNPOWERED_CARD,
    scard.SCARD_W_UNRESPONSIVE_CARD,
    scard.SCARD_W_UNSUPPORTED_CARD,
    scard.SCARD_E_PROTO_MISMATCH,
}
_GONE = {
    scard.SCARD_W_REMOVED_CARD,
    scard.SCARD_W_RESET_CARD,
    scard.SCARD_W_UNPOWERED_CARD,
    scard.SCARD_E_NO_SMARTCARD,
    scard.SCARD_E_READER_UNAVAILABLE,
    scard.SCARD_E_INVALID_HANDLE,
    scard.SCARD_E_NOT_TRANSACTED,
}


class PcscReaders:
    """The readers that the smart card service of this machine knows."""

    def readers(self) -> Sequence[PcscReader]:
        """Every reader; none is not an error here."""
        with _context() as context:
            result, names = scard.SCardListReaders(context, [])
        if result in _NO_READER:
            return []
        _check(result)
        return [PcscReader(name) for name in names]


class PcscReader:
    """One reader."""

    is_virtual = False

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The reader's name as PC/SC gives it."""
        return self._name

    def card_present(self) -> bool:
        """Whether a card is in the reader, without touching it."""
        with _context() as context:
            states = [(self._name, scard.SCARD_STATE_UNAWARE)]
            result, states = scard.SCardGetStatusChange(context, _NOW, states)
        return result == scard.SCARD_S_SUCCESS and bool(states[0][1] & scard.SCARD_STATE_PRESENT)

    def connect(self) -> PcscConnection:
        """Power the card and begin a transaction; another program that holds it is waited for, a moment."""
        return PcscConnection(self._name)


class PcscConnection:
    """An exclusive transaction with one card."""

    def __init__(self, reader_name: str) -> None:
        self._scope = contextlib.ExitStack()
        try:
            self._context = self._scope.enter_context(_context())
            self._card, protocol = _connect(self._context, reader_name)
            self._scope.callback(self._release)
            self._protocol = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
            _check(scard.SCardBeginTransaction(self._card))
        except BaseException:
            self._scope.close()
            raise

    def transmit(self, command: bytes | bytearray) -> tuple[bytes, int]:
        """SCardTransmit; the data and the status word."""
        result, answer = scard.SCardTransmit(self._card, self._protocol, list(command))
        if result in _GONE:
            raise CardRemovedError
        _check(result)
        if len(answer) < 2:
            raise ApduError("a response without a status word")
        response = bytes(byte & 0xFF for byte in answer)
        return response[:-2], int.from_bytes(response[-2:], "big")

    def disconnect(self) -> None:
        """End the transaction and reset the card in one step: nobody finds it with the PIN verified."""
        self._scope.close()

    def _release(self) -> None:
        """Reset by ending the transaction; by disconnecting, should that fail."""
        reset = scard.SCardEndTransaction(self._card, scard.SCARD_RESET_CARD) == scard.SCARD_S_SUCCESS
        scard.SCardDisconnect(self._card, scard.SCARD_LEAVE_CARD if reset else scard.SCARD_RESET_CARD)


@contextlib.contextmanager
def _context() -> Iterator[Any]:
    """A connection to the smart card service."""
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if result != scard.SCARD_S_SUCCESS:
        raise ServiceUnavailableError(_message(result))
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def _connect(context: Any, reader_name: str) -> tuple[Any, int]:
    """SCardConnect, again and again while another program holds the card exclusively."""
    deadline = clock.monotonic() + _CONNECT_TIMEOUT
    while True:
        result, card, protocol = scard.SCardConnect(
            context, reader_name, scard.SCARD_SHARE_SHARED, _PROTOCOLS
        )
        if result != scard.SCARD_E_SHARING_VIOLATION:
            break
        if clock.monotonic() >= deadline:
            raise CardBusyError
        clock.pause(_LOOK_EVERY)
    if result in _NO_CARD:
        raise NoCardError
    if result in _NO_READER:
        raise NoReaderError(reader_name)
    _check(result)
    return card, protocol


def _check(result: int) -> None:
    """Raise the error of a PC/SC result."""
    if result == scard.SCARD_S_SUCCESS:
        return
    if result in _NO_SERVICE:
        raise ServiceUnavailableError(_message(result))
    if result in _GONE:
        raise CardRemovedError
    raise ReaderError(
        f"The card reader failed: {_message(result)} Reconnect the reader and try again.",
        f"读卡器出错：{_message(result)} 请重新连接读卡器后重试。",
        code="reader-failed",
    )


def _message(result: int) -> str:
    """PC/SC's own words for a result."""
    return str(scard.SCardGetErrorMessage(result)).strip()
