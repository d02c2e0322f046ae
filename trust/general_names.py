"""General names, read: the forms a name may have in an extension (RFC 5280 4.2.1.6).

`trust.encoding.general_names` is the other side, which writes them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum

from trust.encoding import der
from trust.encoding.der import DerError, Reader

MAXIMUM_GENERAL_NAMES = 4096


class GeneralNameKind(IntEnum):
    """The alternatives of GeneralName, by context tag (RFC 5280 4.2.1.6)."""

    OTHER = 0
    EMAIL = 1
    DNS = 2
    X400 = 3
    DIRECTORY = 4
    EDI_PARTY = 5
    URI = 6
    IP = 7
    REGISTERED_ID = 8


_CONSTRUCTED_KINDS = frozenset(
    (GeneralNameKind.OTHER, GeneralNameKind.X400, GeneralNameKind.DIRECTORY, GeneralNameKind.EDI_PARTY)
)
TEXT_KINDS = frozenset((GeneralNameKind.EMAIL, GeneralNameKind.DNS, GeneralNameKind.URI))


@dataclass(frozen=True)
class GeneralName:
    """One GeneralName: its kind and its content octets (for a directory name, the DER Name)."""

    kind: GeneralNameKind
    value: bytes

    @property
    def text(self) -> str:
        """The content as ASCII; only for e-mail, DNS and URI names, which were checked when read."""
        return self.value.decode("ascii")


@dataclass(frozen=True)
class AlternativeNames:
    """RFC 5280 4.2.1.6: the subject's other names, by kind."""

    names: tuple[GeneralName, ...] = ()

    def of_kind(self, kind: GeneralNameKind) -> tuple[GeneralName, ...]:
        """The names of one kind, in order."""
        return tuple(name for name in self.names if name.kind is kind)

    @property
    def dns(self) -> tuple[str, ...]:
        """DNS names."""
        return tuple(name.text for name in self.of_kind(GeneralNameKind.DNS))

    @property
    def uri(self) -> tuple[str, ...]:
        """URIs."""
        return tuple(name.text for name in self.of_kind(GeneralNameKind.URI))

    @property
    def email(self) -> tuple[str, ...]:
        """E-mail addresses."""
        return tuple(name.text for name in self.of_kind(GeneralNameKind.EMAIL))

    @property
    def ip(self) -> tuple[str, ...]:
        """IP addresses, as text."""
        return tuple(str(ipaddress.ip_address(name.value)) for name in self.of_kind(GeneralNameKind.IP))


def read_general_name(reader: Reader) -> GeneralName:
    """The next GeneralName; text kinds must be ASCII, a directory name must hold one Name."""
    tag, content, _ = reader.read_any()
    number = tag & 0x1F
    if tag & 0xC0 != 0x80 or number > GeneralNameKind.REGISTERED_ID:
        raise DerError("this is not a GeneralName", code="general-name", clause="RFC 5280 4.2.1.6")
    kind = GeneralNameKind(number)
    if bool(tag & 0x20) != (kind in _CONSTRUCTED_KINDS):
        raise DerError("a GeneralName with the wrong form", code="general-name", clause="RFC 5280 4.2.1.6")
    if kind in TEXT_KINDS and not content.isascii():
        raise DerError("a name that must be ASCII is not", code="general-name", clause="RFC 5280 4.2.1.6")
    if kind is GeneralNameKind.DIRECTORY:
        der.read_sequence(content)
    return GeneralName(kind, content)


def read_general_names(reader: Reader) -> tuple[GeneralName, ...]:
    """GeneralNames: one or more, all that the reader holds."""
    names: list[GeneralName] = []
    while not reader.at_end:
        names.append(read_general_name(reader))
        if len(names) > MAXIMUM_GENERAL_NAMES:
            raise DerError(f"more than {MAXIMUM_GENERAL_NAMES} names", code="too-many-names")
    if not names:
        raise DerError("an empty list of names", code="general-name", clause="RFC 5280 4.2.1.6")
    return tuple(names)


def read_alternative_names(value: bytes) -> AlternativeNames:
    """SubjectAltName or IssuerAltName (RFC 5280 4.2.1.6, 4.2.1.7)."""
    names = AlternativeNames(read_general_names(der.read_sequence(value)))
    if any(len(name.value) not in (4, 16) for name in names.of_kind(GeneralNameKind.IP)):
        raise DerError("an IP address of wrong length", code="general-name", clause="RFC 5280 4.2.1.6")
    return names
