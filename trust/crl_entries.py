"""The entries of a CRL (RFC 5280 5.1.2.6, 5.3), read strictly and indexed by issuer and serial number.

A list may have a million entries, nearly all of one form: a serial number, a UTCTime, and no extension but a
reason code. Runs of that form are checked by one regular expression, which says octet by octet what DER says,
and taken apart by another; any other entry is read on its own by the ordinary reader. Both refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from trust.certificate import MAXIMUM_SERIAL_NUMBER_SIZE, read_extensions
from trust.crl_extensions import CRLError, read_date
from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import TrustError
from trust.general_names import GeneralNameKind, read_general_names
from trust.names import canonical_name, names_match
from trust.status import CRLReason
from trust.vocabulary import ExtensionOID

MAXIMUM_ENTRY_SIZE = 64 * 1024

# So many entries are taken apart at once; it bounds what is held besides the index.
_RUN = 4096

_UNDERSTOOD = frozenset(
    (ExtensionOID.REASON_CODE, ExtensionOID.INVALIDITY_DATE, ExtensionOID.CERTIFICATE_ISSUER)
)


class Revocation(NamedTuple):
    """What a CRL says of one certificate."""

    revoked_at: datetime
    reason: CRLReason | None
    invalid_since: datetime | None = None

    @property
    def removed(self) -> bool:
        """Whether the certificate is taken off the list (RFC 5280 5.3.1)."""
        return self.reason is CRLReason.REMOVE_FROM_CRL

    @property
    def final(self) -> bool:
        """Whether the certificate is revoked for good: neither suspended nor taken off the list."""
        return not self.removed and self.reason is not CRLReason.CERTIFICATE_HOLD


# --- the usual form --------------------------------------------------------------------------------------

# A date that exists in every year, without 29 February, which is read on its own.
_DATE = (
    rb"[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
)
_TIME = rb"\x17\x0d" + _DATE + rb"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z"
_TIME_SIZE = 15
# SEQUENCE { SEQUENCE { id-ce-cRLReasons, OCTET STRING { ENUMERATED } } } with an assigned reason but 8.
_REASON = rb"0\x0c0\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01[\x00-\x06\x09\x0a]"
_REASON_SIZE = 14
# The usual ones first.
_SERIAL_SIZES = range(20, 0, -1)


def _serial(size: int) -> bytes:
    """The content of an INTEGER of that many octets: minimal (X.690 8.3.2), not negative unless it is one."""
    return rb"." if size == 1 else rb"(?:[\x01-\xfe].|\x00[\x80-\xff]).{%d}" % (size - 2)


def _entry(size: int, *, reason: bool) -> bytes:
    """All octets after the identifier of an entry whose serial number has that many octets."""
    length = 2 + size + _TIME_SIZE + (_REASON_SIZE if reason else 0)
    header = re.escape(bytes((length, Tag.INTEGER, size)))
    return header + _serial(size) + _TIME + (_REASON if reason else b"")


def _run_of(*, reasons: bool) -> re.Pattern[bytes]:
    """Up to _RUN entries of the usual form, taken without going back (the quantifier is possessive)."""
    forms = [
        _entry(size, reason=reason)
        for reason in ((False, True) if reasons else (False,))
        for size in _SERIAL_SIZES
    ]
    return re.compile(rb"(?:0(?:%b)){1,%d}+" % (rb"|".join(forms), _RUN), re.DOTALL)


_PLAIN_RUN = _run_of(reasons=False)
_USUAL_RUN = _run_of(reasons=True)
# Takes apart what a run has matched: the serial number with its length octet, and all that follows it.
_PARTS = re.compile(
    rb"0.\x02(%b)(\x17.{14}(?:0\x0c.{12})?)"
    % rb"|".join(re.escape(bytes((size,))) + rb".{%d}" % size for size in _SERIAL_SIZES),
    re.DOTALL,
)


# --- the index -------------------------------------------------------------------------------------------

# An entry of the usual form is kept as its octets after the serial number, and read when it is asked for.
_Entries = dict[bytes, "bytes | Revocation"]


@dataclass(frozen=True)
class EntryRules:
    """What the version and the extensions of a CRL let its entries say."""

    extensions: bool = True
    indirect: bool = False
    delta: bool = False


class EntryIndex:
    """The entries of one list by certificate issuer and serial number; an entry takes some 250 octets."""

    def __init__(self, issuer: bytes) -> None:
        self.issuer = issuer
        self._own: _Entries = {}
        self._others: dict[object, _Entries] = {}

    @property
    def count(self) -> int:
        """How many certificates the list has."""
        return len(self._own) + sum(map(len, self._others.values()))

    def find(self, key: bytes, issuer: bytes) -> Revocation | None:
        """The entry about the certificate of that serial number (`serial_key`) and issuer."""
        entries = self._own
        if issuer != self.issuer and not names_match(issuer, self.issuer):
            entries = self._others.get(canonical_name(issuer), {})
        found = entries.get(key)
        return _read_tail(found) if isinstance(found, bytes) else found

    def entries_of(self, issuer: bytes) -> _Entries:
        """Where the entries about certificates of that issuer are kept."""
        if names_match(issuer, self.issuer):
            return self._own
        return self._others.setdefault(canonical_name(issuer), {})


def serial_key(serial_number: int) -> bytes:
    """The length octet and the content of a serial number's INTEGER, under which its entry is kept."""
    if serial_number < 0:
        size = (~serial_number).bit_length() // 8 + 1
        return bytes((size,)) + serial_number.to_bytes(size, "big", signed=True)
    size = serial_number.bit_length() // 8 + 1
    return (size << 8 * size | serial_number).to_bytes(size + 1, "big")


