"""Plugging a virtual card into Debian's vsmartcard-vpcd reader, over TCP.

The reader speaks first. A message is two bytes of length, big-endian, and then either one byte of control
(0 power off, 1 power on, 2 reset, 4 tell the ATR) or a command APDU; the ATR and the response APDU are sent
back in the same framing.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import IntEnum

from cardreader.errors import ServiceUnavailableError
from cardreader.virtual.card import VirtualCard

DEFAULT_PORT = 35_963
_LENGTH_BYTES = 2
_CONNECT_TIMEOUT = 5.0


class Control(IntEnum):
    """The one-byte messages of the reader."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    TELL_ATR = 4


class VpcdLink:
    """A card in one slot of the vpcd reader: `insert` connects it, `remove` pulls it out."""

    def __init__(self, card: VirtualCard, port: int = DEFAULT_PORT, host: str = "127.0.0.1") -> None:
        self._card = card
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def insert(self) -> None:
        """Connect to the reader and answer it in a thread of its own."""
        try:
            self._socket = socket.create_connection(self._address, _CONNECT_TIMEOUT)
        except OSError as error:
            raise ServiceUnavailableError(f"no virtual reader listens on port {self._address[1]}") from error
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), daemon=True, name="vpcd")
        self._thread.start()

    def remove(self) -> None:
        """Pull the card out, whatever it is doing."""
        if self._socket is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._socket = self._thread = None

    def wait(self) -> None:
        """Stay until the reader goes away."""
        if self._thread is not None:
            self._thread.join()

    def _serve(self, link: socket.socket) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                length = int.from_bytes(_receive(link, _LENGTH_BYTES), "big")
                answer = self._answer(_receive(link, length))
                if answer is not None:
                    link.sendall(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)

    def _answer(self, message: bytes) -> bytes | None:
        """The answer to one message, None where the reader expects none."""
        if len(message) > 1:
            return self._card.exchange(message)
        if message == bytes([Control.TELL_ATR]):
            return self._card.atr
        self._card.reset()
        return None


def _receive(link: socket.socket, length: int) -> bytes:
    """Exactly `length` bytes; EOFError when the reader hung up."""
    received = bytearray()
    while len(received) < length:
        # The reader sends length and body apart: without an immediate acknowledgement each costs 40 ms.
        if hasattr(socket, "TCP_QUICKACK"):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        portion = link.recv(length - len(received))
        if not portion:
            raise EOFError
        received += portion
    return bytes(received)
