"""The command `card` as a person and as a script use it: real processes, exit codes, no PIN in the open."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cardreader.conftest import KINDS, PIN
from tests.pcscd import wait_until

CARD = [sys.executable, "-m", "cardreader.cli"]
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "COVERAGE_PROCESS_START": ""}


def card(*arguments, answers=(), code=0, env=None):
    done = subprocess.run(
        [*CARD, *map(str, arguments)],
        input="".join(f"{answer}\n" for answer in answers).encode(),
        capture_output=True,
        env={**ENVIRONMENT, **(env or {})},
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def test_help_teaches():
    text = card("--help")
    for words in ("First steps", "card change-pin", "Exit codes", "never taken as arguments"):
        assert words in text
    assert "--origin" in card("agent", "--help")
    assert "9A.csr" in card("personalize", "--help")
    card("nonsense", code=2)


def test_a_first_card_from_nothing(tmp_path):
    folder = ("--virtual", tmp_path / "cards")
    assert "No card reader is connected" in card("list", *folder)
    assert "blank card" in card("virtual", "new", "liming", *folder)
    assert "liming" in card("virtual", "list", *folder)
    listed = card("list", *folder)
    assert "Virtual reader: liming" in listed
    assert "3 tries left" in listed
    assert "no certificates" in listed
    card("virtual", "remove", "liming", *folder)
    assert "no card" in card("list", *folder)
    assert "error (no-card)" in card("status", *folder, code=3)
    card("virtual", "insert", "liming", *folder)
    assert json.loads(card("status", "--json", *folder))["card"]["pin_attempts_remaining"] == 3
    assert "exists" in card("virtual", "new", "liming", *folder, code=1)


def test_pins_wrong_blocked_unblocked(tmp_path):
    folder = ("--virtual", tmp_path / "cards")
    card("virtual", "new", "liming", *folder)
    changing = ("change-pin", *folder)
    assert "2 tries left" in card(*changing, answers=["000000", "135790", "135790"], code=4)
    assert "entries-differ" in card(*changing, answers=["123456", "135790", "135791"], code=1)
    assert "pin-format" in card(*changing, answers=["12345", "x", "x"], code=4)
    assert "was changed" in card(*changing, answers=["123456", "135790", "135790"])
    card(*changing, answers=["000000", "135790", "135790"], code=4)
    card(*changing, answers=["000000", "135790", "135790"], code=4)
    last = card(*changing, answers=["000000", "135790", "135790"], code=5)
    assert "Last try" in last
    assert "pin-blocked" in last
    assert "card unblock" in card("status", *folder)
    assert "puk-wrong" in card("unblock", *folder, answers=["00000000", "246810", "246810"], code=4)
    card("unblock", *folder, answers=["12345678", "246810", "246810"])
    assert "was changed" in card("change-puk", *folder, answers=["12345678", "abcdefgh", "abcdefgh"])
    assert "3 tries left" in card("status", *folder)


def test_nobody_to_ask(tmp_path):
    folder = ("--virtual", tmp_path / "cards")
    card("virtual", "new", "liming", *folder)
    assert "error (no-prompt)" in card("change-pin", *folder, code=1)


def test_errors_speak_the_persons_language(tmp_path):
    (tmp_path / "cards").mkdir()
    text = card("status", "--virtual", tmp_path / "cards", code=3, env={"LC_ALL": "zh_CN.UTF-8"})
    assert "没有找到读卡器" in text


def test_several_cards_must_be_named(tmp_path):
    folder = ("--virtual", tmp_path / "cards")
    card("virtual", "new", "liming", *folder)
    card("virtual", "new", "wangfang", *folder)
    assert "several-cards" in card("status", *folder, code=1)
    assert "liming" in card("status", *folder, "--reader", "liming")
    assert "no-reader" in card("status", *folder, "--reader", "nobody", code=3)


def test_personalising_through_files(tmp_path, authority):
    folder = ("--virtual", tmp_path / "cards")
    card("virtual", "new", "liming", *folder)
    (tmp_path / "master.key").write_bytes(bytes(32))
    options = (*folder, "--journal", tmp_path / "journal", "--master-key", tmp_path / "master.key")
    pin, puk = PIN.decode(), "87654321"
    prepared = card(
        *("personalize", "prepare", *options, "--name", "李明", "--out", tmp_path / "out"),
        answers=[pin, pin, puk, puk],
    )
    assert "signed by the key in 9A" in prepared
    assert pin not in prepared
    for label, kind in zip(("9A", "9C"), KINDS["citizen"], strict=True):
        issued = authority.issue((tmp_path / "out" / f"{label}.csr").read_bytes(), kind)
        (tmp_path / f"{label}.cer").write_bytes(issued)
    finishing = ("personalize", "complete", *options)
    certificates = ("--authentication", tmp_path / "9A.cer", "--signature", tmp_path / "9C.cer")
    swapped = ("--authentication", tmp_path / "9C.cer", "--signature", tmp_path / "9A.cer")
    assert "certificate-for-another-key" in card(*finishing, *swapped, answers=[pin, puk], code=1)
    assert "is ready" in card(*finishing, *certificates, answers=[pin, puk])
    status = card("status", *folder)
    assert "李明" in status
    described = json.loads(card("status", "--json", *folder))
    assert described["card"]["certificates"]["9A"]["in_time"]


def test_the_terminal_does_not_show_the_pin(tmp_path):
    """On a terminal of its own: what is typed does not come back."""
    folder = tmp_path / "cards"
    card("virtual", "new", "liming", "--virtual", folder)
    terminal, inner = pty.openpty()
    command = [*CARD, "change-pin", "--virtual", str(folder)]
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=ENVIRONMENT)
    os.close(inner)
    shown = b""
    for wanted, typed in ((b"PIN: ", b"123456\n"), (b"digits): ", b"135790\n"), (b"(again): ", b"135790\n")):
        while not shown.endswith(wanted):
            shown += os.read(terminal, 1)
        os.write(terminal, typed)
    while b"was changed" not in shown:
        shown += os.read(terminal, 1)
    process.wait(10)
    os.close(terminal)
    assert b"123456" not in shown
    assert b"135790" not in shown


# --- the agent as a process ------------------------------------------------------------------------------


def start_agent(*arguments):
    return subprocess.Popen(
        [*CARD, "agent", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_the_agent_runs_hardened_and_stops(tmp_path, free_port, desk):
    desk.card("liming")
    agent = start_agent(
        *("--virtual", desk.folder.directory, "--port", free_port, "--origin", "https://login.example")
    )
    try:
        assert f"http://127.0.0.1:{free_port} (prompt: page)" in agent.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/status", timeout=10) as answer:
            assert json.load(answer)["prompt"] == "page"
        limits = Path(f"/proc/{agent.pid}/limits").read_text()
        assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
        if os.geteuid() == 0:  # a process that is not dumpable has its /proc files owned by root
            assert Path(f"/proc/{agent.pid}/environ").stat().st_uid == 0
        again = start_agent("--virtual", desk.folder.directory, "--port", free_port)
        assert "port-in-use" in again.communicate(timeout=30)[0]
        assert again.returncode == 1
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(10) == 0
        agent.stdout.close()


def test_the_agent_refuses_bad_settings_all_at_once(tmp_path):
    (tmp_path / "agent.toml").write_text(
        '[agent]\nport = 80\norigins = ["http://evil.example", "https://ok.example"]\ncolour = "red"\n'
    )
    text = card("agent", "--config", tmp_path / "agent.toml", "--prompt", "page", code=1)
    for mistake in ("agent.port", "agent.origins", "agent.colour", "agent.prompt"):
        assert mistake in text


def test_dumpable_is_off():
    """PR_GET_DUMPABLE (3) after protect_process: 0."""
    program = (
        "import ctypes, resource; from cardreader.process import protect_process; protect_process();"
        "print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 (0, 0)"


def test_only_light_packages_are_imported():
    """A citizen's PC has the base install: no server package comes along, and pyscard only when needed."""
    program = "import sys, cardreader.cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "flask",
        "sqlalchemy",
        "granian",
        "runtime",
        "smartcard",
        "requests",
        "jose",
        "OpenSSL",
    }


def test_kill_9_leaves_a_whole_card(tmp_path, desk):
    """A process killed while it changes the PIN again and again: the file is whole and unlocked."""
    slot = desk.blank("liming")
    loop = (
        "import sys; from pathlib import Path; from cardreader.virtual import VirtualReader;"
        "from cardreader.connection import transaction; from cardreader.piv import PivCard\n"
        "slot = VirtualReader(Path(sys.argv[1])).slot('liming'); print('go', flush=True)\n"
        "while True:\n"
        "  with transaction(slot) as c: PivCard.select(c).change_pin(b'123456', b'123456')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", loop, str(desk.folder.directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "go\n"
    first = slot._path.stat().st_mtime_ns
    wait_until(lambda: slot._path.stat().st_mtime_ns != first or process.poll(), 10, "nothing happened")
    process.kill()
    process.wait()
    process.stdout.close()
    assert slot.load().pin.attempts in (2, 3)
    slot.connect().disconnect()