def index_entries(entries: bytes, issuer: bytes, rules: EntryRules) -> EntryIndex:
    """Every entry of revokedCertificates; CRLError when one is malformed, or critical and not understood."""
    try:
        index, count = _index(entries, issuer, rules, twice=False)
        if index.count == count:
            return index
        # A serial number occurs twice, which is rare: only then each entry is compared with what is known.
        return _index(entries, issuer, rules, twice=True)[0]
    except CRLError:
        raise
    except TrustError as error:
        raise CRLError(
            f"an entry of the CRL is malformed: {error.message}",
            code="crl-malformed",
            clause="RFC 5280 5.1.2.6",
        ) from error


def _index(entries: bytes, issuer: bytes, rules: EntryRules, *, twice: bool) -> tuple[EntryIndex, int]:
    """The index, and how many entries there were."""
    usual = _USUAL_RUN if rules.extensions else _PLAIN_RUN
    index, count, position = EntryIndex(issuer), 0, 0
    current = index.entries_of(issuer)
    while position < len(entries):
        run = usual.match(entries, position)
        pairs: list[tuple[bytes, bytes | Revocation]]
        if run is None:
            entry = _entry_at(entries, position)
            serial, revocation, certificate_issuer = _read_entry(entry, rules)
            # The certificate issuer that an entry names is that of the following ones, too (RFC 5280 5.3.3).
            current = index.entries_of(certificate_issuer) if certificate_issuer else current
            pairs, end = [(serial, revocation)], position + len(entry)
        else:
            pairs, end = _PARTS.findall(entries, position, run.end()), run.end()
        count, position = count + len(pairs), end
        if twice:
            _keep_worse(current, pairs)
        else:
            current.update(pairs)
    return index, count


def _keep_worse(current: _Entries, pairs: list[tuple[bytes, bytes | Revocation]]) -> None:
    """Add the entries, of two about one certificate the worse."""
    for serial, found in pairs:
        kept = current.get(serial)
        current[serial] = found if kept is None else _worse(kept, found)


