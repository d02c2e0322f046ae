"""The PIV driver against the virtual card and against cards that lie; known bytes from the standard."""

from __future__ import annotations

import gzip

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from cardreader import tlv
from cardreader.errors import (
    CardError,
    ManagementKeyError,
    NoCertificateError,
    NotPivError,
    PinBlockedError,
    PinFormatError,
    PinWrongError,
    ProtocolError,
    PukBlockedError,
    PukFormatError,
    PukWrongError,
    TlvError,
    UnsupportedError,
)
from cardreader.piv import PivCard
from cardreader.piv_key import algorithm_of, decode_public_key, pkcs1_block
from cardreader.piv_terms import (
    Chuid,
    KeyAlgorithm,
    ManagementAlgorithm,
    ManagementKey,
    ObjectTag,
    Slot,
    check_pin,
    encode_capabilities,
    encode_certificate_container,
    parse_certificate_container,
)
from cardreader.status_word import StatusWordError
from cardreader.virtual import CardState, VirtualCard

FACTORY = ManagementKey.factory(ManagementAlgorithm.AES_192)


class Connection:
    """A virtual card without a reader; the bytes are kept."""

    def __init__(self, state=None):
        self.card = VirtualCard(state or CardState())
        self.sent = []

    def transmit(self, command):
        self.sent.append(bytes(command))
        return self.card.transmit(command)

    def disconnect(self):
        self.card.reset()


class Answers:
    """A card that answers everything alike."""

    def __init__(self, data=b"", status_word=0x9000):
        self.answer = (data, status_word)

    def transmit(self, _command):
        return self.answer

    def disconnect(self):
        pass


@pytest.fixture
def connection():
    return Connection()


@pytest.fixture
def card(connection):
    return PivCard.select(connection)


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_keys_sign_and_cryptography_verifies(card, algorithm):
    card.authenticate_management(FACTORY)
    key = serialization.load_der_public_key(card.generate_key(Slot.AUTHENTICATION, algorithm))
    assert algorithm_of(card.read_metadata(Slot.AUTHENTICATION).public_key) is algorithm
    card.verify_pin(b"123456")
    signature = card.sign(Slot.AUTHENTICATION, algorithm, b"data")
    digest = hashes.SHA384() if algorithm is KeyAlgorithm.P_384 else hashes.SHA256()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, b"data", padding.PKCS1v15(), digest)
    else:
        key.verify(signature, b"data", ec.ECDSA(digest))


@pytest.mark.parametrize("algorithm", list(ManagementAlgorithm))
def test_every_kind_of_management_key(algorithm):
    key = ManagementKey.factory(algorithm)
    card = PivCard.select(Connection(CardState(management=key)))
    card.authenticate_management(key)
    new = ManagementKey(ManagementAlgorithm.AES_256, bytes(range(32)))
    card.set_management_key(new)
    with pytest.raises(ManagementKeyError):
        card.authenticate_management(key)
    card.authenticate_management(new)
    assert "0102" not in repr(new)


def test_the_wire_is_the_standards(connection):
    """The example commands of SP 800-73-4 part 2: SELECT, VERIFY, GET DATA."""
    card = PivCard.select(connection)
    card.pin_status()
    card.verify_pin(b"123456")
    card.read_object(ObjectTag.CHUID)
    assert [sent.hex().upper() for sent in connection.sent] == [
        "00A4040009A0000003080000100000",
        "00200080",
        "0020008008313233343536FFFF",
        "00CB3FFF055C035FC10200",
    ]


def test_the_management_key_must_be_proven_both_ways(connection):
    card = PivCard.select(connection)
    with pytest.raises(StatusWordError) as refused:
        card.write_object(ObjectTag.CHUID, b"x")
    assert refused.value.status_word == 0x6982
    with pytest.raises(ManagementKeyError):
        card.authenticate_management(ManagementKey(ManagementAlgorithm.AES_192, bytes(24)))
    with pytest.raises(ManagementKeyError):
        card.authenticate_management(ManagementKey.factory(ManagementAlgorithm.TRIPLE_DES))
    # A card that does not know the key itself is found out by its response.
    liar = Answers(tlv.encode(0x7C, tlv.encode(0x80, bytes(16)) + tlv.encode(0x82, bytes(16))))
    with pytest.raises(ManagementKeyError):
        PivCard(liar).authenticate_management(FACTORY)


def test_objects_certificates_and_identity(card):
    card.authenticate_management(FACTORY)
    assert card.read_chuid() is None
    card.write_object(ObjectTag.CHUID, Chuid(bytes(range(16))).encode())
    card.write_object(ObjectTag.CAPABILITIES, encode_capabilities(bytes(14)))
    assert card.read_chuid().guid == bytes(range(16))
    assert card.read_certificate(Slot.SIGNATURE) is None
    with pytest.raises(NoCertificateError):
        card.require_certificate(Slot.SIGNATURE)
    long = bytes(range(256)) * 8  # chained both ways
    card.write_certificate(Slot.SIGNATURE, long)
    assert card.read_certificate(Slot.SIGNATURE) == long
    card.write_object(ObjectTag.SIGNATURE_CERTIFICATE, b"")
    assert card.read_certificate(Slot.SIGNATURE) is None


def test_the_pin_counter_is_read_without_spending_a_try(card):
    assert card.pin_status().attempts_remaining == 3
    with pytest.raises(PinWrongError) as wrong:
        card.verify_pin(b"000000")
    assert wrong.value.attempts_remaining == 2
    assert [card.pin_status().attempts_remaining for _ in range(5)] == [2] * 5
    card.verify_pin(b"123456")
    assert card.pin_status().verified
    card.forget_pin()
    assert card.pin_status().attempts_remaining == 3


