"""How a virtual card says no."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer of the card, not a fault of the program
    """The command ends with this status word; never leaves the virtual card."""

    def __init__(self, status_word: int) -> None:
        super().__init__(f"{status_word:04X}")
        self.status_word = status_word
