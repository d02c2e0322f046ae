"""Identifiers of persons and enterprises in China: GB 11643, GB 32100 and GB 11714.

What the standard decides (form, check characters, the calendar) is refused; what only a table
decides (regions and registering departments come and go) is a warning on the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from trust.errors import TrustError

_IDENTITY_FORM = re.compile(r"[0-9]{17}[0-9X]\Z")
_IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECK_CHARACTERS: Final = "10X98765432"
_OLD_IDENTITY_LENGTH: Final = 15
_EARLIEST_BIRTH: Final = date(1850, 1, 1)

_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_FORM = re.compile(rf"[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}\Z")
_USCC_WEIGHTS: Final = tuple(pow(3, position, 31) for position in range(17))
# Departments that register (GB 32100 table 1 and its amendments).
_USCC_DEPARTMENTS: Final = frozenset("123456789ANY")

_ORGANIZATION_FORM = re.compile(r"[0-9A-Z]{8}[0-9X]\Z")
_ORGANIZATION_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANIZATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)

# Provinces of GB/T 2260, with Taiwan (71), the residence permits of Hong Kong, Macao and Taiwan
# (81, 82, 83); a first digit 9 is a foreign permanent resident's.
_PROVINCES: Final = frozenset(
    str(code)
    for codes in (
        range(11, 16),
        range(21, 24),
        range(31, 38),
        range(41, 47),
        range(50, 55),
        range(61, 66),
        (71, 81, 82, 83),
    )
    for code in codes
)
_FOREIGN_RESIDENT: Final = "9"
# Registered with the national administration itself.
_NATIONAL: Final = "10"

_MASK_HEAD: Final = 3
_MASK_TAIL: Final = 4


class IdentifierError(TrustError):
    """An identifier that the standard refuses.  The message never repeats the identifier."""


@dataclass(frozen=True)
class ResidentIdentityNumber:
    """A checked resident identity number (GB 11643); its text stays out of the repr."""

    text: str = field(repr=False)
    region: str = field(repr=False)
    birth_date: date = field(repr=False)
    is_male: bool = field(repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnifiedSocialCreditCode:
    """A checked unified social credit code (GB 32100)."""

    text: str
    department: str
    category: str
    region: str
    organization_code: str
    warnings: tuple[str, ...] = ()


def check_resident_identity_number(text: str, at: datetime | None = None) -> ResidentIdentityNumber:
    """Check a resident identity number (GB 11643); a final x is read as X.

    `at`, when given, refuses a birth date that has not come yet.
    """
    number = text[:-1] + "X" if text.endswith("x") else text
    # 1. Form: seventeen digits and a check character.
    if not _IDENTITY_FORM.match(number):
        hint = "; a number of 15 digits must be replaced by the present one of 18" if _is_old(number) else ""
        raise IdentifierError(
            f"an identity number has 17 digits and a check character{hint}",
            code="identity-number-form",
            clause="GB 11643 4",
        )
    # 2. Check character (ISO 7064 MOD 11-2).
    if number[-1] != _identity_check_character(number[:17]):
        raise IdentifierError(
            "the check character of the identity number is wrong: a digit was mistyped",
            code="identity-number-check-character",
            clause="GB 11643 6",
        )
    # 3. Birth date, then the region, which only warns.
    return ResidentIdentityNumber(
        text=number,
        region=number[:6],
        birth_date=_birth_date(number[6:14], at),
        is_male=int(number[16]) % 2 == 1,
        warnings=_region_warnings(number[0] == _FOREIGN_RESIDENT or number[:2] in _PROVINCES),
    )


def _is_old(text: str) -> bool:
    """Whether it looks like a first-generation number of fifteen digits."""
    return len(text) == _OLD_IDENTITY_LENGTH and text.isascii() and text.isdigit()


def _identity_check_character(digits: str) -> str:
    """The eighteenth character of an identity number (GB 11643 6)."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, _IDENTITY_WEIGHTS, strict=True))
    return _IDENTITY_CHECK_CHARACTERS[total % 11]


def _birth_date(digits: str, at: datetime | None) -> date:
    """The birth date in characters 7 to 14, which must exist and not lie ahead."""
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as error:
        raise _birth_date_error("is not a date of the calendar") from error
    if born < _EARLIEST_BIRTH:
        raise _birth_date_error("is too long ago")
    if at is not None and born > at.astimezone(UTC).date():
        raise _birth_date_error("has not come yet")
    return born


def _birth_date_error(why: str) -> IdentifierError:
    """The refusal of a birth date."""
    return IdentifierError(
        f"the birth date in the identity number {why}", code="identity-number-birth-date", clause="GB 11643 5"
    )


def _region_warnings(known: bool) -> tuple[str, ...]:
    """A warning when the region is in no table."""
    return () if known else ("region-unknown",)


def check_unified_social_credit_code(text: str) -> UnifiedSocialCreditCode:
    """Check a unified social credit code (GB 32100) with its organisation code (GB 11714).

    Small letters are read as capitals.
    """
    code = text.upper() if text.isascii() else text
    # 1. Form: department, category, six digits of region, organisation code, check character.
    if not _USCC_FORM.match(code):
        raise IdentifierError(
            "a unified social credit code has 18 digits and capitals without I, O, S, V and Z",
            code="uscc-form",
            clause="GB 32100 4",
        )
    # 2. Check character (modulus 31).
    if code[-1] != _uscc_check_character(code[:17]):
        raise IdentifierError(
            "the check character of the unified social credit code is wrong: a character was mistyped",
            code="uscc-check-character",
            clause="GB 32100 5",
        )
    # 3. The organisation code in characters 9 to 17 has a check character of its own.
    check_organization_code(code[8:17])
    department = () if code[0] in _USCC_DEPARTMENTS else ("department-unknown",)
    return UnifiedSocialCreditCode(
        text=code,
        department=code[0],
        category=code[1],
        region=code[2:8],
        organization_code=code[8:17],
        warnings=(*department, *_region_warnings(code[2:4] in _PROVINCES or code[2:4] == _NATIONAL)),
    )


def _uscc_check_character(characters: str) -> str:
    """The eighteenth character of a unified social credit code (GB 32100 5)."""
    values = (_USCC_ALPHABET.index(character) for character in characters)
    total = sum(value * weight for value, weight in zip(values, _USCC_WEIGHTS, strict=True))
    return _USCC_ALPHABET[-total % 31]


def check_organization_code(text: str) -> str:
    """Check an organisation code of nine characters, without hyphen (GB 11714)."""
    if not _ORGANIZATION_FORM.match(text) or text[-1] != _organization_check_character(text[:8]):
        raise IdentifierError(
            "the organisation code (characters 9 to 17) has a wrong check character",
            code="organization-code-check-character",
            clause="GB 11714 4",
        )
    return text


def _organization_check_character(characters: str) -> str:
    """The ninth character of an organisation code (GB 11714 4)."""
    values = (_ORGANIZATION_ALPHABET.index(character) for character in characters)
    total = sum(value * weight for value, weight in zip(values, _ORGANIZATION_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def mask(text: str) -> str:
    """An identifier as pages show it: three characters, stars, four characters; all stars when short."""
    hidden = len(text) - _MASK_HEAD - _MASK_TAIL
    if hidden < _MASK_HEAD + _MASK_TAIL:
        return "*" * len(text)
    return text[:_MASK_HEAD] + "*" * hidden + text[-_MASK_TAIL:]
