"""The doors to cards that `tongxing ca` is given: what the desk asks, and what it shows."""

from __future__ import annotations

import os

import pytest

from ca.personalization import CardOrder
from ca.profiles import SubjectShape
from cardreader.connection import transaction
from cardreader.errors import CardError
from cardreader.piv import PivCard
from cardreader.virtual.reader import VirtualReader
from tongxing.card_doors import authority_cards
from trust.names import NameAttribute, encode_name

PIN = b"246813"


@pytest.fixture
def typed(monkeypatch):
    """Lines that a person types."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "r") as terminal, os.fdopen(writing, "wb", buffering=0) as keyboard:
        monkeypatch.setattr("sys.stdin", terminal)
        yield keyboard.write


def shown_puk(text):
    return text.rpartition("shown once: ")[2].split()[0].encode("ascii")


def test_a_card_that_is_begun_again_keeps_the_puk_that_was_shown(tmp_path, typed, capsys):
    order = CardOrder(
        str(tmp_path / "cards" / "anna"),
        "Anna",
        SubjectShape.CITIZEN,
        encode_name([(NameAttribute.COMMON_NAME, "Anna")]),
    )
    typed(PIN + b"\n" + PIN + b"\n")
    authority_cards(tmp_path / "desk").personaliser().certification_requests(order)
    puk = shown_puk(capsys.readouterr().err)
    typed(PIN + b"\n")
    authority_cards(tmp_path / "desk").personaliser().certification_requests(order)
    said = capsys.readouterr().err
    assert "keeps the PIN and the PUK" in said
    assert "shown once" not in said
    with transaction(VirtualReader(tmp_path / "cards").slot("anna")) as connection:
        PivCard.select(connection).change_puk(puk, b"87654321")


def test_a_card_that_answers_or_will_be_made_is_accepted_and_an_absent_reader_is_not(tmp_path):
    cards = authority_cards(tmp_path / "desk")
    VirtualReader(tmp_path / "cards").new_card("anna")
    cards.check_reader(str(tmp_path / "cards" / "anna"))
    cards.check_reader(str(tmp_path / "cards" / "new.json"))
    assert not (tmp_path / "cards" / "new.json").exists()
    VirtualReader(tmp_path / "cards").slot("anna").remove()
    with pytest.raises(CardError):
        cards.check_reader(str(tmp_path / "cards" / "anna"))
