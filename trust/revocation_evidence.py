"""What is at hand about revocation, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from trust.algorithms import DEFAULT_ALGORITHM_POLICY, AlgorithmPolicy
from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, load_crl
from trust.crl_check import DEFAULT_CLOCK_SKEW, CombinedCRL, check_delta_crl
from trust.errors import TrustError
from trust.names import issuer_name, names_match
from trust.ocsp import OCSPResponse, matches_certificate, parse_ocsp_response

MAXIMUM_CRLS_PER_ISSUER = 32
MAXIMUM_ANSWERS_PER_CERTIFICATE = 8
MAXIMUM_SETTLED = 1024


@dataclass(frozen=True)
class Freshness:
    """How old evidence may be; None leaves it to the evidence's own nextUpdate."""

    maximum_ocsp_age: timedelta | None = None
    maximum_crl_age: timedelta | None = None
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW


class SettledCRL(NamedTuple):
    """The CRL that covers certificates of a likeness, and while the choice and all its checks hold."""

    crl: CombinedCRL
    since: datetime
    until: datetime
    freshness: Freshness
    algorithms: AlgorithmPolicy


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

    @cached_property
    def _crls_by_issuer(self) -> dict[object, tuple[CombinedCRL, ...]]:
        """The readable CRLs by the issuer's name, each with the delta CRLs that continue it and alone."""
        found: dict[object, list[CertificateRevocationList]] = {}
        for crl in self._read_crls[0]:
            try:
                found.setdefault(crl.canonical_issuer, []).append(crl)
            except TrustError:
                # A name that cannot be read is nobody's.
                continue
        return {name: _combine(crls) for name, crls in found.items()}

    def crls_of(self, issuer: bytes) -> tuple[CombinedCRL, ...]:
        """The readable CRLs of that issuer name, the youngest first; at equal age those with a delta CRL."""
        try:
            return self._crls_by_issuer.get(issuer_name(issuer), ())
        except TrustError:
            return ()

    @cached_property
    def settled(self) -> dict[Hashable, SettledCRL]:
        """Which CRL covers which certificates, as crl_status.py has found."""
        return {}

    def settle(self, likeness: Hashable, settled: SettledCRL) -> None:
        """Remember which CRL covers certificates of that likeness."""
        if len(self.settled) < MAXIMUM_SETTLED or likeness in self.settled:
            self.settled[likeness] = settled

    def answers_about(self, certificate: Certificate, issuer: Certificate) -> tuple[OCSPResponse, ...]:
        """The OCSP responses that speak of the certificate, and those that tell why they do not."""
        found = [
            response
            for response in self._read_ocsp[0]
            if not response.answers
            or any(matches_certificate(answer.cert_id, certificate, issuer) for answer in response.answers)
        ]
        return tuple(found[:MAXIMUM_ANSWERS_PER_CERTIFICATE])

    def has_lone_delta(self, issuer: bytes) -> bool:
        """Whether a delta CRL of that issuer is at hand, but no complete CRL that it continues."""
        used = {id(crl.delta) for crl in self.crls_of(issuer)}
        deltas = (crl for crl in self._read_crls[0] if crl.is_delta and id(crl) not in used)
        return any(_same_name(crl.issuer, issuer) for crl in deltas)

    @cached_property
    def complaints(self) -> tuple[str, ...]:
        """Codes of what could not be read."""
        return self._read_crls[1] + self._read_ocsp[1]


def _same_name(first: bytes, second: bytes) -> bool:
    """names_match for names that may be malformed: those match nothing."""
    try:
        return names_match(first, second)
    except TrustError:
        return False


def _combine(crls: list[CertificateRevocationList]) -> tuple[CombinedCRL, ...]:
    """One issuer's CRLs, each complete one with every delta CRL that continues it, and alone."""
    youngest = sorted(crls, key=lambda crl: crl.this_update, reverse=True)
    complete = [crl for crl in youngest if not crl.is_delta][:MAXIMUM_CRLS_PER_ISSUER]
    deltas = [crl for crl in youngest if crl.is_delta][:MAXIMUM_CRLS_PER_ISSUER]
    combined = [CombinedCRL(base, delta) for base in complete for delta in deltas if _continues(delta, base)]
    combined += map(CombinedCRL, complete)
    combined.sort(key=lambda crl: crl.latest.this_update, reverse=True)
    return tuple(combined[:MAXIMUM_CRLS_PER_ISSUER])


def _continues(delta: CertificateRevocationList, base: CertificateRevocationList) -> bool:
    """Whether the delta CRL belongs to the complete CRL."""
    try:
        check_delta_crl(delta, base)
    except TrustError:
        return False
    return True


# Finds the certificate whose key signed a CRL and its delta, given the certificate concerned and its issuer;
# raises when they are not authentic. It is injected, since a CRL issuer may need a path of its own.
CRLVerifier = Callable[[CombinedCRL, Certificate, Certificate], Certificate]


class StatusQuestion(NamedTuple):
    """What to ask of the evidence: as of when it must be current, how fresh, by which algorithms."""

    evidence: RevocationEvidence
    evidence_at: datetime
    verify_crl: CRLVerifier
    past: datetime | None = None
    freshness: Freshness = Freshness()
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    nonce: bytes | None = None
