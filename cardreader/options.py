"""What the commands of `card` share: options, the choice of a reader, errors as lines and exit codes."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from cardreader import terminal
from cardreader.connection import Reader, find_reader
from cardreader.errors import (
    CardError,
    PinBlockedError,
    PinError,
    PukBlockedError,
    ReaderError,
    UserCancelledError,
)
from cardreader.process import wipe
from cardreader.settings import preferred_language
from cardreader.source import open_source
from trust.errors import TrustError

Command = TypeVar("Command", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """What a shell script can tell apart; 2 is wrong usage."""

    FAILED = 1
    NO_CARD = 3
    PIN_WRONG = 4
    BLOCKED = 5
    CANCELLED = 6


def exit_code(error: CardError | TrustError) -> ExitCode:
    """The exit code of an error."""
    if isinstance(error, ReaderError):
        return ExitCode.NO_CARD
    if isinstance(error, PinBlockedError | PukBlockedError):
        return ExitCode.BLOCKED
    if isinstance(error, PinError):
        return ExitCode.PIN_WRONG
    return ExitCode.CANCELLED if isinstance(error, UserCancelledError) else ExitCode.FAILED


class CardGroup(click.Group):
    """A group whose commands' errors become one line on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (CardError, TrustError) as error:
            message = error.text(preferred_language()) if isinstance(error, CardError) else error.message
            click.echo(f"error ({error.code}): {message}", err=True)
            ctx.exit(exit_code(error))


def source_option(command: Command) -> Command:
    """`--virtual DIR`: a folder of virtual cards instead of PC/SC."""
    return click.option(
        "--virtual",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Use the virtual cards of this folder instead of the readers of this machine.",
    )(command)


def reader_options(command: Command) -> Command:
    """`--virtual DIR` and `--reader NAME`."""
    reader = click.option(
        "--reader", metavar="NAME", help="The reader to use, or a part of its name (`card list` shows them)."
    )
    return source_option(reader(command))


def choose_reader(virtual: Path | None, name: str | None) -> Reader:
    """The reader meant: the one named, or the only one with a card."""
    source = open_source(virtual)
    present = [reader for reader in source.readers() if reader.card_present()]
    matching = [reader for reader in present if name is None or name in reader.name]
    exact = [reader for reader in matching if reader.name == name or reader.name.endswith(f": {name}")]
    if len(exact) == 1:
        return exact[0]
    if len(matching) > 1:
        names = "\n".join(f"  {reader.name}" for reader in matching)
        raise BadChoiceError(
            f"There are cards in several readers; name one with --reader:\n{names}",
            f"多个读卡器中都有卡，请用 --reader 指定：\n{names}",
        )
    return matching[0] if matching else find_reader(source, name)


class BadChoiceError(CardError):
    """Several readers fit."""

    code = "several-cards"


def ask_new_secret(label: str, check: Callable[[bytearray], None]) -> bytearray:
    """A new PIN or PUK, typed twice; checked before the card sees it."""
    first = terminal.read_secret(f"{label}: ")
    check(first)
    second = terminal.read_secret(f"{label} (again): ")
    same = first == second
    wipe(second)
    if not same:
        wipe(first)
        raise CardError(
            "The two entries differ; nothing was changed. Try again.",
            "两次输入不一致，未作任何更改。请重试。",
            code="entries-differ",
        )
    return first
