"""Evidence: the facts of a signed document, extracted and frozen, not yet judged.

Extraction says what is there (which bytes a signature covers, whether digests match, which certificates
and timestamps it brings); whether it counts is the judge's affair. Names say what is unproven.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from trust.algorithms import SignatureAlgorithm
from trust.certificate import Certificate


class SignatureFormat(StrEnum):
    """The formats this package extracts."""

    PADES = "PAdES"
    CADES = "CAdES"


class FaultCode(StrEnum):
    """What is wrong with the form of a document or signature, before anything is verified."""

    DOCUMENT_EMPTY = "document-empty"
    DOCUMENT_TOO_LARGE = "document-too-large"
    NOT_A_PDF = "not-a-pdf"
    DOCUMENT_ENCRYPTED = "document-encrypted"
    CHANGED_AND_UNREADABLE = "changed-and-unreadable"
    NO_SIGNATURE = "no-signature"
    TOO_MANY_SIGNATURES = "too-many-signatures"
    SIGNATURE_MALFORMED = "signature-malformed"
    BYTE_RANGE_MALFORMED = "byte-range-malformed"
    SUBFILTER_UNKNOWN = "subfilter-unknown"
    PADDING_NOT_EMPTY = "padding-not-empty"
    ALGORITHM_REFUSED = "algorithm-refused"


@dataclass(frozen=True)
class Fault:
    """One fault of form; `detail` is for the detailed report, in English."""

    code: FaultCode
    detail: str = ""


@dataclass(frozen=True)
class Coverage:
    """Which bytes of the file a signature covers."""

    byte_range: tuple[int, int, int, int]
    document_size: int
    later_revisions: int = 0

    @property
    def covered_end(self) -> int:
        """Where the signed part of the file ends."""
        return self.byte_range[2] + self.byte_range[3]

    @property
    def whole_document(self) -> bool:
        """Whether everything but the signature itself is covered."""
        return self.byte_range[0] == 0 and self.covered_end == self.document_size and not self.later_revisions


@dataclass(frozen=True)
class DigestFact:
    """A digest as the signature states it and as the bytes give it."""

    algorithm: str
    stated: bytes
    computed: bytes

    @property
    def matches(self) -> bool:
        """Whether the bytes are the ones that were signed."""
        return self.stated == self.computed


@dataclass(frozen=True)
class TimestampEvidence:
    """A signature timestamp token (RFC 3161) and the bytes it is said to stamp."""

    token: bytes = field(repr=False)
    stamped: bytes = field(repr=False)


@dataclass(frozen=True)
class SignatureEvidence:
    """Everything one signature brings. With faults, the rest may be missing."""

    identifier: str
    format: SignatureFormat
    faults: tuple[Fault, ...] = ()
    coverage: Coverage | None = None
    content_digest: DigestFact | None = None
    signed_attributes: bytes = field(default=b"", repr=False)
    signature_algorithm: SignatureAlgorithm | None = None
    signature_value: bytes = field(default=b"", repr=False)
    unverified_signing_certificate: Certificate | None = None
    certificate_reference_matches: bool = False
    unverified_certificates: tuple[Certificate, ...] = ()
    timestamps: tuple[TimestampEvidence, ...] = ()
    claimed_signing_time: datetime | None = None


@dataclass(frozen=True)
class DocumentEvidence:
    """A document and the signatures found in it (or beside it)."""

    format: SignatureFormat
    size: int
    digest: str
    signatures: tuple[SignatureEvidence, ...] = ()
    fault: Fault | None = None
