"""DER, written (ITU-T X.690 clauses 8, 10 and 11); what DER cannot hold is an EncodingError."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from trust.encoding.der_tags import (
    CONSTRUCTED,
    FIRST_YEAR_OF_UTC_TIME,
    LONG_LENGTH,
    Tag,
    context,
)
from trust.errors import EncodingError

_FIRST_YEAR_AFTER_UTC_TIME: Final = FIRST_YEAR_OF_UTC_TIME + 100

_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*\Z")
_OID_TEXT = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,39}))+\Z")

# The tags of the hot paths, since looking one up in an enumeration costs as much as writing an element.
_BOOLEAN, _INTEGER, _BIT_STRING, _OCTET_STRING = 0x01, 0x02, 0x03, 0x04
_UTF8_STRING, _PRINTABLE_STRING, _IA5_STRING = 0x0C, 0x13, 0x16
_SEQUENCE, _SET = 0x30, 0x31


def tlv(tag: int, content: bytes) -> bytes:
    """One element: identifier octet, minimal length, content."""
    length = len(content)
    # The usual lengths are written out: formatting is twice as fast as putting octets together.
    if length < LONG_LENGTH:
        return b"%c%c%b" % (tag, length, content)
    if length < 1 << 8:
        return b"%c\x81%c%b" % (tag, length, content)
    if length < 1 << 16:
        return b"%c\x82%c%c%b" % (tag, length >> 8, length & 0xFF, content)
    return bytes((tag,)) + _length(length) + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of encoded parts; an absent OPTIONAL part is b""."""
    return tlv(_SEQUENCE, b"".join(parts))


def nested_headers(size: int, elements: Iterable[tuple[int, bytes]]) -> bytes | None:
    """How an element of so many octets begins in which each element ends where all end; None if none can.

    The elements are given from the outermost inwards, by identifier octet and what precedes the next one.
    """
    headers: list[bytes] = []
    for tag, before in elements:
        # Each size has one length at most that is minimal: the header shrinks with the content it leaves.
        sizes = range(max(size - 6, len(before)), size - 1)
        length = next((length for length in sizes if len(_length(length)) + 1 + length == size), None)
        if length is None:
            return None
        headers += [bytes((tag,)), _length(length), before]
        size = length - len(before)
    return b"".join(headers)


def _length(length: int) -> bytes:
    """The minimal length octets (X.690 10.1)."""
    if length < LONG_LENGTH:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((LONG_LENGTH | len(octets),)) + octets


def set_of(*parts: bytes) -> bytes:
    """SET OF encoded parts, put in DER order (X.690 11.6)."""
    return tlv(_SET, b"".join(sorted(parts)))


def _integer_content(value: int) -> bytes:
    """Shortest two's complement of value (X.690 8.3.2)."""
    magnitude = value if value >= 0 else value + 1
    return value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def integer(value: int) -> bytes:
    """INTEGER."""
    return tlv(_INTEGER, _integer_content(value))


def enumerated(value: int) -> bytes:
    """ENUMERATED."""
    return tlv(Tag.ENUMERATED, _integer_content(value))


def boolean(value: bool) -> bytes:
    """BOOLEAN: 00 or FF (X.690 11.1)."""
    return tlv(_BOOLEAN, b"\xff" if value else b"\x00")


def null() -> bytes:
    """NULL."""
    return tlv(Tag.NULL, b"")


