"""The same driver through real pcscd and pyscard, with the virtual card in Debian's virtual reader."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from cardreader.connection import find_reader, transaction
from cardreader.errors import CardRemovedError, NoCardError, NoReaderError, PinBlockedError, PinWrongError
from cardreader.piv import PivCard
from cardreader.piv_terms import KeyAlgorithm, Slot
from cardreader.signer import open_signer
from tests.cardreader.conftest import PIN, PUK
from tests.pcscd import Pcscd, private_pcscd
from trust.algorithms import verify_signature

pytest_plugins = ("tests.pcscd_fixture",)
pytestmark = pytest.mark.pcsc

# What another program would try once it gets the card: sign with 9A and 9C, giving no PIN.
SIGN_WITHOUT_PIN = textwrap.dedent(
    """
    import sys
    from cardreader.connection import transaction
    from cardreader.pcsc import PcscReaders
    from cardreader.piv import PivCard
    from cardreader.piv_terms import KeyAlgorithm, Slot
    from cardreader.status_word import StatusWordError
    reader = PcscReaders().readers()[0]
    refused = 0
    with transaction(reader) as connection:
        card = PivCard(connection)  # not selected again: SELECT itself would forget the PIN
        for slot in (Slot.AUTHENTICATION, Slot.SIGNATURE):
            try:
                card.sign(slot, KeyAlgorithm.P_256, b"x")
            except StatusWordError as error:
                refused += error.status_word in (0x6982, 0x6D00)
    print(refused)
    """
)


def the_reader(pcscd: Pcscd):
    from cardreader.pcsc import PcscReader

    return PcscReader(pcscd.reader_names[0])


def card_command(*arguments, env, answers=()):
    return subprocess.run(
        [sys.executable, "-m", "cardreader.cli", *arguments],
        input="".join(f"{answer}\n" for answer in answers).encode(),
        capture_output=True,
        env=env,
        timeout=60,
        check=False,
    )


def test_the_readers_are_listed_by_name(pcscd):
    from cardreader.pcsc import PcscReaders

    readers = PcscReaders().readers()
    assert [reader.name for reader in readers] == list(pcscd.reader_names)
    assert not any(reader.is_virtual for reader in readers)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.RSA_3072])
def test_a_card_is_personalised_and_signs(pcscd, desk, algorithm):
    slot = desk.blank("new")
    with pcscd.card(slot):
        certificates = desk.personalize(the_reader(pcscd), algorithm=algorithm)
        for number in (Slot.AUTHENTICATION, Slot.SIGNATURE):
            with open_signer(the_reader(pcscd), number, lambda _status: bytearray(PIN)) as signer:
                signature = signer.sign(b"over real PC/SC")
                verify_signature(signer.public_key, signer.algorithm, signature, b"over real PC/SC")
    assert certificates[Slot.SIGNATURE][-20:] in bytes(slot.load().objects[0x5FC10A])


def test_no_card_and_no_such_reader(pcscd):
    with pytest.raises(NoCardError):
        the_reader(pcscd).connect()
    from cardreader.pcsc import PcscReader, PcscReaders

    with pytest.raises(NoReaderError):
        PcscReader("No such reader 00 00").connect()
    with pytest.raises(NoReaderError):
        find_reader(PcscReaders(), "No such reader 00 00")
    with pytest.raises(NoCardError):
        find_reader(PcscReaders())


def test_the_card_is_pulled_in_mid_operation(pcscd, desk):
    slot = desk.card("pulled")
    with pcscd.card(slot) as plugged, transaction(the_reader(pcscd)) as connection:
        card = PivCard.select(connection)
        card.verify_pin(PIN)
        plugged.send_signal(signal.SIGINT)
        plugged.wait(10)
        with pytest.raises(CardRemovedError) as removed:
            card.sign(Slot.AUTHENTICATION, KeyAlgorithm.P_256, b"x")
        assert "nothing was signed" in removed.value.message
    with pcscd.card(slot), open_signer(the_reader(pcscd), Slot.SIGNATURE, lambda _: bytearray(PIN)) as signer:
        assert signer.sign(b"and back again")


def test_wrong_pin_blocked_pin_and_the_way_back(pcscd, desk):
    slot = desk.card("blocked")
    with pcscd.card(slot):
        for left in (2, 1):
            with transaction(the_reader(pcscd)) as connection, pytest.raises(PinWrongError) as wrong:
                PivCard.select(connection).verify_pin(b"000000")
            assert wrong.value.attempts_remaining == left
        with transaction(the_reader(pcscd)) as connection, pytest.raises(PinBlockedError):
            PivCard.select(connection).verify_pin(b"000000")
        environment = pcscd.environment()
        status = card_command("status", env=environment)
        assert b"blocked: `card unblock`" in status.stdout
        refused = card_command("change-pin", env=environment, answers=["000000", "111111", "111111"])
        assert refused.returncode == 5
        assert b"error (pin-blocked)" in refused.stderr
        unblocked = card_command("unblock", env=environment, answers=[PUK.decode(), "135790", "135790"])
        assert unblocked.returncode == 0, unblocked.stderr
        with transaction(the_reader(pcscd)) as connection:
            PivCard.select(connection).verify_pin(b"135790")


def test_after_an_operation_no_other_program_can_sign(pcscd, desk):
    with pcscd.card(desk.card("reset")):
        with transaction(the_reader(pcscd)) as connection:
            card = PivCard.select(connection)
            card.verify_pin(PIN)
            assert card.sign(Slot.AUTHENTICATION, KeyAlgorithm.P_256, b"x")
        assert _tries_without_pin(pcscd) == "2"


def test_after_a_crash_no_other_program_can_sign(pcscd, desk):
    crash = textwrap.dedent(
        """
        import os, signal
        from cardreader.pcsc import PcscReaders
        from cardreader.piv import PivCard
        card = PivCard.select(PcscReaders().readers()[0].connect())
        card.verify_pin(b"246813")
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    with pcscd.card(desk.card("crash")):
        killed = subprocess.run([sys.executable, "-c", crash], env=pcscd.environment(), check=False)
        assert killed.returncode == -signal.SIGKILL
        assert _tries_without_pin(pcscd) == "2"


