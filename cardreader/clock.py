"""The one place where cardreader/ asks the machine for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door the rule means


def monotonic() -> float:
    """Seconds of a clock that never goes back, for timeouts and rates."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait between two looks at something that gives no event."""
    time.sleep(seconds)
