"""Certificate revocation lists: read, verify, look up (RFC 5280 5). Whether to rely on one is crl_check.py's.

Complete and delta CRLs, indirect ones too. A list is read once; its entries are indexed at the first look-up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from trust.algorithms import (
    DEFAULT_ALGORITHM_POLICY,
    AlgorithmPolicy,
    check_algorithm,
    check_public_key,
    verify_with,
)
from trust.certificate import Certificate, read_extensions
from trust.crl_entries import EntryIndex, EntryRules, Revocation, index_entries, serial_key
from trust.crl_extensions import (
    CRLError,
    IssuingDistributionPoint,
    read_crl_number,
    read_date,
    read_issuing_distribution_point,
)
from trust.encoding import der
from trust.encoding.der import Reader, Tag
from trust.encoding.extensions import Extension, KeyUsage
from trust.errors import TrustError
from trust.extensions import (
    AuthorityKeyIdentifier,
    DistributionPoint,
    read_authority_key_identifier,
    read_distribution_points,
)
from trust.names import issuer_name, names_match
from trust.vocabulary import ExtensionOID

__all__ = [
    "CRLError",
    "CertificateRevocationList",
    "IssuingDistributionPoint",
    "Revocation",
    "check_crl_issuer",
    "check_crl_signing",
    "load_crl",
]

MAXIMUM_CRL_SIZE = 256 * 1024 * 1024
# In octets, as in a certificate: they are read before the signature is verified.
MAXIMUM_EXTENSIONS_SIZE = 128 * 1024

_UNDERSTOOD = frozenset(
    (
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.DELTA_CRL_INDICATOR,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    )
)
_V2 = 1

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class CertificateRevocationList:
    """A CRL, complete or delta, read (RFC 5280 5.1). Equal when its bytes are equal; not yet believed."""

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
    def canonical_issuer(self) -> object:
        """The issuer's name in a form that can be compared (names.issuer_name)."""
        return issuer_name(self.issuer)

    def _read(self, oid: str, read: Callable[[bytes], T]) -> T | None:
        """The extension's value through its reader; None when the CRL does not have it."""
        extension = self.extensions.get(oid)
        return None if extension is None else read(extension.value)

    @cached_property
    def number(self) -> int | None:
        """The CRL number (RFC 5280 5.2.3)."""
        return self._read(ExtensionOID.CRL_NUMBER, read_crl_number)

    @cached_property
    def base_number(self) -> int | None:
        """The number of the complete CRL that a delta CRL starts from (RFC 5280 5.2.4)."""
        return self._read(ExtensionOID.DELTA_CRL_INDICATOR, read_crl_number)

    @property
    def is_delta(self) -> bool:
        """Whether the list tells changes only, and says nothing without its base (RFC 5280 5.2.4)."""
        return ExtensionOID.DELTA_CRL_INDICATOR in self.extensions

    @cached_property
    def authority_key(self) -> AuthorityKeyIdentifier | None:
        """The whole authority key identifier (RFC 5280 5.2.1)."""
        return self._read(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, read_authority_key_identifier)

    @property
    def authority_key_identifier(self) -> bytes | None:
        """The key that signed (RFC 5280 5.2.1)."""
        return self.authority_key.key_identifier if self.authority_key else None

    @cached_property
    def issuing_distribution_point(self) -> IssuingDistributionPoint:
        """The CRL's scope; everything of its issuer without the extension (RFC 5280 5.2.5)."""
        scope = self._read(ExtensionOID.ISSUING_DISTRIBUTION_POINT, read_issuing_distribution_point)
        return scope or IssuingDistributionPoint()

    @cached_property
    def freshest_crl(self) -> tuple[DistributionPoint, ...]:
        """Where the delta CRLs to this list are published (RFC 5280 5.2.6)."""
        return self._read(ExtensionOID.FRESHEST_CRL, read_distribution_points) or ()

    @cached_property
    def expired_certificates_since(self) -> datetime | None:
        """Certificates that expired since then stay on the list (X.509 9.5.2.8)."""
        return self._read(ExtensionOID.EXPIRED_CERTS_ON_CRL, read_date)

    def check_extensions(self) -> None:
        """One rule: what is known here can be read, and no other extension is critical (RFC 5280 5.2)."""
        for extension in self.extensions.values():
            if extension.critical and extension.oid not in _UNDERSTOOD:
                raise CRLError(
                    f"the CRL has a critical extension that is not understood: {extension.oid}",
                    code="crl-critical-extension",
                    clause="RFC 5280 5.2",
                )
        for attribute in _EXTENSION_ATTRIBUTES:
            getattr(self, attribute)

    @cached_property
    def _index(self) -> EntryIndex:
        """The entries, by certificate issuer and serial number."""
        rules = EntryRules(
            self.entries_may_have_extensions, self.issuing_distribution_point.indirect, self.is_delta
        )
        return index_entries(self.entries, self.issuer, rules)

    @cached_property
    def _verified_keys(self) -> set[bytes]:
        """Public keys under which the signature has been found right: a note of work done, not of trust."""
        return set()

    def find(self, serial_number: int, issuer: bytes | None = None) -> Revocation | None:
        """The entry about the certificate of that serial number and issuer (the CRL's own by default)."""
        return self.find_key(serial_key(serial_number), self.issuer if issuer is None else issuer)

    def find_key(self, key: bytes, issuer: bytes) -> Revocation | None:
        """`find` by what crl_entries.serial_key makes of the serial number."""
        return self._index.find(key, issuer)

    @property
    def entry_count(self) -> int:
        """How many certificates the list has."""
        return self._index.count

    def verify(
        self, public_key: bytes, at: datetime, policy: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    ) -> None:
        """The CRL's signature under that key, by an algorithm that is accepted at that time."""
        algorithm = check_algorithm(self.algorithm, at, policy)
        check_public_key(public_key, at, policy)
        if public_key not in self._verified_keys:
            verify_with(public_key, algorithm, self.signature, self.tbs)
            self._verified_keys.add(public_key)


