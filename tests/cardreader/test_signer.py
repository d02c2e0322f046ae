"""The card as a Signer: when the PIN is asked, how long it lives, what is signed."""

from __future__ import annotations

import pytest

from cardreader.connection import transaction
from cardreader.errors import CardError, PinBlockedError, PinWrongError
from cardreader.piv import PivCard
from cardreader.piv_terms import KeyAlgorithm, Slot
from cardreader.signer import CardSigner, open_signer
from tests.cardreader.conftest import PIN
from trust.algorithms import verify_signature
from trust.cms import parse_signed_data, verify_signed_data
from trust.encoding.cms import sign_cms
from trust.signer import Signer


class Asked:
    """A person who is asked, and remembers the bytearrays that left."""

    def __init__(self, pin=PIN):
        self.pin, self.statuses, self.given = pin, [], []

    def __call__(self, status):
        self.statuses.append(status.attempts_remaining)
        self.given.append(bytearray(self.pin))
        return self.given[-1]

    @property
    def wiped(self):
        return all(not any(pin) for pin in self.given)


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_it_is_a_signer(desk, algorithm):
    with open_signer(desk.card("liming", algorithm=algorithm), Slot.SIGNATURE, Asked()) as signer:
        assert isinstance(signer, Signer)
        signature = signer.sign(b"document")
        verify_signature(signer.public_key, signer.algorithm, signature, b"document")


def test_a_cms_signed_by_the_card(desk):
    slot = desk.blank("liming")
    certificate = desk.personalize(slot)[Slot.SIGNATURE]
    with open_signer(slot, Slot.SIGNATURE, Asked()) as signer:
        signed = sign_cms(b"content", signer, certificate)
    assert verify_signed_data(parse_signed_data(signed)).der == certificate


def test_each_signature_asks_and_wipes(desk):
    asked = Asked()
    with open_signer(desk.card("liming"), Slot.SIGNATURE, asked) as signer:
        for _ in range(3):
            signer.sign(b"x")
            assert asked.wiped
    assert asked.statuses[0] == 3
    assert len(asked.given) == 3


def test_a_confirmed_batch_asks_once(desk):
    asked = Asked()
    with open_signer(desk.card("liming"), Slot.SIGNATURE, asked, signatures=3) as signer:
        signer.sign(b"1")
        assert not asked.wiped
        signer.sign(b"2")
        signer.sign(b"3")
        assert asked.wiped
    assert len(asked.given) == 1


def test_the_pin_is_wiped_on_every_way_out(desk):
    slot = desk.card("liming")
    asked = Asked()
    with pytest.raises(RuntimeError), open_signer(slot, Slot.SIGNATURE, asked, signatures=9) as signer:
        signer.sign(b"1")
        raise RuntimeError
    assert asked.wiped
    wrong = Asked(b"000000")
    with pytest.raises(PinWrongError), open_signer(slot, Slot.SIGNATURE, wrong) as signer:
        signer.sign(b"1")
    assert wrong.wiped


def test_a_blocked_card_is_not_asked_for_its_pin(desk):
    slot = desk.card("liming")
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        for _ in range(3):
            with pytest.raises(CardError):
                card.verify_pin(b"000000")
    asked = Asked()
    with pytest.raises(PinBlockedError), open_signer(slot, Slot.SIGNATURE, asked) as signer:
        signer.sign(b"x")
    assert asked.given == []


def test_a_key_that_is_not_the_certificates(desk):
    slot = desk.card("liming")
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        card.authenticate_management(slot.load().management)
        card.generate_key(Slot.SIGNATURE, KeyAlgorithm.P_256)
    with pytest.raises(CardError) as mismatch, open_signer(slot, Slot.SIGNATURE, Asked()) as signer:
        signer.sign(b"x")
    assert mismatch.value.code == "key-mismatch"


def test_after_the_block_the_card_forgot_the_pin(desk):
    slot = desk.card("liming")
    with open_signer(slot, Slot.AUTHENTICATION, Asked()) as signer:
        signer.sign(b"x")
    with transaction(slot) as connection:
        assert not PivCard.select(connection).pin_status().verified


def test_the_algorithm_of_another_slot(desk):
    with transaction(desk.card("liming")) as connection, pytest.raises(CardError):
        CardSigner(PivCard.select(connection), Slot.KEY_MANAGEMENT, Asked())
