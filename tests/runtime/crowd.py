"""Many who ask at once, waiting for what a thread brings about, and the figures of fetches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime import metrics


def counted(kind: str, outcome: str) -> float:
    return (
        metrics.REGISTRY.get_sample_value("tongxing_fetches_total", {"kind": kind, "outcome": outcome}) or 0
    )


@contextmanager
def small_threads() -> Iterator[None]:
    """A thousand threads need not have eight megabytes of stack each."""
    before = threading.stack_size(256 * 1024)
    try:
        yield
    finally:
        threading.stack_size(before)


def all_at_once(number: int, work: Callable[[int], object]) -> list[object]:
    """What the work returned, or raised, in so many threads that begin together."""
    outcomes: list[object] = [None] * number
    start = threading.Barrier(number)

    def run(index: int) -> None:
        start.wait(30)
        try:
            outcomes[index] = work(index)
        except Exception as error:
            outcomes[index] = error

    with small_threads():
        threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether a thread at work brings the condition about."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(500))