@lru_cache(maxsize=1024)
def oid(text: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted text (X.690 8.19)."""
    if not _OID_TEXT.match(text):
        raise EncodingError(f"{text!r} is not an object identifier", code="der-oid", clause="X.690 8.19")
    first, second, *rest = (int(arc) for arc in text.split("."))
    if first < 2 and second > 39:
        raise EncodingError(f"{text!r}: the second arc is above 39", code="der-oid", clause="X.690 8.19.4")
    return tlv(Tag.OBJECT_IDENTIFIER, b"".join(_arc(arc) for arc in (40 * first + second, *rest)))


def _arc(value: int) -> bytes:
    """One subidentifier: base 128, high bit on all octets but the last."""
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | value & 0x7F)
    return bytes(reversed(octets))


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(_OCTET_STRING, content)


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """BIT STRING of whole octets, of which the last `unused` bits do not count."""
    return tlv(_BIT_STRING, b"%c%b" % (unused, content))


def named_bits(bits: Iterable[int]) -> bytes:
    """BIT STRING of named bits, trailing zero bits removed (X.690 11.2.2)."""
    numbers = set(bits)
    if not numbers:
        return bit_string(b"")
    size = max(numbers) + 1
    octets = bytearray((size + 7) // 8)
    for number in numbers:
        octets[number // 8] |= 0x80 >> number % 8
    return bit_string(bytes(octets), -size % 8)


def utf8_string(text: str) -> bytes:
    """UTF8String."""
    try:
        return tlv(_UTF8_STRING, text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise EncodingError(f"{text!r} is not Unicode", code="der-string", clause="X.680 41") from error


def printable_string(text: str) -> bytes:
    """PrintableString (X.680 41.4)."""
    if not _PRINTABLE.match(text):
        raise EncodingError(f"{text!r} does not fit PrintableString", code="der-string", clause="X.680 41.4")
    return tlv(_PRINTABLE_STRING, text.encode("ascii"))


def ia5_string(text: str) -> bytes:
    """IA5String."""
    if not text.isascii():
        raise EncodingError(f"{text!r} does not fit IA5String", code="der-string", clause="X.680 41")
    return tlv(_IA5_STRING, text.encode("ascii"))


def _utc(at: datetime) -> datetime:
    """`at` in UTC; a naive time is refused, since nobody knows what it means."""
    if at.tzinfo is None:
        raise EncodingError(
            "a time without a zone cannot be encoded", code="der-time", clause="RFC 5280 4.1.2.5"
        )
    try:
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError as error:
        raise EncodingError("a time beyond the year 9999", code="der-time", clause="X.690 11.7") from error


def time(at: datetime) -> bytes:
    """Time as certificates and CRLs write it: UTCTime until 2049, then GeneralizedTime (RFC 5280 4.1.2.5)."""
    return _encode_time(_utc(at))


def generalized_time(at: datetime) -> bytes:
    """GeneralizedTime in UTC with whole seconds (RFC 5280 4.1.2.5.2)."""
    return _encode_generalized_time(_utc(at))


# What is written at one moment names the same few moments. Only moments in UTC are remembered: two that
# differ in `fold` alone are equal to a dictionary, but an hour apart.


@lru_cache(maxsize=1024)
def _encode_time(at: datetime) -> bytes:
    """Time of a moment in UTC."""
    if FIRST_YEAR_OF_UTC_TIME <= at.year < _FIRST_YEAR_AFTER_UTC_TIME:
        return tlv(Tag.UTC_TIME, _digits(at)[2:])
    return _encode_generalized_time(at)


@lru_cache(maxsize=1024)
def _encode_generalized_time(at: datetime) -> bytes:
    """GeneralizedTime of a moment in UTC."""
    return tlv(Tag.GENERALIZED_TIME, _digits(at))


def _digits(at: datetime) -> bytes:
    """YYYYMMDDHHMMSSZ; twice as fast as strftime, which does not pad early years either."""
    return b"%04d%02d%02d%02d%02d%02dZ" % (at.year, at.month, at.day, at.hour, at.minute, at.second)


def explicit(number: int, part: bytes) -> bytes:
    """[number] EXPLICIT around an encoded part."""
    return tlv(context(number), part)


def implicit(number: int, content: bytes, *, constructed: bool = False) -> bytes:
    """[number] IMPLICIT: the content octets under the context tag."""
    return tlv(context(number, constructed=constructed), content)


def retag(number: int, part: bytes) -> bytes:
    """[number] IMPLICIT in place of an encoded part's own tag."""
    return b"%c%b" % (context(number, constructed=bool(part[0] & CONSTRUCTED)), part[1:])
