"""Name constraints, read: subtrees in the syntax of their forms (RFC 5280 4.2.1.10).

constraints.py applies them.
"""

from __future__ import annotations

from dataclasses import dataclass

from trust.encoding import der
from trust.encoding.der import DerError, Reader
from trust.general_names import (
    MAXIMUM_GENERAL_NAMES,
    TEXT_KINDS,
    GeneralName,
    GeneralNameKind,
    read_general_name,
)
from trust.internet_names import parse_host, parse_mailbox


@dataclass(frozen=True)
class NameConstraints:
    """RFC 5280 4.2.1.10: the subtrees that names below must be in (none: it does not say), and must not."""

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


def read_name_constraints(value: bytes) -> NameConstraints:
    """NameConstraints, not empty (RFC 5280 4.2.1.10)."""
    reader = der.read_sequence(value)
    permitted = reader.enter_optional(der.context(0))
    excluded = reader.enter_optional(der.context(1))
    reader.finish()
    if permitted is None and excluded is None:
        raise DerError("empty name constraints", code="name-constraints", clause="RFC 5280 4.2.1.10")
    return NameConstraints(_read_subtrees(permitted), _read_subtrees(excluded))


def _read_subtrees(reader: Reader | None) -> tuple[GeneralName, ...]:
    """GeneralSubtrees: bases only; minimum and maximum are not used within this profile."""
    if reader is None:
        return ()
    bases: list[GeneralName] = []
    while not reader.at_end:
        subtree = reader.enter()
        base = read_general_name(subtree)
        # minimum is always 0, which DER does not write; maximum is always absent.
        subtree.finish()
        _check_base(base)
        bases.append(base)
        if len(bases) > MAXIMUM_GENERAL_NAMES:
            raise DerError(f"more than {MAXIMUM_GENERAL_NAMES} subtrees", code="too-many-names")
    if not bases:
        raise DerError("an empty list of subtrees", code="name-constraints", clause="RFC 5280 4.2.1.10")
    return tuple(bases)


def _check_base(base: GeneralName) -> None:
    """A base is in the syntax of its form, or empty."""
    if base.kind is GeneralNameKind.IP:
        _check_mask(base.value)
    if base.kind not in TEXT_KINDS or not base.value:
        return
    text = base.text
    if base.kind is GeneralNameKind.EMAIL and "@" in text:
        known: object = parse_mailbox(text)
    elif base.kind is GeneralNameKind.DNS:
        # A leading period means something in mail and URIs only.
        known = parse_host(text)
    else:
        known = parse_host(text.removeprefix("."))
    if known is None:
        raise DerError(
            f"{text[:100]!r} is no subtree of {base.kind.name} names",
            code="name-constraints",
            clause="RFC 5280 4.2.1.10",
        )


def _check_mask(value: bytes) -> None:
    """An address and a mask of the same length, the mask's ones in front (RFC 4632)."""
    if len(value) not in (8, 32):
        raise DerError(
            "an address range of wrong length", code="name-constraints", clause="RFC 5280 4.2.1.10"
        )
    bits = len(value) * 4
    inverted = ~int.from_bytes(value[len(value) // 2 :], "big") & ((1 << bits) - 1)
    if inverted & (inverted + 1):
        raise DerError("an address mask with holes", code="name-constraints", clause="RFC 4632 3.1")
