"""The status of a certificate by the CRLs at hand: the procedure of RFC 5280 6.3.3.

The clause goes through the certificate's distribution points and takes the CRLs of each; here the CRLs are
gone through, the youngest first, and each is held against all distribution points. The reasons covered are
the same, and an older list cannot hide what a younger one says.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import UTC, datetime

from trust.algorithms import AlgorithmPolicy, parse_algorithm
from trust.certificate import Certificate
from trust.crl import CRLError
from trust.crl_check import (
    ALL_REASONS,
    CombinedCRL,
    StatusAnswer,
    check_crl_freshness,
    check_crl_scope,
    crl_issuers,
    status_in_crl,
)
from trust.errors import TrustError
from trust.extensions import DistributionPoint
from trust.names import names_match
from trust.public_key import key_strength
from trust.revocation_evidence import Freshness, RevocationEvidence, SettledCRL, StatusQuestion
from trust.status import CertStatus
from trust.vocabulary import ExtensionOID

_LATEST = datetime.max.replace(tzinfo=UTC)

# --- what has been settled before ------------------------------------------------------------------------


def is_settled_good(
    certificate: Certificate,
    issuer: Certificate,
    evidence: RevocationEvidence,
    at: datetime,
    freshness: Freshness,
    algorithms: AlgorithmPolicy,
) -> bool:
    """Whether the CRL that was found to cover such certificates says now that this one is good.

    False means no more than that all evidence must be weighed. A login costs this much and no more.
    """
    settled = evidence.settled.get(_likeness(certificate, issuer))
    return (
        settled is not None
        and settled.since <= at < settled.until
        and (settled.freshness is freshness or settled.freshness == freshness)
        and (settled.algorithms is algorithms or settled.algorithms == algorithms)
        and settled.crl.find(certificate.serial_number, certificate.issuer) is None
    )


def _likeness(certificate: Certificate, issuer: Certificate) -> Hashable:
    """What decides which CRL covers a certificate: equal for those that one list is for (6.3.3 (b))."""
    extensions = certificate.extensions
    points = extensions.get(ExtensionOID.CRL_DISTRIBUTION_POINTS)
    names = extensions.get(ExtensionOID.ISSUER_ALTERNATIVE_NAME)
    constraints = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    return (
        issuer.der,
        certificate.issuer,
        certificate.version,
        points and points.value,
        names and names.value,
        constraints and constraints.value,
    )


def _end_of(crl: CombinedCRL, signer: Certificate, asked: StatusQuestion) -> datetime | None:
    """Until when the CRL is current, and its algorithms and key are accepted."""
    maximum_age, policy = asked.freshness.maximum_crl_age, asked.algorithms
    ends = [crl.latest.next_update, policy.key_sunset(key_strength(signer.public_key))]
    # An age beyond the calendar's end is none.
    if maximum_age is not None and maximum_age <= _LATEST - crl.latest.this_update:
        ends.append(crl.latest.this_update + maximum_age)
    for signed in crl.lists:
        digest = parse_algorithm(signed.algorithm).digest
        ends.append(None if digest is None else policy.sunset(digest))
    return min((end for end in ends if end is not None), default=None)


# --- the procedure ---------------------------------------------------------------------------------------


def crl_answer(
    certificate: Certificate, issuer: Certificate, asked: StatusQuestion, complaints: list[str]
) -> StatusAnswer | None:
    """What the CRLs say; None unless all reasons are covered, or one revokes. Complaints are added."""
    # The last distribution point is implied: the certificate's issuer, all reasons.
    points: tuple[DistributionPoint | None, ...] = (*certificate.distribution_points, None)
    run = _Run(certificate, issuer, asked, points, complaints)
    answer = run.go_through(run.candidates())
    if answer is None and run.set_aside:
        answer = run.go_through(run.set_aside, weaker=True)
    if answer is None and run.covered:
        complaints.append("crl-reasons-incomplete")
    if answer is None and asked.evidence.has_lone_delta(certificate.issuer):
        complaints.append("crl-delta-without-base")
    return answer


class _Run:
    """The state variables of RFC 5280 6.3.2: the reasons covered so far, and what is held against them."""

    def __init__(
        self,
        certificate: Certificate,
        issuer: Certificate,
        asked: StatusQuestion,
        points: tuple[DistributionPoint | None, ...],
        complaints: list[str],
    ) -> None:
        self.certificate, self.issuer, self.asked = certificate, issuer, asked
        self.points, self.complaints = points, complaints
        self.covered: frozenset[int] = frozenset()
        self.set_aside: list[CombinedCRL] = []
        # Whether each CRL gone through so far is none for such certificates at any time.
        self.alone = True

    def candidates(self) -> list[CombinedCRL]:
        """The CRLs of the certificate's issuer and of the CRL issuers it names, the youngest first."""
        names = [self.certificate.issuer]
        names.extend(name for point in self.points if point is not None for name in crl_issuers(point))
        evidence = self.asked.evidence
        found = dict.fromkeys(crl for name in dict.fromkeys(names) for crl in evidence.crls_of(name))
        return sorted(found, key=lambda crl: crl.latest.this_update, reverse=True)

    def go_through(self, crls: list[CombinedCRL], *, weaker: bool = False) -> StatusAnswer | None:
        """The answer of the first CRL that revokes, or of the one that completes the reasons."""
        for crl in crls:
            try:
                reasons = self._covers(crl)
                # (e): it covers a reason that is not covered yet.
                if reasons <= self.covered:
                    continue
                # (f), (g), (h): it is authentic.
                signer = self.asked.verify_crl(crl, self.certificate, self.issuer)
                # (i), (j), (k): it lists the certificate, or does not.
                answer = status_in_crl(crl, self.certificate, self.asked.past)
            except TrustError as error:
                self.complaints.append(error.code)
                self.alone = self.alone and error.code == "crl-scope"
                continue
            if answer.status is CertStatus.GOOD and not weaker and self._is_weaker(crl, signer):
                self.set_aside.append(crl)
                self.alone = False
                continue
            if reasons >= ALL_REASONS:
                self._settle(crl, signer)
            # (l): on to the next, until every reason is covered.
            self.alone = False
            self.covered |= reasons
            if answer.status is CertStatus.REVOKED or self.covered >= ALL_REASONS:
                return answer
        return None

    def _is_weaker(self, crl: CombinedCRL, signer: Certificate) -> bool:
        """Whether it counts only when no other CRL can tell that this one does not list the certificate.

        Of its own signer: else who has the key of a revoked CRL issuer would clear it by a younger list. By
        another key under the issuer's name: any authority below the anchor may certify one (RFC 5280 8).
        """
        if signer == self.certificate:
            return True
        other_key = signer.public_key != self.issuer.public_key
        return other_key and names_match(crl.base.issuer, self.certificate.issuer)

    def _covers(self, crl: CombinedCRL) -> frozenset[int]:
        """(a), (b), (d): the CRL is current, and the reasons for which it covers the certificate."""
        freshness = self.asked.freshness
        check_crl_freshness(
            crl.latest,
            self.asked.evidence_at,
            maximum_age=freshness.maximum_crl_age,
            clock_skew=freshness.clock_skew,
        )
        return frozenset().union(*self._reasons(crl))

    def _settle(self, crl: CombinedCRL, signer: Certificate) -> None:
        """Remember the CRL for certificates like this one.

        Only when it alone covers all reasons, the issuer itself signed it, and only lists that never cover
        such certificates are younger: then nothing but time can change the choice.
        """
        asked = self.asked
        end = _end_of(crl, signer, asked)
        if self.alone and signer == self.issuer and end is not None:
            settled = SettledCRL(crl, asked.evidence_at, end, asked.freshness, asked.algorithms)
            asked.evidence.settle(_likeness(self.certificate, self.issuer), settled)

    def _reasons(self, crl: CombinedCRL) -> Iterator[frozenset[int]]:
        """The reasons by each distribution point; CRLError when none leads to the CRL."""
        refusal: CRLError | None = None
        found = False
        for point in self.points:
            try:
                yield check_crl_scope(crl.base, self.certificate, point)
                found = True
            except CRLError as error:
                refusal = refusal or error
        if not found and refusal is not None:
            raise refusal
