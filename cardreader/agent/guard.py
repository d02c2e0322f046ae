"""Who may ask: Host (against DNS rebinding), Origin (the allow-list), and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cardreader import clock
from cardreader.errors import BadRequestError, OriginRefusedError, TooManyRequestsError
from cardreader.origin import normalize_origin

_LOOPBACK_NAMES = ("127.0.0.1", "localhost")
_MINUTE = 60.0


class Guard:
    """The agent's door."""

    def __init__(
        self,
        origins: Sequence[str],
        requests_per_minute: int,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._origins = frozenset(normalize_origin(origin) for origin in origins)
        self._rate = requests_per_minute
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def check_host(host: str, port: int) -> None:
        """The request was sent to this machine by its own name, not by one that was pointed here."""
        if host not in {f"{name}:{port}" for name in _LOOPBACK_NAMES}:
            raise BadRequestError("it was not addressed to this machine")

    def check_origin(self, origin: str | None) -> str:
        """The asking page's origin, when it is on the list."""
        if origin is None or origin not in self._origins:
            raise OriginRefusedError(origin or "none")
        return origin

    def check_rate(self, origin: str) -> None:
        """A bucket of tokens for each origin on the list, filled over a minute."""
        with self._lock:
            moment = self._monotonic()
            tokens, before = self._buckets.get(origin, (float(self._rate), moment))
            tokens = min(float(self._rate), tokens + (moment - before) * self._rate / _MINUTE)
            if tokens < 1:
                self._buckets[origin] = (tokens, moment)
                raise TooManyRequestsError
            self._buckets[origin] = (tokens - 1, moment)
