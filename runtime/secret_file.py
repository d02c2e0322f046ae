"""Secret files: read whole only when their owner alone can read them, written once and durably."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runtime.errors import KeyFileError
from runtime.settings import process_environment

_SECRET_MODE = 0o600
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAXIMUM_BYTES = 64 * 1024


def read_secret(path: Path) -> bytes:
    """Read a secret file whole; refuse one that others may read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})", code="secret-missing") from None
    if mode & _OPEN_TO_OTHERS and not _is_credential(path):
        raise KeyFileError(f"{path}: readable by others; run chmod 600 on it", code="secret-exposed")
    return read_limited(path)


def _is_credential(path: Path) -> bool:
    """Whether systemd passed the file as a credential (systemd.exec(5), LoadCredential).

    Access to those is given by an access control list, which a file's mode shows as if it were the group's.
    """
    directory = process_environment().get("CREDENTIALS_DIRECTORY", "")
    return bool(directory) and path.resolve().parent == Path(directory).resolve()


def read_passphrase(path: Path) -> bytes:
    """Read a passphrase file: its first line, without the line's end."""
    lines = read_secret(path).splitlines()
    if not lines or not lines[0]:
        raise KeyFileError(f"{path}: is empty", code="secret-empty")
    return lines[0]


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file only its owner can read, durably; an existing file is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SECRET_MODE)
    except FileExistsError:
        raise KeyFileError(f"{path}: exists already and is not overwritten", code="secret-exists") from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot be written ({error.strerror})", code="secret-unwritable"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_limited(path: Path) -> bytes:
    """Read a small file; refuse one that is missing or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})", code="secret-missing") from None
    if len(content) > _MAXIMUM_BYTES:
        raise KeyFileError(f"{path}: larger than {_MAXIMUM_BYTES} bytes", code="secret-too-large")
    return content
