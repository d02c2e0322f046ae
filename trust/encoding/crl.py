"""Certificate revocation lists, version 2 (RFC 5280 5).

Entries are written one after the other, so a list of a million is a matter of a second; an issuer
that stores its entries encoded (`encode_revoked_entry`) hands them over as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from trust.encoding import der
from trust.encoding.certificate import MAXIMUM_SERIAL_OCTETS, assemble, check_serial_number
from trust.encoding.der import Tag
from trust.encoding.extensions import Extension, authority_key_identifier, encode_extensions
from trust.errors import EncodingError
from trust.signer import Signer
from trust.status import CRLReason
from trust.vocabulary import ExtensionOID

_VERSION_2: Final = 1
_SERIAL_NUMBER_BOUND: Final = 1 << (8 * MAXIMUM_SERIAL_OCTETS - 1)


@dataclass(frozen=True)
class RevokedEntry:
    """One revoked certificate; the reason is left out when it is None or unspecified (RFC 5280 5.3.1)."""

    serial_number: int
    revoked_at: datetime
    reason: CRLReason | None = None


def encode_crl(
    *,
    issuer: bytes,
    signer: Signer,
    this_update: datetime,
    next_update: datetime,
    number: int,
    authority_key_identifier: bytes,
    entries: Iterable[RevokedEntry | bytes] = (),
) -> bytes:
    """DER CertificateList, signed: a full CRL of this issuer's certificates (RFC 5280 5.1)."""
    tbs = encode_tbs_crl(
        issuer=issuer,
        algorithm=signer.algorithm,
        this_update=this_update,
        next_update=next_update,
        number=number,
        authority_key_identifier=authority_key_identifier,
        entries=entries,
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
) -> bytes:
    """DER TBSCertList with authority key identifier and CRL number (RFC 5280 5.1.2, 5.2.1, 5.2.3)."""
    updates = der.time(this_update) + der.time(next_update)
    if next_update <= this_update:
        raise EncodingError("nextUpdate does not follow thisUpdate", code="crl-update-order")
    if not 0 <= number < _SERIAL_NUMBER_BOUND:
        raise EncodingError(
            "a CRL number is not negative and has at most 20 octets",
            code="crl-number",
            clause="RFC 5280 5.2.3",
        )
    revoked = b"".join(
        entry if isinstance(entry, bytes) else encode_revoked_entry(entry) for entry in entries
    )
    return der.sequence(
        der.integer(_VERSION_2),
        algorithm,
        issuer,
        updates,
        # An empty list is left out, not written empty (RFC 5280 5.1.2.6).
        der.sequence(revoked) if revoked else b"",
        der.explicit(0, encode_extensions(_crl_extensions(authority_key_identifier, number))),
    )


def _crl_extensions(key_identifier: bytes, number: int) -> tuple[Extension, ...]:
    """The extensions every full CRL carries."""
    return (
        authority_key_identifier(key_identifier),
        Extension(ExtensionOID.CRL_NUMBER, False, der.integer(number)),
    )


def encode_revoked_entry(entry: RevokedEntry) -> bytes:
    """DER of one element of revokedCertificates (RFC 5280 5.1.2.6)."""
    serial_number = entry.serial_number
    if not 0 < serial_number < _SERIAL_NUMBER_BOUND:
        check_serial_number(serial_number)
    # An entry is never as long as 128 octets, so its lengths take one octet each; written out, since a
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
    if reason is CRLReason.REMOVE_FROM_CRL:
        raise EncodingError(
            "removeFromCRL occurs only in delta CRLs", code="crl-reason", clause="RFC 5280 5.3.1"
        )
    return encode_extensions([Extension(ExtensionOID.REASON_CODE, False, der.enumerated(reason))])
