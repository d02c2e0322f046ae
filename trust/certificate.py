"""Certificates: a strict reader (RFC 5280 4.1). What it returns is read, not yet believed.

The structure is read at once and refused when it is not DER. Extension values are read when they are asked
for, so that one odd extension does not hide the rest; asking for a malformed one raises.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from trust.encoding import der
from trust.encoding.der import DerError, Element, Reader, Tag
from trust.encoding.extensions import Extension, KeyUsage
from trust.errors import TrustError
from trust.extensions import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    DistributionPoint,
    PolicyConstraints,
    ReadExtension,
    read_extension,
    uris_of,
)
from trust.general_names import AlternativeNames, GeneralName, GeneralNameKind
from trust.keeping import kept
from trust.name_constraints import NameConstraints
from trust.names import NameAttribute, decode_name, decode_relative_names, name_to_text, names_match
from trust.vocabulary import AccessMethod, ExtensionOID

MAXIMUM_CERTIFICATE_SIZE = 128 * 1024
MAXIMUM_PEM_CERTIFICATES = 1000
# Honest certificates have a dozen.
MAXIMUM_EXTENSIONS = 100
# RFC 5280 4.1.2.2, in octets.
MAXIMUM_SERIAL_NUMBER_SIZE = 20

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")
_V1, _V2, _V3 = 0, 1, 2


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
    extensions: Mapping[str, ReadExtension]
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
        decode_relative_names(self.subject)

    def check_extensions(self) -> None:
        """One rule: every extension that is known here can be read (RFC 5280 4.2)."""
        for extension in self.extensions.values():
            try:
                _ = extension.content
            except DerError as error:
                raise _malformed(extension.oid, error) from error

    # --- extensions ---

    def _content(self, oid: str) -> Any:
        """What the extension says; None when the certificate does not have it."""
        extension = self.extensions.get(oid)
        if extension is None:
            return None
        try:
            return extension.content
        except DerError as error:
            raise _malformed(oid, error) from error

    @property
    def basic_constraints(self) -> BasicConstraints | None:
        """RFC 5280 4.2.1.9."""
        said: BasicConstraints | None = self._content(ExtensionOID.BASIC_CONSTRAINTS)
        return said

    @property
    def key_usage(self) -> frozenset[KeyUsage] | None:
        """RFC 5280 4.2.1.3; None when the certificate does not say."""
        said: frozenset[KeyUsage] | None = self._content(ExtensionOID.KEY_USAGE)
        return said

    @property
    def extended_key_usage(self) -> tuple[str, ...] | None:
        """The purposes' OIDs (RFC 5280 4.2.1.12); None when the certificate does not say."""
        said: tuple[str, ...] | None = self._content(ExtensionOID.EXTENDED_KEY_USAGE)
        return said

    @property
    def key_identifier(self) -> bytes | None:
        """Subject key identifier (RFC 5280 4.2.1.2)."""
        said: bytes | None = self._content(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
        return said

    @property
    def authority_key(self) -> AuthorityKeyIdentifier | None:
        """The whole authority key identifier (RFC 5280 4.2.1.1)."""
        said: AuthorityKeyIdentifier | None = self._content(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        return said

    @property
    def authority_key_identifier(self) -> bytes | None:
        """The issuer's key identifier (RFC 5280 4.2.1.1)."""
        return self.authority_key.key_identifier if self.authority_key else None

    @property
    def policies(self) -> tuple[str, ...]:
        """Certificate policies' OIDs, empty without the extension (RFC 5280 4.2.1.4)."""
        return self._content(ExtensionOID.CERTIFICATE_POLICIES) or ()

    @property
    def policy_mappings(self) -> tuple[tuple[str, str], ...]:
        """Pairs of issuer's and subject's policies (RFC 5280 4.2.1.5)."""
        return self._content(ExtensionOID.POLICY_MAPPINGS) or ()

    @property
    def policy_constraints(self) -> PolicyConstraints | None:
        """RFC 5280 4.2.1.11."""
        said: PolicyConstraints | None = self._content(ExtensionOID.POLICY_CONSTRAINTS)
        return said

    @property
    def inhibit_any_policy(self) -> int | None:
        """RFC 5280 4.2.1.14."""
        said: int | None = self._content(ExtensionOID.INHIBIT_ANY_POLICY)
        return said

    @property
    def name_constraints(self) -> NameConstraints | None:
        """RFC 5280 4.2.1.10; None without the extension."""
        said: NameConstraints | None = self._content(ExtensionOID.NAME_CONSTRAINTS)
        return said

    @property
    def subject_alternative_name(self) -> AlternativeNames:
        """RFC 5280 4.2.1.6; empty without the extension."""
        read = self._content(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        return read or AlternativeNames()

    @property
    def distribution_points(self) -> tuple[DistributionPoint, ...]:
        """RFC 5280 4.2.1.13."""
        return self._content(ExtensionOID.CRL_DISTRIBUTION_POINTS) or ()

    @property
    def freshest_crl(self) -> tuple[DistributionPoint, ...]:
        """Where delta CRLs are published (RFC 5280 4.2.1.15)."""
        return self._content(ExtensionOID.FRESHEST_CRL) or ()

    @property
    def crl_urls(self) -> tuple[str, ...]:
        """Where CRLs are published, by http or https or otherwise."""
        return uris_of(self.distribution_points)

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
        return self._content(ExtensionOID.AUTHORITY_INFORMATION_ACCESS) or ()

    def _access_urls(self, method: str) -> tuple[str, ...]:
        """URIs of one access method."""
        named = (name for oid, name in self.access_locations if oid == method)
        return tuple(name.text for name in named if name.kind is GeneralNameKind.URI)


def _malformed(oid: str, error: DerError) -> CertificateError:
    """The error for an extension whose value cannot be read."""
    return CertificateError(
        f"extension {oid} is malformed: {error.message}",
        code="extension-malformed",
        clause=error.clause or "RFC 5280 4.2",
    )


# --- reading ---------------------------------------------------------------------------------------------


def _read_certificate(data: bytes) -> Certificate:
    """Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 4.1)."""
    if len(data) > MAXIMUM_CERTIFICATE_SIZE:
        raise DerError(f"more than {MAXIMUM_CERTIFICATE_SIZE} octets", code="der-too-large")
    start, end = der.whole(data, Tag.SEQUENCE)
    outer = der.read_elements(data, start, end)
    if [field[0] for field in outer] != [Tag.SEQUENCE, Tag.SEQUENCE, Tag.BIT_STRING]:
        raise DerError("not the fields of a certificate", code="der-wrong-tag", clause="RFC 5280 4.1")
    tbs, algorithm, signature = outer
    if data[signature[2]] if signature[2] < signature[3] else 1:
        raise _refused("the signature is not whole octets", "signature-encoding", "4.1.1.3")
    return _read_tbs(data, tbs, data[algorithm[1] : algorithm[3]], data[signature[2] + 1 : signature[3]])


# The tags of TBSCertificate (RFC 5280 4.1): version, serial number, signature, issuer, validity, subject and
# key, unique identifiers, extensions; what is optional may be missing.
_TBS_TAGS = re.compile(rb"(\xa0?)\x02\x30{5}(\x81?\x82?)(\xa3?)")


def _read_tbs(data: bytes, tbs: Element, algorithm: bytes, signature: bytes) -> Certificate:
    """TBSCertificate (RFC 5280 4.1)."""
    fields = der.read_elements(data, tbs[2], tbs[3])
    shape = _TBS_TAGS.fullmatch(bytes([field[0] for field in fields]))
    if shape is None:
        raise DerError("not the fields of a certificate", code="der-wrong-tag", clause="RFC 5280 4.1")
    has_version, unique_identifiers, has_extensions = shape.groups()
    version = _V1
    if has_version:
        version = _read_version(data[fields[0][2] : fields[0][3]])
        del fields[0]
    serial, inner_algorithm, issuer, validity, subject, key = fields[:6]
    if data[inner_algorithm[1] : inner_algorithm[3]] != algorithm:
        raise _refused("two different signature algorithms", "algorithm-differs", "4.1.1.2")
    if issuer[2] == issuer[3]:
        raise _refused("the issuer's name is empty", "issuer-empty", "4.1.2.4")
    if unique_identifiers and version == _V1:
        raise _refused("unique identifiers need v2", "version", "4.1.2.8")
    if has_extensions and version != _V3:
        raise _refused("extensions need v3", "version", "4.1.2.9")
    not_valid_before, not_valid_after = _read_validity(data[validity[2] : validity[3]])
    return Certificate(
        data,
        data[tbs[1] : tbs[3]],
        version,
        _read_serial_number(data[serial[2] : serial[3]]),
        algorithm,
        data[issuer[1] : issuer[3]],
        not_valid_before,
        not_valid_after,
        data[subject[1] : subject[3]],
        data[key[1] : key[3]],
        _read_tagged_extensions(data, fields[-1]) if has_extensions else {},
        signature,
    )


def _refused(message: str, code: str, clause: str) -> CertificateError:
    """The error for a certificate that breaks a rule of RFC 5280."""
    return CertificateError(message, code=code, clause=f"RFC 5280 {clause}")


@kept
def _read_version(content: bytes) -> int:
    """Version, v1 when absent; a written-out v1 is not DER (RFC 5280 4.1.2.1)."""
    reader = Reader(content)
    version = reader.read_integer()
    reader.finish()
    if version not in (_V2, _V3):
        raise _refused("the version is neither 2 nor 3", "version", "4.1.2.1")
    return version


def _read_serial_number(content: bytes) -> int:
    """A serial number of at most 20 octets; zero and negative ones are read (RFC 5280 4.1.2.2)."""
    serial_number = der.decode_integer(content)
    if len(content) > MAXIMUM_SERIAL_NUMBER_SIZE:
        raise _refused("the serial number is longer than 20 octets", "serial-number", "4.1.2.2")
    return serial_number


@kept
def _read_validity(content: bytes) -> tuple[datetime, datetime]:
    """Validity ::= SEQUENCE { notBefore, notAfter }; kept, certificates of a batch share it (4.1.2.5)."""
    reader = Reader(content)
    validity = reader.read_time(), reader.read_time()
    reader.finish()
    return validity


def _read_tagged_extensions(data: bytes, tagged: Element) -> dict[str, ReadExtension]:
    """[3] EXPLICIT Extensions (RFC 5280 4.1.2.9)."""
    start, end = der.whole(data, Tag.SEQUENCE, tagged[2], tagged[3])
    elements = der.read_elements(data, start, end)
    return _by_oid([data[start:end] for _, start, _, end in elements])


def read_extensions(listed: Reader) -> dict[str, Extension]:
    """Extensions, one or more, none twice (RFC 5280 4.2)."""
    return dict(_by_oid(listed.read_rest()))


def _by_oid(listed: list[bytes]) -> dict[str, ReadExtension]:
    """DER extensions, read."""
    if len(listed) > MAXIMUM_EXTENSIONS:
        raise CertificateError(f"more than {MAXIMUM_EXTENSIONS} extensions", code="extensions-too-many")
    extensions: dict[str, ReadExtension] = {}
    for encoded in listed:
        extension = read_extension(encoded)
        if extension.oid in extensions:
            raise _refused(f"extension {extension.oid} occurs twice", "extension-twice", "4.2")
        extensions[extension.oid] = extension
    if not extensions:
        raise _refused("an empty list of extensions", "extensions-empty", "4.1")
    return extensions


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
