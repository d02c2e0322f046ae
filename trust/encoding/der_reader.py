"""DER, read: a reader that accepts nothing but DER (ITU-T X.690 clauses 8, 10 and 11).

Indefinite and over-long lengths, integers with padding, booleans other than 00 and FF, tags above 30 and
trailing data are refused; depth and size are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from trust.encoding.der_tags import CONSTRUCTED, CONTEXT, FIRST_YEAR_OF_UTC_TIME, HIGH_TAG, LONG_LENGTH, Tag
from trust.errors import TrustError

MAXIMUM_SIZE: Final = 16 * 1024 * 1024
MAXIMUM_DEPTH: Final = 32
MAXIMUM_INTEGER_SIZE: Final = 4096
MAXIMUM_OID_SIZE: Final = 128
# In octets: no type that is read here names more than 32 bits.
MAXIMUM_NAMED_BITS_SIZE: Final = 4
MAXIMUM_ARC_SIZE: Final = 20

_UTC_TIME = re.compile(rb"[0-9]{6}(?:[01][0-9]|2[0-3])[0-9]{4}Z\Z")
_GENERALIZED_TIME = re.compile(rb"([0-9]{8}(?:[01][0-9]|2[0-3])[0-9]{4})(?:\.([0-9]{0,8}[1-9]))?Z\Z")


class DerError(TrustError):
    """Bytes that are not DER."""


_TWO_OCTETS: Final = 0x82
# Where an element lies: its tag, where it begins, where its content begins, where it ends.
Element = tuple[int, int, int, int]


def read_elements(data: bytes, start: int, end: int) -> list[Element]:
    """The elements between two offsets, one after the other: for structures that are read by the thousand.

    Every header is held to the same rules as in `Reader`; the contents are the caller's.
    """
    found: list[Element] = []
    while start < end:
        if start + 2 > end:
            raise DerError("the data ends within a header", code="der-truncated", clause="X.690 8.1.1")
        tag, length = data[start], data[start + 1]
        content = start + 2
        if tag & HIGH_TAG == HIGH_TAG:
            raise DerError(f"tag octet {tag:#04x}: above 30", code="der-tag", clause="X.690 8.1.2")
        if length == _TWO_OCTETS and content + 1 < end and data[content]:
            # The usual long form, without a call.
            length = data[content] << 8 | data[content + 1]
            content += 2
        elif length >= LONG_LENGTH:
            content, length = _long_length(data, content, end, length & 0x7F)
        stop = content + length
        if stop > end:
            raise DerError("an element outgrows its container", code="der-truncated", clause="X.690 8.1.3")
        found.append((tag, start, content, stop))
        start = stop
    return found


def whole(data: bytes, tag: int, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Where the content of the one element between two offsets begins and ends; trailing data is refused."""
    stop = len(data) if end is None else end
    if stop - start >= 2 and data[start] == tag:
        content, length = start + 2, data[start + 1]
        if length >= LONG_LENGTH:
            content, length = _long_length(data, content, stop, length & 0x7F)
        if content + length == stop:
            return content, stop
    # It is something else: the reader says what.
    reader = Reader(data[start:stop], maximum_size=stop - start)
    reader.read(tag)
    reader.finish()
    raise DerError("this is not one element", code="der-wrong-tag", clause="X.690 8.1")


def _long_length(data: bytes, start: int, end: int, count: int) -> tuple[int, int]:
    """Start of the content and its length, from `count` length octets (X.690 8.1.3.5, 10.1)."""
    if count == 0:
        raise DerError("indefinite length", code="der-indefinite-length", clause="X.690 10.1")
    octets = data[start : min(start + count, end)]
    if len(octets) < count:
        raise DerError("the data ends within a length", code="der-truncated", clause="X.690 8.1.3")
    length = int.from_bytes(octets, "big")
    if octets[0] == 0 or length < LONG_LENGTH:
        raise DerError("a length is not minimal", code="der-length-not-minimal", clause="X.690 10.1")
    return start + count, length


