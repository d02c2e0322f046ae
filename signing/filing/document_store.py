"""Documents as files named by their SHA-256 digest, under the service's state directory.

A file is written beside its place and renamed, so that a name never shows half a document; the same
document twice is one file.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final, Protocol

from signing.errors import DocumentError
from signing.formats.limits import check_document_size, too_large

_CHUNK_BYTES: Final = 256 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class ByteStream(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


class DocumentStore:
    """The documents of one service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, document: bytes) -> str:
        """Keep a document and return its digest."""
        digest = hashlib.sha256(document).hexdigest()
        if not self._path(digest).exists():
            temporary = self._temporary()
            try:
                with temporary.open("xb") as file:
                    file.write(document)
                    file.flush()
                    os.fsync(file.fileno())
                self._settle(temporary, digest)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def receive(self, stream: ByteStream, maximum: int) -> tuple[str, int]:
        """Keep what a stream yields, counting; return digest and size.

        One chunk is in memory at a time; a stream above `maximum` bytes is refused as soon as it passes
        the limit, and leaves nothing behind.
        """
        temporary = self._temporary()
        digest, size = hashlib.sha256(), 0
        try:
            with temporary.open("xb") as file:
                while chunk := stream.read(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > maximum:
                        raise too_large(maximum)
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            check_document_size(size, maximum)
            self._settle(temporary, digest.hexdigest())
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest(), size

    def get(self, digest: str) -> bytes:
        """Return a document; DocumentError when it is missing or no longer what it was."""
        try:
            document = self._path(digest).read_bytes()
        except OSError as error:
            raise DocumentError(
                "The stored document cannot be read. Tell the operator; a backup has it.",
                code="document-missing",
            ) from error
        if hashlib.sha256(document).hexdigest() != digest:
            raise DocumentError(
                "The stored document was altered on disk. Tell the operator; a backup has it.",
                code="document-altered",
            )
        return document

    def holds(self, digest: str) -> bool:
        """Whether the document is there."""
        return self._path(digest).exists()

    def remove(self, digest: str) -> None:
        """Remove a document that nothing refers to any more."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        """The file of a digest, two levels of folders deep."""
        if not _DIGEST.match(digest):
            raise DocumentError("a document is named by its SHA-256 digest", code="document-missing")
        return self._folder / digest[:2] / digest[2:4] / digest

    def _temporary(self) -> Path:
        """A name nobody else uses, in the folder the file will be renamed within."""
        incoming = self._folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        return incoming / secrets.token_hex(16)

    def _settle(self, temporary: Path, digest: str) -> None:
        """Give a finished file its name, durably."""
        place = self._path(digest)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.replace(place)
        descriptor = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
