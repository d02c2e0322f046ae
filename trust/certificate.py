"""Certificates: a strict reader (RFC 5280 4.1). What it returns is read, not yet believed.

The structure is read at once and refused when it is not DER. Extension values are read when they are asked
for, so that one odd extension does not hide the rest; asking for a malformed one raises.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TypeVar

from trust import extensions as reading
from trust.encoding import der
from trust.encoding.der import DerError, Element, Reader, Tag
from trust.encoding.extensions import Extension, KeyUsage
from trust.errors import TrustError
from trust.extensions import (
    AlternativeNames,
    AuthorityKeyIdentifier,
    BasicConstraints,
    DistributionPoint,
    GeneralName,
    GeneralNameKind,
    NameConstraints,
    PolicyConstraints,
)
from trust.keeping import kept
from trust.names import NameAttribute, canonical_name, decode_name, name_to_text, names_match
from trust.vocabulary import AccessMethod, ExtensionOID

MAXIMUM_CERTIFICATE_SIZE = 128 * 1024
MAXIMUM_PEM_CERTIFICATES = 1000
# RFC 5280 4.1.2.2: at most 20 octets.
MAXIMUM_SERIAL_NUMBER_BITS = 160

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")
_V1, _V2, _V3 = 0, 1, 2

T = TypeVar("T")


class CertificateError(TrustError):
    """Bytes that are not a certificate, or an extension value that is not what its clause says."""


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """An X.509 certificate, read. Equal when its bytes are equal."""

    der: bytes
    tbs: bytes
    version: int
    serial_number: int
    algorithm: bytes
    issuer: bytes
    not_valid_before: datetime
    not_valid_after: datetime
    subject: bytes
    public_key: bytes
    extensions: Mapping[str, Extension]
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> Certificate:
        """Read a DER certificate; CertificateError when it is anything else."""
        try:
            return _read_certificate(bytes(data))
        except DerError as error:
            raise CertificateError(
                f"this is not a certificate: {error.message}",
                code=error.code,
                clause=error.clause or "RFC 5280 4.1",
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<Certificate {self.serial_number:x} {self.fingerprint[:16]}>"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole certificate, in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def pem(self) -> str:
        """The certificate in PEM (RFC 7468)."""
        body = base64.encodebytes(self.der).decode("ascii").replace("\n", "")
        lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
        return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"

    @cached_property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280 6.1)."""
        return names_match(self.subject, self.issuer)

    @cached_property
    def subject_text(self) -> str:
        """The subject for people (RFC 4514), or the fingerprint when the name cannot be shown."""
        try:
            return name_to_text(self.subject) or self.fingerprint
        except TrustError:
            return self.fingerprint

    @cached_property
    def subject_attributes(self) -> dict[NameAttribute, str]:
        """The subject's attributes that have a name here; the last one where a type occurs twice."""
        known = ((NameAttribute.of(oid), text) for oid, text in decode_name(self.subject))
        return {attribute: text for attribute, text in known if attribute is not None}

    def check_subject(self) -> None:
        """One rule: the subject is a Name (RFC 5280 4.1.2.6), empty or not."""
        canonical_name(self.subject)

    def check_extensions(self) -> None:
        """One rule: every extension that is known here can be read (RFC 5280 4.2)."""
        for oid in self.extensions:
            read = _READERS.get(oid)
            if read is not None:
                self._read(oid, read)

    # --- extensions ---

    def _read(self, oid: str, read: Callable[[bytes], T]) -> T | None:
        """The extension's value through its reader; None when the certificate does not have it."""
        extension = self.extensions.get(oid)
        if extension is None:
            return None
        try:
            return read(extension.value)
        except DerError as error:
            raise CertificateError(
                f"extension {oid} is malformed: {error.message}",
                code="extension-malformed",
                clause=error.clause or "RFC 5280 4.2",
            ) from error

    @property
    def basic_constraints(self) -> BasicConstraints | None:
        """RFC 5280 4.2.1.9."""
        return self._read(ExtensionOID.BASIC_CONSTRAINTS, reading.read_basic_constraints)

    @property
    def key_usage(self) -> frozenset[KeyUsage] | None:
        """RFC 5280 4.2.1.3; None when the certificate does not say."""
        return self._read(ExtensionOID.KEY_USAGE, reading.read_key_usage)

    @property
    def extended_key_usage(self) -> tuple[str, ...] | None:
        """The purposes' OIDs (RFC 5280 4.2.1.12); None when the certificate does not say."""
        return self._read(ExtensionOID.EXTENDED_KEY_USAGE, reading.read_oids)

    @property
    def key_identifier(self) -> bytes | None:
        """Subject key identifier (RFC 5280 4.2.1.2)."""
        return self._read(ExtensionOID.SUBJECT_KEY_IDENTIFIER, reading.read_subject_key_identifier)

    @property
    def authority_key(self) -> AuthorityKeyIdentifier | None:
        """The whole authority key identifier (RFC 5280 4.2.1.1)."""
        return self._read(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, reading.read_authority_key_identifier)

    @property
    def authority_key_identifier(self) -> bytes | None:
        """The issuer's key identifier (RFC 5280 4.2.1.1)."""
        return self.authority_key.key_identifier if self.authority_key else None

    @property
    def policies(self) -> tuple[str, ...]:
        """Certificate policies' OIDs, empty without the extension (RFC 5280 4.2.1.4)."""
        return self._read(ExtensionOID.CERTIFICATE_POLICIES, reading.read_policies) or ()

    @property
    def policy_mappings(self) -> tuple[tuple[str, str], ...]:
        """Pairs of issuer's and subject's policies (RFC 5280 4.2.1.5)."""
        return self._read(ExtensionOID.POLICY_MAPPINGS, reading.read_policy_mappings) or ()

    @property
    def policy_constraints(self) -> PolicyConstraints | None:
        """RFC 5280 4.2.1.11."""
        return self._read(ExtensionOID.POLICY_CONSTRAINTS, reading.read_policy_constraints)

    @property
    def inhibit_any_policy(self) -> int | None:
        """RFC 5280 4.2.1.14."""
        return self._read(ExtensionOID.INHIBIT_ANY_POLICY, reading.read_skip_certificates)

    @property
    def name_constraints(self) -> NameConstraints | None:
        """RFC 5280 4.2.1.10; None without the extension."""
        return self._read(ExtensionOID.NAME_CONSTRAINTS, reading.read_name_constraints)

    @property
    def subject_alternative_name(self) -> AlternativeNames:
        """RFC 5280 4.2.1.6; empty without the extension."""
        read = self._read(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, reading.read_alternative_names)
        return read or AlternativeNames()

    @property
    def distribution_points(self) -> tuple[DistributionPoint, ...]:
        """RFC 5280 4.2.1.13."""
        return self._read(ExtensionOID.CRL_DISTRIBUTION_POINTS, reading.read_distribution_points) or ()

    @property
    def crl_urls(self) -> tuple[str, ...]:
        """Where the CRL is published, by http or https."""
        names = (name for point in self.distribution_points for name in point.full_name)
        return tuple(name.text for name in names if name.kind is GeneralNameKind.URI)

    @property
    def ocsp_urls(self) -> tuple[str, ...]:
        """Where OCSP is answered (RFC 5280 4.2.2.1)."""
        return self._access_urls(AccessMethod.OCSP)

    @property
    def ca_issuer_urls(self) -> tuple[str, ...]:
        """Where the issuer's certificate is published (RFC 5280 4.2.2.1)."""
        return self._access_urls(AccessMethod.CA_ISSUERS)

    @property
    def access_locations(self) -> tuple[tuple[str, GeneralName], ...]:
        """Access methods and locations (RFC 5280 4.2.2.1)."""
        return self._read(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, reading.read_access_locations) or ()

    def _access_urls(self, method: str) -> tuple[str, ...]:
        """URIs of one access method."""
        named = (name for oid, name in self.access_locations if oid == method)
        return tuple(name.text for name in named if name.kind is GeneralNameKind.URI)


