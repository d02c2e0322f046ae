"""Reading PDF documents that strangers made: what they say of themselves, and no exception but ours.

Everything a hostile file can make a parser raise ends in `open_pdf` or `guarded` as a typed error.
Streams are decoded under pyHanko's default limits for untrusted input.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from signing.errors import EncryptedDocumentError, NotAPdfError, SigningError
from signing.formats.limits import (
    DEFAULT_MAXIMUM_DOCUMENT_BYTES,
    MAXIMUM_FORM_FIELDS,
    MAXIMUM_PAGES,
    check_document_size,
)

_LOG = logging.getLogger(__name__)
PDF_HEADER: Final = b"%PDF-"
_MAXIMUM_TITLE_LENGTH: Final = 300
_UNREADABLE = "The PDF cannot be read: it is damaged or cut off. Save or print it to PDF again."


@dataclass(frozen=True)
class PdfDescription:
    """What a person is shown of a PDF before signing it."""

    title: str
    pages: int
    size: int
    digest: str
    signatures: int


@contextmanager
def guarded() -> Iterator[None]:
    """Turn whatever a hostile file makes the parser raise into NotAPdfError."""
    try:
        yield
    except SigningError:
        raise
    except Exception as fault:
        # A hostile file reaches every corner of a parser.
        _LOG.info("a PDF could not be read: %s: %.200s", type(fault).__name__, fault)
        raise NotAPdfError(_UNREADABLE) from fault


def open_pdf(document: bytes, maximum: int = DEFAULT_MAXIMUM_DOCUMENT_BYTES) -> Any:
    """Return pyHanko's strict reader of the document; raise DocumentError for what cannot be taken."""
    check_document_size(len(document), maximum)
    if not document.startswith(PDF_HEADER):
        raise NotAPdfError(
            "The file is not a PDF document. Save or print the document as PDF, then try again."
        )
    from pyhanko.pdf_utils.reader import PdfFileReader

    with guarded():
        reader = PdfFileReader(BytesIO(document), strict=True)
        encrypted = reader.encrypted
        hybrid = reader.xrefs.hybrid_xrefs_present
        reader.root["/Pages"]  # the page tree must be there
    if encrypted:
        raise EncryptedDocumentError("The PDF is protected by a password. Save it without protection first.")
    if hybrid:
        # Two cross-reference tables side by side can show two documents to two programs.
        raise NotAPdfError(
            "The PDF has two tables of contents side by side and can look different in different programs. "
            "Print it to PDF, then try again."
        )
    return reader


def describe_pdf(
    document: bytes, fallback_title: str = "", maximum: int = DEFAULT_MAXIMUM_DOCUMENT_BYTES
) -> PdfDescription:
    """Tell title, pages, size and digest of a PDF."""
    reader = open_pdf(document, maximum)
    with guarded():
        pages = int(reader.root["/Pages"]["/Count"])
        signatures = len(signed_fields(reader))
    if not 0 < pages <= MAXIMUM_PAGES:
        raise NotAPdfError("The PDF has no pages. Save or print it to PDF again.")
    return PdfDescription(
        title=_title(reader) or fallback_title,
        pages=pages,
        size=len(document),
        digest=hashlib.sha256(document).hexdigest(),
        signatures=signatures,
    )


def signed_fields(reader: Any) -> list[tuple[str, Any]]:
    """List the filled signature fields: (name, signature dictionary)."""
    check_form(reader)
    from pyhanko.sign.fields import enumerate_sig_fields

    return [(name, value) for name, value, _ in enumerate_sig_fields(reader, filled_status=True)]


def check_form(reader: Any) -> None:
    """One rule: the form can be walked through in a sane time.

    Its fields are a tree by the standard (ISO 32000-2 12.7.4.1), but a file may hang each field below two
    others: thirty such steps in two kilobytes are a thousand million visits.
    """
    try:
        waiting = [reader.root["/AcroForm"]["/Fields"]]
    except KeyError:
        return
    visits = 0
    while waiting:
        fields = waiting.pop()
        for entry in fields if isinstance(fields, list) else ():
            visits += 1
            if visits > MAXIMUM_FORM_FIELDS:
                raise NotAPdfError("The PDF's form has too many fields. Print it to PDF, then try again.")
            field = entry.get_object()
            if isinstance(field, dict) and "/Kids" in field:
                waiting.append(field["/Kids"])


def _title(reader: Any) -> str:
    """The title in the information dictionary, on one line; none is no fault."""
    try:
        text = str(reader.trailer["/Info"]["/Title"])
    except Exception:  # noqa: BLE001 - the title is optional, and the file may be hostile
        return ""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAXIMUM_TITLE_LENGTH]
