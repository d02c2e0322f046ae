"""Remember what was read of short values, which many certificates share, within bounds of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Generic, TypeVar

# Longer values are hardly shared, and cost memory. More values than fit near the processor cost as much to
# let go as to read again.
_MAXIMUM_KEPT_SIZE = 1024
_MAXIMUM_KEPT_VALUES = 512

T = TypeVar("T")


def kept(read: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """The reader, remembering its last answers; refusals are not remembered."""
    remembered = lru_cache(maxsize=_MAXIMUM_KEPT_VALUES)(read)

    @wraps(read)
    def reader(value: bytes) -> T:
        return remembered(value) if len(value) <= _MAXIMUM_KEPT_SIZE else read(value)

    return reader


class Kept(Generic[T]):
    """At most `maximum` values by key; the oldest goes first."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._values: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """The value kept under the key."""
        return self._values.get(key)

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value."""
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._maximum:
                del self._values[next(iter(self._values))]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