_READERS: Mapping[str, Callable[[bytes], object]] = {
    ExtensionOID.BASIC_CONSTRAINTS: reading.read_basic_constraints,
    ExtensionOID.KEY_USAGE: reading.read_key_usage,
    ExtensionOID.EXTENDED_KEY_USAGE: reading.read_oids,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: reading.read_subject_key_identifier,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: reading.read_authority_key_identifier,
    ExtensionOID.CERTIFICATE_POLICIES: reading.read_policies,
    ExtensionOID.POLICY_MAPPINGS: reading.read_policy_mappings,
    ExtensionOID.POLICY_CONSTRAINTS: reading.read_policy_constraints,
    ExtensionOID.INHIBIT_ANY_POLICY: reading.read_skip_certificates,
    ExtensionOID.NAME_CONSTRAINTS: reading.read_name_constraints,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: reading.read_alternative_names,
    ExtensionOID.CRL_DISTRIBUTION_POINTS: reading.read_distribution_points,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: reading.read_access_locations,
}


# --- reading ---------------------------------------------------------------------------------------------


def _read_certificate(data: bytes) -> Certificate:
    """Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 4.1)."""
    if len(data) > MAXIMUM_CERTIFICATE_SIZE:
        raise DerError(f"more than {MAXIMUM_CERTIFICATE_SIZE} octets", code="der-too-large")
    start, end = der.whole_sequence(data)
    outer = der.read_elements(data, start, end)
    _check_fields(outer, _CERTIFICATE_FIELDS)
    tbs, algorithm, signature = outer
    _require(
        data[signature[2] : signature[2] + 1] == b"\x00", "the signature is not whole octets",
        "signature-encoding", "4.1.1.3",
    )  # fmt: skip
    return _read_tbs(data, tbs, data[algorithm[1] : algorithm[3]], data[signature[2] + 1 : signature[3]])


