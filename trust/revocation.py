"""The status of one certificate from the evidence at hand: CRLs and OCSP answers weighed together.

Any evidence that can be relied on and says "revoked" for good wins; a suspension can be lifted, so there the
youngest evidence wins. What cannot be relied on is told, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from trust.certificate import Certificate
from trust.crl import CRLError
from trust.crl_check import StatusAnswer
from trust.crl_status import crl_answer
from trust.errors import TrustError
from trust.ocsp import OCSPChecks, names_status_source, verify_ocsp_response
from trust.revocation_evidence import CRLVerifier, Freshness, RevocationEvidence, StatusQuestion
from trust.status import CertStatus, CRLReason

__all__ = [
    "CRLVerifier",
    "Freshness",
    "RevocationEvidence",
    "RevocationPolicy",
    "StatusQuestion",
    "StatusVerdict",
    "certificate_status",
]


class RevocationPolicy(Enum):
    """What missing information about revocation means.

    - HARD_FAIL: the certificate is refused.
    - TRY_LATER: it is not good now; the report says apart that one may fetch and ask again (EN 319 102-1).
    - SOFT_FAIL: it is let pass. Who can silence the responder then passes with a revoked certificate.
    - NOT_CHECKED: nobody asks.

    A responder that does not know the certificate has said all it will: that is a refusal, and no missing
    information. It did not know the certificates that were issued behind its authority's back.
    """

    HARD_FAIL = "hard-fail"
    TRY_LATER = "try-later"
    SOFT_FAIL = "soft-fail"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True)
class StatusVerdict:
    """The status of a certificate, and why evidence was set aside.

    `disowned` when a responder does not know the certificate; `again_at` is when newer evidence is due.
    """

    answer: StatusAnswer | None
    complaints: tuple[str, ...] = ()
    disowned: bool = False
    again_at: datetime | None = None

    @property
    def status(self) -> CertStatus:
        """good, revoked, or unknown when no evidence counts."""
        return CertStatus.UNKNOWN if self.answer is None else self.answer.status


def certificate_status(certificate: Certificate, issuer: Certificate, asked: StatusQuestion) -> StatusVerdict:
    """The status of the certificate by all evidence that can be relied on."""
    complaints: list[str] = list(asked.evidence.complaints)
    answers = _ocsp_answers(certificate, issuer, asked, complaints)
    by_crl = crl_answer(certificate, issuer, asked, complaints)
    if by_crl is not None:
        answers.append(by_crl)
    answer = _weigh(answers)
    if answer is not None and answer.status is CertStatus.GOOD:
        return StatusVerdict(answer, tuple(dict.fromkeys(complaints)))
    disowned = any(answer.status is CertStatus.UNKNOWN for answer in answers)
    again_at = _next_due(certificate, issuer, asked)
    return StatusVerdict(answer, tuple(dict.fromkeys(complaints)), disowned, again_at)


def _next_due(certificate: Certificate, issuer: Certificate, asked: StatusQuestion) -> datetime | None:
    """When, by the evidence at hand, newer evidence is due; None when it is due already, or nobody knows."""
    evidence, at = asked.evidence, asked.evidence_at
    due = [crl.latest.next_update for crl in evidence.crls_of(certificate.issuer)]
    for response in evidence.answers_about(certificate, issuer):
        due.extend(answer.next_update for answer in response.answers)
    return min((moment for moment in due if moment is not None and moment > at), default=None)


def _weigh(answers: Iterable[StatusAnswer]) -> StatusAnswer | None:
    """A final revocation wins; otherwise the youngest answer."""
    known = [answer for answer in answers if answer.status is not CertStatus.UNKNOWN]
    for answer in known:
        if answer.status is CertStatus.REVOKED and answer.reason is not CRLReason.CERTIFICATE_HOLD:
            return answer
    # Of two of the same moment the suspension counts.
    return max(known, key=lambda a: (a.this_update, a.status is CertStatus.REVOKED), default=None)


def _ocsp_answers(
    certificate: Certificate, issuer: Certificate, asked: StatusQuestion, complaints: list[str]
) -> list[StatusAnswer]:
    """What the OCSP responses say."""
    if not asked.evidence.ocsp:
        return []
    checks = OCSPChecks(
        maximum_age=asked.freshness.maximum_ocsp_age,
        clock_skew=asked.freshness.clock_skew,
        algorithms=asked.algorithms,
        check_responder=lambda responder: _check_responder(responder, issuer, asked),
        past=asked.past,
    )
    answers: list[StatusAnswer] = []
    for response in asked.evidence.answers_about(certificate, issuer):
        try:
            answer = verify_ocsp_response(
                response, certificate, issuer, asked.evidence_at, nonce=asked.nonce, checks=checks
            )
        except TrustError as error:
            complaints.append(error.code)
            continue
        answers.append(answer)
        if answer.status is CertStatus.UNKNOWN:
            complaints.append("ocsp-unknown")
    return answers


def _check_responder(responder: Certificate, issuer: Certificate, asked: StatusQuestion) -> None:
    """One rule: a delegated responder without nocheck is good by the issuer's CRL (RFC 6960 4.2.2.2.1)."""
    verdict = crl_answer(responder, issuer, asked, [])
    status = CertStatus.UNKNOWN if verdict is None else verdict.status
    if status is CertStatus.REVOKED or (status is CertStatus.UNKNOWN and names_status_source(responder)):
        raise CRLError(
            "the responder is not known to be good", code="ocsp-responder", clause="RFC 6960 4.2.2.2.1"
        )
