"""Commands: the cases of ISO/IEC 7816-4 5.2 by hand, chaining both ways, and cards that misbehave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.apdu import Command, parse_command, send
from cardreader.errors import ApduError, CardError
from cardreader.status_word import StatusWord, StatusWordError, check_status, explain

CASES = [
    (Command(0, 0x20, 0, 0x80), False, "00200080"),
    (Command(0, 0xC0, 0, 0, le=256), False, "00C0000000"),
    (Command(0, 0xC0, 0, 0, le=17), False, "00C0000011"),
    (Command(0, 0xA4, 4, 0, b"\xa0\x00"), False, "00A4040002A000"),
    (Command(0, 0xA4, 4, 0, b"\xa0\x00", 256), False, "00A4040002A00000"),
    (Command(0, 0xCB, 0x3F, 0xFF, le=65536), True, "00CB3FFF000000"),
    (Command(0, 0xCB, 0x3F, 0xFF, b"\x5c\x00"), True, "00CB3FFF0000025C00"),
    (Command(0, 0xCB, 0x3F, 0xFF, b"\x5c\x00", 300), True, "00CB3FFF0000025C00012C"),
]


@pytest.mark.parametrize(("command", "extended", "text"), CASES)
def test_the_cases(command, extended, text):
    assert command.encode(extended=extended) == bytes.fromhex(text)
    parsed, was_extended = parse_command(bytes.fromhex(text))
    assert parsed == command
    assert was_extended is extended


@pytest.mark.parametrize(
    "text", ["", "002000", "00200080020", "0020008002AA", "0020008001AABBCC", "00200080000002AA"]
)
def test_bad_commands(text):
    with pytest.raises(ApduError):
        parse_command(bytes.fromhex(text + "0" * (len(text) % 2)))


def test_what_does_not_fit():
    with pytest.raises(ApduError):
        Command(0, 0xDB, 0, 0, bytes(256)).encode()
    with pytest.raises(ApduError):
        Command(0, 0xDB, 0, 0, bytes(65536)).encode(extended=True)
    with pytest.raises(ApduError):
        Command(0, 0xC0, 0, 0, le=257).encode()
    assert "PIN" not in repr(Command(0, 0x20, 0, 0x80, b"PIN"))


class Scripted:
    """A card that answers from a list, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers, self.sent, self.kept = list(answers), [], []

    def transmit(self, command):
        self.sent.append(bytes(command))
        self.kept.append(command)
        return self.answers.pop(0)

    def disconnect(self):
        pass


def test_command_chaining():
    card = Scripted((b"", 0x9000), (b"", 0x9000), (b"ok", 0x9000))
    data, status_word = send(card, Command(0, 0xDB, 0x3F, 0xFF, bytes(range(256)) * 2 + b"end", le=256))
    assert (data, status_word) == (b"ok", 0x9000)
    assert [(sent[0], sent[4]) for sent in card.sent] == [(0x10, 255), (0x10, 255), (0x00, 5)]
    assert b"".join(sent[5 : 5 + sent[4]] for sent in card.sent) == bytes(range(256)) * 2 + b"end"


def test_a_refused_link_ends_the_chain():
    card = Scripted((b"", 0x6884))
    assert send(card, Command(0, 0xDB, 0, 0, bytes(300)))[1] == StatusWord.CHAINING_NOT_SUPPORTED
    assert len(card.sent) == 1


def test_response_chaining_and_wrong_le():
    card = Scripted((b"", 0x6C02), (b"ab", 0x6103), (b"cde", 0x9000))
    assert send(card, Command(0, 0xCB, 0x3F, 0xFF, b"\x5c\x00", 256)) == (b"abcde", 0x9000)
    assert card.sent[1].endswith(b"\x5c\x00\x02")
    assert card.sent[2] == bytes.fromhex("00C0000003")


def test_a_card_that_never_ends():
    class Endless(Scripted):
        def transmit(self, _command):
            return bytes(256), 0x6100

    with pytest.raises(ApduError):
        send(Endless(), Command(0, 0xCB, 0x3F, 0xFF, le=256))
    with pytest.raises(ApduError):
        send(Scripted((b"a", 0x6105), (b"", 0x6105)), Command(0, 0xCB, 0x3F, 0xFF, le=256))


def test_the_command_is_wiped():
    card = Scripted((b"", 0x9000))
    send(card, Command(0, 0x20, 0, 0x80, bytearray(b"123456\xff\xff")))
    assert not any(card.kept[0])


@given(st.binary(max_size=600))
def test_any_bytes_are_a_command_or_refused(data):
    try:
        command, extended = parse_command(data)
    except ApduError:
        return
    assert parse_command(bytes(command.encode(extended=extended)))[0] == command


# --- status words ----------------------------------------------------------------------------------------


def test_every_status_word_is_explained_in_both_languages():
    for number in range(0x6000, 0xA000):
        english, chinese = explain(number)
        assert english
        assert chinese
    for known in StatusWord:
        assert explain(known) != explain(0x9999)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0x6982, "PIN"),
        (0x63C2, "2 tries left"),
        (0x6A84, "full"),
        (0x6283, "warning"),
        (0x1234, "no standard"),
    ],
)
def test_the_error_says_what_it_means(number, text):
    with pytest.raises(StatusWordError, match=text) as raised:
        check_status(number)
    assert raised.value.code == f"status-{number:04x}"
    assert isinstance(raised.value, CardError)
    check_status(StatusWord.SUCCESS)
