"""A PIV card in memory (SP 800-73-5 part 2): commands in, answers out, the security status in between."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from cardreader import tlv
from cardreader.apdu import CHAINING, SHORT_LE, Command, parse_command
from cardreader.cipher import encrypt_block
from cardreader.errors import ApduError, TlvError
from cardreader.piv_key import encode_public_key
from cardreader.piv_terms import (
    PIN_LENGTH,
    PIV_AID,
    PIV_AID_PREFIX,
    PUK_LENGTH,
    Instruction,
    KeyAlgorithm,
    ManagementAlgorithm,
    ObjectTag,
    Reference,
    Slot,
)
from cardreader.status_word import ATTEMPTS_REMAINING, MORE_DATA, StatusWord
from cardreader.virtual import yubico
from cardreader.virtual.private_key import (
    PrivateKey,
    encode_private_key,
    generate_private_key,
    load_private_key,
    sign_block,
)
from cardreader.virtual.refusal import Refusal
from cardreader.virtual.state import CardState, PinPolicy, ReferenceData, StoredKey

MAXIMUM_COMMAND = 16_384
_MINIMUM_AID = 5  # a RID: the shortest partial AID that selects

_SLOTS = frozenset(int(slot) for slot in Slot)
_PIN_POLICIES = {Slot.SIGNATURE: PinPolicy.ALWAYS, Slot.CARD_AUTHENTICATION: PinPolicy.NEVER}
_PIN_PROTECTED = {
    ObjectTag.FINGERPRINTS,
    ObjectTag.FACIAL_IMAGE,
    ObjectTag.PRINTED_INFORMATION,
    ObjectTag.IRIS_IMAGES,
}
_PIN_POLICY_OF_CARD = b"\x40\x00"  # discovery object: the application PIN only (part 1, 3.3.2)

Handler = Callable[[int, int, bytes], bytes]


def answer_to_reset(historical: bytes) -> bytes:
    """An ATR for T=1 (ISO/IEC 7816-3 clause 8.2) with these historical bytes and its check byte."""
    body = bytes([0x80 | len(historical), 0x01]) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])


class VirtualCard:
    """One virtual card under power; `changed` is called after every command that changed its state.

    Its historical bytes carry the PIV AID (compact TLV, tag F), by which OpenSC knows it as a plain PIV card
    and applies no maker's exceptions.
    """

    atr = answer_to_reset(b"\x80\xfb" + PIV_AID)

    def __init__(self, state: CardState, changed: Callable[[CardState], None] | None = None) -> None:
        self.state = state
        self._changed = changed
        self._loaded: dict[int, PrivateKey] = {}
        self._handlers: dict[int, Handler] = {
            Instruction.SELECT: self._select,
            Instruction.VERIFY: self._verify,
            Instruction.CHANGE_REFERENCE_DATA: self._change_reference_data,
            Instruction.RESET_RETRY_COUNTER: self._reset_retry_counter,
            Instruction.GENERAL_AUTHENTICATE: self._general_authenticate,
            Instruction.GENERATE_KEY_PAIR: self._generate_key_pair,
            Instruction.GET_DATA: self._get_data,
            Instruction.PUT_DATA: self._put_data,
        }
        if state.yubico:
            self._handlers |= yubico.handlers(self)
        self.reset()

    def reset(self) -> None:
        """Power on, or reset: everything that is not in the state is forgotten."""
        self._selected = False
        self._collected = bytearray()
        self._pending = b""
        self._forget_security_status()

    # --- commands and answers ---------------------------------------------------------------------------

    def exchange(self, command: bytes) -> bytes:
        """One command APDU as bytes, answered by the bytes of a response APDU."""
        data, status_word = self.transmit(command)
        return data + status_word.to_bytes(2, "big")

    def transmit(self, command: bytes | bytearray) -> tuple[bytes, int]:
        """One command APDU; the response data and the status word. Whatever comes in, a card answers."""
        try:
            return self._process(*parse_command(command))
        except Refusal as refusal:
            return b"", refusal.status_word
        except ApduError:
            return b"", StatusWord.WRONG_LENGTH
        except TlvError:
            return b"", StatusWord.INCORRECT_DATA

    def _process(self, command: Command, extended: bool) -> tuple[bytes, int]:
        """Chaining in front of the commands, GET RESPONSE behind them (ISO/IEC 7816-4 clause 5.3)."""
        if command.cla & ~CHAINING:
            raise Refusal(StatusWord.CLASS_NOT_SUPPORTED)
        limit = command.le if extended and command.le else SHORT_LE
        if command.ins == Instruction.GET_RESPONSE:
            if not self._pending:
                raise Refusal(StatusWord.CONDITIONS_NOT_SATISFIED)
            return self._portion(self._pending, limit)
        self._pending = b""
        if len(self._collected) + len(command.data) > MAXIMUM_COMMAND:
            self._collected.clear()
            raise Refusal(StatusWord.NOT_ENOUGH_MEMORY)
        self._collected += command.data
        if command.cla & CHAINING:
            return b"", StatusWord.SUCCESS
        data = bytes(self._collected)
        self._collected.clear()
        return self._portion(self._handle(command, data), limit)

    def _handle(self, command: Command, data: bytes) -> bytes:
        """The whole command to the one who knows it."""
        handler = self._handlers.get(command.ins)
        if handler is None or (not self._selected and command.ins != Instruction.SELECT):
            raise Refusal(StatusWord.INSTRUCTION_NOT_SUPPORTED)
        return handler(command.p1, command.p2, data)

    def _portion(self, data: bytes, limit: int) -> tuple[bytes, int]:
        """As much of an answer as fits, and a 61xx while more waits."""
        self._pending = data[limit:]
        if not self._pending:
            return data, StatusWord.SUCCESS
        return data[:limit], MORE_DATA | (min(len(self._pending), SHORT_LE) & 0xFF)

    def save(self) -> None:
        """Tell whoever keeps the state that it changed."""
        if self._changed is not None:
            self._changed(self.state)

    # --- SELECT, GET DATA, PUT DATA ---------------------------------------------------------------------

    def _select(self, p1: int, p2: int, aid: bytes) -> bytes:
        """SELECT by AID (part 2, 3.1.1): the whole AID, or its beginning."""
        del p2
        whole = aid.startswith(PIV_AID_PREFIX) and len(aid) <= len(PIV_AID)
        beginning = len(aid) >= _MINIMUM_AID and PIV_AID.startswith(aid)
        if p1 != 0x04 or not (whole or beginning):
            raise Refusal(StatusWord.NOT_FOUND)
        self._forget_security_status()
        self._selected = True
        authority = tlv.encode(0x79, tlv.encode(0x4F, PIV_AID[:5]))
        label = tlv.encode(0x50, self.state.label.encode("utf-8"))
        return tlv.encode(0x61, tlv.encode(0x4F, PIV_AID[5:]) + authority + label)

    def _get_data(self, p1: int, p2: int, data: bytes) -> bytes:
        """GET DATA (part 2, 3.1.2)."""
        tag = _object_tag(p1, p2, data)
        if tag == ObjectTag.DISCOVERY:
            return tlv.encode(tag, tlv.encode(0x4F, PIV_AID) + tlv.encode(0x5F2F, _PIN_POLICY_OF_CARD))
        content = self.state.objects.get(tag)
        if content is None:
            raise Refusal(StatusWord.NOT_FOUND)
        if tag in _PIN_PROTECTED and not self._pin_verified:
            raise Refusal(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        return tlv.encode(0x53, content)

    def _put_data(self, p1: int, p2: int, data: bytes) -> bytes:
        """PUT DATA (part 2, 3.3.1); the management key first."""
        self.check_management()
        tag = _object_tag(p1, p2, data)
        content = tlv.require(data, 0x53)
        if content:
            self.state.objects[tag] = content
        else:
            self.state.objects.pop(tag, None)
        self.save()
        return b""

    # --- PIN and PUK ------------------------------------------------------------------------------------

    def _verify(self, p1: int, p2: int, data: bytes) -> bytes:
        """VERIFY (part 2, 3.2.1)."""
        if p2 != Reference.PIN:
            raise Refusal(StatusWord.REFERENCE_NOT_FOUND)
        if p1 == 0xFF and not data:
            self._pin_verified = self._pin_fresh = False
            return b""
        if p1 != 0x00:
            raise Refusal(StatusWord.INCORRECT_P1_P2)
        if data:
            self._check_reference(self.state.pin, data)
            self._pin_verified = self._pin_fresh = True
        elif not self._pin_verified:
            raise _attempts_answer(self.state.pin.attempts)
        return b""

    def _change_reference_data(self, p1: int, p2: int, data: bytes) -> bytes:
        """CHANGE REFERENCE DATA (part 2, 3.2.2)."""
        if p1 != 0x00 or p2 not in (Reference.PIN, Reference.PUK):
            raise Refusal(StatusWord.REFERENCE_NOT_FOUND)
        reference = self.state.pin if p2 == Reference.PIN else self.state.puk
        if len(data) != PIN_LENGTH + PUK_LENGTH:
            raise Refusal(StatusWord.INCORRECT_DATA)
        self._check_reference(reference, data[:PIN_LENGTH])
        reference.value = data[PIN_LENGTH:]
        self.save()
        return b""

    def _reset_retry_counter(self, p1: int, p2: int, data: bytes) -> bytes:
        """RESET RETRY COUNTER (part 2, 3.2.3): the PUK gives a new PIN."""
        if p1 != 0x00 or p2 != Reference.PIN:
            raise Refusal(StatusWord.REFERENCE_NOT_FOUND)
        if len(data) != PIN_LENGTH + PUK_LENGTH:
            raise Refusal(StatusWord.INCORRECT_DATA)
        self._check_reference(self.state.puk, data[:PUK_LENGTH])
        self.state.pin.value = data[PUK_LENGTH:]
        self.state.pin.attempts = self.state.pin.maximum
        self.save()
        return b""

    def _check_reference(self, reference: ReferenceData, value: bytes) -> None:
        """Compare a PIN or PUK and keep its counter."""
        if reference.attempts == 0:
            raise Refusal(StatusWord.AUTHENTICATION_METHOD_BLOCKED)
        if len(value) != PIN_LENGTH:
            raise Refusal(StatusWord.INCORRECT_DATA)
        if hmac.compare_digest(reference.value, value):
            if reference.attempts != reference.maximum:
                reference.attempts = reference.maximum
                self.save()
            return
        reference.attempts -= 1
        if reference is self.state.pin:
            self._pin_verified = self._pin_fresh = False
        self.save()
        raise _attempts_answer(reference.attempts)

    # --- GENERAL AUTHENTICATE ---------------------------------------------------------------------------

    def _general_authenticate(self, p1: int, p2: int, data: bytes) -> bytes:
        """GENERAL AUTHENTICATE (part 2, 3.2.4): the management key, or a signature."""
        template = {item.tag: item.value for item in tlv.parse(tlv.parse_one(data, 0x7C))}
        if p2 == Reference.MANAGEMENT_KEY:
            answer = self._authenticate_management(p1, template)
        else:
            answer = tlv.encode(0x82, self._sign(p1, p2, template))
        return tlv.encode(0x7C, answer) if answer else b""

    def _sign(self, algorithm: int, slot: int, template: dict[int, bytes]) -> bytes:
        """The private key operation, when the PIN rule of the key is met; each ALWAYS key uses it up."""
        key = self.state.keys.get(slot)
        if key is None:
            raise Refusal(StatusWord.REFERENCE_NOT_FOUND)
        if algorithm != key.algorithm:
            raise Refusal(StatusWord.INCORRECT_P1_P2)
        met = {
            PinPolicy.NEVER: True,
            PinPolicy.ONCE: self._pin_verified,
            PinPolicy.ALWAYS: self._pin_fresh,
        }
        if not met[key.pin_policy]:
            raise Refusal(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        self._pin_fresh = False
        try:
            return sign_block(self.private_key(slot), template.get(0x81, b""))
        except ValueError as error:
            raise Refusal(StatusWord.INCORRECT_DATA) from error

    def _authenticate_management(self, algorithm: int, template: dict[int, bytes]) -> bytes:
        """Mutual authentication (80, then 80 and 81), or of the host alone (81, then 82)."""
        key = self.state.management
        named = algorithm or ManagementAlgorithm.TRIPLE_DES  # 00 means 3DES
        if named != key.algorithm:
            raise Refusal(StatusWord.INCORRECT_P1_P2)
        length = key.algorithm.block_length
        if template == {0x80: b""}:
            self._expected, self._management_proven = secrets.token_bytes(length), False
            return tlv.encode(0x80, encrypt_block(key, self._expected))
        if template == {0x81: b""}:
            challenge = secrets.token_bytes(length)
            self._expected, self._management_proven = encrypt_block(key, challenge), False
            return tlv.encode(0x81, challenge)
        if 0x80 in template and 0x81 in template:
            self._check_expected(template[0x80])
            if len(template[0x81]) != length:
                raise Refusal(StatusWord.INCORRECT_DATA)
            self._management_proven = True
            return tlv.encode(0x82, encrypt_block(key, template[0x81]))
        self._check_expected(template.get(0x82, b""))
        self._management_proven = True
        return b""

    def _check_expected(self, value: bytes) -> None:
        """The one answer this authentication expects; once."""
        expected, self._expected = self._expected, b""
        if not expected or not hmac.compare_digest(expected, value):
            raise Refusal(StatusWord.SECURITY_STATUS_NOT_SATISFIED)

    def check_management(self) -> None:
        """Refuse unless the management key was proven."""
        if not self._management_proven:
            raise Refusal(StatusWord.SECURITY_STATUS_NOT_SATISFIED)

    # --- keys -------------------------------------------------------------------------------------------

    def _generate_key_pair(self, p1: int, slot: int, data: bytes) -> bytes:
        """GENERATE ASYMMETRIC KEY PAIR (part 2, 3.3.2)."""
        self.check_management()
        if p1 != 0x00 or slot not in _SLOTS:
            raise Refusal(StatusWord.INCORRECT_P1_P2)
        mechanism = tlv.require(tlv.parse_one(data, 0xAC), 0x80)
        try:
            algorithm = KeyAlgorithm(int.from_bytes(mechanism, "big"))
        except ValueError as error:
            raise Refusal(StatusWord.INCORRECT_DATA) from error
        key = generate_private_key(algorithm)
        policy = _PIN_POLICIES.get(Slot(slot), PinPolicy.ONCE)
        self.state.keys[slot] = StoredKey(algorithm, encode_private_key(key), policy)
        self._loaded[slot] = key
        self.save()
        return tlv.encode(0x7F49, encode_public_key(key.public_key()))

    def private_key(self, slot: int) -> PrivateKey:
        """A slot's key, loaded once."""
        if slot not in self._loaded:
            self._loaded[slot] = load_private_key(self.state.keys[slot].private_key)
        return self._loaded[slot]

    def _forget_security_status(self) -> None:
        """What SELECT and reset forget (part 1, 4.1)."""
        self._pin_verified = False
        self._pin_fresh = False
        self._management_proven = False
        self._expected = b""


def _attempts_answer(attempts: int) -> Refusal:
    """63Cx, or 6983 when no tries are left."""
    if attempts == 0:
        return Refusal(StatusWord.AUTHENTICATION_METHOD_BLOCKED)
    return Refusal(ATTEMPTS_REMAINING | attempts)


def _object_tag(p1: int, p2: int, data: bytes) -> int:
    """The data object that GET DATA or PUT DATA names."""
    if (p1, p2) != (0x3F, 0xFF):
        raise Refusal(StatusWord.INCORRECT_P1_P2)
    objects = tlv.parse(data)
    if not objects or objects[0].tag != 0x5C or not 1 <= len(objects[0].value) <= tlv.MAXIMUM_TAG_BYTES:
        raise Refusal(StatusWord.INCORRECT_DATA)
    return int.from_bytes(objects[0].value, "big")
