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

# Runs work beside the caller; the work never raises.
InBackground = Callable[[Callable[[], None]], None]

_MAXIMUM_BACKGROUND_FETCHES = 8


@dataclass(frozen=True)
class Fresh(Generic[Value_co]):
    """A value, and until when it may be given out without asking again.

    After `until` and before `serves_until` it is still given out, while it is asked for anew in the
    background (stale-while-revalidate, RFC 5861 3).
    """

    value: Value_co
    until: datetime
    serves_until: datetime | None = None


def run_in_thread(work: Callable[[], None]) -> None:
    """Run work in a thread that does not keep the process from ending."""
    threading.Thread(target=work, name="refresh", daemon=True).start()


def _nothing() -> None:
    """What is done about a stale value when nobody counts them."""


class FreshCache(Generic[Value]):
    """Keeps at most `maximum` values; the one not asked for the longest goes first."""

    def __init__(
        self,
        maximum: int,
        in_background: InBackground = run_in_thread,
        on_stale: Callable[[], None] = _nothing,
    ) -> None:
        self._maximum = maximum
        self._in_background = in_background
        self._on_stale = on_stale
        self._kept: OrderedDict[Hashable, Fresh[Value]] = OrderedDict()
        self._flights: dict[Hashable, Future[Fresh[Value]]] = {}
        self._slots = threading.Semaphore(_MAXIMUM_BACKGROUND_FETCHES)
        self._lock = threading.Lock()

    def get(self, key: Hashable, at: datetime, fetch: Callable[[], Fresh[Value]]) -> Value:
        """Return the value kept for the key, or fetch it; what `fetch` raises reaches everyone who waits."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and at < kept.until:
                self._kept.move_to_end(key)
                return kept.value
            serves = kept is not None and kept.serves_until is not None and at < kept.serves_until
            flight = self._flights.get(key)
            # Too many refreshes under way: a value that still serves can wait for the next who asks.
            ours = flight is None and (not serves or self._slots.acquire(blocking=False))
            if ours:
                flight = self._flights[key] = Future()
        if kept is not None and serves:
            self._on_stale()
            if ours and flight is not None:
                self._refresh(key, flight, fetch)
            return kept.value
        if flight is None:
            raise AssertionError("a value that does not serve is fetched, or somebody fetches it")
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

    def _refresh(
        self, key: Hashable, flight: Future[Fresh[Value]], fetch: Callable[[], Fresh[Value]]
    ) -> None:
        """Fetch beside the caller, who has taken one of the slots."""

        def work() -> None:
            try:
                self._fly(key, flight, fetch)
            finally:
                self._slots.release()

        try:
            self._in_background(work)
        except RuntimeError:  # no thread can be started: the caller does it
            work()

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
