"""BER-TLV data objects (ISO/IEC 7816-4 clause 6.3): write, and read with limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardreader.errors import TlvError

MAXIMUM_SIZE = 65_536
MAXIMUM_TAG_BYTES = 3
MAXIMUM_LENGTH_BYTES = 3

_MULTI_BYTE_TAG = 0x1F
_MORE_TAG_BYTES = 0x80
_LONG_LENGTH = 0x80


@dataclass(frozen=True)
class DataObject:
    """One data object: its tag, as a number of one to three bytes, and its value."""

    tag: int
    value: bytes = field(repr=False)


def encode(tag: int, value: bytes | bytearray = b"") -> bytes:
    """One data object, with the shortest length."""
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + encode_length(len(value)) + value


def encode_length(length: int) -> bytes:
    """A length field (ISO/IEC 7816-4 clause 6.3.2): short form, or 81, 82 or 83 and the bytes."""
    if length < _LONG_LENGTH:
        return bytes([length])
    count = (length.bit_length() + 7) // 8
    if count > MAXIMUM_LENGTH_BYTES:
        raise TlvError(f"a data object of {length} bytes is too long")
    return bytes([_LONG_LENGTH | count]) + length.to_bytes(count, "big")


def parse(data: bytes | bytearray) -> tuple[DataObject, ...]:
    """Every data object in `data`, one level deep; an own error for anything that is not exactly that."""
    content = bytes(data)
    if len(content) > MAXIMUM_SIZE:
        raise TlvError(f"{len(content)} bytes are more than a card holds")
    found: list[DataObject] = []
    position = 0
    while position < len(content):
        tag, position = _read_tag(content, position)
        length, position = _read_length(content, position)
        if length > len(content) - position:
            raise TlvError(f"data object {tag:X} is cut short")
        found.append(DataObject(tag, content[position : position + length]))
        position += length
    return tuple(found)


def parse_one(data: bytes | bytearray, tag: int) -> bytes:
    """The value of the single data object in `data`, which must have this tag."""
    objects = parse(data)
    if len(objects) != 1 or objects[0].tag != tag:
        raise TlvError(f"a single data object {tag:X} was expected")
    return objects[0].value


def find(data: bytes | bytearray, tag: int) -> bytes | None:
    """The value of the first data object with this tag, or None."""
    return next((item.value for item in parse(data) if item.tag == tag), None)


def require(data: bytes | bytearray, tag: int) -> bytes:
    """The value of the first data object with this tag; an error when there is none."""
    value = find(data, tag)
    if value is None:
        raise TlvError(f"data object {tag:X} is missing")
    return value


def _read_tag(data: bytes, position: int) -> tuple[int, int]:
    """The tag at `position` and the position after it."""
    start = position
    position += 1
    if data[start] & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        while True:
            if position >= len(data) or position - start >= MAXIMUM_TAG_BYTES:
                raise TlvError("a tag is cut short or too long")
            position += 1
            if not data[position - 1] & _MORE_TAG_BYTES:
                break
    return int.from_bytes(data[start:position], "big"), position


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    """The length at `position` and the position after it."""
    if position >= len(data):
        raise TlvError("a length is missing")
    first = data[position]
    position += 1
    if not first & _LONG_LENGTH:
        return first, position
    count = first & ~_LONG_LENGTH
    if not 1 <= count <= MAXIMUM_LENGTH_BYTES or position + count > len(data):
        raise TlvError("a length is cut short, too long or indefinite")
    return int.from_bytes(data[position : position + count], "big"), position + count