_EXTENSION_ATTRIBUTES = (
    "number",
    "base_number",
    "authority_key",
    "issuing_distribution_point",
    "freshest_crl",
    "expired_certificates_since",
)


# --- reading ---------------------------------------------------------------------------------------------


def load_crl(data: bytes) -> CertificateRevocationList:
    """Read a DER CRL, complete or delta; CRLError when it is anything else."""
    try:
        return _read_crl(bytes(data))
    except CRLError:
        raise
    except TrustError as error:
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
    _require(version in (None, _V2), "the version is not 2", "5.1.2.1")
    _require(reader.read_raw(Tag.SEQUENCE) == algorithm, "two different signature algorithms", "5.1.1.2")
    _require(unused == 0, "the signature is not whole octets", "5.1.1.3")
    issuer = reader.read_raw(Tag.SEQUENCE)
    _require(issuer != der.sequence(), "the issuer's name is empty", "5.1.2.3")
    this_update = reader.read_time()
    has_next = reader.peek() in (Tag.UTC_TIME, Tag.GENERALIZED_TIME)
    next_update = reader.read_time() if has_next else None
    entries = reader.read_optional(Tag.SEQUENCE)
    _require(entries != b"", "an empty list is left out", "5.1.2.6")
    extensions = _read_crl_extensions(reader, version)
    crl = CertificateRevocationList(
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
    crl.check_extensions()
    return crl


def _require(condition: bool, message: str, clause: str) -> None:
    """Raise unless the condition holds."""
    if not condition:
        raise CRLError(f"this is not a CRL: {message}", code="crl-malformed", clause=f"RFC 5280 {clause}")


def _read_crl_extensions(reader: Reader, version: int | None) -> Mapping[str, Extension]:
    """[0] crlExtensions, which need v2, then the end (RFC 5280 5.1.2.7)."""
    tagged = reader.read_optional(der.context(0))
    reader.finish()
    if tagged is None:
        return {}
    _require(version == _V2, "extensions need v2", "5.1.2.1")
    return read_extensions(der.read_sequence(tagged, maximum_size=MAXIMUM_EXTENSIONS_SIZE))


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
