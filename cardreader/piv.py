"""The PIV driver (SP 800-73-5 part 2, compatible with -4): one selected card inside a transaction.

    with transaction(reader) as connection:
        card = PivCard.select(connection)
        card.verify_pin(pin)
        signature = card.sign(Slot.AUTHENTICATION, KeyAlgorithm.P_256, data)

It needs no vendor's additions; `read_metadata` and `set_management_key`, which SP 800-73 has no command for,
use Yubico's where the card has them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives import hashes

from cardreader import tlv
from cardreader.apdu import SHORT_LE, Command, send
from cardreader.cipher import encrypt_block
from cardreader.connection import CardConnection
from cardreader.errors import (
    ManagementKeyError,
    NoCertificateError,
    NotPivError,
    PinBlockedError,
    PinWrongError,
    PukBlockedError,
    PukWrongError,
    UnsupportedError,
)
from cardreader.piv_key import decode_public_key, pkcs1_block
from cardreader.piv_terms import (
    PIN_LENGTH,
    PIV_AID_PREFIX,
    PUK_LENGTH,
    Chuid,
    Instruction,
    KeyAlgorithm,
    ManagementAlgorithm,
    ManagementKey,
    ObjectTag,
    Reference,
    Slot,
    check_puk,
    encode_certificate_container,
    pad_pin,
    parse_certificate_container,
)
from cardreader.process import wipe
from cardreader.status_word import StatusWord, StatusWordError, attempts_remaining, check_status

# Tags of the dynamic authentication template 7C (part 2, table 7) and of key generation (3.3.2).
_AUTHENTICATION_TEMPLATE = 0x7C
_WITNESS = 0x80
_CHALLENGE = 0x81
_RESPONSE = 0x82
_CONTROL_REFERENCE = 0xAC
_MECHANISM = 0x80
_PUBLIC_KEY_TEMPLATE = 0x7F49
_TAG_LIST = 0x5C
_OBJECT_CONTENT = 0x53

_ABSENT = (StatusWord.NOT_FOUND, StatusWord.REFERENCE_NOT_FOUND)
_RESET_SECURITY_STATUS = 0xFF  # P1 of VERIFY: forget that the PIN was verified


@dataclass(frozen=True)
class PinStatus:
    """What VERIFY without data tells: verified in this transaction, or the tries left (0: blocked)."""

    verified: bool
    attempts_remaining: int | None

    @property
    def blocked(self) -> bool:
        """Whether only the PUK helps."""
        return self.attempts_remaining == 0


@dataclass(frozen=True)
class SlotMetadata:
    """What a card with Yubico's additions tells of a key: its algorithm and its public key (DER)."""

    algorithm: KeyAlgorithm
    public_key: bytes


