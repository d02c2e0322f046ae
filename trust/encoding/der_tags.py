"""DER: identifier octets, and the numbers that writer and reader share (ITU-T X.690 clause 8)."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final

from trust.errors import EncodingError

CONSTRUCTED: Final = 0x20
CONTEXT: Final = 0x80
HIGH_TAG: Final = 0x1F
LONG_LENGTH: Final = 0x80
# UTCTime has two digits for the years 1950 to 2049 (RFC 5280 4.1.2.5.1).
FIRST_YEAR_OF_UTC_TIME: Final = 1950


class Tag(IntEnum):
    """Identifier octets of the universal types that PKIX uses (X.680 8.4)."""

    BOOLEAN = 0x01
    INTEGER = 0x02
    BIT_STRING = 0x03
    OCTET_STRING = 0x04
    NULL = 0x05
    OBJECT_IDENTIFIER = 0x06
    ENUMERATED = 0x0A
    UTF8_STRING = 0x0C
    NUMERIC_STRING = 0x12
    PRINTABLE_STRING = 0x13
    TELETEX_STRING = 0x14
    IA5_STRING = 0x16
    UTC_TIME = 0x17
    GENERALIZED_TIME = 0x18
    VISIBLE_STRING = 0x1A
    UNIVERSAL_STRING = 0x1C
    BMP_STRING = 0x1E
    SEQUENCE = 0x30
    SET = 0x31


@lru_cache(maxsize=2 * HIGH_TAG)
def context(number: int, *, constructed: bool = True) -> int:
    """The identifier octet of context-specific tag [number]."""
    if not 0 <= number < HIGH_TAG:
        raise EncodingError(
            f"context tag [{number}] does not fit one octet", code="der-tag", clause="X.690 8.1.2"
        )
    return CONTEXT | (CONSTRUCTED if constructed else 0) | number
