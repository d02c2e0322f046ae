"""Rate limits per client address: a bucket that refills, in this process's memory.

Several processes each keep their own buckets, so the limit a person meets is at most that many times
as wide; nginx holds the outer limit. The table is bounded: the longest-untouched bucket goes first.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import flask

from runtime.web.problem import abort_with
from runtime.web.request import at

View = TypeVar("View", bound=Callable[..., Any])

_MAXIMUM_BUCKETS = 50_000
_LIMIT = "rate_limit"
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class Limit:
    """At most `per_minute` requests a minute, `burst` of them at once."""

    name: str
    per_minute: int
    burst: int


class Buckets:
    """Token buckets by key: what is left, and when it was last refilled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, limit: Limit, key: str, moment: float) -> float:
        """Take one token; return 0, or the seconds to wait until there is one."""
        with self._lock:
            level, refilled = self._levels.pop((limit.name, key), (float(limit.burst), moment))
            rate = limit.per_minute / 60
            level = min(float(limit.burst), level + max(0.0, moment - refilled) * rate)
            wait = 0.0 if level >= 1 else (1 - level) / rate
            self._levels[limit.name, key] = (level if wait else level - 1, moment)
            if len(self._levels) > _MAXIMUM_BUCKETS:
                self._levels.popitem(last=False)
            return wait


def rate_limit(name: str, *, per_minute: int, burst: int | None = None) -> Callable[[View], View]:
    """Limit how often one client address may call a view."""

    def mark(view: View) -> View:
        setattr(view, _LIMIT, Limit(name, per_minute, burst or per_minute))
        return view

    return mark


def install(app: flask.Flask) -> None:
    """Apply the limits views are marked with."""
    buckets = Buckets()

    @app.before_request
    def _limit() -> None:
        limit = getattr(app.view_functions.get(flask.request.endpoint or ""), _LIMIT, None)
        if limit is None:
            return
        wait = buckets.take(limit, flask.request.remote_addr or "", at().timestamp())
        if wait:
            abort_with(
                _TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many requests from your address. Wait a moment, then try again.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
