"""Hygiene of a process that holds a PIN: no core file, not readable by another process of the same user."""

from __future__ import annotations

import ctypes
import sys

PR_SET_DUMPABLE = 4


def protect_process() -> None:
    """Turn core files off and make the process not dumpable, where the system knows how.

    Not dumpable also means that /proc/PID/mem is closed to other processes of the same user (prctl(2)).
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place."""
    secret[:] = bytes(len(secret))
