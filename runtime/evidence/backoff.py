"""What failed is left alone for a while, for longer each time, and not by everybody equally long.

The randomness is handed in: with jitter, a thousand processes that lost the same server do not come back to
it in the same moment.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

_MAXIMUM_KEYS = 20_000


@dataclass(frozen=True)
class BackoffPolicy:
    """The pause after a first failure, and the longest one; each failure doubles it, less up to half."""

    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=2)

    def pause(self, failures: int, fraction: float) -> timedelta:
        """Return the pause after so many failures in a row; by `fraction`, 0 to 1, chance enters."""
        doublings = min(failures - 1, 32)
        full: timedelta = min(self.first * (1 << doublings), self.longest)
        return full * ((1.0 + fraction) / 2)


@dataclass
class _Pause:
    """A key's failures in a row, until when it rests, and whether one attempt is out to see."""

    failures: int
    until: datetime
    attempted: bool = False


class Backoff:
    """Which keys (addresses, hosts) rest at the moment; the oldest failure is forgotten first."""

    def __init__(self, policy: BackoffPolicy, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self._pauses: OrderedDict[Hashable, _Pause] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, keys: Iterable[Hashable], at: datetime) -> datetime | None:
        """Admit one attempt that concerns all the keys; or return until when one of them rests.

        After a pause one attempt is admitted; the others rest on until it has succeeded, or for another such
        pause.
        """
        with self._lock:
            pauses = [self._pauses[key] for key in keys if key in self._pauses]
            for pause in pauses:
                # A pause longer than the longest was noted before the clock was set back.
                if at < pause.until <= at + self._policy.longest:
                    return pause.until
            for pause in pauses:
                pause.attempted = True
                pause.until = at + self._policy.pause(pause.failures, self._random())
            return None

    def failed(self, key: Hashable, at: datetime, at_least: timedelta = timedelta(0)) -> datetime:
        """Note a failure and return until when the key rests.

        Attempts that were on their way together count as one failure. `at_least` is what the server asked for
        (Retry-After), bounded by the longest pause.
        """
        with self._lock:
            pause = self._pauses.get(key)
            if pause is not None and at < pause.until and not pause.attempted:
                return pause.until
            failures = pause.failures + 1 if pause is not None else 1
            wait = max(self._policy.pause(failures, self._random()), min(at_least, self._policy.longest))
            self._pauses[key] = _Pause(failures, at + wait)
            self._pauses.move_to_end(key)
            while len(self._pauses) > _MAXIMUM_KEYS:
                self._pauses.popitem(last=False)
            return at + wait

    def succeeded(self, key: Hashable) -> None:
        """Forget the key's failures."""
        with self._lock:
            self._pauses.pop(key, None)
