"""The status of one certificate from the evidence at hand: CRLs and OCSP answers weighed together.

Any evidence that can be relied on and says "revoked" for good wins; a suspension can be lifted, so there the
youngest evidence wins. What cannot be relied on is told, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property

from trust.algorithms import DEFAULT_ALGORITHM_POLICY, AlgorithmPolicy
from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, CRLError, load_crl
from trust.crl_check import (
    ALL_REASONS,
    DEFAULT_CLOCK_SKEW,
    StatusAnswer,
    check_crl_freshness,
    check_crl_scope,
    status_in_crl,
)
from trust.errors import TrustError
from trust.extensions import DistributionPoint
from trust.names import names_match
from trust.ocsp import (
    OCSPChecks,
    OCSPResponse,
    matches_certificate,
    parse_ocsp_response,
    verify_ocsp_response,
)
from trust.status import CertStatus, CRLReason

MAXIMUM_CRLS_PER_CERTIFICATE = 32
MAXIMUM_ANSWERS_PER_CERTIFICATE = 8


class RevocationPolicy(Enum):
    """What missing information about revocation means."""

    HARD_FAIL = "hard-fail"
    SOFT_FAIL = "soft-fail"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True)
class Freshness:
    """How old evidence may be; None leaves it to the evidence's own nextUpdate."""

    maximum_ocsp_age: timedelta | None = None
    maximum_crl_age: timedelta | None = None
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW


@dataclass(frozen=True)
class RevocationEvidence:
    """CRLs and OCSP responses, as DER or read already; what cannot be read is kept as a complaint.

    Keep one object as long as its contents stay the same: it remembers what has been read and verified.
    """

    crls: tuple[bytes | CertificateRevocationList, ...] = ()
    ocsp: tuple[bytes | OCSPResponse, ...] = ()

    @cached_property
    def _read_crls(self) -> tuple[tuple[CertificateRevocationList, ...], tuple[str, ...]]:
        """The CRLs that can be read, and why the others cannot."""
        read: list[CertificateRevocationList] = []
        complaints: list[str] = []
        for crl in self.crls:
            try:
                read.append(load_crl(crl) if isinstance(crl, bytes) else crl)
            except TrustError as error:
                complaints.append(error.code)
        return tuple(read), tuple(complaints)

    @cached_property
    def _read_ocsp(self) -> tuple[tuple[OCSPResponse, ...], tuple[str, ...]]:
        """The OCSP responses that can be read, and why the others cannot."""
        read: list[OCSPResponse] = []
        complaints: list[str] = []
        for response in self.ocsp:
            try:
                read.append(parse_ocsp_response(response) if isinstance(response, bytes) else response)
            except TrustError as error:
                complaints.append(error.code)
        return tuple(read), tuple(complaints)

    def crls_of(self, issuer: bytes) -> tuple[CertificateRevocationList, ...]:
        """The readable CRLs of that issuer name, the youngest first."""
        found = [crl for crl in self._read_crls[0] if _same_name(crl.issuer, issuer)]
        found.sort(key=lambda crl: crl.this_update, reverse=True)
        return tuple(found[:MAXIMUM_CRLS_PER_CERTIFICATE])

    def answers_about(self, certificate: Certificate, issuer: Certificate) -> tuple[OCSPResponse, ...]:
        """The OCSP responses that speak of the certificate, and those that tell why they do not."""
        found = [
            response
            for response in self._read_ocsp[0]
            if not response.answers
            or any(matches_certificate(answer.cert_id, certificate, issuer) for answer in response.answers)
        ]
        return tuple(found[:MAXIMUM_ANSWERS_PER_CERTIFICATE])

    @property
    def complaints(self) -> tuple[str, ...]:
        """Codes of what could not be read."""
        return self._read_crls[1] + self._read_ocsp[1]


def _same_name(first: bytes, second: bytes) -> bool:
    """names_match for names that may be malformed: those match nothing."""
    try:
        return names_match(first, second)
    except TrustError:
        return False


