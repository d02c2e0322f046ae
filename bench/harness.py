"""How two operations are measured against each other: alternating rounds, medians, the ratio."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_ROUNDS = 5
_SECONDS_A_ROUND = 0.4

Operation = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Rates per second of one core: ours, the peer's, and the median of the rounds' ratios."""

    operation: str
    peer: str
    our_rate: float
    peer_rate: float
    ratio: float

    def line(self) -> str:
        """Return the result as one printed line."""
        ours = f"{self.operation:<40} {self.our_rate:>11,.0f}/s"
        return f"{ours}   {self.peer:<30} {self.peer_rate:>11,.0f}/s   ×{self.ratio:.2f}"


def rate(operation: Operation, seconds: float = _SECONDS_A_ROUND) -> float:
    """Return how many times a second of processor time the operation runs."""
    count, start = 0, time.process_time()
    while (elapsed := time.process_time() - start) < seconds:
        operation()
        count += 1
    return count / elapsed


def compare(
    operation: str,
    ours: Operation,
    peer: str,
    theirs: Operation,
    *,
    our_units: int = 1,
    peer_units: int = 1,
) -> Comparison:
    """Measure the two in turn and return the medians; a call that does several units of work says so."""
    ours()
    theirs()
    # What was prepared for the measurement is not searched for garbage at the operations' cost.
    gc.collect()
    gc.freeze()
    rounds = [(rate(ours) * our_units, rate(theirs) * peer_units) for _ in range(_ROUNDS)]
    return Comparison(
        operation,
        peer,
        statistics.median(our_rate for our_rate, _ in rounds),
        statistics.median(peer_rate for _, peer_rate in rounds),
        statistics.median(our_rate / peer_rate for our_rate, peer_rate in rounds),
    )


def machine() -> str:
    """Describe the machine the figures are of."""
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors, one used"


def report(comparisons: Iterable[Comparison]) -> None:
    """Print each result as soon as it is there."""
    for comparison in comparisons:
        print(comparison.line(), flush=True)
