"""The virtual card: whatever comes in, a card answers; and its file, shared and hurt."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardreader.connection import transaction
from cardreader.errors import (
    CardBusyError,
    CardRemovedError,
    NoCardError,
    ServiceUnavailableError,
    VirtualCardError,
)
from cardreader.piv import PivCard
from cardreader.piv_terms import Instruction, KeyAlgorithm, ManagementAlgorithm, ManagementKey, Slot
from cardreader.status_word import StatusWord
from cardreader.virtual import CardState, VirtualCard, VirtualReader, VpcdLink
from cardreader.virtual import reader as reader_module
from tests.cardreader.conftest import PIN

SELECT = bytes.fromhex("00A4040009A0000003080000100000")
FACTORY = ManagementKey.factory(ManagementAlgorithm.AES_192)
KNOWN = {int(status) for status in StatusWord}


def is_known(status_word):
    return status_word in KNOWN or status_word & 0xFFF0 == 0x63C0 or status_word >> 8 in (0x61, 0x6C)


def selected(state=None):
    card = VirtualCard(state or CardState())
    assert card.transmit(SELECT)[1] == 0x9000
    return card


def test_the_atr_names_piv():
    """ISO/IEC 7816-3: T=1, 13 historical bytes, check byte; the one OpenSC takes for a plain PIV card."""
    assert VirtualCard.atr == bytes.fromhex("3B8D0180FBA0000003080000100001004D")


@given(st.lists(st.binary(max_size=300), max_size=8))
@settings(max_examples=200)
def test_any_bytes_get_an_answer(commands):
    card = selected()
    for command in commands:
        data, status_word = card.transmit(command)
        assert is_known(status_word)
        assert len(data) <= 256 or len(command) > 260


commands = st.builds(
    lambda cla, ins, p1, p2, data: bytes([cla, ins, p1, p2, len(data)]) + data,
    st.sampled_from([0x00, 0x10, 0x80, 0x0C]),
    st.sampled_from([*(int(instruction) for instruction in Instruction), 0x00, 0x42]),
    st.sampled_from([0x00, 0x03, 0x04, 0x07, 0x0A, 0x11, 0x14, 0x3F, 0xFF]),
    st.sampled_from([0x00, 0x80, 0x81, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0xFF]),
    st.one_of(
        st.binary(min_size=1, max_size=60),
        st.sampled_from(
            [
                bytes.fromhex("7C028000"),
                bytes.fromhex("7C028100"),
                bytes.fromhex("7C0482008100"),
                bytes.fromhex("5C035FC102"),
                bytes.fromhex("5C017E"),
                bytes.fromhex("5C00"),
                bytes.fromhex("AC03800111"),
                b"123456\xff\xff",
                b"12345678654321\xff\xff",
            ]
        ),
    ),
)


@given(st.lists(commands, max_size=12), st.booleans())
@settings(max_examples=200, deadline=None)
def test_likely_commands_in_any_order(sequence, yubico):
    card = selected(CardState(yubico=yubico))
    for command in sequence:
        _, status_word = card.transmit(command)
        assert is_known(status_word)
    assert CardState.from_json(card.state.to_json()) == card.state


def test_a_chain_without_end_is_cut():
    card = selected()
    link = bytes([0x10, 0xDB, 0x3F, 0xFF, 255]) + bytes(255)
    answers = {card.transmit(link)[1] for _ in range(100)}
    assert answers == {0x9000, 0x6A84}


def test_selecting_resets_what_was_proven():
    card = selected()
    driver = PivCard(card_connection(card))
    driver.verify_pin(b"123456")
    driver.authenticate_management(FACTORY)
    card.transmit(SELECT)
    assert not driver.pin_status().verified
    assert card.transmit(bytes.fromhex("0047009A05AC03800111"))[1] == 0x6982
    assert card.transmit(bytes.fromhex("00A4040005A000000004"))[1] == 0x6A82  # another application: not here
    card.reset()
    assert card.transmit(bytes.fromhex("00200080"))[1] == 0x6D00  # nothing selected


def card_connection(card):
    class Plain:
        transmit = staticmethod(card.transmit)

        def disconnect(self):
            card.reset()

    return Plain()


def test_protected_objects_want_the_pin():
    card = selected()
    driver = PivCard(card_connection(card))
    card.state.objects[0x5FC109] = b"printed"
    read = bytes.fromhex("00CB3FFF055C035FC109")
    assert card.transmit(read)[1] == 0x6982
    driver.verify_pin(b"123456")
    assert card.transmit(read) == (bytes.fromhex("5307") + b"printed", 0x9000)


# --- the folder ------------------------------------------------------------------------------------------


def test_a_card_is_a_private_file_and_remembers(tmp_path):
    folder = VirtualReader(tmp_path / "cards")
    slot = folder.new_card("liming")
    path = tmp_path / "cards" / "liming.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with transaction(slot) as connection:
        PivCard.select(connection).change_pin(b"123456", PIN)
    assert path.stat().st_mode & 0o777 == 0o600
    with transaction(VirtualReader(tmp_path / "cards").slot("liming")) as connection:
        PivCard.select(connection).verify_pin(PIN)
    assert not list(path.parent.glob(".card-*"))


def test_a_card_never_replaces_another(tmp_path):
    folder = VirtualReader(tmp_path)
    folder.new_card("liming")
    with pytest.raises(VirtualCardError, match="exists"):
        folder.new_card("liming")
    for name in ("", "../escape", "a/b", ".hidden", "x" * 65, "卡"):
        with pytest.raises(VirtualCardError):
            folder.new_card(name)
    with pytest.raises(NoCardError):
        folder.slot("wangfang")


def test_insert_and_remove(tmp_path):
    slot = VirtualReader(tmp_path).new_card("liming")
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        slot.remove()
        with pytest.raises(CardRemovedError):
            card.pin_status()
    assert not slot.card_present()
    with pytest.raises(NoCardError):
        slot.connect()
    slot.insert()
    with transaction(slot) as connection:
        assert PivCard.select(connection).pin_status().attempts_remaining == 3


def test_one_card_one_user(tmp_path, monkeypatch):
    slot = VirtualReader(tmp_path).new_card("liming")
    monkeypatch.setattr(reader_module, "_LOCK_TIMEOUT", 0.05)
    with transaction(slot), pytest.raises(CardBusyError):
        slot.connect()
    with transaction(slot):
        pass


def test_users_wait_for_one_another(tmp_path):
    """Many at once, each spending a try and giving it back: no update is lost."""
    slot = VirtualReader(tmp_path).new_card("liming")
    failures = []

    def use():
        try:
            for _ in range(5):
                with transaction(slot) as connection:
                    card = PivCard.select(connection)
                    card.change_pin(b"123456", b"654321")
                    card.change_pin(b"654321", b"123456")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert slot.load().pin.attempts == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "{",
        lambda _: "[]",
        lambda document: json.dumps({**document, "pin": None}),
        lambda document: json.dumps({**document, "pin": {**document["pin"], "attempts": 99}}),
        lambda document: json.dumps({**document, "serial": "one"}),
        lambda document: json.dumps({**document, "management": {"algorithm": "AES_192", "key": "AAAA"}}),
        lambda document: json.dumps({**document, "keys": {"9A": {"algorithm": "P_521"}}}),
        lambda document: json.dumps({**document, "objects": {"zz": ""}}),
        lambda document: json.dumps({name: value for name, value in document.items() if name != "puk"}),
    ],
)
def test_a_damaged_file(tmp_path, change):
    slot = VirtualReader(tmp_path).new_card("liming")
    path = tmp_path / "liming.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(VirtualCardError, match="damaged"):
        slot.connect()


def test_a_file_of_a_newer_version(tmp_path):
    slot = VirtualReader(tmp_path).new_card("liming")
    path = tmp_path / "liming.json"
    before = path.read_text().replace('"version": 1', '"version": 2')
    path.write_text(before)
    with pytest.raises(VirtualCardError, match="file format 2"):
        slot.connect()
    assert path.read_text() == before


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VirtualCardError, match="cannot be made"):
        VirtualReader(tmp_path / "file" / "cards").new_card("x")
    slot = VirtualReader(tmp_path / "cards").new_card("liming")
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        (tmp_path / "cards").rename(tmp_path / "moved")
        with pytest.raises(CardRemovedError):
            card.change_pin(b"123456", PIN)


def test_the_state_never_shows_its_secrets():
    text = repr(CardState())
    assert "123456" not in text
    assert "\\x01\\x02" not in text


# --- vpcd's protocol, without pcscd ----------------------------------------------------------------------


def test_the_vpcd_link_answers_a_reader():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = VpcdLink(VirtualCard(CardState()), listener.getsockname()[1])
        link.insert()
        reader, _ = listener.accept()
        with reader:
            stream = reader.makefile("rwb", buffering=0)

            def ask(message, answered=True):
                stream.write(len(message).to_bytes(2, "big"))
                stream.write(message)
                if answered:
                    length = int.from_bytes(stream.read(2), "big")
                    return stream.read(length)
                return None

            ask(b"\x01", answered=False)
            assert ask(b"\x04") == VirtualCard.atr
            assert ask(SELECT).endswith(b"\x90\x00")
            assert ask(bytes.fromhex("00200080")) == bytes.fromhex("63C3")
            ask(b"\x02", answered=False)
            assert ask(bytes.fromhex("00200080")) == bytes.fromhex("6D00")
            link.remove()
            assert stream.read(1) == b""
            link.remove()
            stream.close()


def test_no_virtual_reader_listens(free_port):
    with pytest.raises(ServiceUnavailableError):
        VpcdLink(VirtualCard(CardState()), free_port).insert()


def test_keys_survive_in_the_file(tmp_path):
    slot = VirtualReader(tmp_path).new_card("liming")
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        card.authenticate_management(FACTORY)
        public_key = card.generate_key(Slot.CARD_AUTHENTICATION, KeyAlgorithm.P_256)
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        assert card.read_metadata(Slot.CARD_AUTHENTICATION).public_key == public_key
        assert card.sign(Slot.CARD_AUTHENTICATION, KeyAlgorithm.P_256, b"x")
