"""Where a town keeps what: one state directory, one folder a service.

- `<state>/town.toml`: every setting of every service
- `<state>/ra`, `ca`, `va`, `idp` …: a folder a service: database, keys, secrets; private to it
- `<state>/trust/`: `root.pem`, `issuing.pem`: what everyone may read
- `<state>/offline/`: the root key of a demonstration; no server's settings name it
- `<state>/cards/`: the virtual cards
- `<state>/logs/`: what each process writes
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tongxing.errors import StateError

STATE_VERSION = 1
_DIRECTORY_MODE = 0o700
_LOCK_MODE = 0o600
_LOCK_SECONDS = 1.5
_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class TownLayout:
    """The paths of one town's state."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """All settings of the town."""
        return self.root / "town.toml"

    @property
    def version_file(self) -> Path:
        """Says which version of this layout the state has; written last, when the town is complete."""
        return self.root / "version.json"

    @property
    def initialising_marker(self) -> Path:
        """Present from the first moment of an initialisation to its last."""
        return self.root / ".initialising"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor that runs on this state."""
        return self.root / ".lock"

    @property
    def trust(self) -> Path:
        """Certificates of the authorities."""
        return self.root / "trust"

    @property
    def offline(self) -> Path:
        """The root's key, in a demonstration; in production it is on no machine of the network."""
        return self.root / "offline"

    @property
    def cards(self) -> Path:
        """The virtual cards, one file each."""
        return self.root / "cards"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    def service(self, name: str) -> Path:
        """Return the folder of one service."""
        return self.root / name

    def is_complete(self) -> bool:
        """Whether an initialisation was finished here; refuse the state of a newer version."""
        if self.initialising_marker.exists() or not self.version_file.exists():
            return False
        try:
            version = int(json.loads(self.version_file.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            raise StateError(
                f"{self.version_file}: not readable as a version; restore it from a backup",
                code="state-unreadable",
            ) from None
        if version > STATE_VERSION:
            raise StateError(
                f"{self.root}: state of version {version}, newer than {STATE_VERSION} of this program; "
                "upgrade the program, or name another folder with --state",
                code="state-newer",
            )
        return True

    def begin(self) -> None:
        """Make the state directory ready for an initialisation; an unfinished one is removed first."""
        if self.initialising_marker.exists():
            self._remove_unfinished()
        foreign = [entry.name for entry in self.root.iterdir() if entry != self.lock_file]
        if foreign:
            raise StateError(
                f"{self.root}: not empty and not a town ({', '.join(sorted(foreign)[:3])} …); "
                "name another folder with --state",
                code="state-foreign",
            )
        self.initialising_marker.touch()

    def finish(self) -> None:
        """Declare the initialisation complete: durable version file first, then the marker goes."""
        with self.version_file.open("w", encoding="utf-8") as file:
            json.dump({"version": STATE_VERSION}, file)
            file.flush()
            os.fsync(file.fileno())
        self.initialising_marker.unlink()

    def _remove_unfinished(self) -> None:
        """Remove what a killed initialisation left; the marker goes last, so that this can be repeated."""
        for entry in list(self.root.iterdir()):
            if entry in (self.lock_file, self.initialising_marker):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.initialising_marker.unlink()


@contextmanager
def locked(layout: TownLayout) -> Iterator[None]:
    """Hold the state directory for this process; a second town on the same state is refused.

    The lock is the kernel's: it ends with the process, so a killed town leaves no stale lock. A town that
    was killed a moment ago is given time to be gone.
    """
    file = _open_lock(layout)
    try:
        if not _acquire(file, time.monotonic() + _LOCK_SECONDS):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StateError(
                f"{layout.root}: a town is already running on this state (process {holder}); "
                "stop it, or name another folder with --state",
                code="state-in-use",
            )
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
    finally:
        file.close()


def _acquire(file: IO[str], deadline: float) -> bool:
    """Take the lock; False when somebody holds it until the deadline."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return True


def _open_lock(layout: TownLayout) -> IO[str]:
    """Make the state directory and open its lock file; say clearly when it cannot be written."""
    try:
        layout.root.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
        descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT, _LOCK_MODE)
        return os.fdopen(descriptor, "r+", encoding="utf-8")
    except OSError as error:
        raise StateError(
            f"{layout.root}: cannot be written ({error.strerror}); "
            "make it writable, or name another folder with --state",
            code="state-read-only",
        ) from None
