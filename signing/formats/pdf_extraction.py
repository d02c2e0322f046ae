"""Evidence from a PDF (PAdES, EN 319 142-1; ISO 32000-2 12.8): signatures, the bytes they cover, digests.

The file is read by pyHanko's strict parser; what a signature covers is worked out from the bytes
themselves. Never raises for a document's sake: what is wrong with it is a fault in the evidence.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from signing.errors import DocumentError
from signing.evidence import Coverage, DocumentEvidence, Fault, FaultCode, SignatureEvidence, SignatureFormat
from signing.formats.cms_extraction import extract_signed_data, faulty
from signing.formats.limits import DEFAULT_MAXIMUM_DOCUMENT_BYTES, MAXIMUM_CMS_BYTES, MAXIMUM_SIGNATURES
from signing.formats.pdf_reading import guarded, open_pdf, signed_fields

_FAULTS: Final = {
    "document-empty": FaultCode.DOCUMENT_EMPTY,
    "document-too-large": FaultCode.DOCUMENT_TOO_LARGE,
    "document-encrypted": FaultCode.DOCUMENT_ENCRYPTED,
}
_SUBFILTERS: Final = frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"})
_SIGNATURE_TYPES: Final = frozenset({"/Sig"})
_DOCUMENT_TIMESTAMP: Final = "/DocTimeStamp"
# A trace of a signature in a file that can no longer be read: it was there, so the file was changed.
_TRACE = re.compile(rb"/ByteRange\s*\[|/Contents\s*<30")
_HEXADECIMAL = re.compile(rb"(?:[0-9A-F]*|[0-9a-f]*)\Z")
_DAMAGE_SEARCHED_BYTES: Final = 64 * 1024 * 1024


def extract_pdf(document: bytes, maximum: int = DEFAULT_MAXIMUM_DOCUMENT_BYTES) -> DocumentEvidence:
    """Return the evidence of every signature in the document."""
    try:
        reader = open_pdf(document, maximum)
        with guarded():
            fields = signed_fields(reader)
    except DocumentError as error:
        return _refused(document, error)
    digest = hashlib.sha256(document).hexdigest()
    if len(fields) > MAXIMUM_SIGNATURES:
        return DocumentEvidence(
            SignatureFormat.PADES, len(document), digest, fault=Fault(FaultCode.TOO_MANY_SIGNATURES)
        )
    signatures = tuple(_extract_field(document, reader, name, value) for name, value in fields)
    fault = None if signatures else Fault(FaultCode.NO_SIGNATURE)
    return DocumentEvidence(SignatureFormat.PADES, len(document), digest, signatures, fault)


def _refused(document: bytes, error: DocumentError) -> DocumentEvidence:
    """The evidence of a document that cannot be read at all."""
    code = _FAULTS.get(error.code, FaultCode.NOT_A_PDF)
    if code is FaultCode.NOT_A_PDF and _TRACE.search(document[:_DAMAGE_SEARCHED_BYTES]):
        code = FaultCode.CHANGED_AND_UNREADABLE
    digest = hashlib.sha256(document).hexdigest() if code is not FaultCode.DOCUMENT_TOO_LARGE else ""
    return DocumentEvidence(SignatureFormat.PADES, len(document), digest, fault=Fault(code, str(error)))


def _extract_field(document: bytes, reader: Any, name: str, value: Any) -> SignatureEvidence:
    """Return the evidence of one signature field; whatever is malformed becomes a fault."""
    try:
        with guarded():
            dictionary = value.get_object()
            subfilter = str(dictionary.get("/SubFilter", ""))
            kind = str(dictionary.get("/Type", "/Sig"))
            numbers = [int(number) for number in dictionary["/ByteRange"]]
            contents = bytes(dictionary.raw_get("/Contents").original_bytes)
            revisions = int(reader.xrefs.total_revisions)
    except (DocumentError, AttributeError):
        return faulty(name, SignatureFormat.PADES, FaultCode.SIGNATURE_MALFORMED, "the signature dictionary")
    if kind not in _SIGNATURE_TYPES or subfilter not in _SUBFILTERS:
        return faulty(name, SignatureFormat.PADES, FaultCode.SUBFILTER_UNKNOWN, f"{kind} {subfilter}")
    problem = _byte_range_problem(document, numbers, contents)
    if problem:
        return faulty(name, SignatureFormat.PADES, FaultCode.BYTE_RANGE_MALFORMED, problem)
    coverage = _coverage(document, (numbers[0], numbers[1], numbers[2], numbers[3]), revisions)
    container = _without_padding(contents)
    if container is None:
        return faulty(name, SignatureFormat.PADES, FaultCode.PADDING_NOT_EMPTY, "data after the signature")
    first, second = (
        memoryview(document)[: numbers[1]],
        memoryview(document)[numbers[2] : coverage.covered_end],
    )
    return extract_signed_data(
        container, (first, second), identifier=name, signature_format=SignatureFormat.PADES, coverage=coverage
    )


def _byte_range_problem(document: bytes, numbers: list[int], contents: bytes) -> str:
    """Say what is wrong with a byte range: it must leave out exactly the /Contents string (12.8.1)."""
    if len(numbers) != 4 or any(number < 0 for number in numbers):
        return "it is not two pairs of numbers"
    start, gap_start, gap_end, rest = numbers
    if start != 0 or not gap_start < gap_end or gap_end + rest > len(document):
        return "it does not lie within the file from its beginning"
    gap = document[gap_start:gap_end]
    if gap[:1] != b"<" or gap[-1:] != b">" or len(gap) > 2 * MAXIMUM_CMS_BYTES:
        return "the part left out is not one hexadecimal string"
    digits = gap[1:-1]
    # One letter case throughout: a writer has one, and a changed letter case is a changed file.
    if not _HEXADECIMAL.match(digits) or len(digits) % 2 or bytes.fromhex(digits.decode("ascii")) != contents:
        return "the part left out is not this signature"
    return ""


def _coverage(document: bytes, byte_range: tuple[int, int, int, int], revisions: int) -> Coverage:
    """What is covered, and how many revisions follow: cross-reference sections after the covered end."""
    end = byte_range[2] + byte_range[3]
    later = min(document.count(b"startxref", end), revisions)
    return Coverage(byte_range, len(document), later)


def _without_padding(contents: bytes) -> bytes | None:
    """The CMS without the zeros that fill the reserved space; None when other data follow it."""
    if len(contents) < 2 or contents[0] != 0x30:
        return contents
    length, header = contents[1], 2
    if length >= 0x80:
        octets = length & 0x7F
        length, header = int.from_bytes(contents[2 : 2 + octets], "big"), 2 + octets
    end = header + length
    return None if contents[end:].strip(b"\x00") else contents[:end]
