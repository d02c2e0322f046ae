"""Secret files: read whole only when their owner alone can read them, written once and durably."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runtime.errors import KeyFileError
from runtime.settings import process_environment

_SECRET_MODE = 0o600
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OPEN_TO_EVERYBODY = stat.S_IRWXO | stat.S_IWGRP
_MAXIMUM_BYTES = 64 * 1024


def read_secret(path: Path) -> bytes:
    """Read a secret file whole; refuse one that others may read."""
    mode, content = _read_small(path)
    if mode & _OPEN_TO_OTHERS and not _is_credential(path):
        raise KeyFileError(f"{path}: readable by others; run chmod 600 on it", code="secret-exposed")
    return content


def read_sealed(path: Path) -> bytes:
    """Read a file whose content is encrypted: its process's group may read it, everybody else may not."""
    mode, content = _read_small(path)
    if mode & _OPEN_TO_EVERYBODY and not _is_credential(path):
        raise KeyFileError(
            f"{path}: readable by everybody, or writable by its group; run chmod 640 on it (a medium without "
            "modes: mount it with umask=077)",
            code="key-exposed",
        )
    return content


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


def _read_small(path: Path) -> tuple[int, bytes]:
    """The mode and the content of a small file; what is no file, is missing or too large is refused."""
    try:
        # Not blocking: a pipe in the file's place would keep the process waiting for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise KeyFileError(f"{path}: is not a file", code="secret-not-a-file")
            content = os.read(descriptor, _MAXIMUM_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})", code="secret-missing") from None
    if len(content) > _MAXIMUM_BYTES:
        raise KeyFileError(f"{path}: larger than {_MAXIMUM_BYTES} bytes", code="secret-too-large")
    return mode, content
