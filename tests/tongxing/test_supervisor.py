from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tongxing.child import ChildSpec
from tongxing.errors import ChildError
from tongxing.supervisor import Supervisor

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def spec(name, port, program=SERVER):
    return ChildSpec(
        name, (sys.executable, "-c", program, str(port)), (port,), f"http://127.0.0.1:{port}/healthz"
    )


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_children_start_become_healthy_and_stop(tmp_path, free_port):
    supervisor = Supervisor([spec("one", free_port)], tmp_path, lambda line: None)
    supervisor.start()
    process = supervisor.children[0].process
    supervisor.stop()
    assert process.poll() is not None


def test_a_child_that_dies_is_started_again(tmp_path, free_port):
    said = []
    supervisor = Supervisor([spec("one", free_port)], tmp_path, said.append)
    supervisor.start()
    first = supervisor.children[0].process.pid
    stop = threading.Event()
    os.kill(first, signal.SIGKILL)
    timer = threading.Thread(
        target=lambda: (until(lambda: supervisor.children[0].process.pid != first), stop.set())
    )
    timer.start()
    supervisor.watch(stop)
    timer.join()
    assert supervisor.children[0].alive()
    assert "one stopped" in said[0]
    supervisor.stop()


def test_a_child_that_cannot_start_is_named_with_its_words(tmp_path, free_port):
    broken = spec("broken", free_port, "import sys; sys.exit('the key file is missing')")
    supervisor = Supervisor([broken], tmp_path, lambda line: None)
    with pytest.raises(ChildError, match="the key file is missing") as caught:
        supervisor.start()
    assert caught.value.code == "child-not-started"


def test_a_port_in_use_is_named(tmp_path, free_port, monkeypatch):
    monkeypatch.setattr("tongxing.supervisor._PORT_TIMEOUT_SECONDS", 0.1)
    other = Supervisor([spec("other", free_port)], tmp_path, lambda line: None)
    other.start()
    with pytest.raises(ChildError, match=f"port {free_port} of one is in use"):
        Supervisor([spec("one", free_port)], tmp_path, lambda line: None).start()
    other.stop()


def test_a_child_that_keeps_dying_ends_the_town(tmp_path, free_port, monkeypatch):
    monkeypatch.setattr("tongxing.child.FIRST_PAUSE_SECONDS", 0.01)
    supervisor = Supervisor([spec("one", free_port)], tmp_path, lambda line: None)
    supervisor.start()
    child = supervisor.children[0]
    child.spec = spec("one", free_port, "import sys; sys.exit('disk full')")
    child.process.kill()
    with pytest.raises(ChildError, match="disk full") as caught:
        supervisor.watch(threading.Event())
    assert caught.value.code == "child-keeps-dying"


def test_children_die_with_a_killed_supervisor(tmp_path, free_port):
    program = textwrap.dedent("""
        import pathlib, sys, time
        from tongxing.child import ChildSpec
        from tongxing.supervisor import Supervisor
        port = int(sys.argv[1])
        child = ChildSpec("one", (sys.executable, "-c", sys.argv[2], str(port)), (port,), f"http://127.0.0.1:{port}/")
        supervisor = Supervisor([child], pathlib.Path(sys.argv[3]), print)
        supervisor.start()
        print(supervisor.children[0].process.pid, flush=True)
        time.sleep(600)
    """)
    command = [sys.executable, "-c", program, str(free_port), SERVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pid = int(process.stdout.readline())
        process.kill()
    until(lambda: gone(pid))
