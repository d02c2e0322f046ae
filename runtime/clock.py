"""The one place where a server asks the machine what time it is.

Everything else takes the time as an argument named `at`, so that any past or future moment can be
examined and tested without touching the machine's clock. Whether the clock is to be believed is
clock_watch.py's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Runs on while the machine sleeps, so that waking up is no step (Linux); elsewhere sleep looks like one.
_RUNNING_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_ATTEMPTS = 5
_QUICK_NANOSECONDS = 100_000


@dataclass(frozen=True)
class Reading:
    """The machine's two clocks, read together: the time of day, and the time that runs whatever is set.

    `uncertainty` is how far apart the two may have been read.
    """

    wall: datetime
    running: timedelta
    uncertainty: timedelta = timedelta(0)


def now() -> datetime:
    """Return the present time, timezone-aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door


def read() -> Reading:
    """Read both clocks; when the process was interrupted between them, again."""
    best = _read_once()
    for _ in range(_ATTEMPTS - 1):
        if best[0] <= _QUICK_NANOSECONDS:
            break
        best = min(best, _read_once(), key=lambda each: each[0])
    between, running, wall = best
    return Reading(wall, _duration(running), _duration(between))


def _read_once() -> tuple[int, int, datetime]:
    """Nanoseconds that passed between two readings of the running clock, the first of them, and the time."""
    before = time.clock_gettime_ns(_RUNNING_CLOCK)
    wall = now()
    return time.clock_gettime_ns(_RUNNING_CLOCK) - before, before, wall


def _duration(nanoseconds: int) -> timedelta:
    """Nanoseconds as a duration, rounded up to microseconds."""
    return timedelta(microseconds=-(-nanoseconds // 1000))
