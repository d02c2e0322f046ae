"""Tells the demonstration, a line a step, and knows which step was under way when something failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tongxing.errors import DemoError


class Narrator:
    """Prints each step when it is done; an error is told with the step it happened in."""

    def __init__(self, echo: Callable[[str], None], language: str) -> None:
        self._echo = echo
        self._language = language
        self._begin = time.monotonic()

    def say(self, chinese: str, english: str) -> str:
        """Return the words in the chosen language."""
        return chinese if self._language == "zh" else english

    def title(self, chinese: str, english: str) -> None:
        """Begin a flow."""
        self._echo("")
        self._echo(self.say(chinese, english))

    def line(self, chinese: str, english: str) -> None:
        """Print a line that is no step."""
        self._echo(self.say(chinese, english))

    @contextmanager
    def step(self, chinese: str, english: str) -> Iterator[None]:
        """Do a step; print it when it is done, or raise DemoError naming it."""
        begin = time.monotonic()
        try:
            yield
        except Exception as error:
            words = self.say(f"失败：{chinese}", f"failed: {english}")
            raise DemoError(
                f"{words}: {error}", code=getattr(error, "code", None) or "step-failed"
            ) from error
        self._echo(f"  ✓ {self.say(chinese, english)} ({time.monotonic() - begin:.2f} s)")

    @property
    def seconds(self) -> float:
        """How long the demonstration has run."""
        return time.monotonic() - self._begin


def expect(condition: object, message: str) -> None:
    """Raise DemoError unless the condition holds."""
    if not condition:
        raise DemoError(message, code="not-as-expected")
