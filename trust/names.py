"""Distinguished names: encode, decode, show (RFC 4514) and compare (RFC 5280 7.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, NamedTuple

from trust.encoding import der
from trust.encoding.der import Element, Tag
from trust.errors import TrustError
from trust.keeping import kept

MAXIMUM_NAME_SIZE: Final = 64 * 1024
# Authorities' names are a few hundred octets long.
MAXIMUM_ISSUER_NAME_SIZE: Final = 1024
MAXIMUM_MARKS: Final = 30
_KEPT_CHARACTERS: Final = 8192
_CONSTRUCTED: Final = 0x20
_CONTEXT: Final = 0x80
# Five characters are no combining marks and become some when they are normalised.
_MARKS_IN_DISGUISE: Final = "\u0f73\u0f75\u0f81\uff9e\uff9f"


class NamingError(TrustError):
    """A name that cannot be read, or must not be written."""


class NameAttribute(Enum):
    """Attribute types of names (X.520, RFC 4519, RFC 4524); the value is the object identifier."""

    COMMON_NAME = "2.5.4.3"
    SURNAME = "2.5.4.4"
    SERIAL_NUMBER = "2.5.4.5"
    COUNTRY = "2.5.4.6"
    LOCALITY = "2.5.4.7"
    STATE_OR_PROVINCE = "2.5.4.8"
    STREET_ADDRESS = "2.5.4.9"
    ORGANIZATION = "2.5.4.10"
    ORGANIZATIONAL_UNIT = "2.5.4.11"
    TITLE = "2.5.4.12"
    GIVEN_NAME = "2.5.4.42"
    DN_QUALIFIER = "2.5.4.46"
    PSEUDONYM = "2.5.4.65"
    ORGANIZATION_IDENTIFIER = "2.5.4.97"
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1"
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25"
    USER_ID = "0.9.2342.19200300.100.1.1"

    @classmethod
    def of(cls, oid: str) -> NameAttribute | None:
        """The attribute with this identifier, or None."""
        return _BY_OID.get(oid)


_BY_OID = {attribute.value: attribute for attribute in NameAttribute}

_SHORT_NAMES = {
    NameAttribute.COMMON_NAME: "CN",
    NameAttribute.SURNAME: "SN",
    NameAttribute.SERIAL_NUMBER: "serialNumber",
    NameAttribute.COUNTRY: "C",
    NameAttribute.LOCALITY: "L",
    NameAttribute.STATE_OR_PROVINCE: "ST",
    NameAttribute.STREET_ADDRESS: "STREET",
    NameAttribute.ORGANIZATION: "O",
    NameAttribute.ORGANIZATIONAL_UNIT: "OU",
    NameAttribute.TITLE: "title",
    NameAttribute.GIVEN_NAME: "givenName",
    NameAttribute.DN_QUALIFIER: "dnQualifier",
    NameAttribute.PSEUDONYM: "pseudonym",
    NameAttribute.ORGANIZATION_IDENTIFIER: "organizationIdentifier",
    NameAttribute.EMAIL_ADDRESS: "emailAddress",
    NameAttribute.DOMAIN_COMPONENT: "DC",
    NameAttribute.USER_ID: "UID",
}


class _Form(NamedTuple):
    """How an attribute is written: bounds in characters (RFC 5280 appendix A.1), string type."""

    least: int = 1
    most: int = 64
    write: Callable[[str], bytes] = der.utf8_string


_FORMS = {attribute.value: _Form() for attribute in NameAttribute} | {
    NameAttribute.COUNTRY.value: _Form(2, 2, der.printable_string),
    NameAttribute.SERIAL_NUMBER.value: _Form(write=der.printable_string),
    NameAttribute.DN_QUALIFIER.value: _Form(write=der.printable_string),
    NameAttribute.LOCALITY.value: _Form(most=128),
    NameAttribute.STATE_OR_PROVINCE.value: _Form(most=128),
    NameAttribute.STREET_ADDRESS.value: _Form(most=128),
    NameAttribute.PSEUDONYM.value: _Form(most=128),
    NameAttribute.EMAIL_ADDRESS.value: _Form(most=255, write=der.ia5_string),
    NameAttribute.DOMAIN_COMPONENT.value: _Form(most=255, write=der.ia5_string),
    NameAttribute.USER_ID.value: _Form(most=256),
}
_OTHER_FORM = _Form(most=MAXIMUM_NAME_SIZE)
# The characters of Unicode's categories Cc and Cs, which are closed: controls and surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_DECODERS: dict[int, str] = {
    Tag.UTF8_STRING: "utf-8",
    Tag.PRINTABLE_STRING: "ascii",
    Tag.NUMERIC_STRING: "ascii",
    Tag.IA5_STRING: "ascii",
    Tag.VISIBLE_STRING: "ascii",
    Tag.TELETEX_STRING: "latin-1",
    Tag.BMP_STRING: "utf-16-be",
    Tag.UNIVERSAL_STRING: "utf-32-be",
}


class NameValue(NamedTuple):
    """One attribute of a name: its type, its text (None when it is no string), its encoded value."""

    oid: str
    text: str | None
    raw: bytes


# --- encode and decode --------------------------------------------------------------------------


def encode_name(attributes: Iterable[tuple[NameAttribute | str, str]]) -> bytes:
    """DER Name of single-valued attributes in this order (RFC 5280 4.1.2.4)."""
    return der.sequence(*[der.set_of(_encode_attribute(kind, value)) for kind, value in attributes])


def _encode_attribute(kind: NameAttribute | str, value: str) -> bytes:
    """AttributeTypeAndValue in the string type RFC 5280 prescribes, UTF8String where it leaves a choice."""
    oid = kind.value if isinstance(kind, NameAttribute) else kind
    least, most, write = _FORMS.get(oid, _OTHER_FORM)
    if not least <= len(value) <= most:
        raise NamingError(
            f"attribute {oid} must have {least} to {most} characters, not {len(value)}",
            code="name-length",
            clause="RFC 5280 A.1",
        )
    if _CONTROL.search(value):
        raise NamingError(f"attribute {oid} holds a control character", code="name-control-character")
    return der.sequence(der.oid(oid), write(value))


@kept
def decode_relative_names(name: bytes) -> tuple[tuple[NameValue, ...], ...]:
    """The relative distinguished names of a DER Name, each with its attributes."""
    return tuple(_decode_relative_name(relative) for relative in _relative_names(name))


@kept
def _relative_names(name: bytes) -> tuple[bytes, ...]:
    """The relative names of a DER Name, each a DER SET that is not looked into."""
    if len(name) > MAXIMUM_NAME_SIZE:
        raise NamingError(f"a name of more than {MAXIMUM_NAME_SIZE} octets", code="name-too-large")
    start, end = der.whole(name, Tag.SEQUENCE)
    return tuple([name[begin:stop] for _, begin, _, stop in der.read_elements(name, start, end)])


@kept
def _decode_relative_name(relative: bytes) -> tuple[NameValue, ...]:
    """The attributes of one relative name, one or more (RFC 5280 4.1.2.4)."""
    (tag, _, start, end), *more = der.read_elements(relative, 0, len(relative))
    if tag != Tag.SET or more:
        raise NamingError("a relative name is not one SET", code="name-malformed", clause="RFC 5280 4.1.2.4")
    values = tuple(_decode_attribute(relative, each) for each in der.read_elements(relative, start, end))
    if not values:
        raise NamingError("a relative name is empty", code="name-empty-rdn", clause="RFC 5280 4.1.2.4")
    return values


def _decode_attribute(data: bytes, attribute: Element) -> NameValue:
    """AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY } (RFC 5280 4.1.2.4)."""
    fields = der.read_elements(data, attribute[2], attribute[3])
    if attribute[0] != Tag.SEQUENCE or len(fields) != 2 or fields[0][0] != Tag.OBJECT_IDENTIFIER:
        raise NamingError(
            "an attribute is not a type and a value", code="name-malformed", clause="RFC 5280 4.1.2.4"
        )
    oid = der.decode_oid(data[fields[0][2] : fields[0][3]])
    tag, begin, start, end = fields[1]
    encoding = _DECODERS.get(tag)
    if encoding is None:
        if tag < _CONTEXT and tag & _CONSTRUCTED and tag not in (Tag.SEQUENCE, Tag.SET):
            raise NamingError(
                f"attribute {oid} is a string in pieces", code="name-encoding", clause="X.690 10.2"
            )
        return NameValue(oid, None, data[begin:end])
    try:
        return NameValue(oid, data[start:end].decode(encoding), data[begin:end])
    except UnicodeDecodeError as error:
        raise NamingError(
            f"attribute {oid} is not in its string type's encoding", code="name-encoding", clause="X.680 41"
        ) from error


def decode_name(name: bytes) -> list[tuple[str, str]]:
    """Attributes of a DER Name in order, as (object identifier, text); a value that is no string as #hex."""
    relative_names = decode_relative_names(name)
    return [(value.oid, _text_of(value)) for relative in relative_names for value in relative]


