"""The few commands Yubico added to PIV that tools ask for: version, serial, metadata, management key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cardreader import tlv
from cardreader.errors import UnsupportedError
from cardreader.piv_key import encode_public_key
from cardreader.piv_terms import Instruction, ManagementAlgorithm, ManagementKey, Reference
from cardreader.status_word import StatusWord
from cardreader.virtual.private_key import PrivateKey
from cardreader.virtual.refusal import Refusal
from cardreader.virtual.state import FACTORY_PIN, FACTORY_PUK, CardState

FIRMWARE_VERSION = bytes((5, 4, 3))

_ALGORITHM = 0x01
_POLICY = 0x02
_ORIGIN = 0x03
_PUBLIC_KEY = 0x04
_IS_FACTORY = 0x05
_ATTEMPTS = 0x06
_PIN_ALGORITHM = b"\xff"
_NO_TOUCH = 0x01
_GENERATED = b"\x01"


class ExtendedCard(Protocol):
    """What these commands need of the card they are added to."""

    state: CardState

    def private_key(self, slot: int) -> PrivateKey:
        """The key of a slot."""

    def check_management(self) -> None:
        """Refuse unless the management key has been proven."""

    def save(self) -> None:
        """Keep the changed state."""


def handlers(card: ExtendedCard) -> dict[int, Callable[[int, int, bytes], bytes]]:
    """Instruction → handler, to be added to those of PIV."""
    return {
        Instruction.YUBICO_VERSION: lambda _p1, _p2, _data: FIRMWARE_VERSION,
        Instruction.YUBICO_SERIAL: lambda _p1, _p2, _data: card.state.serial.to_bytes(4, "big"),
        Instruction.YUBICO_METADATA: lambda _p1, reference, _data: _metadata(card, reference),
        Instruction.YUBICO_SET_MANAGEMENT_KEY: lambda _p1, _p2, data: _set_management_key(card, data),
    }


def _metadata(card: ExtendedCard, reference: int) -> bytes:
    """GET METADATA of a PIN, the management key or a slot."""
    state = card.state
    if reference in (Reference.PIN, Reference.PUK):
        secret, factory = (state.pin, FACTORY_PIN) if reference == Reference.PIN else (state.puk, FACTORY_PUK)
        return (
            tlv.encode(_ALGORITHM, _PIN_ALGORITHM)
            + tlv.encode(_IS_FACTORY, bytes([secret.value == factory]))
            + tlv.encode(_ATTEMPTS, bytes([secret.maximum, secret.attempts]))
        )
    if reference == Reference.MANAGEMENT_KEY:
        algorithm = state.management.algorithm
        factory_key = ManagementKey.factory(algorithm)
        return (
            tlv.encode(_ALGORITHM, bytes([algorithm]))
            + tlv.encode(_POLICY, bytes([0, _NO_TOUCH]))
            + tlv.encode(_IS_FACTORY, bytes([state.management == factory_key]))
        )
    key = state.keys.get(reference)
    if key is None:
        raise Refusal(StatusWord.REFERENCE_NOT_FOUND)
    return (
        tlv.encode(_ALGORITHM, bytes([key.algorithm]))
        + tlv.encode(_POLICY, bytes([key.pin_policy, _NO_TOUCH]))
        + tlv.encode(_ORIGIN, _GENERATED)
        + tlv.encode(_PUBLIC_KEY, encode_public_key(card.private_key(reference).public_key()))
    )


def _set_management_key(card: ExtendedCard, data: bytes) -> bytes:
    """SET MANAGEMENT KEY: algorithm, 9B, length, key."""
    card.check_management()
    if len(data) < 3 or data[1] != Reference.MANAGEMENT_KEY or data[2] != len(data) - 3:
        raise Refusal(StatusWord.INCORRECT_DATA)
    try:
        card.state.management = ManagementKey(ManagementAlgorithm(data[0]), data[3:])
    except (ValueError, UnsupportedError) as error:
        raise Refusal(StatusWord.INCORRECT_DATA) from error
    card.save()
    return b""