def test_a_blocked_pin_a_blocked_puk(card):
    for error in (PinWrongError, PinWrongError, PinBlockedError, PinBlockedError):
        with pytest.raises(error):
            card.verify_pin(b"000000")
    assert card.pin_status().blocked
    with pytest.raises(PinBlockedError, match="PUK"):
        card.verify_pin(b"123456")  # also the right one
    with pytest.raises(PukWrongError, match="2 tries left"):
        card.unblock_pin(b"00000000", b"654321")
    card.unblock_pin(b"12345678", b"654321")
    card.verify_pin(b"654321")
    for error in (PukWrongError, PukWrongError, PukBlockedError, PukBlockedError):
        with pytest.raises(error):
            card.change_puk(b"00000000", b"11111111")
    assert PukBlockedError().message != PinBlockedError().message


def test_changing_pin_and_puk(card):
    with pytest.raises(PinWrongError):
        card.change_pin(b"000000", b"654321")
    card.change_pin(b"123456", b"87654321")
    card.verify_pin(b"87654321")
    card.change_puk(b"12345678", b"abcdEFG!")
    card.unblock_pin(b"abcdEFG!", b"123456")


def test_the_last_try_is_named():
    assert "1 try left" in PinWrongError(1).message
    assert "1 次" in PinWrongError(1).message_zh


@pytest.mark.parametrize("pin", [b"", b"12345", b"123456789", b"12345a", b"12 456", "１２３４５６".encode()])
def test_what_is_no_pin_never_reaches_the_card(connection, pin):
    card = PivCard.select(connection)
    before = len(connection.sent)
    with pytest.raises(PinFormatError):
        card.verify_pin(pin)
    assert len(connection.sent) == before
    with pytest.raises(PukFormatError):
        card.change_puk(pin[:7], b"12345678")
    check_pin(b"123456")


def test_the_signature_key_wants_the_pin_each_time(card):
    card.authenticate_management(FACTORY)
    for slot in (Slot.AUTHENTICATION, Slot.SIGNATURE, Slot.CARD_AUTHENTICATION):
        card.generate_key(slot, KeyAlgorithm.P_256)
    assert card.sign(Slot.CARD_AUTHENTICATION, KeyAlgorithm.P_256, b"x")
    card.verify_pin(b"123456")
    assert card.sign(Slot.SIGNATURE, KeyAlgorithm.P_256, b"x")
    with pytest.raises(StatusWordError, match="PIN"):
        card.sign(Slot.SIGNATURE, KeyAlgorithm.P_256, b"x")
    assert card.sign(Slot.AUTHENTICATION, KeyAlgorithm.P_256, b"x")


def test_a_card_without_piv():
    with pytest.raises(NotPivError):
        PivCard.select(Answers(status_word=0x6A82))
    with pytest.raises(NotPivError):
        PivCard.select(Answers(tlv.encode(0x6F, b"")))
    with pytest.raises(StatusWordError):
        PivCard.select(Answers(status_word=0x6F00))


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x53\x05", b"\x53\x00\x53\x00", b"\x7c\x02\x82", b"\xff" * 300]
)
def test_a_card_that_answers_rubbish(data):
    card = PivCard(Answers(data))
    key = KeyAlgorithm.P_256
    for ask in (
        lambda: card.read_certificate(Slot.SIGNATURE) and None,
        lambda: card.read_chuid() and None,
        lambda: card.sign(Slot.SIGNATURE, key, b"x"),
        lambda: card.generate_key(Slot.SIGNATURE, key),
        lambda: card.authenticate_management(FACTORY),
        lambda: card.read_metadata(Slot.SIGNATURE),
    ):
        try:
            result = ask()
        except CardError:
            continue
        assert result is None


def test_a_card_with_its_own_idea_of_a_key():
    for algorithm, template in (
        (KeyAlgorithm.P_256, tlv.encode(0x86, b"\x04" + bytes(64))),
        (KeyAlgorithm.P_384, tlv.encode(0x86, b"")),
        (KeyAlgorithm.RSA_2048, tlv.encode(0x81, b"\x05") + tlv.encode(0x82, b"\x02")),
    ):
        with pytest.raises(ProtocolError):
            decode_public_key(algorithm, template)
    with pytest.raises(UnsupportedError):
        algorithm_of(b"not a key")


# --- containers ------------------------------------------------------------------------------------------


def test_certificate_containers():
    assert encode_certificate_container(b"cert") == bytes.fromhex("700463657274710100FE00")
    packed = tlv.encode(0x70, gzip.compress(b"cert")) + bytes.fromhex("710101FE00")
    assert parse_certificate_container(packed) == b"cert"
    bomb = tlv.encode(0x70, gzip.compress(bytes(60_000))) + bytes.fromhex("710101FE00")
    broken = tlv.encode(0x70, b"not gzip") + bytes.fromhex("710101FE00")
    for content in (bomb, broken, b"", b"\x71\x01\x00"):
        with pytest.raises(TlvError):
            parse_certificate_container(content)


def test_chuid():
    encoded = Chuid(bytes(16)).encode()
    assert tlv.find(encoded, 0x34) == bytes(16)
    assert tlv.find(encoded, 0x35) == b"20991231"
    assert Chuid.parse(encoded) == Chuid(bytes(16))
    with pytest.raises(TlvError):
        Chuid.parse(tlv.encode(0x34, b"short"))


def test_the_pkcs1_block_is_what_cryptography_makes():
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.private_numbers()
    expected = key.sign(b"data", padding.PKCS1v15(), hashes.SHA256())
    context = hashes.Hash(hashes.SHA256())
    context.update(b"data")
    block = pkcs1_block(context.finalize(), 256)
    ours = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")
    assert ours == expected
