"""Relying on a CRL: its freshness, its scope, its delta, and what it says (RFC 5280 6.3.3, in its steps)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, CRLError, Revocation
from trust.crl_entries import serial_key
from trust.crl_extensions import IssuingDistributionPoint
from trust.encoding import der
from trust.encoding.der import Reader, Tag
from trust.extensions import DistributionPoint
from trust.general_names import GeneralName, GeneralNameKind, read_alternative_names
from trust.names import canonical_name, names_match
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtensionOID

_V3 = 2

DEFAULT_CLOCK_SKEW = timedelta(minutes=5)

# The reasons a distribution point or a CRL may be limited to: bits 1 to 8 of ReasonFlags (RFC 5280 4.2.1.13).
ALL_REASONS = frozenset(range(1, 9))


class StatusAnswer(NamedTuple):
    """What one piece of evidence says of one certificate, and as of when."""

    status: CertStatus
    this_update: datetime
    revoked_at: datetime | None = None
    reason: CRLReason | None = None
    next_update: datetime | None = None


def counts_at(revoked_at: datetime, invalid_since: datetime | None, past: datetime | None) -> bool:
    """Whether a revocation counts against what is proven to have existed at that time; now, each one does.

    It counts from its own time on (EN 319 102-1 5.5.4), or from the date since which the key is suspected,
    where that is stated and earlier (RFC 5280 5.3.2).
    """
    return past is None or min(revoked_at, invalid_since or revoked_at) <= past


_SAME_IN_DELTA = (ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.AUTHORITY_KEY_IDENTIFIER)

# --- complete and delta ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CombinedCRL:
    """A complete CRL, and the delta CRL that brings it up to date, if any (RFC 5280 5.2.4)."""

    base: CertificateRevocationList
    delta: CertificateRevocationList | None = None

    @cached_property
    def lists(self) -> tuple[CertificateRevocationList, ...]:
        """The lists that the combination is made of."""
        return (self.base,) if self.delta is None else (self.base, self.delta)

    @cached_property
    def latest(self) -> CertificateRevocationList:
        """The list whose dates are those of the combination."""
        return self.lists[-1]

    def find(self, serial_number: int, issuer: bytes, past: datetime | None = None) -> Revocation | None:
        """RFC 5280 6.3.3 (i), (j), (k): the entry in the delta CRL, otherwise the one in the complete CRL.

        An entry of later date than `past` is passed over. "Removed from CRL" undoes a suspension only: an
        entry also goes when its certificate expires, and what was revoked for good stays revoked.
        """
        key = serial_key(serial_number)
        changed = None if self.delta is None else self.delta.find_key(key, issuer)
        if changed is not None and not changed.removed and _counts(changed, past):
            return changed
        listed = self.base.find_key(key, issuer)
        if listed is None or not _counts(listed, past):
            return None
        return None if changed is not None and changed.removed and not listed.final else listed


def _counts(entry: Revocation, past: datetime | None) -> bool:
    """Whether the entry counts at that time."""
    return counts_at(entry.revoked_at, entry.invalid_since, past)


def check_delta_crl(delta: CertificateRevocationList, base: CertificateRevocationList) -> None:
    """One rule: the delta CRL belongs to the complete CRL (RFC 5280 5.2.4, 6.3.3 (c))."""
    # (c)(1) to (3): same issuer, same scope, same key. Octets are compared, which may be thousands of names.
    if delta.canonical_issuer != base.canonical_issuer or any(
        _value_of(delta, oid) != _value_of(base, oid) for oid in _SAME_IN_DELTA
    ):
        raise CRLError(
            "the delta CRL is of another issuer, scope or key", code="crl-delta", clause="RFC 5280 6.3.3 (c)"
        )
    # 5.2.4 (c), (d): it starts from the complete CRL or before, and ends after it.
    if delta.base_number is None or delta.number is None or base.number is None:
        raise CRLError("a CRL without a number has no delta", code="crl-delta", clause="RFC 5280 5.2.4")
    if not delta.base_number <= base.number < delta.number:
        raise CRLError(
            "the delta CRL does not continue the complete CRL", code="crl-delta", clause="RFC 5280 5.2.4"
        )


def _value_of(crl: CertificateRevocationList, oid: str) -> bytes | None:
    """The octets of an extension's value, if there."""
    extension = crl.extensions.get(oid)
    return None if extension is None else extension.value


# --- freshness -------------------------------------------------------------------------------------------


def check_crl_freshness(
    crl: CertificateRevocationList,
    at: datetime,
    *,
    maximum_age: timedelta | None = None,
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
) -> None:
    """One rule: the CRL is current at that time (RFC 5280 6.3.3 (a)), and no older than policy allows."""
    if crl.this_update - at > clock_skew:
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


# --- scope -----------------------------------------------------------------------------------------------


def check_crl_scope(
    crl: CertificateRevocationList, certificate: Certificate, point: DistributionPoint | None
) -> frozenset[int]:
    """RFC 5280 6.3.3 (b), (d): the CRL covers this certificate by this distribution point, for which reasons.

    `point` is None for the distribution point that is implied: the certificate's issuer, all reasons.
    """
    scope = crl.issuing_distribution_point
    # (b)(1): it is issued by whom the distribution point names, otherwise by the certificate's issuer.
    if point is not None and point.crl_issuer:
        if not scope.indirect or not any(names_match(crl.issuer, name) for name in crl_issuers(point)):
            raise _out_of_scope("it is not the indirect CRL of the issuer that is named", "(b)(1)")
    elif not names_match(crl.issuer, certificate.issuer):
        raise _out_of_scope("it is another authority's", "(b)(1)")
    # (b)(2): its distribution point is the certificate's, and it is about this kind of certificate.
    if scope.has_name and not _names_meet(crl, certificate, point):
        raise _out_of_scope("it is for another distribution point", "(b)(2)(i)")
    _check_kind(scope, certificate)
    # (d): the reasons that both cover.
    asked = ALL_REASONS if point is None or point.reasons is None else ALL_REASONS & point.reasons
    return asked if scope.reasons is None else asked & scope.reasons


