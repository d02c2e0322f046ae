"""Remember what was read of short values, which many certificates share, within bounds of memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

# Longer values are hardly shared, and cost memory.
_MAXIMUM_KEPT_SIZE = 1024
_MAXIMUM_KEPT_VALUES = 2048

T = TypeVar("T")


def kept(read: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """The reader, remembering its last answers; refusals are not remembered."""
    remembered = lru_cache(maxsize=_MAXIMUM_KEPT_VALUES)(read)

    @wraps(read)
    def reader(value: bytes) -> T:
        return remembered(value) if len(value) <= _MAXIMUM_KEPT_SIZE else read(value)

    return reader
