"""PDF documents for the tests, written by hand or by pyHanko's plain writer."""

from __future__ import annotations

from io import BytesIO


def plain_pdf(
    pages: int = 1, title: str = "营业执照变更申请", text: str = "Application", size: int = 0
) -> bytes:
    """A small PDF with a cross-reference table; `size` adds an unused stream of that many bytes."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.generic import pdf_name
    from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

    writer = PdfFileWriter(stream_xrefs=False)
    font = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/Type1"),
            pdf_name("/BaseFont"): pdf_name("/Helvetica"),
        }
    )
    font_reference = writer.add_object(font)
    for number in range(1, pages + 1):
        content = generic.StreamObject(
            stream_data=f"BT /F1 24 Tf 72 720 Td ({text} page {number}) Tj ET".encode()
        )
        resources = generic.DictionaryObject(
            {pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F1"): font_reference})}
        )
        writer.insert_page(
            PageObject(contents=writer.add_object(content), media_box=(0, 0, 595, 842), resources=resources)
        )
    if title:
        writer.set_info(generic.DictionaryObject({pdf_name("/Title"): generic.TextStringObject(title)}))
    if size:
        writer.add_object(generic.StreamObject(stream_data=b"\x00" * size))
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def with_later_revision(document: bytes) -> bytes:
    """The same document with an incremental update that adds an information entry."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(document))
    writer.add_object(
        generic.DictionaryObject({generic.pdf_name("/Added"): generic.TextStringObject("later")})
    )
    writer.root["/Later"] = generic.TextStringObject("later")
    writer.update_root()
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def encrypted_pdf() -> bytes:
    """A PDF protected by a password (AES-256)."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.pdf_utils.writer import copy_into_new_writer

    writer = copy_into_new_writer(PdfFileReader(BytesIO(plain_pdf())))
    writer.encrypt(owner_pass="owner", user_pass="user")
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def pdf_of(*objects: bytes) -> bytes:
    """A PDF of raw objects, the catalogue first, with a right cross-reference table."""
    document, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(document) + (
        b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, table)
        + b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(document))
    )


def pdf_with_form(fields: bytes, *objects: bytes) -> bytes:
    """A PDF with one page's worth of nothing and a form; the form's objects are numbered from 3."""
    catalogue = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%b]>>>>" % fields
    return pdf_of(catalogue, b"<</Type/Pages/Count 1/Kids[]>>", *objects)
