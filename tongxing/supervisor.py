"""The town's processes: one child a service, started together, watched, restarted, stopped in order.

A child runs the very command that production runs (`tongxing serve NAME`). It dies with the supervisor,
also when that is killed; a child that dies on its own is started again after a growing pause, and a
child that keeps dying stops the town with the last lines of its log.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tongxing.child import Child, ChildSpec, can_fork, preload
from tongxing.errors import ChildError

HTTP_OK = 200
_POLL_SECONDS = 0.03
_HEALTH_TIMEOUT_SECONDS = 2.0
_START_TIMEOUT_SECONDS = 90.0
_STOP_TIMEOUT_SECONDS = 5.0
_PORT_TIMEOUT_SECONDS = 8.0
_WATCH_SECONDS = 0.2


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
        self._start_all()
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

    def _start_all(self) -> None:
        """Start every child, by fork when that is possible: it spares each the imports all have in common."""
        if not can_fork([child.spec for child in self.children]):
            for child in self.children:
                child.start()
            return
        preload()
        for child in self.children:
            child.fork()

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
