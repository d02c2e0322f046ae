"""The document that the demonstration files: a one-page PDF 1.7, written here byte by byte."""

from __future__ import annotations

from collections.abc import Sequence

_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_FIRST_LINE_Y, _LINE_HEIGHT, _LEFT, _SIZE = 760, 22, 72, 13


def make_pdf(title: str, lines: Sequence[str]) -> bytes:
    """Return a PDF with one page of text in a standard font (ISO 32000-1 7.5)."""
    text = [f"BT /F1 {_SIZE} Tf {_LEFT} {_FIRST_LINE_Y} Td {_LINE_HEIGHT} TL"]
    text += [f"({_escape(line)}) Tj T*" for line in (title, "", *lines)]
    text.append("ET")
    content = "\n".join(text).encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Title (%s) >>" % _escape(title).encode("ascii"),
    ]
    return _assemble(objects)


def _assemble(objects: Sequence[bytes]) -> bytes:
    """Return the file: header, objects, cross-reference table, trailer."""
    body = bytearray(_HEADER)
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        body += b"%010d 00000 n \n" % offset
    body += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    body += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(body)


def _escape(text: str) -> str:
    """Escape what a literal string of PDF gives a meaning (7.3.4.2)."""
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