@dataclass(frozen=True)
class StatusVerdict:
    """The status of a certificate, and why evidence was set aside."""

    answer: StatusAnswer | None
    complaints: tuple[str, ...] = ()

    @property
    def status(self) -> CertStatus:
        """good, revoked, or unknown when no evidence counts."""
        return CertStatus.UNKNOWN if self.answer is None else self.answer.status


# Finds and verifies the key that signed a CRL, for the certificate concerned and its issuer; raises when the
# CRL is not authentic. It is path.py's, since a CRL issuer may need a path of its own (RFC 5280 6.3.3 (f)).
CRLVerifier = Callable[[CertificateRevocationList, Certificate, Certificate], None]


@dataclass(frozen=True)
class StatusQuestion:
    """What to ask of the evidence: as of when it must be current, how fresh, by which algorithms."""

    evidence: RevocationEvidence
    evidence_at: datetime
    verify_crl: CRLVerifier
    past: datetime | None = None
    freshness: Freshness = Freshness()
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    nonce: bytes | None = None


def certificate_status(certificate: Certificate, issuer: Certificate, asked: StatusQuestion) -> StatusVerdict:
    """The status of the certificate by all evidence that can be relied on."""
    complaints: list[str] = list(asked.evidence.complaints)
    answers = _ocsp_answers(certificate, issuer, asked, complaints)
    answers.extend(_crl_answer(certificate, issuer, asked, complaints))
    return StatusVerdict(_weigh(answers), tuple(dict.fromkeys(complaints)))


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
    complaints: list[str] = []
    verdict = _weigh(_crl_answer(responder, issuer, asked, complaints))
    if verdict is None or verdict.status is not CertStatus.GOOD:
        raise CRLError(
            "the responder is not known to be good", code="ocsp-responder", clause="RFC 6960 4.2.2.2.1"
        )


def _crl_answer(
    certificate: Certificate, issuer: Certificate, asked: StatusQuestion, complaints: list[str]
) -> list[StatusAnswer]:
    """RFC 5280 6.3.3: what the CRLs say; none unless all reasons are covered, or one revokes."""
    covered: set[int] = set()
    oldest: StatusAnswer | None = None
    points: tuple[DistributionPoint | None, ...] = (*certificate.distribution_points, None)
    for crl in asked.evidence.crls_of(certificate.issuer):
        try:
            # (a): the CRL is current.
            check_crl_freshness(
                crl,
                asked.evidence_at,
                maximum_age=asked.freshness.maximum_crl_age,
                clock_skew=asked.freshness.clock_skew,
            )
            # (b), (d): it covers the certificate, for reasons that are not covered yet.
            reasons = _covered_reasons(crl, certificate, points)
            # (f), (g): it is authentic.
            asked.verify_crl(crl, certificate, issuer)
            # (j): it lists the certificate, or does not.
            answer = status_in_crl(crl, certificate, asked.past)
        except TrustError as error:
            complaints.append(error.code)
            continue
        if answer.status is CertStatus.REVOKED:
            return [answer]
        # (l): on to the next, until every reason is covered; lists come youngest first.
        covered |= reasons
        oldest = answer
        if covered >= ALL_REASONS:
            return [oldest]
    if oldest is not None:
        complaints.append("crl-reasons-incomplete")
    return []


def _covered_reasons(
    crl: CertificateRevocationList,
    certificate: Certificate,
    points: tuple[DistributionPoint | None, ...],
) -> frozenset[int]:
    """The reasons for which the CRL covers the certificate by any of its distribution points."""
    covered: frozenset[int] = frozenset()
    refusal: TrustError | None = None
    for point in points:
        try:
            covered |= check_crl_scope(crl, certificate, point)
        except CRLError as error:
            refusal = refusal or error
    if not covered and refusal is not None:
        raise refusal
    return covered
