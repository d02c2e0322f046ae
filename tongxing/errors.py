"""The errors of the assembly: what keeps a town from starting, playing or being restored."""

from __future__ import annotations


class TownError(Exception):
    """Base of every error raised by `tongxing/`: a code for machines, a message that says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StateError(TownError):
    """The state directory cannot be used: read-only, in use, unfinished, or of a newer version."""


class ChildError(TownError):
    """A process of the town does not start, or does not stay up."""


class ArchiveError(TownError):
    """A backup cannot be made, or an archive cannot be restored."""


class DemoError(TownError):
    """A step of the demonstration did not do what it must."""
