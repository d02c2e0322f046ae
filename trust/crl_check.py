"""Relying on a CRL: its issuer, freshness and scope, and what it says (RFC 5280 6.3.3, in its steps)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, CRLError, IssuingDistributionPoint
from trust.encoding import der
from trust.encoding.der import Reader, Tag
from trust.extensions import DistributionPoint, GeneralName, GeneralNameKind
from trust.names import canonical_name
from trust.status import CertStatus, CRLReason

DEFAULT_CLOCK_SKEW = timedelta(minutes=5)

# The reasons a distribution point or a CRL may be limited to: bits 1 to 8 of ReasonFlags (RFC 5280 4.2.1.13).
ALL_REASONS = frozenset(range(1, 9))


@dataclass(frozen=True)
class StatusAnswer:
    """What one piece of evidence says of one certificate, and as of when."""

    status: CertStatus
    this_update: datetime
    revoked_at: datetime | None = None
    reason: CRLReason | None = None


def check_crl_freshness(
    crl: CertificateRevocationList,
    at: datetime,
    *,
    maximum_age: timedelta | None = None,
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
) -> None:
    """One rule: the CRL is current at that time (RFC 5280 6.3.3 (a)), and no older than policy allows."""
    if crl.this_update > at + clock_skew:
        raise CRLError("the CRL is from the future", code="crl-not-yet-valid", clause="RFC 5280 5.1.2.4")
    if crl.next_update is None:
        if maximum_age is None:
            raise CRLError(
                "the CRL does not say when it ends; set a maximum age",
                code="crl-no-next-update",
                clause="RFC 5280 5.1.2.5",
            )
    elif crl.next_update < max(at, crl.this_update):
        raise CRLError("a newer CRL was due; fetch it", code="crl-expired", clause="RFC 5280 6.3.3 (a)(1)")
    if maximum_age is not None and at - crl.this_update > maximum_age:
        raise CRLError("the CRL is older than the policy allows", code="crl-too-old")


def check_crl_scope(
    crl: CertificateRevocationList, certificate: Certificate, point: DistributionPoint | None
) -> frozenset[int]:
    """RFC 5280 6.3.3 (b), (d): the CRL covers this certificate by this distribution point, for which reasons.

    `point` is None for the distribution point that is implied: the certificate's issuer, all reasons.
    """
    scope = crl.issuing_distribution_point
    if scope.indirect or (point is not None and point.crl_issuer):
        raise CRLError(
            "indirect CRLs are not handled; give the issuer's own",
            code="crl-indirect-unsupported",
            clause="RFC 5280 6.3.3 (b)(1)",
        )
    if scope.has_name and not _names_meet(scope, certificate, point):
        raise _out_of_scope("it is for another distribution point", "(b)(2)(i)")
    constraints = certificate.basic_constraints
    authority = constraints is not None and constraints.ca
    if scope.only_user_certificates and authority:
        raise _out_of_scope("it is for end entities only", "(b)(2)(ii)")
    if scope.only_ca_certificates and not authority:
        raise _out_of_scope("it is for authorities only", "(b)(2)(iii)")
    if scope.only_attribute_certificates:
        raise _out_of_scope("it is for attribute certificates only", "(b)(2)(iv)")
    asked = ALL_REASONS if point is None or point.reasons is None else point.reasons
    return asked if scope.reasons is None else asked & scope.reasons


def _out_of_scope(why: str, clause: str) -> CRLError:
    """The error for a CRL that does not cover the certificate."""
    return CRLError(
        f"the CRL does not cover this certificate: {why}", code="crl-scope", clause=f"RFC 5280 6.3.3 {clause}"
    )


def _names_meet(
    scope: IssuingDistributionPoint, certificate: Certificate, point: DistributionPoint | None
) -> bool:
    """Whether one name of the CRL's distribution point is one of the certificate's (6.3.3 (b)(2)(i))."""
    ours = _point_names(scope.full_name, scope.relative_name, certificate.issuer)
    if point is None or not (point.full_name or point.relative_name):
        theirs = {_comparable(GeneralName(GeneralNameKind.DIRECTORY, certificate.issuer))}
    else:
        theirs = _point_names(point.full_name, point.relative_name, certificate.issuer)
    return not ours.isdisjoint(theirs)


def _point_names(full_name: tuple[GeneralName, ...], relative_name: bytes, issuer: bytes) -> set[object]:
    """The distribution point's names in a form that can be compared."""
    if not relative_name:
        return {_comparable(name) for name in full_name}
    attributes = der.tlv(Tag.SET, relative_name)
    issuer_content = Reader(issuer).read(Tag.SEQUENCE)
    return {_comparable(GeneralName(GeneralNameKind.DIRECTORY, der.sequence(issuer_content, attributes)))}


def _comparable(name: GeneralName) -> object:
    """A directory name folded (RFC 5280 7.1), any other name as it is."""
    if name.kind is GeneralNameKind.DIRECTORY:
        return canonical_name(name.value)
    return name


def status_in_crl(
    crl: CertificateRevocationList, certificate: Certificate, past: datetime | None = None
) -> StatusAnswer:
    """RFC 5280 6.3.3 (j): what the CRL says of the certificate.

    `past` asks about an earlier time: an entry of later date then counts as good. Without it every entry
    counts, whatever its date, so that clocks that differ do not hide a revocation.
    """
    entry = crl.find(certificate.serial_number)
    if entry is None or (past is not None and entry.revoked_at > past):
        return StatusAnswer(CertStatus.GOOD, crl.this_update)
    return StatusAnswer(CertStatus.REVOKED, crl.this_update, entry.revoked_at, entry.reason)
