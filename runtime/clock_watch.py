"""Whether the machine's clock is to be believed: a clock that steps must not date certificates or tokens.

Slewing (NTP's small corrections) moves both clocks of a Linux machine alike; only setting the clock moves the
time of day against the clock that runs on. So the two are compared with how they stood when the process
began: no step is missed, however many small ones it was made of, and nothing runs in the background.

- *stepped*: the clock moved by more than the tolerance since the process began.
- *behind*: the clock stands before the newest record the service wrote in an earlier life.

The process is healthy again when the clock has agreed with its beginning for the settling time, as after a
step that was taken back. A clock that was wrong and has been set right stays stepped for the process: an
operator who has looked at the clock restarts it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from runtime import clock, metrics
from runtime.clock import Reading
from runtime.errors import ClockError

_LOG = logging.getLogger(__name__)


class ClockHealth(Enum):
    """What is to be thought of the clock."""

    HEALTHY = "healthy"
    STEPPED = "stepped"
    SETTLING = "settling"
    BEHIND = "behind"


@dataclass(frozen=True)
class ClockPolicy:
    """How far the clock may move at once, how long it must agree again after a step, and how far ahead the
    records of another machine of the same service may be.
    """

    tolerance: timedelta = timedelta(milliseconds=1500)
    settling: timedelta = timedelta(seconds=60)
    record_tolerance: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class ClockVerdict:
    """What is to be thought of the clock, and by how much it moved since the process began."""

    health: ClockHealth
    step: timedelta = timedelta(0)


def judge_clock(
    start: Reading,
    present: Reading,
    policy: ClockPolicy,
    *,
    newest_record: datetime | None = None,
    disagreed_at: timedelta | None = None,
) -> ClockVerdict:
    """Return what two readings say; `disagreed_at` is when, on the running clock, they last disagreed."""
    step = (present.wall - start.wall) - (present.running - start.running)
    if abs(step) > policy.tolerance + start.uncertainty + present.uncertainty:
        return ClockVerdict(ClockHealth.STEPPED, step)
    if disagreed_at is not None and present.running - disagreed_at < policy.settling:
        return ClockVerdict(ClockHealth.SETTLING, step)
    if newest_record is not None and present.wall < newest_record - policy.record_tolerance:
        return ClockVerdict(ClockHealth.BEHIND, step)
    return ClockVerdict(ClockHealth.HEALTHY, step)


class WatchedClock:
    """The time for whoever dates something: called, it tells the time, or raises ClockError.

    One for a process, from its start. `newest_record` is when the service wrote its last record before.
    """

    def __init__(
        self,
        policy: ClockPolicy | None = None,
        newest_record: datetime | None = None,
        read: Callable[[], Reading] = clock.read,
    ) -> None:
        self._policy = policy or ClockPolicy()
        self._newest_record = newest_record
        self._read = read
        self._start = read()
        self._disagreed_at: timedelta | None = None
        self._told: ClockHealth | None = None
        self._lock = threading.Lock()
        self._judge(self._start)

    def __call__(self) -> datetime:
        """Return the time; raise ClockError while the clock is not to be believed."""
        reading = self._read()
        verdict = self._judge(reading)
        if verdict.health is not ClockHealth.HEALTHY:
            raise ClockError(verdict.health.value)
        return reading.wall

    def _judge(self, reading: Reading) -> ClockVerdict:
        """Judge a reading, remember a disagreement, and tell a change to the log and the figures."""
        with self._lock:
            verdict = judge_clock(
                self._start,
                reading,
                self._policy,
                newest_record=self._newest_record,
                disagreed_at=self._disagreed_at,
            )
            if verdict.health is ClockHealth.STEPPED:
                self._disagreed_at = reading.running
            changed = verdict.health is not self._told
            self._told = verdict.health
        if changed:
            _tell(verdict)
        return verdict


def _tell(verdict: ClockVerdict) -> None:
    """Tell the log and the figures what is thought of the clock now."""
    healthy = verdict.health is ClockHealth.HEALTHY
    metrics.observe_clock(healthy=healthy, step=verdict.step)
    _LOG.log(
        logging.INFO if healthy else logging.ERROR,
        "the clock is %s: it moved by %.3f s since this process began",
        verdict.health.value,
        verdict.step.total_seconds(),
    )
