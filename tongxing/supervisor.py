"""The town's processes: one child a service, started together, watched, restarted, stopped in order.

A child runs the very command that production runs (`tongxing serve NAME`). It dies with the supervisor,
also when that is killed; a child that dies on its own is started again after a growing pause, and a
child that keeps dying stops the town with the last lines of its log.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from runtime.process import die_with_parent
from tongxing.errors import ChildError

HTTP_OK = 200
_POLL_SECONDS = 0.03
_HEALTH_TIMEOUT_SECONDS = 2.0
_START_TIMEOUT_SECONDS = 90.0
_STOP_TIMEOUT_SECONDS = 5.0
_PORT_TIMEOUT_SECONDS = 8.0
_WATCH_SECONDS = 0.2
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_MAXIMUM_RESTARTS = 5
_RESTART_WINDOW_SECONDS = 60.0
_MAXIMUM_LOG_BYTES = 10 * 1024 * 1024
_TAIL_LINES = 12


@dataclass(frozen=True)
class ChildSpec:
    """One process: its name, its command, the ports it binds and where it says that it is well."""

    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...]
    health_url: str
    directory: Path | None = None


class Child:
    """One running process of the town and its log."""

    def __init__(self, spec: ChildSpec, log_directory: Path) -> None:
        self.spec = spec
        self.log_file = log_directory / f"{spec.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._starts: deque[float] = deque(maxlen=_MAXIMUM_RESTARTS + 1)
        self.next_start = 0.0

    def start(self) -> None:
        """Start the process in a session of its own, so that the terminal's Ctrl-C reaches only us."""
        parent = os.getpid()
        with self._open_log() as log:
            self.process = subprocess.Popen(
                self.spec.command,
                cwd=self.spec.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - only the main thread starts children
            )
        self._starts.append(time.monotonic())

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def schedule_restart(self) -> bool:
        """Clear away what the dead process left; decide when to start again, or (False) that it is enough."""
        self._kill_group()
        now = time.monotonic()
        recent = [start for start in self._starts if now - start < _RESTART_WINDOW_SECONDS]
        if len(recent) > _MAXIMUM_RESTARTS:
            return False
        self.next_start = now + min(_FIRST_PAUSE_SECONDS * 2 ** (len(recent) - 1), _LONGEST_PAUSE_SECONDS)
        return True

    def terminate(self) -> None:
        """Ask the process to stop."""
        if self.process is not None and self.alive():
            self.process.terminate()

    def reap(self, deadline: float) -> None:
        """Wait for the process until the deadline, then kill it and whatever it started."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._kill_group()

    def _kill_group(self) -> None:
        """Kill what the process started and left behind; its session is its own."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def log_tail(self) -> str:
        """Return the last lines of the log, for a person to read."""
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return f"; {self.log_file} ends with\n" + "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])

    def _open_log(self) -> IO[bytes]:
        """Append to the log; one that has grown large is begun anew, the old one kept beside it."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > _MAXIMUM_LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        return self.log_file.open("ab")


class Supervisor:
    """Starts, watches and stops the children; `announce` is told what a person should know."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        log_directory: Path,
        announce: Callable[[str], None],
        trust_anchors: Path | None = None,
    ) -> None:
        self.children = [Child(spec, log_directory) for spec in specs]
        self._announce = announce
        self._trust_anchors = trust_anchors
        self._tls: ssl.SSLContext | None = None

    def start(self, stop: threading.Event | None = None) -> float:
        """Start every child and wait until all are well (or `stop` is set); return the seconds it took."""
        begin = time.monotonic()
        self._wait_for_ports()
        for child in self.children:
            child.start()
        try:
            self._wait_until_healthy(begin + _START_TIMEOUT_SECONDS, stop or threading.Event())
        except BaseException:
            self.stop()
            raise
        return time.monotonic() - begin

    def watch(self, stop: threading.Event) -> None:
        """Restart children that die, until `stop` is set; raise ChildError for one that keeps dying."""
        waiting: set[str] = set()
        while not stop.wait(_WATCH_SECONDS):
            for child in self.children:
                if child.alive():
                    continue
                if child.spec.name not in waiting:
                    self._schedule(child)
                    waiting.add(child.spec.name)
                elif time.monotonic() >= child.next_start:
                    waiting.discard(child.spec.name)
                    child.start()

    def stop(self) -> None:
        """Stop the children, those that people use first, those that others stand on last."""
        deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
        for child in reversed(self.children):
            child.terminate()
        for child in reversed(self.children):
            child.reap(deadline)

    def _schedule(self, child: Child) -> None:
        """Note a death and decide when to start again."""
        code = child.process.returncode if child.process else None
        if not child.schedule_restart():
            raise ChildError(
                f"{child.spec.name} keeps stopping (last exit code {code})" + child.log_tail(),
                code="child-keeps-dying",
            )
        self._announce(f"{child.spec.name} stopped (exit code {code}); starting it again")

    def _wait_for_ports(self) -> None:
        """Wait until every port is free: a town that was just killed needs a moment to let go."""
        deadline = time.monotonic() + _PORT_TIMEOUT_SECONDS
        for child in self.children:
            for port in child.spec.ports:
                while not _port_is_free(port):
                    if time.monotonic() > deadline:
                        raise ChildError(
                            f"port {port} of {child.spec.name} is in use by another program; "
                            "stop it, or choose other ports with --base-port",
                            code="port-in-use",
                        )
                    time.sleep(_POLL_SECONDS)

    def _wait_until_healthy(self, deadline: float, stop: threading.Event) -> None:
        """Wait until every child answers; one that died or stays silent is an error with its log's end."""
        waiting = list(self.children)
        while waiting and not stop.is_set():
            for child in list(waiting):
                if not child.alive():
                    code = child.process.returncode if child.process else None
                    raise ChildError(
                        f"{child.spec.name} did not start (exit code {code})" + child.log_tail(),
                        code="child-not-started",
                    )
                if self._is_healthy(child.spec.health_url):
                    waiting.remove(child)
            if waiting and time.monotonic() > deadline:
                names = ", ".join(child.spec.name for child in waiting)
                raise ChildError(
                    f"no answer from {names}; see {waiting[0].log_file}", code="child-not-healthy"
                )
            time.sleep(_POLL_SECONDS)

    def _is_healthy(self, url: str) -> bool:
        """Ask a child's health page once."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 0
        try:
            connection = self._connection(parts.scheme, host, port)
            try:
                connection.request("GET", parts.path)
                return connection.getresponse().status == HTTP_OK
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False

    def _connection(self, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        """Open a connection as the child's address asks for; TLS trusts the town's own root."""
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_HEALTH_TIMEOUT_SECONDS)
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._trust_anchors)
        return http.client.HTTPSConnection(host, port, timeout=_HEALTH_TIMEOUT_SECONDS, context=self._tls)


def _port_is_free(port: int) -> bool:
    """Whether the port can be bound: the servers share ports (SO_REUSEPORT), so they would not notice."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