class Reader:
    """Reads the elements of one DER value in order; each `enter` opens a constructed element."""

    __slots__ = ("_data", "_depth", "_end", "_position")

    def __init__(self, data: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> None:
        if len(data) > maximum_size:
            message = f"{len(data)} octets are more than the {maximum_size} allowed"
            raise DerError(message, code="der-too-large")
        self._data = bytes(data)
        self._position = 0
        self._end = len(data)
        self._depth = 0

    def _child(self, start: int, end: int) -> Reader:
        """A reader of part of the same bytes, one level down."""
        if self._depth >= MAXIMUM_DEPTH:
            raise DerError(f"nested deeper than {MAXIMUM_DEPTH} levels", code="der-too-deep")
        child = Reader.__new__(Reader)
        child._data, child._position, child._end, child._depth = self._data, start, end, self._depth + 1
        return child

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._position >= self._end

    def peek(self) -> int | None:
        """The next identifier octet, or None at the end."""
        return None if self.at_end else self._data[self._position]

    def finish(self) -> None:
        """Refuse trailing data."""
        if not self.at_end:
            extra = self._end - self._position
            raise DerError(f"{extra} octets of trailing data", code="der-trailing-data", clause="X.690 8.1.1")

    def _header(self) -> tuple[int, int, int]:
        """Tag, start and end of the next element's content; the position does not move."""
        data, position, end = self._data, self._position, self._end
        if position + 2 > end:
            raise DerError("the data ends within a header", code="der-truncated", clause="X.690 8.1.1")
        tag, length = data[position], data[position + 1]
        if tag & HIGH_TAG == HIGH_TAG:
            raise DerError(f"tag octet {tag:#04x}: above 30", code="der-tag", clause="X.690 8.1.2")
        start = position + 2
        if length >= LONG_LENGTH:
            start, length = _long_length(data, start, end, length & 0x7F)
        if start + length > end:
            raise DerError("an element outgrows its container", code="der-truncated", clause="X.690 8.1.3")
        return tag, start, start + length

    def _take(self, tag: int) -> tuple[int, int]:
        """Start and end of the content of the next element, which must have this tag."""
        found, start, end = self._header()
        if found != tag:
            raise DerError(
                f"expected tag {tag:#04x}, found {found:#04x}", code="der-wrong-tag", clause="X.690 8.1.2"
            )
        self._position = end
        return start, end

    def read(self, tag: int) -> bytes:
        """Content of the next element, which must have this tag."""
        start, end = self._take(tag)
        return self._data[start:end]

    def read_optional(self, tag: int) -> bytes | None:
        """Content of the next element when it has this tag, otherwise None."""
        return self.read(tag) if self.peek() == tag else None

    def read_any(self) -> tuple[int, bytes, bytes]:
        """Tag, content and whole encoding of the next element."""
        tag, start, end = self._header()
        raw = self._data[self._position : end]
        self._position = end
        return tag, self._data[start:end], raw

    def read_raw(self, tag: int | None = None) -> bytes:
        """Whole encoding of the next element, which must have this tag if one is given."""
        before = self._position
        if tag is None:
            _, _, end = self._header()
        else:
            _, end = self._take(tag)
        self._position = end
        return self._data[before:end]

    def read_rest(self) -> list[bytes]:
        """Whole encodings of all elements that are left."""
        elements = read_elements(self._data, self._position, self._end)
        self._position = self._end
        return [self._data[start:stop] for _, start, _, stop in elements]

    def enter(self, tag: int = Tag.SEQUENCE) -> Reader:
        """A reader of the content of the next element, which must have this (constructed) tag."""
        start, end = self._take(tag)
        return self._child(start, end)

    def enter_optional(self, tag: int) -> Reader | None:
        """A reader of the next element's content when it has this tag, otherwise None."""
        return self.enter(tag) if self.peek() == tag else None

    def read_integer(self, tag: int = Tag.INTEGER) -> int:
        """INTEGER, minimal and of bounded size (X.690 8.3)."""
        return decode_integer(self.read(tag))

    def read_enumerated(self) -> int:
        """ENUMERATED."""
        return self.read_integer(Tag.ENUMERATED)

    def read_boolean(self, tag: int = Tag.BOOLEAN) -> bool:
        """BOOLEAN, 00 or FF only (X.690 11.1)."""
        content = self.read(tag)
        if content not in (b"\x00", b"\xff"):
            raise DerError("a boolean is neither 00 nor FF", code="der-boolean", clause="X.690 11.1")
        return content == b"\xff"

    def read_null(self) -> None:
        """NULL, empty (X.690 8.8)."""
        if self.read(Tag.NULL):
            raise DerError("a NULL has content", code="der-null", clause="X.690 8.8.2")

    def read_oid(self, tag: int = Tag.OBJECT_IDENTIFIER) -> str:
        """OBJECT IDENTIFIER as dotted text."""
        return decode_oid(self.read(tag))

    def read_octet_string(self) -> bytes:
        """OCTET STRING, primitive."""
        return self.read(Tag.OCTET_STRING)

    def read_bit_string(self, tag: int = Tag.BIT_STRING) -> tuple[bytes, int]:
        """BIT STRING as octets and the number of unused last bits, which must be zero (X.690 11.2.1)."""
        content = self.read(tag)
        unused = content[0] if content else 8
        octets = content[1:]
        if unused > 7 or (unused and not octets) or (unused and octets[-1] & ((1 << unused) - 1)):
            raise DerError("a bit string with wrong unused bits", code="der-bit-string", clause="X.690 11.2")
        return octets, unused

    def read_named_bits(self, tag: int = Tag.BIT_STRING) -> frozenset[int]:
        """BIT STRING of named bits: the numbers of those set; no trailing zero bits (X.690 11.2.2)."""
        octets, unused = self.read_bit_string(tag)
        if len(octets) > MAXIMUM_NAMED_BITS_SIZE:
            raise DerError(f"{len(octets)} octets of named bits", code="der-bit-string")
        if octets and not octets[-1] >> unused & 1:
            raise DerError("trailing zero bits in named bits", code="der-bit-string", clause="X.690 11.2.2")
        return frozenset(n for n in range(8 * len(octets)) if octets[n // 8] & 0x80 >> n % 8)

    def read_time(self) -> datetime:
        """Time of certificates and CRLs: UTCTime or GeneralizedTime without fraction (RFC 5280 4.1.2.5)."""
        if self.peek() == Tag.UTC_TIME:
            return decode_utc_time(self.read(Tag.UTC_TIME))
        return decode_generalized_time(self.read(Tag.GENERALIZED_TIME))

    def read_generalized_time(self, *, fraction: bool = False) -> datetime:
        """GeneralizedTime in UTC; a DER fraction of a second only where the caller allows one."""
        return decode_generalized_time(self.read(Tag.GENERALIZED_TIME), fraction=fraction)


def read_sequence(data: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> Reader:
    """A reader inside the one SEQUENCE that `data` is; trailing data is refused."""
    reader = Reader(data, maximum_size=maximum_size)
    inner = reader.enter(Tag.SEQUENCE)
    reader.finish()
    return inner


def decode_integer(content: bytes) -> int:
    """The value of an INTEGER's content octets, minimal and of bounded size (X.690 8.3)."""
    if not content or len(content) > MAXIMUM_INTEGER_SIZE:
        raise DerError(f"an integer of {len(content)} octets", code="der-integer", clause="X.690 8.3.1")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0x00, 0), (0xFF, 1)):
        raise DerError("an integer is not minimal", code="der-integer-not-minimal", clause="X.690 8.3.2")
    return int.from_bytes(content, "big", signed=True)


@lru_cache(maxsize=4096)
def decode_oid(content: bytes) -> str:
    """Dotted text of an OBJECT IDENTIFIER's content octets (X.690 8.19)."""
    if not 0 < len(content) <= MAXIMUM_OID_SIZE or content[-1] & 0x80:
        raise DerError("an object identifier is cut or too long", code="der-oid", clause="X.690 8.19")
    arcs: list[int] = []
    value = size = 0
    for octet in content:
        size += 1
        if (size == 1 and octet == 0x80) or size > MAXIMUM_ARC_SIZE:
            raise DerError("an arc is not minimal or too long", code="der-oid", clause="X.690 8.19.2")
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = size = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def decode_utc_time(content: bytes) -> datetime:
    """UTCTime YYMMDDHHMMSSZ; years 50 to 99 are of the twentieth century (RFC 5280 4.1.2.5.1)."""
    if not _UTC_TIME.match(content):
        raise DerError("UTCTime is not YYMMDDHHMMSSZ", code="der-time", clause="RFC 5280 4.1.2.5.1")
    year = int(content[:2])
    century = b"19" if year >= FIRST_YEAR_OF_UTC_TIME % 100 else b"20"
    return _calendar(century + content[:12])


def decode_generalized_time(content: bytes, *, fraction: bool = False) -> datetime:
    """GeneralizedTime YYYYMMDDHHMMSS[.f]Z (RFC 5280 4.1.2.5.2; fractions as X.690 11.7 has them)."""
    match = _GENERALIZED_TIME.match(content)
    if not match or (match[2] and not fraction):
        raise DerError("GeneralizedTime is not YYYYMMDDHHMMSSZ", code="der-time", clause="RFC 5280 4.1.2.5.2")
    microsecond = int((match[2] or b"0").ljust(6, b"0")[:6])
    return _calendar(match[1]).replace(microsecond=microsecond)


def _calendar(digits: bytes) -> datetime:
    """The moment YYYYMMDDHHMMSS, which must exist."""
    text = digits.decode("ascii")
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}Z")
    except ValueError as error:
        raise DerError(f"{text} is not a time", code="der-time", clause="RFC 5280 4.1.2.5") from error


def check_der(data: bytes, *, maximum_size: int = MAXIMUM_SIZE) -> None:
    """Refuse what is not one DER element throughout: every header, every universal value, SET order."""
    reader = Reader(data, maximum_size=maximum_size)
    _check_element(reader)
    reader.finish()


def _check_element(reader: Reader) -> bytes:
    """Check the next element to its leaves and return its encoding."""
    tag = reader.peek()
    checker = _LEAF_CHECKS.get(tag or 0)
    start = reader._position
    if tag is not None and tag & CONSTRUCTED:
        if tag < CONTEXT and tag not in (Tag.SEQUENCE, Tag.SET):
            raise DerError(f"tag {tag:#04x}: a string in pieces", code="der-tag", clause="X.690 10.2")
        inner = reader.enter(tag)
        parts: list[bytes] = []
        while not inner.at_end:
            parts.append(_check_element(inner))
        if tag == Tag.SET and parts != sorted(parts):
            raise DerError("a SET OF is not in DER order", code="der-set-order", clause="X.690 11.6")
    elif checker:
        checker(reader)
    else:
        reader.read_any()
    return reader._data[start : reader._position]


_LEAF_CHECKS: Final[dict[int, Callable[[Reader], object]]] = {
    Tag.BOOLEAN: Reader.read_boolean,
    Tag.INTEGER: Reader.read_integer,
    Tag.ENUMERATED: Reader.read_enumerated,
    Tag.NULL: Reader.read_null,
    Tag.OBJECT_IDENTIFIER: Reader.read_oid,
    Tag.BIT_STRING: Reader.read_bit_string,
}