class PivCard:
    """The selected PIV application of a card that is held exclusively."""

    def __init__(self, connection: CardConnection) -> None:
        self._connection = connection

    @classmethod
    def select(cls, connection: CardConnection) -> Self:
        """SELECT the PIV application by its AID (part 2, 3.1.1), without the version."""
        card = cls(connection)
        answer, status_word = card._exchange(Instruction.SELECT, 0x04, 0x00, PIV_AID_PREFIX, SHORT_LE)
        if status_word in (StatusWord.NOT_FOUND, StatusWord.INSTRUCTION_NOT_SUPPORTED, 0x6A81, 0x6E00):
            raise NotPivError
        check_status(status_word)
        if answer and tlv.find(answer, 0x61) is None:
            raise NotPivError
        return card

    # --- data objects (part 2, 3.1.2 and 3.3.1) ---------------------------------------------------------

    def read_object(self, tag: ObjectTag) -> bytes | None:
        """GET DATA: the content of a data object, or None when the card does not hold it."""
        request = tlv.encode(_TAG_LIST, _tag_bytes(tag))
        answer, status_word = self._exchange(Instruction.GET_DATA, 0x3F, 0xFF, request, SHORT_LE)
        if status_word == StatusWord.NOT_FOUND:
            return None
        check_status(status_word)
        outer = tag if tag is ObjectTag.DISCOVERY else _OBJECT_CONTENT
        return tlv.parse_one(answer, outer) or None

    def write_object(self, tag: ObjectTag, content: bytes) -> None:
        """PUT DATA: replace a data object (empty content removes it); the management key must be proven."""
        request = tlv.encode(_TAG_LIST, _tag_bytes(tag)) + tlv.encode(_OBJECT_CONTENT, content)
        self._command(Instruction.PUT_DATA, 0x3F, 0xFF, request)

    def read_chuid(self) -> Chuid | None:
        """The card's CHUID, None on a blank card."""
        content = self.read_object(ObjectTag.CHUID)
        return None if content is None else Chuid.parse(content)

    def read_certificate(self, slot: Slot) -> bytes | None:
        """The DER certificate of a slot, or None."""
        content = self.read_object(slot.certificate_object)
        return None if content is None else parse_certificate_container(content)

    def require_certificate(self, slot: Slot) -> bytes:
        """The DER certificate of a slot; NoCertificateError when there is none."""
        certificate = self.read_certificate(slot)
        if certificate is None:
            raise NoCertificateError
        return certificate

    def write_certificate(self, slot: Slot, certificate: bytes) -> None:
        """Write a slot's certificate."""
        self.write_object(slot.certificate_object, encode_certificate_container(certificate))

    # --- PIN and PUK (part 2, 3.2) ----------------------------------------------------------------------

    def pin_status(self) -> PinStatus:
        """The PIN's counter, without spending a try (VERIFY with no data)."""
        _, status_word = self._exchange(Instruction.VERIFY, 0x00, Reference.PIN)
        if status_word == StatusWord.SUCCESS:
            return PinStatus(verified=True, attempts_remaining=None)
        if status_word == StatusWord.AUTHENTICATION_METHOD_BLOCKED:
            return PinStatus(verified=False, attempts_remaining=0)
        tries = attempts_remaining(status_word)
        if tries is None:
            raise StatusWordError(status_word)
        return PinStatus(verified=False, attempts_remaining=tries)

    def verify_pin(self, pin: bytes | bytearray) -> None:
        """VERIFY the PIN; PinWrongError says how many tries are left, PinBlockedError that none are."""
        padded = pad_pin(pin)
        try:
            _, status_word = self._exchange(Instruction.VERIFY, 0x00, Reference.PIN, padded)
        finally:
            wipe(padded)
        _check_pin_answer(status_word, PinWrongError, PinBlockedError)

    def forget_pin(self) -> None:
        """Make the card forget that the PIN was verified."""
        self._exchange(Instruction.VERIFY, _RESET_SECURITY_STATUS, Reference.PIN)

    def change_pin(self, old: bytes | bytearray, new: bytes | bytearray) -> None:
        """CHANGE REFERENCE DATA of the PIN; needs the old one."""
        data = _join(pad_pin(old), pad_pin(new))
        self._reference_data(
            Instruction.CHANGE_REFERENCE_DATA, Reference.PIN, data, PinWrongError, PinBlockedError
        )

    def change_puk(self, old: bytes | bytearray, new: bytes | bytearray) -> None:
        """CHANGE REFERENCE DATA of the PUK; needs the old one."""
        check_puk(old)
        check_puk(new)
        data = _join(bytearray(old), bytearray(new))
        self._reference_data(
            Instruction.CHANGE_REFERENCE_DATA, Reference.PUK, data, PukWrongError, PukBlockedError
        )

    def unblock_pin(self, puk: bytes | bytearray, new_pin: bytes | bytearray) -> None:
        """RESET RETRY COUNTER: a new PIN, by the PUK."""
        check_puk(puk)
        data = _join(bytearray(puk), pad_pin(new_pin))
        self._reference_data(
            Instruction.RESET_RETRY_COUNTER, Reference.PIN, data, PukWrongError, PukBlockedError
        )

    def _reference_data(
        self,
        instruction: Instruction,
        reference: Reference,
        data: bytearray,
        wrong: Callable[[int], Exception],
        blocked: Callable[[], Exception],
    ) -> None:
        """Send a command that carries an old and a new secret, and wipe them."""
        try:
            _, status_word = self._exchange(instruction, 0x00, reference, data)
        finally:
            wipe(data)
        _check_pin_answer(status_word, wrong, blocked)

    # --- management key (part 2, 3.2.4, mutual authentication) ------------------------------------------

    def authenticate_management(self, key: ManagementKey) -> None:
        """Prove the management key to the card, and have the card prove it to us.

        1. ask for a witness (the card encrypts one);  2. decrypt it, add an own challenge;  3. the card's
        response must be that challenge, encrypted.
        """
        algorithm, length = key.algorithm, key.algorithm.block_length
        witness = self._management_step(algorithm, tlv.encode(_WITNESS), _WITNESS)
        if len(witness) != length:
            raise ManagementKeyError
        challenge = secrets.token_bytes(length)
        proof = encrypt_block(key, witness, decrypt=True)
        data = tlv.encode(_WITNESS, proof) + tlv.encode(_CHALLENGE, challenge)
        response = self._management_step(algorithm, data, _RESPONSE)
        if not hmac.compare_digest(response, encrypt_block(key, challenge)):
            raise ManagementKeyError

    def _management_step(self, algorithm: ManagementAlgorithm, data: bytes, wanted: int) -> bytes:
        """One GENERAL AUTHENTICATE with key 9B."""
        answer, status_word = self._exchange(
            Instruction.GENERAL_AUTHENTICATE,
            algorithm,
            Reference.MANAGEMENT_KEY,
            tlv.encode(_AUTHENTICATION_TEMPLATE, data),
            SHORT_LE,
        )
        refused = (StatusWord.SECURITY_STATUS_NOT_SATISFIED, StatusWord.INCORRECT_P1_P2, 0x6300, 0x6A80)
        if status_word in refused or attempts_remaining(status_word) is not None:
            raise ManagementKeyError
        check_status(status_word)
        return tlv.require(tlv.require(answer, _AUTHENTICATION_TEMPLATE), wanted)

    def set_management_key(self, key: ManagementKey) -> None:
        """Replace the management key, which must be proven. Yubico's command: SP 800-73 has none."""
        data = bytearray((key.algorithm, Reference.MANAGEMENT_KEY, len(key.value)))
        data += key.value
        try:
            _, status_word = self._exchange(Instruction.YUBICO_SET_MANAGEMENT_KEY, 0xFF, 0xFF, data)
        finally:
            wipe(data)
        if status_word == StatusWord.INSTRUCTION_NOT_SUPPORTED:
            raise UnsupportedError(
                "This card has no command to change its management key; use its maker's tool.",
                "此卡不支持更换管理密钥，请使用厂商工具。",
            )
        check_status(status_word)

    # --- keys (part 2, 3.2.4 and 3.3.2) -----------------------------------------------------------------

    def generate_key(self, slot: Slot, algorithm: KeyAlgorithm) -> bytes:
        """GENERATE ASYMMETRIC KEY PAIR on the card; its public key as DER SubjectPublicKeyInfo."""
        request = tlv.encode(_CONTROL_REFERENCE, tlv.encode(_MECHANISM, bytes([algorithm])))
        answer = self._command(Instruction.GENERATE_KEY_PAIR, 0x00, slot, request, SHORT_LE)
        return decode_public_key(algorithm, tlv.require(answer, _PUBLIC_KEY_TEMPLATE))

    def read_metadata(self, slot: Slot) -> SlotMetadata | None:
        """What the card tells of a slot's key (Yubico's command); None without the command or the key."""
        answer, status_word = self._exchange(Instruction.YUBICO_METADATA, 0x00, slot, b"", SHORT_LE)
        if status_word in (*_ABSENT, StatusWord.INSTRUCTION_NOT_SUPPORTED):
            return None
        check_status(status_word)
        number = tlv.require(answer, 0x01)[:1]
        try:
            algorithm = KeyAlgorithm(int.from_bytes(number, "big"))
        except ValueError:
            return None
        return SlotMetadata(algorithm, decode_public_key(algorithm, tlv.require(answer, 0x04)))

    def sign(self, slot: Slot, algorithm: KeyAlgorithm, data: bytes) -> bytes:
        """Sign `data` with the digest that goes with the key: ECDSA as DER, RSA as PKCS#1 v1.5."""
        digest = hashes.Hash(hashes.SHA384() if algorithm.digest == "sha384" else hashes.SHA256())
        digest.update(data)
        return self.sign_digest(slot, algorithm, digest.finalize())

    def sign_digest(self, slot: Slot, algorithm: KeyAlgorithm, digest: bytes) -> bytes:
        """Sign a digest made with the key's own digest algorithm."""
        if algorithm.is_rsa:
            return self._private_key_operation(slot, algorithm, pkcs1_block(digest, algorithm.bits // 8))
        return self._private_key_operation(slot, algorithm, digest)

    def _private_key_operation(self, slot: Slot, algorithm: KeyAlgorithm, block: bytes) -> bytes:
        """GENERAL AUTHENTICATE with an asymmetric key: challenge in, response out."""
        template = tlv.encode(_RESPONSE) + tlv.encode(_CHALLENGE, block)
        answer = self._command(
            Instruction.GENERAL_AUTHENTICATE,
            algorithm,
            slot,
            tlv.encode(_AUTHENTICATION_TEMPLATE, template),
            SHORT_LE,
        )
        return tlv.require(tlv.require(answer, _AUTHENTICATION_TEMPLATE), _RESPONSE)

    # --- the wire ---------------------------------------------------------------------------------------

    def _exchange(
        self, instruction: Instruction, p1: int, p2: int, data: bytes | bytearray = b"", le: int | None = None
    ) -> tuple[bytes, int]:
        """Send one command; the answer and the status word, whatever it is."""
        return send(self._connection, Command(0x00, instruction, p1, p2, data, le))

    def _command(
        self, instruction: Instruction, p1: int, p2: int, data: bytes = b"", le: int | None = None
    ) -> bytes:
        """Send one command that must succeed; the answer."""
        answer, status_word = self._exchange(instruction, p1, p2, data, le)
        check_status(status_word)
        return answer


def _tag_bytes(tag: ObjectTag) -> bytes:
    """A data object's tag as bytes."""
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def _join(first: bytearray, second: bytearray) -> bytearray:
    """Two secrets of eight bytes in one wiped-later bytearray; the parts are wiped here."""
    joined = bytearray(PIN_LENGTH + PUK_LENGTH)
    joined[:PIN_LENGTH] = first
    joined[PIN_LENGTH:] = second
    wipe(first)
    wipe(second)
    return joined


def _check_pin_answer(
    status_word: int, wrong: Callable[[int], Exception], blocked: Callable[[], Exception]
) -> None:
    """Turn the answer to a PIN or PUK into its error."""
    tries = attempts_remaining(status_word)
    if status_word == StatusWord.AUTHENTICATION_METHOD_BLOCKED or tries == 0:
        raise blocked()
    if tries is not None:
        raise wrong(tries)
    check_status(status_word)
