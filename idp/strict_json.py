"""Reading JSON and base64url that others wrote: one spelling, bounded, no surprises.

Python's own readers take the last of two equal member names, NaN, numbers that overflow, nesting until the
stack ends, and base64 with any padding; each has been a way past somebody's check.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any, NoReturn

_MAXIMUM_DEPTH = 8
_MAXIMUM_DIGITS = 18
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")


class StrictJsonError(ValueError):
    """The text is not JSON as we accept it; or not base64url."""


def decode_base64url(text: str) -> bytes:
    """Decode unpadded base64url in its one canonical spelling (RFC 7515 2)."""
    if not _BASE64URL.match(text):
        raise StrictJsonError("not unpadded base64url")
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise StrictJsonError("not unpadded base64url") from None
    if encode_base64url(decoded) != text:
        raise StrictJsonError("base64url with stray bits")
    return decoded


def encode_base64url(data: bytes) -> str:
    """Encode as unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_json_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object; raise StrictJsonError for anything ambiguous, unbounded or not Unicode."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_short_integer,
        )
    except StrictJsonError:
        raise
    except (ValueError, RecursionError):
        raise StrictJsonError("not JSON") from None
    if not isinstance(value, dict):
        raise StrictJsonError("not a JSON object")
    _check_value(value, _MAXIMUM_DEPTH)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a name that comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJsonError("a member name comes twice")
    return members


def _refuse(constant: str) -> NoReturn:
    """NaN and the infinities are not JSON."""
    raise StrictJsonError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    """Read a number with a fraction or exponent; it must fit."""
    number = float(text)
    if not math.isfinite(number):
        raise StrictJsonError("a number is out of range")
    return number


def _short_integer(text: str) -> int:
    """Read a whole number of sane length."""
    if len(text) > _MAXIMUM_DIGITS:
        raise StrictJsonError("a number is out of range")
    return int(text)


def _check_value(value: Any, depth: int) -> None:
    """Check nesting, and that every text is Unicode (no lone surrogates)."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if depth == 0:
            raise StrictJsonError("nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _check_value(item, depth - 1)
        for name in value if isinstance(value, dict) else ():
            _check_text(name)


def _check_text(text: str) -> None:
    """Check that the text can be written as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise StrictJsonError("text is not Unicode") from None