def _read_tbs(data: bytes, tbs: Element, algorithm: bytes, signature: bytes) -> Certificate:
    """TBSCertificate (RFC 5280 4.1)."""
    fields = der.read_elements(data, tbs[2], tbs[3])
    shape = _check_fields(fields, _TBS_FIELDS)
    version = _read_version(data[fields[0][1] : fields[0][3]]) if shape["version"] else _V1
    serial, inner_algorithm, issuer, validity, subject, key = fields[len(shape["version"]) :][:6]
    _require(
        data[inner_algorithm[1] : inner_algorithm[3]] == algorithm, "two different signature algorithms",
        "algorithm-differs", "4.1.1.2",
    )  # fmt: skip
    _require(issuer[2] < issuer[3], "the issuer's name is empty", "issuer-empty", "4.1.2.4")
    not_valid_before, not_valid_after = _read_validity(data, validity)
    _require(not shape["unique_ids"] or version != _V1, "unique identifiers need v2", "version", "4.1.2.8")
    _require(not shape["extensions"] or version == _V3, "extensions need v3", "version", "4.1.2.9")
    extensions = {}
    if shape["extensions"]:
        extensions = read_extensions(der.read_sequence(data[fields[-1][2] : fields[-1][3]]))
    return Certificate(
        data,
        data[tbs[1] : tbs[3]],
        version,
        _read_serial_number(data[serial[1] : serial[3]]),
        algorithm,
        data[issuer[1] : issuer[3]],
        not_valid_before,
        not_valid_after,
        data[subject[1] : subject[3]],
        data[key[1] : key[3]],
        MappingProxyType(extensions),
        signature,
    )


# The fields by their tags, in the order of RFC 5280 4.1; what is optional may be missing.
_CERTIFICATE_FIELDS = re.compile(rb"\x30\x30\x03")
_TBS_FIELDS = re.compile(rb"(?P<version>\xa0?)\x02\x30{5}(?P<unique_ids>\x81?\x82?)(?P<extensions>\xa3?)")
_VALIDITY_FIELDS = re.compile(rb"[\x17\x18]{2}")


