"""Where cards are looked for: a folder of virtual cards, or the PC/SC service."""

from __future__ import annotations

from pathlib import Path

from cardreader.connection import ReaderSource
from cardreader.errors import ServiceUnavailableError
from cardreader.virtual import VirtualReader


def open_source(virtual: Path | None) -> ReaderSource:
    """The folder, when one is named; else PC/SC, imported only now."""
    if virtual is not None:
        return VirtualReader(virtual)
    try:
        from cardreader.pcsc import PcscReaders
    except ImportError as error:
        raise ServiceUnavailableError(f"pyscard cannot be loaded: {error}") from error
    return PcscReaders()
