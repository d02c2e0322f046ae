"""The one place where a server asks the machine what time it is.

Everything else takes the time as an argument named `at`, so that any past or future moment can be
examined and tested without touching the machine's clock.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time, timezone-aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door
