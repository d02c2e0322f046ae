"""HTTP/1.1 messages read from a connection, strictly and within bounds (RFC 9112).

What proxies and servers have been known to read differently is refused rather than guessed: transfer
codings, repeated Content-Length, folded lines, names with underscores, bare line feeds.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import Final

MAXIMUM_HEAD_BYTES: Final = 32 * 1024
MAXIMUM_BODY_BYTES: Final = 4 * 1024 * 1024
MAXIMUM_FIELDS: Final = 64
_CHUNK_BYTES = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.([01])")
# RFC 9110 5.1 and 5.5; no underscore in names: WSGI could not tell it from a hyphen.
_FIELD = re.compile(rb"([A-Za-z0-9!#$%&'*+.^`|~-]+):[ \t]*([\x21-\x7e\x80-\xff \t]*?)[ \t]*")


class MessageError(Exception):
    """A request that cannot be answered otherwise than by this status; the connection is closed after it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Request:
    """One request: its line, its fields by lower-case name, its body."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True)
class Timeouts:
    """How long, in seconds, each part of an exchange may take as a whole."""

    handshake: float = 5.0
    idle: float = 60.0
    head: float = 5.0
    body: float = 20.0
    answer: float = 20.0


class BoundedReader:
    """Reads from a socket by a deadline for the whole, not for each packet: a slow drip ends as well."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def wait_for_data(self, seconds: float) -> bool:
        """Wait until something has arrived; False when the peer ended or kept silent."""
        if self._buffer:
            return True
        try:
            self._receive(time.monotonic() + seconds)
        except TimeoutError:
            return False
        return bool(self._buffer)

    def read_until(self, end: bytes, maximum: int, deadline: float) -> bytes:
        """Read up to and without `end`; MessageError 431 when it does not come within `maximum` bytes."""
        while (position := self._buffer.find(end)) < 0:
            if len(self._buffer) > maximum:
                raise MessageError(431, "the header is too large")
            self._receive_some(deadline)
        if position > maximum:
            raise MessageError(431, "the header is too large")
        return self._take(position, len(end))

    def read_exactly(self, length: int, deadline: float) -> bytes:
        """Read exactly this many bytes."""
        while len(self._buffer) < length:
            self._receive_some(deadline)
        return self._take(length)

    def _take(self, length: int, skip: int = 0) -> bytes:
        """Remove and return the first bytes of the buffer, dropping `skip` more."""
        taken = bytes(self._buffer[:length])
        del self._buffer[: length + skip]
        return taken

    def _receive_some(self, deadline: float) -> None:
        """Receive; too late is 408, the end of the stream within a message 400."""
        before = len(self._buffer)
        try:
            self._receive(deadline)
        except TimeoutError:
            raise MessageError(408, "the request took too long to arrive") from None
        if len(self._buffer) == before:
            raise MessageError(400, "the request ended early")

    def _receive(self, deadline: float) -> None:
        """Receive what there is by the deadline; nothing is added at the end of the stream."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
        self._buffer += self._connection.recv(_CHUNK_BYTES)


def read_request(reader: BoundedReader, timeouts: Timeouts) -> Request:
    """Read one request whose first bytes have arrived."""
    head = reader.read_until(_END_OF_HEAD, MAXIMUM_HEAD_BYTES, time.monotonic() + timeouts.head)
    line, *lines = head.split(b"\r\n")
    matched = _REQUEST_LINE.fullmatch(line)
    if matched is None:
        raise MessageError(400, "the request line is malformed")
    method, target, minor = (part.decode("ascii") for part in matched.groups())
    fields = _read_fields(lines)
    length = _body_length(fields)
    body = reader.read_exactly(length, time.monotonic() + timeouts.body)
    keep_alive = minor == "1" and fields.get("connection", "").lower() != "close"
    return Request(method, target, fields, body, keep_alive)


def _read_fields(lines: list[bytes]) -> dict[str, str]:
    """Read header fields; one that comes twice is refused, as nothing we use may."""
    if len(lines) > MAXIMUM_FIELDS:
        raise MessageError(431, "too many header fields")
    fields: dict[str, str] = {}
    for line in lines:
        matched = _FIELD.fullmatch(line)
        if matched is None:
            raise MessageError(400, "a header field is malformed")
        name, value = matched[1].decode("ascii").lower(), matched[2].decode("latin-1")
        if name in fields:
            raise MessageError(400, "a header field is repeated")
        fields[name] = value
    return fields


def _body_length(fields: dict[str, str]) -> int:
    """Return the length of the body (RFC 9112 6.3); a body of unknown length is not accepted."""
    if "transfer-encoding" in fields:
        raise MessageError(411, "send a Content-Length, not a transfer coding")
    if "expect" in fields:
        raise MessageError(417, "no expectations are met here")
    text = fields.get("content-length", "0")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAXIMUM_BODY_BYTES)):
        raise MessageError(400 if not text.isdigit() else 413, "Content-Length is malformed or too large")
    if int(text) > MAXIMUM_BODY_BYTES:
        raise MessageError(413, "the body is too large")
    return int(text)
