"""A blank card becomes a citizen's; a plug pulled at any command costs nothing."""

from __future__ import annotations

import pytest
from cryptography import x509

from cardreader.connection import transaction
from cardreader.errors import (
    CardError,
    CardRemovedError,
    NoCertificateError,
    PersonalizationError,
    PinFormatError,
    UnsupportedError,
)
from cardreader.journal import Step
from cardreader.personalization import SLOTS, CardSecrets, Personalization, derive_management_key
from cardreader.piv import PivCard
from cardreader.piv_terms import KeyAlgorithm, ManagementKey, Slot
from cardreader.virtual import CardState
from tests.cardreader.conftest import KINDS, MASTER_KEY, PIN, PUK, subject

SECRETS = CardSecrets(PIN, PUK, MASTER_KEY)


class Faulty:
    """A reader whose card is pulled after some commands."""

    is_virtual = True

    def __init__(self, reader, commands):
        self.reader, self.left, self.name = reader, commands, reader.name

    def card_present(self):
        return True

    def connect(self):
        self.connection = self.reader.connect()
        return self

    def transmit(self, command):
        if self.left == 0:
            raise CardRemovedError
        self.left -= 1
        return self.connection.transmit(command)

    def disconnect(self):
        self.connection.disconnect()


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_blank_card_is_personalised(desk, algorithm):
    slot = desk.blank("new")
    certificates = desk.personalize(slot, algorithm=algorithm)
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        for number in SLOTS:
            assert card.read_certificate(number) == certificates[number]
        assert len(card.read_chuid().guid) == 16
        card.verify_pin(PIN)
        with pytest.raises(CardError) as refused:
            card.authenticate_management(ManagementKey.factory(slot.load().management.algorithm))
        assert refused.value.code == "management-key-wrong"


def test_the_requests_are_signed_by_their_own_keys(desk):
    prepared = Personalization(desk.journal).prepare(desk.blank("new"), SECRETS, subject("王芳"))
    keys = set()
    for request in prepared.requests.values():
        parsed = x509.load_der_x509_csr(request)
        assert parsed.is_signature_valid
        assert parsed.subject.rfc4514_string() == "CN=王芳,C=CN"
        keys.add(parsed.public_key().public_numbers())
    assert len(keys) == 2


def test_it_resumes_after_the_card_was_pulled_at_any_command(desk, authority):
    pulled = 0
    for commands in range(60):
        slot = desk.blank(f"card-{commands}")
        work = Personalization(desk.journal)
        try:
            prepared = work.prepare(Faulty(slot, commands), SECRETS, subject("李明"))
        except CardRemovedError:
            pulled += 1
            prepared = work.prepare(slot, SECRETS, subject("李明"))
        certificates = {
            number: authority.issue(prepared.requests[number], kind)
            for number, kind in zip(SLOTS, KINDS["citizen"], strict=True)
        }
        try:
            work.complete(Faulty(slot, commands), SECRETS, certificates)
        except CardRemovedError:
            record = work.complete(slot, SECRETS, certificates)
            assert Step.CHECK in record.done
        assert slot.load().pin.attempts == slot.load().pin.maximum
        if pulled <= commands:
            break
    assert pulled >= 15


def test_the_answer_that_was_lost_does_not_cost_the_card(desk):
    """The command reached the card, its answer did not reach us: the worst moment to pull a card."""

    class AnswerLost(Faulty):
        def transmit(self, command):
            answer = self.connection.transmit(command)
            self.left -= 1
            if self.left == 0:
                raise CardRemovedError
            return answer

    for commands in range(1, 19):
        slot = desk.blank(f"lost-{commands}")
        work = Personalization(desk.journal)
        with pytest.raises(CardRemovedError):
            work.prepare(AnswerLost(slot, commands), SECRETS, subject("李明"))
        assert set(work.prepare(slot, SECRETS, subject("李明")).requests) == set(SLOTS)


def test_the_journal_holds_no_secret_and_no_person(desk, tmp_path):
    desk.card("new", holder="欧阳修远")
    slot = desk.folder.slot("new").load()
    (path,) = (tmp_path / "journal").glob("*.json")
    written = path.read_text("utf-8")
    key = derive_management_key(MASTER_KEY, bytes.fromhex(path.stem))
    for forbidden in (PIN.decode(), PUK.decode(), "欧阳", key.value.hex(), MASTER_KEY.hex()):
        assert forbidden not in written
    assert slot.management == key
    assert path.stat().st_mode & 0o077 == 0


def test_another_desks_card_is_refused(desk, tmp_path):
    slot = desk.card("theirs")
    for path in (tmp_path / "journal").iterdir():
        path.unlink()
    with pytest.raises(PersonalizationError) as refused:
        Personalization(desk.journal).prepare(slot, SECRETS, subject("x"))
    assert refused.value.code == "card-not-blank"


def test_the_wrong_card_comes_back(desk, authority):
    work = Personalization(desk.journal)
    first, second = desk.blank("first"), desk.blank("second")
    prepared = work.prepare(first, SECRETS, subject("a"))
    certificates = {slot: authority.issue(prepared.requests[slot], KINDS["citizen"][0]) for slot in SLOTS}
    with pytest.raises(PersonalizationError) as refused:
        work.complete(second, SECRETS, certificates)
    assert refused.value.code == "wrong-card"
    work.prepare(second, SECRETS, subject("b"))
    with pytest.raises(PersonalizationError) as refused:
        work.complete(second, SECRETS, certificates)
    assert refused.value.code == "certificate-for-another-key"
    assert not second.load().objects.keys() & {slot.certificate_object for slot in Slot}


def test_both_certificates_are_needed(desk):
    work = Personalization(desk.journal)
    slot = desk.blank("first")
    work.prepare(slot, SECRETS, subject("a"))
    with pytest.raises(NoCertificateError):
        work.complete(slot, SECRETS, {})


def test_a_damaged_journal_is_named(desk, tmp_path):
    slot = desk.blank("first")
    Personalization(desk.journal).prepare(slot, SECRETS, subject("a"))
    (path,) = (tmp_path / "journal").glob("*.json")
    path.write_text("{")
    with pytest.raises(PersonalizationError, match="journal"):
        Personalization(desk.journal).prepare(slot, SECRETS, subject("a"))


def test_a_card_without_the_makers_command_keeps_its_management_key(desk):
    slot = desk.folder.new_card("plain", CardState(yubico=False))
    with pytest.raises(UnsupportedError, match="maker's tool"):
        Personalization(desk.journal).prepare(slot, SECRETS, subject("a"))


def test_secrets_are_checked_and_never_shown():
    with pytest.raises(PinFormatError):
        CardSecrets(b"12345", PUK, MASTER_KEY)
    with pytest.raises(PersonalizationError):
        CardSecrets(PIN, PUK, b"short")
    assert PIN.decode() not in repr(SECRETS)
    random = CardSecrets.random(MASTER_KEY)
    assert len(random.pin) == 6
    assert random.management_key(b"a" * 16) != random.management_key(b"b" * 16)