def _check_kind(scope: IssuingDistributionPoint, certificate: Certificate) -> None:
    """(b)(2)(ii) to (iv): end entities, authorities, attribute certificates."""
    constraints = certificate.basic_constraints
    authority = constraints is not None and constraints.ca
    # A certificate of version 1 cannot say whether it is an authority's (6.1.4 (k)).
    if scope.only_user_certificates and (authority or certificate.version != _V3):
        raise _out_of_scope("it is for end entities only", "(b)(2)(ii)")
    if scope.only_ca_certificates and not authority:
        raise _out_of_scope("it is for authorities only", "(b)(2)(iii)")
    if scope.only_attribute_certificates:
        raise _out_of_scope("it is for attribute certificates only", "(b)(2)(iv)")


def _out_of_scope(why: str, clause: str) -> CRLError:
    """The error for a CRL that does not cover the certificate."""
    return CRLError(
        f"the CRL does not cover this certificate: {why}", code="crl-scope", clause=f"RFC 5280 6.3.3 {clause}"
    )


def crl_issuers(point: DistributionPoint) -> tuple[bytes, ...]:
    """The DER Names of the authorities that a distribution point names as its CRL issuers."""
    return tuple(name.value for name in point.crl_issuer if name.kind is GeneralNameKind.DIRECTORY)


def _names_meet(
    crl: CertificateRevocationList, certificate: Certificate, point: DistributionPoint | None
) -> bool:
    """Whether one name of the CRL's distribution point is one of the certificate's (6.3.3 (b)(2)(i))."""
    scope = crl.issuing_distribution_point
    ours = _point_names(scope.full_name, scope.relative_name, crl.issuer)
    if point is None:
        names = (_directory_name(certificate.issuer), *_issuer_alternative_names(certificate))
        theirs = _point_names(names, b"", certificate.issuer)
    elif point.full_name or point.relative_name:
        theirs = _point_names(point.full_name, point.relative_name, *_relative_to(point, certificate))
    else:
        theirs = _point_names(point.crl_issuer, b"", certificate.issuer)
    return not ours.isdisjoint(theirs)


def _relative_to(point: DistributionPoint, certificate: Certificate) -> tuple[bytes, ...]:
    """The name that a relative name continues: the CRL issuer's, if just one is named (4.2.1.13)."""
    return crl_issuers(point) if point.crl_issuer else (certificate.issuer,)


def _issuer_alternative_names(certificate: Certificate) -> tuple[GeneralName, ...]:
    """The issuer's other names (RFC 5280 4.2.1.7), which name the implied distribution point, too."""
    extension = certificate.extensions.get(ExtensionOID.ISSUER_ALTERNATIVE_NAME)
    return () if extension is None else read_alternative_names(extension.value).names


def _point_names(full_name: tuple[GeneralName, ...], relative_name: bytes, *issuers: bytes) -> set[object]:
    """The distribution point's names in a form that can be compared."""
    if not relative_name:
        return {_comparable(name) for name in full_name}
    if len(issuers) != 1:
        return set()
    attributes = der.tlv(Tag.SET, relative_name)
    issuer_content = Reader(issuers[0]).read(Tag.SEQUENCE)
    return {_comparable(_directory_name(der.sequence(issuer_content, attributes)))}


def _directory_name(name: bytes) -> GeneralName:
    """A DER Name as a general name."""
    return GeneralName(GeneralNameKind.DIRECTORY, name)


def _comparable(name: GeneralName) -> object:
    """A directory name folded (RFC 5280 7.1), any other name as it is."""
    if name.kind is GeneralNameKind.DIRECTORY:
        return canonical_name(name.value)
    return name


# --- status ----------------------------------------------------------------------------------------------


def status_in_crl(
    crl: CombinedCRL | CertificateRevocationList, certificate: Certificate, past: datetime | None = None
) -> StatusAnswer:
    """RFC 5280 6.3.3 (i) to (k): what the CRL says of the certificate.

    `past` asks about an earlier time: an entry of later date then counts as good. Without it every entry
    counts, whatever its date, so that clocks that differ do not hide a revocation.
    """
    combined = crl if isinstance(crl, CombinedCRL) else CombinedCRL(crl)
    latest = combined.latest
    entry = combined.find(certificate.serial_number, certificate.issuer, past)
    if entry is None:
        if combined.find(certificate.serial_number, certificate.issuer) is None:
            _check_still_listed(latest, certificate, past)
        return StatusAnswer(CertStatus.GOOD, latest.this_update, next_update=latest.next_update)
    return StatusAnswer(
        CertStatus.REVOKED, latest.this_update, entry.revoked_at, entry.reason, latest.next_update
    )


def _check_still_listed(
    crl: CertificateRevocationList, certificate: Certificate, past: datetime | None
) -> None:
    """One rule: of a certificate that had expired before, a list tells if it keeps such (RFC 5280 3.3).

    At present an expired certificate is refused anyway; the rule is for questions about an earlier time.
    """
    if past is None or crl.this_update <= certificate.not_valid_after:
        return
    if crl.expired_certificates_since is None or crl.expired_certificates_since > certificate.not_valid_after:
        raise CRLError(
            "the certificate may have been taken off the list when it expired",
            code="crl-certificate-expired",
            clause="RFC 5280 3.3",
        )
