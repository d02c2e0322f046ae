"""What a virtual card remembers, and its JSON form (version 1)."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

from cardreader.errors import CardError, VirtualCardError
from cardreader.piv_terms import KeyAlgorithm, ManagementAlgorithm, ManagementKey

_T = TypeVar("_T")

FORMAT_VERSION = 1
FACTORY_PIN = b"123456\xff\xff"
FACTORY_PUK = b"12345678"
FACTORY_ATTEMPTS = 3


class PinPolicy(IntEnum):
    """When a key wants the PIN (Yubico's numbers; the rule per slot is SP 800-73 part 1, table 4b)."""

    NEVER = 1
    ONCE = 2
    ALWAYS = 3


@dataclass
class ReferenceData:
    """A PIN or PUK: its padded value and its counter."""

    value: bytes = field(repr=False)
    attempts: int = FACTORY_ATTEMPTS
    maximum: int = FACTORY_ATTEMPTS


@dataclass
class StoredKey:
    """A key on the card."""

    algorithm: KeyAlgorithm
    private_key: bytes = field(repr=False)
    pin_policy: PinPolicy = PinPolicy.ONCE


@dataclass
class CardState:
    """Everything a virtual card keeps without power. A new one is blank: factory PIN, PUK and key."""

    label: str = "PIV"
    serial: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    yubico: bool = True
    pin: ReferenceData = field(default_factory=lambda: ReferenceData(FACTORY_PIN))
    puk: ReferenceData = field(default_factory=lambda: ReferenceData(FACTORY_PUK))
    management: ManagementKey = field(
        default_factory=lambda: ManagementKey.factory(ManagementAlgorithm.AES_192)
    )
    objects: dict[int, bytes] = field(default_factory=dict)
    keys: dict[int, StoredKey] = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as JSON, private keys included."""
        document = {
            "version": FORMAT_VERSION,
            "label": self.label,
            "serial": self.serial,
            "yubico": self.yubico,
            "pin": _reference_document(self.pin),
            "puk": _reference_document(self.puk),
            "management": {
                "algorithm": self.management.algorithm.name,
                "key": _encode(self.management.value),
            },
            "objects": {f"{tag:X}": _encode(content) for tag, content in self.objects.items()},
            "keys": {f"{slot:02X}": _key_document(key) for slot, key in self.keys.items()},
        }
        return json.dumps(document, indent=1)

    @classmethod
    def from_json(cls, text: str) -> CardState:
        """Read a card; VirtualCardError for a newer version or a damaged file."""
        try:
            document = json.loads(text)
            version = document["version"]
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged() from error
        if version != FORMAT_VERSION:
            raise VirtualCardError(
                f"This virtual card has file format {version}; this program reads {FORMAT_VERSION}. "
                "Use the newer program, or make a new card with `card virtual new`.",
                f"此虚拟卡的文件格式为 {version}，本程序只支持 {FORMAT_VERSION}。请使用新版程序。",
            )
        try:
            return _read_document(document)
        except (ValueError, TypeError, KeyError, AttributeError, CardError) as error:
            raise _damaged() from error


def _reference_document(reference: ReferenceData) -> dict[str, Any]:
    """A PIN or PUK for JSON."""
    return {
        "value": _encode(reference.value),
        "attempts": reference.attempts,
        "maximum": reference.maximum,
    }


def _key_document(key: StoredKey) -> dict[str, Any]:
    """A key for JSON."""
    return {
        "algorithm": key.algorithm.name,
        "private_key": _encode(key.private_key),
        "pin_policy": key.pin_policy.name,
    }


def _read_document(document: dict[str, Any]) -> CardState:
    """A card from its document; any of the usual errors when something is wrong with it."""
    management = document["management"]
    return CardState(
        label=_checked(document["label"], str),
        serial=_checked(document["serial"], int),
        yubico=_checked(document["yubico"], bool),
        pin=_read_reference(document["pin"]),
        puk=_read_reference(document["puk"]),
        management=ManagementKey(ManagementAlgorithm[management["algorithm"]], _decode(management["key"])),
        objects={int(tag, 16): _decode(content) for tag, content in document["objects"].items()},
        keys={int(slot, 16): _read_key(key) for slot, key in document["keys"].items()},
    )


def _read_reference(document: dict[str, Any]) -> ReferenceData:
    """A PIN or PUK from JSON."""
    value = _decode(document["value"])
    attempts, maximum = _checked(document["attempts"], int), _checked(document["maximum"], int)
    if len(value) != len(FACTORY_PUK) or not 0 <= attempts <= maximum <= 15:
        raise ValueError("not a PIN or PUK")
    return ReferenceData(value, attempts, maximum)


def _read_key(document: dict[str, Any]) -> StoredKey:
    """A key from JSON."""
    return StoredKey(
        KeyAlgorithm[document["algorithm"]],
        _decode(document["private_key"]),
        PinPolicy[document["pin_policy"]],
    )


def _checked(value: object, kind: type[_T]) -> _T:
    """The value, if it has this type."""
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected")
    return value


def _encode(content: bytes) -> str:
    """Bytes for JSON."""
    return base64.b64encode(content).decode("ascii")


def _decode(text: str) -> bytes:
    """Bytes from JSON."""
    return base64.b64decode(text, validate=True)


def _damaged() -> VirtualCardError:
    """The error of a file that cannot be read as a card."""
    return VirtualCardError(
        "The virtual card's file is damaged. Restore it from a backup, or make a new card with "
        "`card virtual new`.",
        "虚拟卡文件已损坏。请从备份恢复，或用 card virtual new 新建。",
    )
