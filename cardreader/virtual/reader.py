"""A folder of virtual cards, one JSON file each (0600): every card sits in a reader of its own.

The agent, the command line and the demo share the folder: a card is locked while somebody uses it, each
change is written beside and moved into place, and `NAME.out` beside a card means that it is not inserted.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cardreader.errors import CardBusyError, CardRemovedError, NoCardError, VirtualCardError
from cardreader.file_lock import FileLock
from cardreader.virtual.card import VirtualCard
from cardreader.virtual.state import CardState

READER_NAME_PREFIX = "Virtual reader: "
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_PRIVATE_FOLDER = 0o700
_LOCK_TIMEOUT = 10.0


class VirtualConnection:
    """An exclusive hold on one card of the folder."""

    def __init__(self, slot: VirtualSlot, lock: FileLock, state: CardState) -> None:
        self._slot = slot
        self._lock = lock
        self.card = VirtualCard(state, slot.save)

    def transmit(self, command: bytes | bytearray) -> tuple[bytes, int]:
        """Send one command; CardRemovedError once the card has been taken out."""
        if not self._slot.card_present():
            raise CardRemovedError
        return self.card.transmit(command)

    def disconnect(self) -> None:
        """Reset the card and unlock its file."""
        self.card.reset()
        self._lock.release()


class VirtualSlot:
    """A reader of the folder, with its card."""

    is_virtual = True

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def card_name(self) -> str:
        """The name of the card's file."""
        return self._path.stem

    @property
    def folder(self) -> Path:
        """The folder the card lies in."""
        return self._path.parent

    @property
    def name(self) -> str:
        """The reader's name."""
        return READER_NAME_PREFIX + self.card_name

    def card_present(self) -> bool:
        """Whether the card is inserted."""
        return self._path.exists() and not self._out.exists()

    def connect(self) -> VirtualConnection:
        """Lock the card's file and power the card."""
        if not self.card_present():
            raise NoCardError
        lock = FileLock(self._path.with_suffix(".lock"))
        try:
            free = lock.acquire(_LOCK_TIMEOUT)
        except OSError as error:
            raise self._not_writable(error) from error
        if not free:
            raise CardBusyError
        try:
            return VirtualConnection(self, lock, self.load())
        except BaseException:
            lock.release()
            raise

    def load(self) -> CardState:
        """The card's state from its file."""
        try:
            return CardState.from_json(self._path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise VirtualCardError(
                f"The virtual card {self.card_name} cannot be read: {error.__class__.__name__}.",
                f"无法读取虚拟卡 {self.card_name}。",
            ) from error

    def save(self, state: CardState) -> None:
        """Write the state beside the file and move it into place, so that no half-written card exists."""
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=".card-", dir=self._path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(state.to_json())
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(self._path)
        except OSError as error:
            raise self._not_writable(error) from error

    def _not_writable(self, error: OSError) -> VirtualCardError:
        """The error of a folder that takes no changes."""
        return VirtualCardError(
            f"The virtual card {self.card_name} cannot be written ({error.strerror}). Check the folder's "
            "permissions and free space.",
            f"无法写入虚拟卡 {self.card_name}，请检查目录权限和磁盘空间。",
        )

    def insert(self) -> None:
        """Put the card into its reader."""
        self._out.unlink(missing_ok=True)

    def remove(self) -> None:
        """Pull the card out of its reader, also in the middle of an operation."""
        self._out.touch(mode=0o600)

    @property
    def _out(self) -> Path:
        """The file that marks the card as taken out."""
        return self._path.with_suffix(".out")


class VirtualReader:
    """A folder of virtual cards: a source of readers, as the PC/SC service is one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def readers(self) -> Sequence[VirtualSlot]:
        """A reader for every card in the folder, by name."""
        return [VirtualSlot(path) for path in sorted(self.directory.glob("*.json"))]

    def slot(self, card_name: str) -> VirtualSlot:
        """The reader of one card; NoCardError when the folder has no such card."""
        _check_name(card_name)
        path = self.directory / f"{card_name}.json"
        if not path.exists():
            raise NoCardError(
                f"There is no virtual card {card_name!r} here. `card virtual list` shows those there are.",
                f"此处没有虚拟卡 {card_name!r}。可用 card virtual list 查看。",
            )
        return VirtualSlot(path)

    def new_card(self, card_name: str, state: CardState | None = None) -> VirtualSlot:
        """Add a card (blank unless a state is given); never replaces one."""
        _check_name(card_name)
        path = self.directory / f"{card_name}.json"
        if path.exists():
            raise VirtualCardError(
                f"A virtual card {card_name!r} exists already; choose another name.",
                f"虚拟卡 {card_name!r} 已存在，请换一个名称。",
            )
        try:
            self.directory.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            raise VirtualCardError(
                f"The folder of virtual cards cannot be made ({error.strerror}): {self.directory}.",
                f"无法创建虚拟卡目录：{self.directory}。",
            ) from error
        slot = VirtualSlot(path)
        slot.save(state or CardState())
        return slot


def _check_name(card_name: str) -> None:
    """A card's name is a plain file name."""
    if not _NAME.match(card_name):
        raise VirtualCardError(
            f"{card_name!r} cannot name a virtual card: letters, digits, '.', '_' and '-', up to 64.",
            f"{card_name!r} 不能用作虚拟卡名称：只能使用字母、数字和 . _ -，最多 64 个字符。",
        )
