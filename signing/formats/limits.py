"""What is refused before it is read: size limits and their messages."""

from __future__ import annotations

from typing import Final

from signing.errors import DocumentTooLargeError, EmptyDocumentError

MEGABYTE: Final = 1024 * 1024
DEFAULT_MAXIMUM_DOCUMENT_BYTES: Final = 50 * MEGABYTE
MAXIMUM_SIGNATURES: Final = 64
MAXIMUM_PAGES: Final = 100_000
MAXIMUM_FORM_FIELDS: Final = 20_000
MAXIMUM_CMS_BYTES: Final = 1 * MEGABYTE


def check_document_size(size: int, maximum: int = DEFAULT_MAXIMUM_DOCUMENT_BYTES) -> None:
    """Refuse an empty document and one above the limit."""
    if size == 0:
        raise EmptyDocumentError("The file is empty (0 bytes). Save the document again and choose that file.")
    if size > maximum:
        raise too_large(maximum)


def too_large(maximum: int) -> DocumentTooLargeError:
    """The error for a document above the limit."""
    return DocumentTooLargeError(
        "The file is larger than %(limit)s MB, the most this service takes. "
        "Reduce its images or split it into parts.",
        limit=f"{maximum / MEGABYTE:g}",
    )
