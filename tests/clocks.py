"""A machine whose two clocks a test sets, and a watched clock over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.clock import Reading
from runtime.clock_watch import WatchedClock


@dataclass
class Machine:
    """The time of day, and the time that runs whatever is set."""

    wall: datetime
    running: timedelta = timedelta(hours=5)
    uncertainty: timedelta = timedelta(0)

    def read(self) -> Reading:
        return Reading(self.wall, self.running, self.uncertainty)

    def passes(self, duration: timedelta) -> None:
        """Time goes by."""
        self.wall += duration
        self.running += duration

    def is_set(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self.wall += by


def stepped_clock(at: datetime, by: timedelta = timedelta(hours=1)) -> WatchedClock:
    """A clock that was set after the process began."""
    machine = Machine(at - by)
    watched = WatchedClock(read=machine.read)
    machine.is_set(by)
    return watched