def _worse(first: bytes | Revocation, second: bytes | Revocation) -> Revocation:
    """Of two entries about one certificate, which nothing forbids, the one that speaks more against it."""
    both = (_read_tail(entry) if isinstance(entry, bytes) else entry for entry in (first, second))
    return min(both, key=lambda entry: (not entry.final, entry.removed, entry.revoked_at))


def _entry_at(entries: bytes, position: int) -> bytes:
    """The whole encoding of the entry that begins there."""
    long = entries[position + 1 : position + 2] >= b"\x80"
    size = MAXIMUM_ENTRY_SIZE if long else 2 + int.from_bytes(entries[position + 1 : position + 2], "big")
    return Reader(entries[position : position + size]).read_raw(Tag.SEQUENCE)


def _read_entry(entry: bytes, rules: EntryRules) -> tuple[bytes, Revocation, bytes | None]:
    """One entry of any form: the key of its serial number, what it says, the certificate issuer it names."""
    reader = der.read_sequence(entry)
    serial_number = reader.read_integer()
    if serial_number.bit_length() > 8 * MAXIMUM_SERIAL_NUMBER_SIZE:
        raise DerError("a serial number has more than 20 octets", code="crl-malformed")
    revoked_at = reader.read_time()
    extensions = {} if reader.at_end else read_extensions(reader.enter())
    reader.finish()
    if extensions and not rules.extensions:
        raise CRLError("extensions need v2", code="crl-malformed", clause="RFC 5280 5.1.2.1")
    for extension in extensions.values():
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise CRLError(
                f"an entry of the CRL has a critical extension that is not understood: {extension.oid}",
                code="crl-critical-extension",
                clause="RFC 5280 5.3",
            )
    values = {oid: extension.value for oid, extension in extensions.items()}
    invalidity_date = values.get(ExtensionOID.INVALIDITY_DATE)
    invalid_since = None if invalidity_date is None else read_date(invalidity_date)
    revocation = Revocation(revoked_at, _read_reason(values, rules), invalid_since)
    return serial_key(serial_number), revocation, _read_certificate_issuer(values, rules)


def _read_reason(values: Mapping[str, bytes], rules: EntryRules) -> CRLReason | None:
    """CRLReason (RFC 5280 5.3.1); removeFromCRL occurs in delta CRLs only."""
    value = values.get(ExtensionOID.REASON_CODE)
    if value is None:
        return None
    reader = Reader(value)
    reason = reason_named(reader.read_enumerated())
    reader.finish()
    if reason is CRLReason.REMOVE_FROM_CRL and not rules.delta:
        raise CRLError(
            "a complete CRL takes a certificate off the list", code="crl-malformed", clause="RFC 5280 5.3.1"
        )
    return reason


def reason_named(code: int) -> CRLReason:
    """The reason of that number; numbers that are not assigned are refused (RFC 5280 5.3.1)."""
    try:
        return CRLReason(code)
    except ValueError as error:
        raise CRLError("a revocation reason is not known", code="crl-malformed") from error


def _read_certificate_issuer(values: Mapping[str, bytes], rules: EntryRules) -> bytes | None:
    """CertificateIssuer, the one directory name in it; only an indirect CRL has it (RFC 5280 5.3.3)."""
    value = values.get(ExtensionOID.CERTIFICATE_ISSUER)
    if value is None:
        return None
    names = [
        name.value
        for name in read_general_names(der.read_sequence(value))
        if name.kind is GeneralNameKind.DIRECTORY
    ]
    if len(names) != 1 or not rules.indirect:
        raise CRLError(
            "an entry names a certificate issuer although the CRL is not indirect, or not one issuer",
            code="crl-malformed",
            clause="RFC 5280 5.3.3",
        )
    return names[0]


@lru_cache(maxsize=4096)
def _read_tail(tail: bytes) -> Revocation:
    """What an entry of the usual form says after its serial number."""
    reader = Reader(tail)
    revoked_at = reader.read_time()
    if reader.at_end:
        return Revocation(revoked_at, None)
    # The reason is the last octet of the usual form.
    return Revocation(revoked_at, CRLReason(tail[-1]))
