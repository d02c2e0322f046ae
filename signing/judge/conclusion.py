"""What a check, a building block and a process conclude; the reasons, as codes.

A check is one function that returns None when it passes and a `Failure` otherwise. A block runs its
checks in order and ends at the first failure, as clause 5.2 tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from signing.indication import BlockStatus, SubIndication


class Block(StrEnum):
    """The building blocks and processes, by the standard's clause."""

    FORMAT_CHECKING = "5.2.2 Format Checking"
    SIGNING_CERTIFICATE = "5.2.3 Identification of the Signing Certificate"
    VALIDATION_CONTEXT = "5.2.4 Validation Context Initialization"
    X509_VALIDATION = "5.2.6 X.509 Certificate Validation"
    CRYPTOGRAPHIC_VERIFICATION = "5.2.7 Cryptographic Verification"
    ACCEPTANCE = "5.2.8 Signature Acceptance Validation"
    TIMESTAMP_VALIDATION = "5.4 Time-stamp Validation"
    WITH_TIME = "5.5 Validation Process for Signatures with Time"


class Reason(StrEnum):
    """Why a check failed, finer than a sub-indication: what a clerk has to be told apart."""

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
    CERTIFICATE_MISSING = "certificate-missing"
    CERTIFICATE_REFERENCE = "certificate-reference"
    NO_TRUST_ANCHOR = "no-trust-anchor"
    NO_PATH = "no-path"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_ON_HOLD = "certificate-on-hold"
    AUTHORITY_REVOKED = "authority-revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    CERTIFICATE_PURPOSE = "certificate-purpose"
    CERTIFICATE_KIND = "certificate-kind"
    CERTIFICATE_REFUSED = "certificate-refused"
    CERTIFICATE_ALGORITHM = "certificate-algorithm"
    CERTIFICATE_ALTERED = "certificate-altered"
    CONTENT_MISSING = "content-missing"
    DOCUMENT_CHANGED = "document-changed"
    SIGNATURE_WRONG = "signature-wrong"
    ALGORITHM_REFUSED = "algorithm-refused"
    NOT_WHOLE_DOCUMENT = "not-whole-document"
    TIMESTAMP_MISSING = "timestamp-missing"
    TIMESTAMP_INVALID = "timestamp-invalid"
    TIMESTAMP_UNTRUSTED = "timestamp-untrusted"
    TIMESTAMP_ORDER = "timestamp-order"
    SIGNED_BEFORE_ISSUE = "signed-before-issue"


@dataclass(frozen=True)
class Failure:
    """A check that did not pass: the standard's words, our reason, and what else is known."""

    status: BlockStatus
    sub_indication: SubIndication
    reason: Reason
    detail_en: str = ""
    detail_zh: str = ""
    revoked_at: datetime | None = None


def failed(sub_indication: SubIndication, reason: Reason, detail: str = "", detail_zh: str = "") -> Failure:
    """A failure that nothing later can mend."""
    return Failure(BlockStatus.FAILED, sub_indication, reason, detail, detail_zh or detail)


def indeterminate(
    sub_indication: SubIndication, reason: Reason, detail: str = "", detail_zh: str = ""
) -> Failure:
    """A failure that more evidence might mend."""
    return Failure(BlockStatus.INDETERMINATE, sub_indication, reason, detail, detail_zh or detail)


@dataclass(frozen=True)
class CheckResult:
    """One check and how it ended; the id is stable and names the check function."""

    check: str
    failure: Failure | None = None

    @property
    def passed(self) -> bool:
        """Whether the check passed."""
        return self.failure is None


@dataclass(frozen=True)
class BlockConclusion:
    """One building block: its status is that of its first failed check."""

    block: Block
    checks: tuple[CheckResult, ...]

    @property
    def failure(self) -> Failure | None:
        """The failure that decides, if any."""
        return next((result.failure for result in self.checks if result.failure), None)

    @property
    def status(self) -> BlockStatus:
        """PASSED, FAILED or INDETERMINATE."""
        return self.failure.status if self.failure else BlockStatus.PASSED


Check = Callable[[], Failure | None]


def run_block(block: Block, checks: Sequence[tuple[str, Check]]) -> BlockConclusion:
    """Run checks in order up to the first that fails."""
    results: list[CheckResult] = []
    for name, check in checks:
        failure = check()
        results.append(CheckResult(name, failure))
        if failure:
            break
    return BlockConclusion(block, tuple(results))