def _text_of(value: NameValue) -> str:
    """The text, or # and the encoding in hexadecimal (RFC 4514 2.4)."""
    return value.text if value.text is not None else "#" + value.raw.hex()


def name_to_text(name: bytes) -> str:
    """A DER Name as people read it, last attribute first (RFC 4514)."""
    relative_names = reversed(decode_relative_names(name))
    return ",".join("+".join(_attribute_text(value) for value in relative) for relative in relative_names)


def _attribute_text(value: NameValue) -> str:
    """type=value with the escapes of RFC 4514 2.4."""
    attribute = NameAttribute.of(value.oid)
    if value.text is None:
        return f"{_SHORT_NAMES[attribute] if attribute else value.oid}=#{value.raw.hex()}"
    text = re.sub(r'([\\"+,;<>])', r"\\\1", value.text)
    text = printable(text)
    if text[:1] in ("#", " "):
        text = "\\" + text
    if len(text) > 1 and text.endswith(" "):
        text = text[:-1] + "\\ "
    return f"{_SHORT_NAMES[attribute] if attribute else value.oid}={text}"


def printable(text: str) -> str:
    """The text; characters that would break a line, steer a terminal or hide are written as their octets."""
    return "".join(_escape_control(character) for character in text)


def _escape_control(character: str) -> str:
    """The character, or its UTF-8 octets in hexadecimal when it is a control or format character."""
    if unicodedata.category(character) not in {"Cc", "Cf", "Zl", "Zp"}:
        return character
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8"))


