"""Certificate revocation lists, version 2 (RFC 5280 5).

Entries are written one after the other, so a list of a million is a matter of a second; an issuer
that stores its entries encoded (`encode_revoked_entry`) hands them over as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from trust.encoding import der
from trust.encoding.certificate import MAXIMUM_SERIAL_OCTETS, assemble, check_serial_number
from trust.encoding.der import Tag
from trust.encoding.extensions import (
    Extension,
    authority_key_identifier,
    distribution_point_name,
    encode_extensions,
    reason_flags,
)
from trust.encoding.general_names import directory_name
from trust.errors import EncodingError
from trust.signer import Signer
from trust.status import CRLReason
from trust.vocabulary import ExtensionOID

_VERSION_2: Final = 1
_SERIAL_NUMBER_BOUND: Final = 1 << (8 * MAXIMUM_SERIAL_OCTETS - 1)


@dataclass(frozen=True)
class RevokedEntry:
    """One revoked certificate; the reason is left out when it is None or unspecified (RFC 5280 5.3.1).

    `certificate_issuer` is a DER Name; in an indirect CRL it stands for the following entries too (5.3.3).
    """

    serial_number: int
    revoked_at: datetime
    reason: CRLReason | None = None
    invalidity_date: datetime | None = None
    certificate_issuer: bytes | None = None


def encode_crl(
    *,
    issuer: bytes,
    signer: Signer,
    this_update: datetime,
    next_update: datetime,
    number: int,
    authority_key_identifier: bytes,
    entries: Iterable[RevokedEntry | bytes] = (),
    extensions: Sequence[Extension] = (),
) -> bytes:
    """DER CertificateList, signed: of all the issuer's certificates unless extensions narrow it (5.1)."""
    tbs = encode_tbs_crl(
        issuer=issuer,
        algorithm=signer.algorithm,
        this_update=this_update,
        next_update=next_update,
        number=number,
        authority_key_identifier=authority_key_identifier,
        entries=entries,
        extensions=extensions,
    )
    return assemble(tbs, signer.algorithm, signer.sign(tbs))


def encode_tbs_crl(
    *,
    issuer: bytes,
    algorithm: bytes,
    this_update: datetime,
    next_update: datetime,
    number: int,
    authority_key_identifier: bytes,
    entries: Iterable[RevokedEntry | bytes] = (),
    extensions: Sequence[Extension] = (),
) -> bytes:
    """DER TBSCertList with authority key identifier, CRL number and more (RFC 5280 5.1.2, 5.2).

    Entries that come encoded are taken as they are.
    """
    updates = der.time(this_update) + der.time(next_update)
    if next_update <= this_update:
        raise EncodingError("nextUpdate does not follow thisUpdate", code="crl-update-order")
    if not 0 <= number < _SERIAL_NUMBER_BOUND:
        raise EncodingError(
            "a CRL number is not negative and has at most 20 octets",
            code="crl-number",
            clause="RFC 5280 5.2.3",
        )
    delta = any(extension.oid == ExtensionOID.DELTA_CRL_INDICATOR for extension in extensions)
    revoked = b"".join(
        entry if isinstance(entry, bytes) else encode_revoked_entry(entry, delta=delta) for entry in entries
    )
    return der.sequence(
        der.integer(_VERSION_2),
        algorithm,
        issuer,
        updates,
        # An empty list is left out, not written empty (RFC 5280 5.1.2.6).
        der.sequence(revoked) if revoked else b"",
        der.explicit(0, encode_extensions([*_crl_extensions(authority_key_identifier, number), *extensions])),
    )


def _crl_extensions(key_identifier: bytes, number: int) -> tuple[Extension, ...]:
    """The extensions every CRL carries (RFC 5280 5.2.1, 5.2.3)."""
    return (
        authority_key_identifier(key_identifier),
        Extension(ExtensionOID.CRL_NUMBER, False, der.integer(number)),
    )


def delta_crl_indicator(base_number: int) -> Extension:
    """The list tells only what has changed since the complete CRL of that number (RFC 5280 5.2.4)."""
    return Extension(ExtensionOID.DELTA_CRL_INDICATOR, True, der.integer(base_number))