def _tries_without_pin(pcscd):
    tried = subprocess.run(
        [sys.executable, "-c", SIGN_WITHOUT_PIN],
        env=pcscd.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return tried.stdout.strip()


def test_the_proof_itself_finds_an_open_card(pcscd, desk):
    """Left without a reset, the card does sign for others: the two tests above can fail."""
    careless = textwrap.dedent(
        """
        from smartcard import scard
        from cardreader.pcsc import PcscReaders
        from cardreader.piv import PivCard
        connection = PcscReaders().readers()[0].connect()
        PivCard.select(connection).verify_pin(b"246813")
        scard.SCardEndTransaction(connection._card, scard.SCARD_LEAVE_CARD)
        scard.SCardDisconnect(connection._card, scard.SCARD_LEAVE_CARD)
        import os
        os._exit(0)
        """
    )
    # pcscd cuts the power of a card nobody uses after five seconds: on a loaded machine the second program
    # may come too late, so the careless one has a few goes.
    with pcscd.card(desk.card("careless")):
        for _attempt in range(5):
            subprocess.run([sys.executable, "-c", careless], env=pcscd.environment(), check=True)
            tries = _tries_without_pin(pcscd)
            if tries in ("0", "1"):
                break
    assert tries in ("0", "1")


def test_pcscd_absent(tmp_path):
    environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody")}
    listed = card_command("list", env=environment)
    assert listed.returncode == 3
    assert b"error (no-service)" in listed.stderr
    assert b"pcscd" in listed.stderr


@pytest.mark.slow
def test_no_reader_at_all(tmp_path):
    with private_pcscd(tmp_path, with_reader=False) as service:
        listed = card_command("list", env=service.environment())
        assert listed.returncode == 0
        assert b"No card reader is connected" in listed.stdout
        status = card_command("status", env=service.environment())
        assert status.returncode == 3
        assert b"error (no-reader)" in status.stderr


@pytest.mark.slow
def test_pcscd_dies_in_mid_operation(tmp_path, desk):
    """In a child process, for libpcsclite remembers its service."""
    slot = desk.card("orphan")
    ask = textwrap.dedent(
        """
        import sys
        from cardreader.connection import transaction
        from cardreader.errors import CardError
        from cardreader.pcsc import PcscReaders
        from cardreader.piv import PivCard
        try:
            with transaction(PcscReaders().readers()[0]) as connection:
                card = PivCard.select(connection)
                print("held", flush=True)
                sys.stdin.readline()
                card.pin_status()
        except CardError as error:
            print(error.code)
        """
    )
    with private_pcscd(tmp_path) as service, service.card(slot):
        holder = subprocess.Popen(
            [sys.executable, "-c", ask],
            env=service.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout.readline().strip() == "held"
        service.process.kill()
        service.process.wait()
        answer, _ = holder.communicate("\n", timeout=30)
    assert answer.strip() in ("no-service", "card-removed")