# --- compare ------------------------------------------------------------------------------------


CanonicalRelativeName = frozenset[tuple[str, str]]


@kept
def canonical_name(name: bytes) -> tuple[CanonicalRelativeName, ...]:
    """A form of the name that is equal for names that match (RFC 5280 7.1, RFC 4518)."""
    return tuple(_canonical_relative_name(relative) for relative in _relative_names(name))


@kept
def _canonical_relative_name(relative: bytes) -> CanonicalRelativeName:
    """The same of one relative name; many names share their countries and organizations."""
    return frozenset((value.oid, _prepare(value)) for value in _decode_relative_name(relative))


def _prepare(value: NameValue) -> str:
    """The text folded as RFC 4518 does for caseIgnoreMatch; anything that is no string by its octets."""
    if value.text is None:
        return "#" + value.raw.hex()
    if value.text.isascii() and value.text.isprintable():
        return "=" + " ".join(value.text.lower().split())
    _check_marks(value.text)
    # 1. Map: soft hyphens, joiners and variation selectors vanish, separators become spaces.
    mapped = value.text.translate(_CHARACTER_MAP)
    # 2. Fold case and normalise; folding can undo the normal form, so it is taken twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    # 3. Insignificant spaces: none at the ends, one between words.
    return "=" + " ".join(folded.split())


def _check_marks(text: str) -> None:
    """No more combining marks in a row than text has (UAX #15 13); sorting many costs their square."""
    marks = 0
    for character in text:
        combines = unicodedata.combining(character) or character in _MARKS_IN_DISGUISE
        marks = marks + 1 if combines else 0
        if marks > MAXIMUM_MARKS:
            raise NamingError(
                f"more than {MAXIMUM_MARKS} combining marks in a row", code="name-marks", clause="UAX #15 13"
            )


def _map_character(character: str) -> str:
    """RFC 4518 2.2: what is mapped to nothing, and what to a space."""
    category = unicodedata.category(character)
    if character in "\t\n\v\f\r\x85" or category.startswith("Z"):
        return " "
    if category in {"Cc", "Cf"} or character in "\u034f\u1806\ufffc" or "\ufe00" <= character <= "\ufe0f":
        return ""
    return character


def issuer_name(name: bytes) -> tuple[CanonicalRelativeName, ...]:
    """`canonical_name` of an authority, within bounds of work: it is folded for each that bears it."""
    if len(name) > MAXIMUM_ISSUER_NAME_SIZE:
        raise NamingError(f"an authority's name of {len(name)} octets", code="name-length")
    return canonical_name(name)


class _CharacterMap(dict[int, str]):
    """`_map_character` for `str.translate`, remembering the characters it has met."""

    def __missing__(self, code: int) -> str:
        mapped = _map_character(chr(code))
        if len(self) < _KEPT_CHARACTERS:
            self[code] = mapped
        return mapped


_CHARACTER_MAP = _CharacterMap()


def names_match(first: bytes, second: bytes) -> bool:
    """Whether two DER Names are the same name (RFC 5280 7.1); names that differ do so early."""
    if first == second:
        return True
    ours, theirs = _relative_names(first), _relative_names(second)
    return len(ours) == len(theirs) and all(
        one == other or _canonical_relative_name(one) == _canonical_relative_name(other)
        for one, other in zip(ours, theirs, strict=True)
    )
