"""The public listener as a process: start, stop, parent's death, TLS, failures at start."""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.authority import Authority, free_port
from trust.profile_policy import CertificateKind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server relies on Linux's prctl")

STOP_SECONDS = 3.0
_PROGRAM = """
import sys, threading, os
from pathlib import Path
from runtime import server
from runtime.settings import ServiceSettings
from runtime.errors import RuntimeServiceError

folder, port, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
tls = dict(tls_certificate=Path(sys.argv[4]), tls_key=Path(sys.argv[5])) if len(sys.argv) > 4 else {}
settings = ServiceSettings(
    state_directory=folder, port=port, public_url="http://localhost", trust_anchors=folder,
    intermediates=folder, key_passphrase_file=folder / "passphrase", data_key_file=folder,
    session_key_file=folder, **tls)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        threading.Event().wait(30)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

def work(stop):
    stop.wait()
    (folder / "stopped").touch()

def load():
    if mode == "refuse":
        raise RuntimeServiceError("the data key is missing: restore it", code="key-missing")
    if mode == "crash":
        raise ZeroDivisionError
    server.run_beside("work", work)
    return app

server.serve(load, settings)
"""


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def ask(port: int, path: str = "/") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def answers(port: int) -> bool:
    try:
        return bool(ask(port))
    except OSError:
        return False


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def started(folder: Path, port: int, *more: str, mode: str = "serve") -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", _PROGRAM, str(folder), str(port), mode, *more]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[2]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_within_three_seconds(tmp_path: Path, by: signal.Signals) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        assert until(lambda: answers(port))
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        kept.request("GET", "/")
        kept.getresponse().read()
        begin = time.monotonic()
        process.send_signal(by)
        assert process.wait(STOP_SECONDS + 2) == 0
        assert time.monotonic() - begin < STOP_SECONDS
        kept.close()
    assert (tmp_path / "stopped").exists(), "what runs beside the application is told to stop"


def test_a_request_that_hangs_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        assert until(lambda: answers(port))
        slow = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        slow.request("GET", "/slow")
        begin = time.monotonic()
        process.terminate()
        process.wait(STOP_SECONDS + 2)
        assert time.monotonic() - begin < STOP_SECONDS
        slow.close()


def test_the_worker_dies_with_a_server_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        assert until(lambda: answers(port))
        worker = int(ask(port))
        assert worker != process.pid
        process.kill()
        assert until(lambda: not lives(worker), 2.0)
        assert not answers(port)


def test_the_server_ends_when_its_worker_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        assert until(lambda: answers(port))
        os.kill(int(ask(port)), signal.SIGKILL)
        assert process.wait(STOP_SECONDS) != 0


def test_an_error_at_start_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with started(tmp_path, free_port(), mode="refuse") as process:
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 1
        assert output.decode().splitlines()[0] == "error (key-missing): the data key is missing: restore it"
        assert b"Traceback" not in output


def test_an_unforeseen_error_at_start_is_told_whole(tmp_path: Path) -> None:
    with started(tmp_path, free_port(), mode="crash") as process:
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 1
        assert b"ZeroDivisionError" in output


def test_serves_tls_with_an_encrypted_key(authority: Authority) -> None:
    issued = authority.service("ra", CertificateKind.TLS_SERVER)
    port = free_port()
    trusting = ssl.create_default_context(cafile=authority.anchors_file)

    def answers_tls() -> bool:
        connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    with started(authority.folder, port, str(issued.certificate_file), str(issued.key_file)) as process:
        assert until(answers_tls)
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
