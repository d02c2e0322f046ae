"""Commands and responses (ISO/IEC 7816-4 clause 5): short, extended, chained.

`Command` is one command APDU; `send` brings it over a connection whatever its length: by command chaining
(CLA bit 5) or extended length, gathering 61xx with GET RESPONSE and repeating on 6Cxx.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cardreader.connection import CardConnection
from cardreader.errors import ApduError
from cardreader.process import wipe
from cardreader.status_word import MORE_DATA, WRONG_LE

CHAINING = 0x10  # CLA bit 5: not the last command of a chain (clause 5.3.3)
GET_RESPONSE = 0xC0
HEADER_SIZE = 4
SHORT_DATA = 255
SHORT_LE = 256
EXTENDED_DATA = 65_535
EXTENDED_LE = 65_536
MAXIMUM_RESPONSE = 65_536


@dataclass(frozen=True)
class Command:
    """A command APDU. `le` is how many bytes are wanted at most: None for none, 256 for "all" when short."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes | bytearray = field(default=b"", repr=False)
    le: int | None = None

    def encode(self, *, extended: bool = False) -> bytearray:
        """The bytes on the wire; a bytearray, so that one that carries a PIN can be wiped."""
        if len(self.data) > (EXTENDED_DATA if extended else SHORT_DATA):
            raise ApduError(f"{len(self.data)} bytes do not fit one command")
        if self.le is not None and not 0 < self.le <= (EXTENDED_LE if extended else SHORT_LE):
            raise ApduError(f"an answer of {self.le} bytes cannot be asked for")
        encoded = bytearray((self.cla, self.ins, self.p1, self.p2))
        width = 2 if extended else 1
        if extended and (self.data or self.le is not None):
            encoded.append(0)
        if self.data:
            encoded += len(self.data).to_bytes(width, "big")
            encoded += self.data
        if self.le is not None:
            encoded += (self.le % (1 << 8 * width)).to_bytes(width, "big")
        return encoded


def parse_command(encoded: bytes | bytearray) -> tuple[Command, bool]:
    """A command from its bytes (clause 5.2, the four cases), and whether it had extended length fields."""
    if len(encoded) < HEADER_SIZE:
        raise ApduError("a command is shorter than its header")
    cla, ins, p1, p2 = encoded[:HEADER_SIZE]
    body = bytes(encoded[HEADER_SIZE:])
    extended = len(body) >= 3 and body[0] == 0
    data, le = _split_body(body[1:], 2) if extended else _split_body(body, 1)
    return Command(cla, ins, p1, p2, data, le), extended


def _split_body(body: bytes, width: int) -> tuple[bytes, int | None]:
    """Lc, data and Le, with length fields of `width` bytes."""
    if not body:
        return b"", None
    everything = 1 << 8 * width
    if len(body) == width:
        return b"", int.from_bytes(body, "big") or everything
    length = int.from_bytes(body[:width], "big")
    data, rest = body[width : width + length], body[width + length :]
    if not length or len(data) != length or len(rest) not in (0, width):
        raise ApduError("the length fields of a command do not fit its length")
    return data, (int.from_bytes(rest, "big") or everything) if rest else None


def send(connection: CardConnection, command: Command, *, extended: bool = False) -> tuple[bytes, int]:
    """Bring a command to the card whatever its length; the whole answer and the last status word."""
    parts = [command] if extended else list(_chain(command))
    for part in parts[:-1]:
        data, status_word = _transmit(connection, part)
        if data or status_word != 0x9000:
            return data, status_word
    last = parts[-1]
    data, status_word = _transmit(connection, last, extended=extended)
    if status_word & 0xFF00 == WRONG_LE:
        data, status_word = _transmit(connection, replace(last, le=status_word & 0xFF or SHORT_LE))
    return _gather(connection, data, status_word)


def _chain(command: Command) -> Iterator[Command]:
    """A long command as a chain of short ones (clause 5.3.3)."""
    data = command.data
    while len(data) > SHORT_DATA:
        yield replace(command, cla=command.cla | CHAINING, data=data[:SHORT_DATA], le=None)
        data = data[SHORT_DATA:]
    yield replace(command, data=data)


def _gather(connection: CardConnection, data: bytes, status_word: int) -> tuple[bytes, int]:
    """The rest of a long answer by GET RESPONSE (clause 5.3.4)."""
    gathered = bytearray(data)
    while status_word & 0xFF00 == MORE_DATA:
        waiting = status_word & 0xFF or SHORT_LE
        data, status_word = _transmit(connection, Command(0, GET_RESPONSE, 0, 0, le=waiting))
        gathered += data
        if not data or len(gathered) > MAXIMUM_RESPONSE:
            raise ApduError("the card announces more data than it has")
    return bytes(gathered), status_word


def _transmit(connection: CardConnection, command: Command, *, extended: bool = False) -> tuple[bytes, int]:
    """One exchange; the encoded command is wiped afterwards, for it may hold a PIN."""
    encoded = command.encode(extended=extended)
    try:
        return connection.transmit(encoded)
    finally:
        wipe(encoded)
