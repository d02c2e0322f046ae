"""Certificate revocation lists: read, verify, look up (RFC 5280 5). Whether to rely on one is crl_check.py's.

Complete CRLs are handled; delta CRLs are refused by name, indirect ones when they are to be relied on. A list
is read once; serial numbers are indexed at the first look-up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from trust.algorithms import (
    DEFAULT_ALGORITHM_POLICY,
    AlgorithmPolicy,
    check_algorithm,
    check_public_key,
    verify_with,
)
from trust.certificate import Certificate, CertificateError, read_extensions
from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.encoding.extensions import Extension, KeyUsage
from trust.errors import TrustError
from trust.extensions import (
    GeneralName,
    read_authority_key_identifier,
    read_distribution_point_name,
    read_true,
)
from trust.names import names_match
from trust.status import CRLReason
from trust.vocabulary import ExtensionOID

MAXIMUM_CRL_SIZE = 256 * 1024 * 1024


_UNDERSTOOD = frozenset(
    (
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    )
)
_V2 = 1


class CRLError(TrustError):
    """A CRL that cannot be read, is not for this certificate, or must not be relied on."""


class Revocation(NamedTuple):
    """What a CRL says of one serial number."""

    revoked_at: datetime
    reason: CRLReason | None


@dataclass(frozen=True)
class IssuingDistributionPoint:
    """The scope of a CRL (RFC 5280 5.2.5)."""

    full_name: tuple[GeneralName, ...] = ()
    relative_name: bytes = b""
    only_user_certificates: bool = False
    only_ca_certificates: bool = False
    reasons: frozenset[int] | None = None
    indirect: bool = False
    only_attribute_certificates: bool = False

    @property
    def has_name(self) -> bool:
        """Whether the CRL is bound to a distribution point's name."""
        return bool(self.full_name or self.relative_name)


