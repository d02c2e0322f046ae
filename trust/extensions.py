"""Readers of certificate extension values (RFC 5280 4.2): bytes in, small frozen objects out.

Each reader takes the content of one extnValue and raises a TrustError when it is not exactly what the clause
says. Nothing is interpreted here; the rules that use the values are in path.py, policy.py and constraints.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from functools import cached_property

from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.encoding.extensions import Extension, KeyUsage
from trust.general_names import (
    GeneralName,
    GeneralNameKind,
    read_alternative_names,
    read_general_name,
    read_general_names,
)
from trust.keeping import kept
from trust.name_constraints import read_name_constraints
from trust.vocabulary import ExtensionOID

# Policies, purposes, distribution points, locations: honest certificates have a handful.
MAXIMUM_ENTRIES = 1000
# One policy may be mapped to many.
MAXIMUM_MAPPINGS = 4096


@dataclass(frozen=True)
class BasicConstraints:
    """RFC 5280 4.2.1.9: whether the subject is a CA, and how many intermediates may follow."""

    ca: bool
    path_length: int | None


@dataclass(frozen=True)
class AuthorityKeyIdentifier:
    """RFC 5280 4.2.1.1: which key of the issuer signed."""

    key_identifier: bytes | None
    issuer: tuple[GeneralName, ...]
    serial_number: int | None


@dataclass(frozen=True)
class PolicyConstraints:
    """RFC 5280 4.2.1.11: after how many certificates a policy is needed, mapping forbidden."""

    require_explicit_policy: int | None
    inhibit_policy_mapping: int | None


@dataclass(frozen=True)
class DistributionPoint:
    """RFC 5280 4.2.1.13: where, for which reasons and by whom revocation is published."""

    full_name: tuple[GeneralName, ...]
    relative_name: bytes
    reasons: frozenset[int] | None
    crl_issuer: tuple[GeneralName, ...]


def _check_entries(entries: Sized) -> None:
    """One rule: a list stays within what may be asked for."""
    if len(entries) > MAXIMUM_ENTRIES:
        raise DerError(f"more than {MAXIMUM_ENTRIES} entries", code="too-many-entries")


# --- extensions ------------------------------------------------------------------------------------------


def read_basic_constraints(value: bytes) -> BasicConstraints:
    """BasicConstraints (RFC 5280 4.2.1.9); a written-out default FALSE is not DER (X.690 11.5)."""
    reader = der.read_sequence(value)
    authority = reader.peek() == Tag.BOOLEAN and read_true(reader)
    path_length = _read_count(reader, Tag.INTEGER)
    reader.finish()
    return BasicConstraints(authority, path_length)


def read_key_usage(value: bytes) -> frozenset[KeyUsage]:
    """KeyUsage (RFC 5280 4.2.1.3); unassigned bits are refused, and so is an empty set."""
    reader = Reader(value)
    bits = reader.read_named_bits()
    reader.finish()
    if not bits or any(bit not in _KEY_USAGE_BITS for bit in bits):
        raise DerError("key usage with no or unknown bits", code="key-usage", clause="RFC 5280 4.2.1.3")
    return frozenset(KeyUsage(bit) for bit in bits)


_KEY_USAGE_BITS = frozenset(range(9))


def read_oids(value: bytes) -> tuple[str, ...]:
    """A SEQUENCE OF one or more object identifiers, as in extended key usage (RFC 5280 4.2.1.12)."""
    reader = der.read_sequence(value)
    oids: list[str] = []
    while not reader.at_end:
        oids.append(reader.read_oid())
        _check_entries(oids)
    if not oids:
        raise DerError("an empty list of purposes", code="extended-key-usage", clause="RFC 5280 4.2.1.12")
    return tuple(oids)


def read_subject_key_identifier(value: bytes) -> bytes:
    """SubjectKeyIdentifier (RFC 5280 4.2.1.2)."""
    start, end = der.whole(value, Tag.OCTET_STRING)
    return value[start:end]


def read_authority_key_identifier(value: bytes) -> AuthorityKeyIdentifier:
    """AuthorityKeyIdentifier (RFC 5280 4.2.1.1)."""
    reader = der.read_sequence(value)
    key_identifier = reader.read_optional(der.context(0, constructed=False))
    names = reader.enter_optional(der.context(1))
    issuer = read_general_names(names) if names else ()
    serial_tag = der.context(2, constructed=False)
    serial_number = reader.read_integer(serial_tag) if reader.peek() == serial_tag else None
    reader.finish()
    return AuthorityKeyIdentifier(key_identifier, issuer, serial_number)


def read_policies(value: bytes) -> tuple[str, ...]:
    """CertificatePolicies: the policy OIDs, none twice; qualifiers are for people (RFC 5280 4.2.1.4)."""
    policies = tuple(policy for policy, _ in _read_policy_information(value))
    if not policies or len(set(policies)) != len(policies):
        raise DerError("policies are none or twice", code="policies", clause="RFC 5280 4.2.1.4")
    return policies


def read_policy_qualifiers(value: bytes) -> frozenset[str]:
    """The types of the qualifiers in CertificatePolicies (RFC 5280 4.2.1.4)."""
    return frozenset(oid for _, qualifiers in _read_policy_information(value) for oid in qualifiers)


def _read_policy_information(value: bytes) -> list[tuple[str, list[str]]]:
    """Each PolicyInformation: its policy, and the types of its qualifiers."""
    reader = der.read_sequence(value)
    policies: list[tuple[str, list[str]]] = []
    while not reader.at_end:
        information = reader.enter()
        oid = information.read_oid()
        policies.append((oid, [] if information.at_end else _read_qualifiers(information)))
        _check_entries(policies)
    return policies


def _read_qualifiers(information: Reader) -> list[str]:
    """The types of policyQualifiers: SEQUENCE OF SEQUENCE { OID, ANY }."""
    qualifiers = information.enter()
    information.finish()
    oids: list[str] = []
    while not qualifiers.at_end:
        qualifier = qualifiers.enter()
        oids.append(qualifier.read_oid())
        qualifier.read_any()
        qualifier.finish()
    return oids


def read_policy_mappings(value: bytes) -> tuple[tuple[str, str], ...]:
    """PolicyMappings: pairs of issuer's and subject's policy (RFC 5280 4.2.1.5)."""
    reader = der.read_sequence(value)
    mappings: list[tuple[str, str]] = []
    while not reader.at_end:
        pair = reader.enter()
        mappings.append((pair.read_oid(), pair.read_oid()))
        if len(mappings) > MAXIMUM_MAPPINGS:
            raise DerError(f"more than {MAXIMUM_MAPPINGS} mappings", code="too-many-entries")
        pair.finish()
    if not mappings:
        raise DerError("an empty list of mappings", code="policy-mappings", clause="RFC 5280 4.2.1.5")
    return tuple(mappings)


def read_policy_constraints(value: bytes) -> PolicyConstraints:
    """PolicyConstraints, not empty (RFC 5280 4.2.1.11)."""
    reader = der.read_sequence(value)
    explicit = _read_count(reader, der.context(0, constructed=False))
    mapping = _read_count(reader, der.context(1, constructed=False))
    reader.finish()
    if explicit is None and mapping is None:
        raise DerError("empty policy constraints", code="policy-constraints", clause="RFC 5280 4.2.1.11")
    return PolicyConstraints(explicit, mapping)


def read_skip_certificates(value: bytes) -> int:
    """InhibitAnyPolicy: a SkipCerts count (RFC 5280 4.2.1.14)."""
    reader = Reader(value)
    count = _read_count(reader, Tag.INTEGER)
    reader.finish()
    if count is None:
        raise DerError(
            "inhibitAnyPolicy holds no count", code="inhibit-any-policy", clause="RFC 5280 4.2.1.14"
        )
    return count


def read_access_locations(value: bytes) -> tuple[tuple[str, GeneralName], ...]:
    """AuthorityInformationAccess: access methods and locations (RFC 5280 4.2.2.1)."""
    reader = der.read_sequence(value)
    locations: list[tuple[str, GeneralName]] = []
    while not reader.at_end:
        description = reader.enter()
        locations.append((description.read_oid(), read_general_name(description)))
        _check_entries(locations)
        description.finish()
    return tuple(locations)


def read_distribution_points(value: bytes) -> tuple[DistributionPoint, ...]:
    """CRLDistributionPoints, one or more (RFC 5280 4.2.1.13)."""
    reader = der.read_sequence(value)
    points: list[DistributionPoint] = []
    while not reader.at_end:
        points.append(_read_distribution_point(reader.enter()))
        _check_entries(points)
    if not points:
        raise DerError("no distribution points", code="distribution-points", clause="RFC 5280 4.2.1.13")
    return tuple(points)


def uris_of(points: Iterable[DistributionPoint]) -> tuple[str, ...]:
    """The addresses that distribution points name."""
    names = (name for point in points for name in point.full_name)
    return tuple(name.text for name in names if name.kind is GeneralNameKind.URI)


def _read_distribution_point(reader: Reader) -> DistributionPoint:
    """One DistributionPoint; reasons alone do not make one (RFC 5280 4.2.1.13)."""
    name = reader.enter_optional(der.context(0))
    full_name, relative_name = read_distribution_point_name(name) if name else ((), b"")
    reasons_tag = der.context(1, constructed=False)
    reasons = reader.read_named_bits(reasons_tag) if reader.peek() == reasons_tag else None
    issuer = reader.enter_optional(der.context(2))
    crl_issuer = read_general_names(issuer) if issuer else ()
    reader.finish()
    if name is None and not crl_issuer:
        raise DerError(
            "a distribution point names nobody", code="distribution-points", clause="RFC 5280 4.2.1.13"
        )
    return DistributionPoint(full_name, relative_name, reasons, crl_issuer)


def read_distribution_point_name(reader: Reader) -> tuple[tuple[GeneralName, ...], bytes]:
    """DistributionPointName: full names, or an RDN relative to the CRL issuer (content of the SET)."""
    full = reader.enter_optional(der.context(0))
    if full is not None:
        reader.finish()
        return read_general_names(full), b""
    relative = reader.read(der.context(1))
    reader.finish()
    return (), relative


def read_true(reader: Reader, tag: int = Tag.BOOLEAN) -> bool:
    """A BOOLEAN whose default is FALSE, so that only TRUE may be written (X.690 11.5)."""
    if not reader.read_boolean(tag):
        raise DerError("a default FALSE is written out", code="der-default", clause="X.690 11.5")
    return True


def _read_count(reader: Reader, tag: int) -> int | None:
    """An optional INTEGER (0..MAX)."""
    if reader.peek() != tag:
        return None
    count = reader.read_integer(tag)
    if count < 0:
        raise DerError("a count below zero", code="der-integer", clause="RFC 5280 4.2.1.9")
    return count


# --- the extension as a whole ----------------------------------------------------------------------------

_READERS: Mapping[str, Callable[[bytes], object]] = {
    ExtensionOID.BASIC_CONSTRAINTS: read_basic_constraints,
    ExtensionOID.KEY_USAGE: read_key_usage,
    ExtensionOID.EXTENDED_KEY_USAGE: read_oids,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: read_subject_key_identifier,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: read_authority_key_identifier,
    ExtensionOID.CERTIFICATE_POLICIES: read_policies,
    ExtensionOID.POLICY_MAPPINGS: read_policy_mappings,
    ExtensionOID.POLICY_CONSTRAINTS: read_policy_constraints,
    ExtensionOID.INHIBIT_ANY_POLICY: read_skip_certificates,
    ExtensionOID.NAME_CONSTRAINTS: read_name_constraints,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: read_alternative_names,
    ExtensionOID.CRL_DISTRIBUTION_POINTS: read_distribution_points,
    ExtensionOID.FRESHEST_CRL: read_distribution_points,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: read_access_locations,
}


@dataclass(frozen=True)
class ReadExtension(Extension):
    """An extension that was read; what it says is read when it is asked for."""

    @cached_property
    def content(self) -> object:
        """What the value says by its reader, None when it has none here; DerError when it is malformed.

        A refusal is remembered too: a long value is not read again for every path it stands in. Its words
        are, and not the error, which would keep alive whatever its traceback leads to.
        """
        refusal: tuple[str, str, str] | None = self.__dict__.get("_refusal")
        if refusal is not None:
            message, code, clause = refusal
            raise DerError(message, code=code, clause=clause)
        read = _READERS.get(self.oid)
        try:
            return None if read is None else read(self.value)
        except DerError as error:
            self.__dict__["_refusal"] = error.message, error.code, error.clause
            raise


@kept
def read_extension(data: bytes) -> ReadExtension:
    """Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue } (RFC 5280 4.1).

    Kept, since certificates of one profile share most of their extensions to the octet.
    """
    start, end = der.whole(data, Tag.SEQUENCE)
    fields = der.read_elements(data, start, end)
    if not fields:
        raise DerError("an empty extension", code="der-wrong-tag", clause="RFC 5280 4.1")
    critical = len(fields) == 3 and fields[1][0] == Tag.BOOLEAN
    if critical and data[fields[1][2] : fields[1][3]] != b"\xff":
        raise DerError("a default FALSE is written out", code="der-default", clause="X.690 11.5")
    if (
        len(fields) != 2 + critical
        or fields[-1][0] != Tag.OCTET_STRING
        or fields[0][0] != Tag.OBJECT_IDENTIFIER
    ):
        raise DerError("not the fields of an extension", code="der-wrong-tag", clause="RFC 5280 4.1")
    oid = der.decode_oid(data[fields[0][2] : fields[0][3]])
    return ReadExtension(oid, critical, data[fields[-1][2] : fields[-1][3]])
