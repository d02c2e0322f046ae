"""An exclusive lock on a file between processes, on POSIX and on Windows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cardreader import clock

_LOOK_EVERY = 0.005


class FileLock:
    """Holds `path` locked from `acquire` to `release`; the system lets go when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Take the lock; False when somebody else kept it for `timeout` seconds."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = clock.monotonic() + timeout
        while not _try_lock(descriptor):
            if clock.monotonic() >= deadline:
                os.close(descriptor)
                return False
            clock.pause(_LOOK_EVERY)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; closing the descriptor is what unlocks."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        """Lock the first byte, or say that it is locked."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        """Lock the file, or say that it is locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