def _check_fields(fields: list[Element], shape: re.Pattern[bytes]) -> re.Match[bytes]:
    """One rule: the fields' tags are those of the structure, in its order."""
    match = shape.fullmatch(bytes([field[0] for field in fields]))
    if match is None:
        raise DerError(
            "its fields are not those of a certificate", code="der-wrong-tag", clause="RFC 5280 4.1"
        )
    return match


def _require(condition: bool, message: str, code: str, clause: str) -> None:
    """Raise unless the condition holds."""
    if not condition:
        raise CertificateError(message, code=code, clause=f"RFC 5280 {clause}")


@lru_cache(maxsize=8)
def _read_version(field: bytes) -> int:
    """Version, v1 when absent; a written-out v1 is not DER (RFC 5280 4.1.2.1)."""
    tagged = Reader(field).enter(der.context(0))
    version = tagged.read_integer()
    tagged.finish()
    _require(version in (_V2, _V3), "the version is neither 2 nor 3", "version", "4.1.2.1")
    return version


def _read_serial_number(field: bytes) -> int:
    """A serial number of at most 20 octets; what RFC 5280 forbids beyond that is for others to refuse."""
    serial_number = Reader(field).read_integer()
    fits = -(1 << MAXIMUM_SERIAL_NUMBER_BITS - 1) <= serial_number < 1 << MAXIMUM_SERIAL_NUMBER_BITS
    _require(fits, "the serial number is longer than 20 octets", "serial-number", "4.1.2.2")
    return serial_number


def _read_validity(data: bytes, validity: Element) -> tuple[datetime, datetime]:
    """Validity ::= SEQUENCE { notBefore, notAfter } (RFC 5280 4.1.2.5)."""
    times = der.read_elements(data, validity[2], validity[3])
    _check_fields(times, _VALIDITY_FIELDS)
    before, after = times
    return _read_time(data[before[1] : before[3]]), _read_time(data[after[1] : after[3]])


@lru_cache(maxsize=4096)
def _read_time(field: bytes) -> datetime:
    """Time; kept, since an authority's certificates often share their moments."""
    return Reader(field).read_time()


def read_extensions(listed: Reader) -> dict[str, Extension]:
    """Extensions, one or more, none twice (RFC 5280 4.2)."""
    extensions: dict[str, Extension] = {}
    for element in listed.read_rest():
        extension = _read_extension(element)
        if extension.oid in extensions:
            raise CertificateError(
                f"extension {extension.oid} occurs twice", code="extension-twice", clause="RFC 5280 4.2"
            )
        extensions[extension.oid] = extension
    _require(bool(extensions), "an empty list of extensions", "extensions-empty", "4.1")
    return extensions


@kept
def _read_extension(data: bytes) -> Extension:
    """Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue } (RFC 5280 4.1)."""
    reader = der.read_sequence(data)
    oid = reader.read_oid()
    critical = reader.peek() == Tag.BOOLEAN and reading.read_true(reader)
    value = reader.read_octet_string()
    reader.finish()
    return Extension(oid, critical, value)


def load_pem_certificates(text: str | bytes) -> list[Certificate]:
    """Every certificate of a PEM text, in order (RFC 7468); text around them is ignored, none is an error."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    bodies = _PEM.findall(text)
    if not bodies:
        raise CertificateError(
            "there is no PEM certificate in this text", code="pem-empty", clause="RFC 7468 5"
        )
    if len(bodies) > MAXIMUM_PEM_CERTIFICATES:
        raise CertificateError(f"more than {MAXIMUM_PEM_CERTIFICATES} certificates", code="pem-too-many")
    return [Certificate.parse(_decode_pem(body)) for body in bodies]


def _decode_pem(body: str) -> bytes:
    """The bytes of one PEM body."""
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CertificateError(
            "the PEM text is not base64", code="pem-base64", clause="RFC 7468 2"
        ) from error
