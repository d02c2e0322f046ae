"""A bounded cache of things fetched: fresh until a time, and fetched once however many ask at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True)
class Fresh(Generic[Value_co]):
    """A value, and until when it may be given out without asking again."""

    value: Value_co
    until: datetime


class FreshCache(Generic[Value]):
    """Keeps at most `maximum` values; the one not asked for the longest goes first."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._kept: OrderedDict[Hashable, Fresh[Value]] = OrderedDict()
        self._flights: dict[Hashable, Future[Fresh[Value]]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, at: datetime, fetch: Callable[[], Fresh[Value]]) -> Value:
        """Return the value kept for the key, or fetch it; what `fetch` raises reaches everyone who waits."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and at < kept.until:
                self._kept.move_to_end(key)
                return kept.value
            flight = self._flights.get(key)
            ours = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if ours:
            self._fly(key, flight, fetch)
        return flight.result().value

    def peek(self, key: Hashable) -> Value | None:
        """Return what was fetched last for the key, fresh or not."""
        with self._lock:
            kept = self._kept.get(key)
            return None if kept is None else kept.value

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._kept)

    def _fly(self, key: Hashable, flight: Future[Fresh[Value]], fetch: Callable[[], Fresh[Value]]) -> None:
        """Fetch for everyone who waits."""
        try:
            fresh = fetch()
        except BaseException as error:  # noqa: BLE001 - handed on to those who wait
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            return
        with self._lock:
            del self._flights[key]
            self._kept[key] = fresh
            self._kept.move_to_end(key)
            while len(self._kept) > self._maximum:
                self._kept.popitem(last=False)
        flight.set_result(fresh)
