"""A private pcscd with a virtual reader, for tests of any folder.

    pytest_plugins = ("tests.pcscd_fixture",)         # brings the fixture `pcscd`, one for the session

    @pytest.mark.pcsc
    def test_something(pcscd, slot):
        with pcscd.card(slot):                        # a card of a VirtualReader folder sits in the reader
            subprocess.run(["pkcs11-tool", "--list-slots"], env=pcscd.environment())

pcscd runs in a mount namespace of its own, so that workers share nothing: its socket directory is a tmpfs
there, which clients outside reach through /proc/PID/root.  Where a mount namespace cannot be made, pcscd uses
/run/pcscd itself, under a file lock.  libpcsclite remembers the socket's name, so one process sees one pcscd:
the tests of one worker share it, and those that need another ask in a child process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cardreader.virtual import VirtualSlot

SOCKET = "/run/pcscd/pcscd.comm"
READER_NAME = "Virtual PCD"
LIBRARIES = ("/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "/usr/lib64/pcsc/drivers/serial/libifdvpcd.so")
SOCKET_NAME_VARIABLE = "PCSCLITE_CSOCK_NAME"
START_TIMEOUT = 10.0
CARD_TIMEOUT = 10.0
READER_POLLS_EVERY = 0.4


class PcscdError(RuntimeError):
    """pcscd cannot be run here; the message says why."""


@dataclass
class Pcscd:
    """A running pcscd."""

    process: subprocess.Popen[bytes]
    socket_name: str
    ports: tuple[int, int]
    folder: Path

    @property
    def reader_names(self) -> tuple[str, str]:
        """The two slots of the vpcd reader."""
        return f"{READER_NAME} 00 00", f"{READER_NAME} 00 01"

    def environment(self, **more: str) -> dict[str, str]:
        """For client programs."""
        return {**os.environ, SOCKET_NAME_VARIABLE: self.socket_name, **more}

    @contextlib.contextmanager
    def card(self, slot: VirtualSlot, reader: int = 0) -> Iterator[subprocess.Popen[bytes]]:
        """A card of a folder in a reader: in a process of its own, as `card virtual plug` does it."""
        command = [sys.executable, "-m", "cardreader.cli", "virtual", "plug", slot.card_name]
        command += ["--virtual", str(slot.folder), "--port", str(self.ports[reader])]
        plugged = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: self._present(reader), CARD_TIMEOUT, "the card did not appear")
            yield plugged
        finally:
            if plugged.poll() is not None:
                # Pulled in mid-operation: pcscd learnt of it from a failed command, but its polling thread
                # must have seen the empty reader too, or it takes the next card for the one it knew.
                time.sleep(2 * READER_POLLS_EVERY)
            plugged.send_signal(signal.SIGINT)
            plugged.wait(CARD_TIMEOUT)
            wait_until(lambda: not self._present(reader), CARD_TIMEOUT, "the card did not leave")

    def _present(self, reader: int) -> bool:
        """Ask with a program of its own, since this process may know another pcscd."""
        listed = subprocess.run(
            ["opensc-tool", "--list-readers"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        line = next((line for line in listed.stdout.splitlines() if self.reader_names[reader] in line), "")
        return "Yes" in line.split()


@contextlib.contextmanager
def private_pcscd(folder: Path, *, with_reader: bool = True) -> Iterator[Pcscd]:
    """Start pcscd with one vpcd reader of two slots (or none); stop it at the end."""
    program = shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/sbin")
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    if program is None or library is None:
        raise PcscdError("pcscd and vsmartcard-vpcd must be installed")
    first = free_port_pair()
    configuration = folder / "reader.conf.d"
    configuration.mkdir(parents=True, exist_ok=True)
    if with_reader:
        lines = (
            f'FRIENDLYNAME "{READER_NAME}"',
            f"DEVICENAME /dev/null:{first:#x}",
            f"LIBPATH {library}",
            f"CHANNELID {first:#x}",
        )
        configuration.joinpath("vpcd").write_text("\n".join(lines) + "\n")
    arguments = [program, "--foreground", "--critical", "--config", str(configuration)]
    if (
        "--disable-polkit"
        in subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
    ):
        arguments.append("--disable-polkit")
    with _started(arguments, folder) as (process, socket_name):
        yield Pcscd(process, socket_name, (first, first + 1), folder)


@contextlib.contextmanager
def _started(arguments: list[str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run pcscd in a mount namespace of its own, else in the machine's /run/pcscd under a lock."""
    with contextlib.ExitStack() as scope:
        isolated = _can_unshare()
        Path(SOCKET).parent.mkdir(parents=True, exist_ok=True)
        if isolated:
            script = f'mount -t tmpfs none {Path(SOCKET).parent} && exec "$@"'
            arguments = ["unshare", "-m", "sh", "-c", script, "sh", *arguments]
        else:
            lock = scope.enter_context(open("/tmp/tongxing-tests-pcscd.lock", "w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        log = scope.enter_context((folder / "pcscd.log").open("wb"))
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
        socket_name = f"/proc/{process.pid}/root{SOCKET}" if isolated else SOCKET
        try:
            wait_until(lambda: _answers(process, socket_name), START_TIMEOUT, "pcscd did not start")
            yield process, socket_name
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _can_unshare() -> bool:
    """Whether this machine lets us have a mount namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


def _answers(process: subprocess.Popen[bytes], socket_name: str) -> bool:
    """Whether pcscd accepts a connection yet."""
    if process.poll() is not None:
        raise PcscdError(f"pcscd ended with {process.returncode}")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_name)
        except OSError:
            return False
    return True


def free_port_pair() -> int:
    """The first of two neighbouring free ports; vpcd numbers its slots by port."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            port = first.getsockname()[1]
            if port < 15_000 or port > 65_000:
                continue
            with contextlib.suppress(OSError):
                second.bind(("", port + 1))
                return port
    raise PcscdError("no two neighbouring ports are free")


def wait_until(condition, timeout: float, complaint: str) -> None:
    """Look until a condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise PcscdError(complaint)
        time.sleep(0.02)
