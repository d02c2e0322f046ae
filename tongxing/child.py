"""One process of the town: its command, its log, its starts and its end.

A child is started in one of two ways: as a program of its own, or, when the whole town starts at once, as
a fork of the supervisor, which has imported what all services share. The command is the same.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from runtime.process import die_with_parent

MAXIMUM_RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_MAXIMUM_LOG_BYTES = 10 * 1024 * 1024
_TAIL_LINES = 12
_POLL_SECONDS = 0.01
_FIRST_FREE_DESCRIPTOR = 3
_HIGHEST_DESCRIPTOR = 1024
_MODULE_FLAG = "-m"

SHARED_MODULES = (
    "authlib.integrations.flask_client",
    "flask",
    "granian",
    "runtime.internal",
    "runtime.jobs",
    "runtime.relying_party",
    "runtime.revocation",
    "runtime.server",
    "runtime.web",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
    "tongxing.server_cli",
    "trust.encoding.certificate",
)
"""What most services import: read once, before the children are forked."""


@dataclass(frozen=True)
class ChildSpec:
    """One process: its name, its command, the ports it binds and where it says that it is well."""

    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...]
    health_url: str
    directory: Path | None = None


class ForkedProcess:
    """A forked child, with as much of subprocess.Popen's interface as is needed here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; subprocess.TimeoutExpired when it does not come in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_POLL_SECONDS)
        return code

    def terminate(self) -> None:
        """Ask it to stop."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Child:
    """One running process of the town and its log."""

    def __init__(self, spec: ChildSpec, log_directory: Path) -> None:
        self.spec = spec
        self.log_file = log_directory / f"{spec.name}.log"
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._starts: deque[float] = deque(maxlen=MAXIMUM_RESTARTS + 1)
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

    def fork(self) -> None:
        """Run the command, which names a Python module, in a fork of this process.

        The caller must have no threads and no open database: neither survives a fork.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        with self._open_log() as log:
            pid = os.fork()
            if pid == 0:
                _become(self.spec, log.fileno(), parent)
        self.process = ForkedProcess(pid)
        self._starts.append(time.monotonic())

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def schedule_restart(self) -> bool:
        """Clear away what the dead process left; decide when to start again, or (False) that it is enough."""
        self._kill_group()
        now = time.monotonic()
        recent = [start for start in self._starts if now - start < RESTART_WINDOW_SECONDS]
        if len(recent) > MAXIMUM_RESTARTS:
            return False
        self.next_start = now + min(FIRST_PAUSE_SECONDS * 2 ** (len(recent) - 1), _LONGEST_PAUSE_SECONDS)
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

    def log_tail(self) -> str:
        """Return the last lines of the log, for a person to read."""
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return f"; {self.log_file} ends with\n" + "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])

    def _kill_group(self) -> None:
        """Kill what the process started and left behind; its session is its own."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _open_log(self) -> IO[bytes]:
        """Append to the log; one that has grown large is begun anew, the old one kept beside it."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > _MAXIMUM_LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        return self.log_file.open("ab")


def can_fork(specs: Sequence[ChildSpec]) -> bool:
    """Whether every command is a Python module of this interpreter's."""
    return all(spec.command[:2] == (sys.executable, _MODULE_FLAG) for spec in specs)


def preload() -> None:
    """Import what the services share, and keep the collector from touching it after the forks."""
    for name in SHARED_MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _become(spec: ChildSpec, log: int, parent: int) -> NoReturn:
    """In the fork: leave everything of the supervisor behind and run the command; never return."""
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        # The supervisor's lock must not live on in a child.
        os.closerange(_FIRST_FREE_DESCRIPTOR, _HIGHEST_DESCRIPTOR)
        if spec.directory is not None:
            os.chdir(spec.directory)
            sys.path.insert(0, str(spec.directory))
        module, *arguments = spec.command[2:]
        sys.argv = [module, *arguments]
        Path("/proc/self/comm").write_text(f"tx-{spec.name}", encoding="ascii")
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the last words of a process go to its log
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
