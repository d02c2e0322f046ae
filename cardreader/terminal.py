"""The terminal of this process: lines shown, secrets read without echo and never as a `str`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cardreader.errors import PromptUnavailableError

MAXIMUM_LINE = 256
_ENDS = b"\r\n\x04"
_INTERRUPT = 0x03
_ERASE = b"\x08\x7f"


def write(text: str, end: str = "\n") -> None:
    """Show a line; on standard error, so that standard output stays clean for what programs read."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def read_line(label: str) -> str:
    """A line that is no secret."""
    return read_secret(label, echo=True).decode("utf-8", "replace")


def read_secret(label: str, *, echo: bool = False) -> bytearray:
    """One line, byte by byte into one bytearray: from the terminal without echo, else from standard input.

    An end of input without a line means that nobody can answer: PromptUnavailableError.
    """
    if sys.platform == "win32":
        write(label, end="")
        return _read_console()
    descriptor = sys.stdin.fileno()
    with _without_echo(descriptor, echo):
        # The label comes when the echo is off: whoever types at once must not see the secret either.
        write(label, end="")
        secret = _read_bytes(descriptor)
    if os.isatty(descriptor) and not echo:
        write("")
    return secret


def _read_bytes(descriptor: int) -> bytearray:
    """Bytes up to the end of the line."""
    line = bytearray()
    while len(line) < MAXIMUM_LINE:
        byte = os.read(descriptor, 1)
        if not byte and not line:
            raise PromptUnavailableError(
                "There is no terminal to ask on. Run this in a terminal, or pipe the answers in, one a line.",
                "没有可用的终端。请在终端中运行，或通过管道逐行输入。",
            )
        if not byte or byte in _ENDS:
            break
        line += byte
    return line


if sys.platform == "win32":
    import msvcrt

    def _read_console() -> bytearray:
        """Keys of the Windows console, without echo."""
        line = bytearray()
        while len(line) < MAXIMUM_LINE:
            key = msvcrt.getch()
            if key[0] == _INTERRUPT:
                raise KeyboardInterrupt
            if key in _ENDS:
                break
            if key in _ERASE:
                del line[-1:]
            else:
                line += key
        write("")
        return line

else:
    import termios

    @contextmanager
    def _without_echo(descriptor: int, echo: bool) -> Iterator[None]:
        """Turn the terminal's echo off for a while."""
        if echo or not os.isatty(descriptor):
            yield
            return
        before = termios.tcgetattr(descriptor)
        silent = list(before)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