@dataclass(frozen=True, eq=False, repr=False)
class CertificateRevocationList:
    """A complete CRL, read (RFC 5280 5.1). Equal when its bytes are equal; not yet believed."""

    der: bytes
    tbs: bytes
    algorithm: bytes
    signature: bytes
    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    entries: bytes
    entries_may_have_extensions: bool
    extensions: Mapping[str, Extension]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole CRL, in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificateRevocationList) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<CertificateRevocationList {self.this_update:%Y-%m-%dT%H:%M:%SZ} {self.fingerprint[:16]}>"

    @cached_property
    def number(self) -> int | None:
        """The CRL number (RFC 5280 5.2.3)."""
        extension = self.extensions.get(ExtensionOID.CRL_NUMBER)
        return None if extension is None else _read_number(extension.value)

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """The key that signed (RFC 5280 5.2.1)."""
        extension = self.extensions.get(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        return None if extension is None else read_authority_key_identifier(extension.value).key_identifier

    @cached_property
    def issuing_distribution_point(self) -> IssuingDistributionPoint:
        """The CRL's scope; everything of its issuer without the extension (RFC 5280 5.2.5)."""
        extension = self.extensions.get(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
        return IssuingDistributionPoint() if extension is None else _read_scope(extension.value)

    @cached_property
    def _index(self) -> dict[bytes, Revocation]:
        """Serial number's content octets to what the CRL says."""
        return _index_entries(self.entries, extensions_allowed=self.entries_may_have_extensions)

    @cached_property
    def _verified_keys(self) -> set[bytes]:
        """Public keys under which the signature has been found right: a note of work done, not of trust."""
        return set()

    def find(self, serial_number: int) -> Revocation | None:
        """The entry of that serial number, or None."""
        return self._index.get(_serial_content(serial_number))

    def verify(
        self, public_key: bytes, at: datetime, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    ) -> None:
        """The CRL's signature under that key, by an algorithm that is accepted at that time."""
        algorithm = check_algorithm(self.algorithm, at, policy)
        check_public_key(public_key, at, policy)
        if public_key not in self._verified_keys:
            verify_with(public_key, algorithm, self.signature, self.tbs)
            self._verified_keys.add(public_key)


def _serial_content(serial_number: int) -> bytes:
    """The content octets of a serial number's INTEGER."""
    return Reader(der.integer(serial_number)).read(Tag.INTEGER)


# --- reading ---------------------------------------------------------------------------------------------


def load_crl(data: bytes) -> CertificateRevocationList:
    """Read a DER CRL; CRLError when it is anything else, or a kind that is not handled (delta)."""
    try:
        return _read_crl(bytes(data))
    except (DerError, CertificateError) as error:
        raise CRLError(
            f"this is not a CRL: {error.message}", code="crl-malformed", clause=error.clause or "RFC 5280 5.1"
        ) from error


def _read_crl(data: bytes) -> CertificateRevocationList:
    """CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue } (RFC 5280 5.1)."""
    outer = der.read_sequence(data, maximum_size=MAXIMUM_CRL_SIZE)
    tbs, algorithm = outer.read_raw(Tag.SEQUENCE), outer.read_raw(Tag.SEQUENCE)
    signature, unused = outer.read_bit_string()
    outer.finish()
    reader = der.read_sequence(tbs, maximum_size=MAXIMUM_CRL_SIZE)
    version = reader.read_integer() if reader.peek() == Tag.INTEGER else None
    if unused or version not in (None, _V2) or reader.read_raw(Tag.SEQUENCE) != algorithm:
        raise CRLError(
            "version or algorithm are not consistent", code="crl-malformed", clause="RFC 5280 5.1.1.2"
        )
    issuer = reader.read_raw(Tag.SEQUENCE)
    this_update = reader.read_time()
    has_next = reader.peek() in (Tag.UTC_TIME, Tag.GENERALIZED_TIME)
    next_update = reader.read_time() if has_next else None
    entries = reader.read_optional(Tag.SEQUENCE)
    tagged = reader.enter_optional(der.context(0))
    reader.finish()
    if entries == b"" or (tagged is not None and version != _V2):
        raise CRLError(
            "an empty list, or extensions without v2", code="crl-malformed", clause="RFC 5280 5.1.2"
        )
    extensions: dict[str, Extension] = {}
    if tagged is not None:
        extensions = read_extensions(tagged.enter())
        tagged.finish()
    _check_kind(extensions)
    return CertificateRevocationList(
        data,
        tbs,
        algorithm,
        signature,
        issuer,
        this_update,
        next_update,
        entries or b"",
        version == _V2,
        extensions,
    )


def _check_kind(extensions: Mapping[str, Extension]) -> None:
    """One rule: a complete CRL, with no critical extension that is not understood (RFC 5280 5.2)."""
    if ExtensionOID.DELTA_CRL_INDICATOR in extensions:
        raise CRLError(
            "this is a delta CRL, which needs its base; give the complete CRL",
            code="crl-delta-unsupported",
            clause="RFC 5280 5.2.4",
        )
    for extension in extensions.values():
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise CRLError(
                f"the CRL has a critical extension that is not understood: {extension.oid}",
                code="crl-critical-extension",
                clause="RFC 5280 5.2",
            )


def _read_number(value: bytes) -> int:
    """CRLNumber (RFC 5280 5.2.3)."""
    reader = Reader(value)
    number = reader.read_integer()
    reader.finish()
    return number


def _read_scope(value: bytes) -> IssuingDistributionPoint:
    """IssuingDistributionPoint (RFC 5280 5.2.5)."""
    try:
        reader = der.read_sequence(value)
        name = reader.enter_optional(der.context(0))
        full_name, relative_name = read_distribution_point_name(name) if name else ((), b"")
        only_user, only_ca = _read_flag(reader, 1), _read_flag(reader, 2)
        reasons_tag = der.context(3, constructed=False)
        reasons = reader.read_named_bits(reasons_tag) if reader.peek() == reasons_tag else None
        indirect, only_attribute = _read_flag(reader, 4), _read_flag(reader, 5)
        reader.finish()
    except DerError as error:
        raise CRLError(
            f"the CRL's scope is malformed: {error.message}", code="crl-malformed", clause="RFC 5280 5.2.5"
        ) from error
    if value == der.sequence() or only_user + only_ca + only_attribute > 1:
        raise CRLError(
            "the CRL's scope is empty or contradicts itself", code="crl-malformed", clause="RFC 5280 5.2.5"
        )
    return IssuingDistributionPoint(
        full_name, relative_name, only_user, only_ca, reasons, indirect, only_attribute
    )


def _read_flag(reader: Reader, number: int) -> bool:
    """[number] IMPLICIT BOOLEAN DEFAULT FALSE."""
    tag = der.context(number, constructed=False)
    return reader.peek() == tag and read_true(reader, tag)


def _index_entries(entries: bytes, *, extensions_allowed: bool) -> dict[bytes, Revocation]:
    """Every entry of revokedCertificates; equal extension and time octets are read once."""
    index: dict[bytes, Revocation] = {}
    reasons: dict[bytes, CRLReason | None] = {b"": None}
    times: dict[bytes, datetime] = {}
    reader = Reader(entries, maximum_size=MAXIMUM_CRL_SIZE)
    try:
        while not reader.at_end:
            entry = reader.enter()
            serial = entry.read(Tag.INTEGER)
            time = entry.read_raw()
            if time not in times:
                times[time] = Reader(time).read_time()
            extensions = b"" if entry.at_end else entry.read_raw(Tag.SEQUENCE)
            entry.finish()
            if extensions and not extensions_allowed:
                raise CRLError("extensions need v2", code="crl-malformed", clause="RFC 5280 5.1.2.1")
            if extensions not in reasons:
                reasons[extensions] = _read_entry_reason(extensions)
            index.setdefault(serial, Revocation(times[time], reasons[extensions]))
    except (DerError, CertificateError) as error:
        raise CRLError(
            f"an entry of the CRL is malformed: {error.message}",
            code="crl-malformed",
            clause="RFC 5280 5.1.2.6",
        ) from error
    return index


def _read_entry_reason(extensions: bytes) -> CRLReason | None:
    """The reason code among an entry's extensions; unknown critical ones spoil the CRL (RFC 5280 5.3)."""
    found = read_extensions(der.read_sequence(extensions))
    for extension in found.values():
        if extension.critical and extension.oid != ExtensionOID.REASON_CODE:
            raise CRLError(
                f"an entry of the CRL has a critical extension that is not understood: {extension.oid}",
                code="crl-critical-extension",
                clause="RFC 5280 5.3",
            )
    reason = found.get(ExtensionOID.REASON_CODE)
    if reason is None:
        return None
    reader = Reader(reason.value)
    code = reader.read_enumerated()
    reader.finish()
    return reason_named(code)


def reason_named(code: int) -> CRLReason:
    """The reason of that number; numbers that are not assigned are refused (RFC 5280 5.3.1)."""
    try:
        return CRLReason(code)
    except ValueError as error:
        raise CRLError("a revocation reason is not known", code="crl-malformed") from error


def check_crl_issuer(crl: CertificateRevocationList, issuer: Certificate) -> None:
    """One rule: the CRL bears the issuer's name and, where both say, its key identifier (6.3.3 (f))."""
    if not names_match(crl.issuer, issuer.subject):
        raise CRLError("the CRL is another issuer's", code="crl-other-issuer", clause="RFC 5280 6.3.3 (b)")
    wanted = crl.authority_key_identifier
    if wanted is not None and issuer.key_identifier is not None and wanted != issuer.key_identifier:
        raise CRLError("the CRL is signed by another key", code="crl-other-key", clause="RFC 5280 6.3.3 (f)")


def check_crl_signing(issuer: Certificate) -> None:
    """One rule: a CRL issuer that states its key usage has cRLSign (RFC 5280 6.3.3 (f))."""
    if issuer.key_usage is not None and KeyUsage.CRL_SIGN not in issuer.key_usage:
        raise CRLError("the key may not sign CRLs", code="crl-key-usage", clause="RFC 5280 6.3.3 (f)")