def issuing_distribution_point(
    *names: bytes,
    relative_name: bytes = b"",
    only_user_certificates: bool = False,
    only_ca_certificates: bool = False,
    only_attribute_certificates: bool = False,
    reasons: Iterable[CRLReason] = (),
    indirect: bool = False,
) -> Extension:
    """The scope of the list (RFC 5280 5.2.5); names are DER GeneralNames, no reasons mean all."""
    flags = reason_flags(reasons)
    named = bool(names or relative_name)
    value = der.sequence(
        der.explicit(0, distribution_point_name(names, relative_name)) if named else b"",
        _flag(1, only_user_certificates),
        _flag(2, only_ca_certificates),
        der.retag(3, flags) if flags else b"",
        _flag(4, indirect),
        _flag(5, only_attribute_certificates),
    )
    kinds = only_user_certificates + only_ca_certificates + only_attribute_certificates
    if kinds > 1 or value == der.sequence():
        raise EncodingError(
            "a scope says something, and names one kind of certificate at most",
            code="crl-scope",
            clause="RFC 5280 5.2.5",
        )
    return Extension(ExtensionOID.ISSUING_DISTRIBUTION_POINT, True, value)


def _flag(number: int, value: bool) -> bytes:
    """[number] IMPLICIT BOOLEAN DEFAULT FALSE."""
    return der.retag(number, der.boolean(True)) if value else b""


def encode_revoked_entry(entry: RevokedEntry, *, delta: bool = False) -> bytes:
    """DER of one element of revokedCertificates (RFC 5280 5.1.2.6)."""
    serial_number = entry.serial_number
    if not 0 < serial_number < _SERIAL_NUMBER_BOUND:
        check_serial_number(serial_number)
    if entry.reason is CRLReason.REMOVE_FROM_CRL and not delta:
        raise EncodingError(
            "removeFromCRL occurs only in delta CRLs", code="crl-reason", clause="RFC 5280 5.3.1"
        )
    if entry.invalidity_date is not None or entry.certificate_issuer is not None:
        return _encode_long_entry(entry)
    # Such an entry is never as long as 128 octets, so its lengths take one octet each; written out, since a
    # list has a hundred thousand of them.
    size = serial_number.bit_length() // 8 + 1
    tail = _time(entry.revoked_at) + _entry_extensions(entry.reason)
    header = bytes((Tag.SEQUENCE, 2 + size + len(tail), Tag.INTEGER, size))
    return header + serial_number.to_bytes(size, "big") + tail


# Many entries share a moment (a mass revocation) and all share a few reasons.
_time = lru_cache(maxsize=4096)(der.time)


@lru_cache(maxsize=16)
def _entry_extensions(reason: CRLReason | None) -> bytes:
    """DER Extensions with the reason code, or nothing (RFC 5280 5.3.1)."""
    if reason is None or reason is CRLReason.UNSPECIFIED:
        return b""
    return encode_extensions([_reason_code(reason)])


def _reason_code(reason: CRLReason) -> Extension:
    """The reason code (RFC 5280 5.3.1)."""
    return Extension(ExtensionOID.REASON_CODE, False, der.enumerated(reason))


def _encode_long_entry(entry: RevokedEntry) -> bytes:
    """An entry with an invalidity date or a certificate issuer (RFC 5280 5.3.2, 5.3.3)."""
    extensions: list[Extension] = []
    if entry.reason is not None and entry.reason is not CRLReason.UNSPECIFIED:
        extensions.append(_reason_code(entry.reason))
    if entry.invalidity_date is not None:
        date = der.generalized_time(entry.invalidity_date)
        extensions.append(Extension(ExtensionOID.INVALIDITY_DATE, False, date))
    if entry.certificate_issuer is not None:
        issuer = der.sequence(directory_name(entry.certificate_issuer))
        extensions.append(Extension(ExtensionOID.CERTIFICATE_ISSUER, True, issuer))
    return der.sequence(
        der.integer(entry.serial_number), _time(entry.revoked_at), encode_extensions(extensions)
    )
