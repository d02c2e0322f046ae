"""The entries of a CRL: what is read, what is refused, and that the quick reading is the strict one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.authorities import AT, name
from trust.crl_entries import EntryIndex, EntryRules, _read_entry, index_entries, serial_key
from trust.crl_extensions import CRLError
from trust.encoding import der
from trust.encoding.crl import RevokedEntry, encode_revoked_entry
from trust.encoding.extensions import Extension, encode_extensions
from trust.errors import TrustError
from trust.status import CRLReason

ISSUER = name("Issuer").public_bytes()
OTHER, THIRD = name("Other").public_bytes(), name("Third").public_bytes()
WHEN = der.time(AT)
SECOND = timedelta(seconds=1)
RULES = EntryRules()
REASON_CODE, INVALIDITY_DATE, CERTIFICATE_ISSUER = "2.5.29.21", "2.5.29.24", "2.5.29.29"
SERIALS = st.integers(1, 20).flatmap(lambda size: st.integers(0, 2 ** (8 * size - 1) - 1))
REASONS = st.none() | st.sampled_from(
    [reason for reason in CRLReason if reason is not CRLReason.REMOVE_FROM_CRL]
)
TIMES = st.integers(0, 3_471_292_800).map(lambda second: datetime(1950, 1, 1, tzinfo=UTC) + second * SECOND)


def entry(serial: bytes | int, *extensions: Extension, when: bytes = WHEN) -> bytes:
    number = serial if isinstance(serial, bytes) else der.integer(serial)
    return der.sequence(number, when, encode_extensions(extensions) if extensions else b"")


def extension(oid: str, value: bytes, *, critical: bool = False) -> Extension:
    return Extension(oid, critical, value)


def reason(code: int) -> Extension:
    return extension(REASON_CODE, der.enumerated(code))


def certificate_issuer(*names: bytes) -> Extension:
    return extension(CERTIFICATE_ISSUER, der.sequence(*(der.explicit(4, n) for n in names)), critical=True)


def index(entries: bytes, rules: EntryRules = RULES) -> EntryIndex:
    return index_entries(entries, ISSUER, rules)


def find(entries: bytes, serial: int, issuer: bytes = ISSUER, rules: EntryRules = RULES):
    return index(entries, rules).find(serial_key(serial), issuer)


def refusal(entries: bytes, rules: EntryRules = RULES) -> str:
    with pytest.raises(CRLError) as caught:
        index(entries, rules)
    return caught.value.code


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(SERIALS, TIMES, REASONS), max_size=12, unique_by=lambda item: item[0]))
def test_every_entry_is_found_as_it_was_written(listed):
    encoded = b"".join(
        entry(serial, *([reason(why)] if why is not None else []), when=der.time(when))
        for serial, when, why in listed
    )
    found = index(encoded)
    assert found.count == len(listed)
    for serial, when, why in listed:
        assert found.find(serial_key(serial), ISSUER)[:2] == (when, why)


USUAL = [
    encode_revoked_entry(RevokedEntry(serial, AT, why))
    for serial in (1, 127, 128, 2**64, 2**126, 2**127, 2**159 - 1)
    for why in (None, CRLReason.KEY_COMPROMISE)
]


def by_the_ordinary_reader(encoded: bytes):
    """The one entry, read without the regular expressions; None when it is refused."""
    try:
        serial, revocation, _ = _read_entry(encoded, RULES)
    except TrustError:
        return None
    return serial, revocation


def by_the_index(encoded: bytes):
    """The same through the index."""
    try:
        found = index(encoded)
    except TrustError:
        return None
    if found.count != 1:
        return "several"
    [serial] = found._own
    return serial, found.find(serial, ISSUER)


@pytest.mark.parametrize(
    "sample", [USUAL[0], USUAL[5], USUAL[8], USUAL[13]], ids=lambda sample: f"{len(sample)} octets"
)
def test_each_changed_octet_is_judged_as_the_ordinary_reader_does(sample):
    for position in range(len(sample)):
        for value in range(256):
            changed = sample[:position] + bytes((value,)) + sample[position + 1 :]
            assert by_the_index(changed) == by_the_ordinary_reader(changed), changed.hex()


def test_calendar_is_that_of_the_ordinary_reader():
    """Every month with days 00 to 32, in a leap year and another."""
    for year in ("23", "24", "00", "99"):
        for month in range(14):
            for day in range(33):
                encoded = entry(5, when=der.tlv(0x17, f"{year}{month:02}{day:02}120000Z".encode()))
                assert by_the_index(encoded) == by_the_ordinary_reader(encoded)


def test_entry_of_another_form_amid_the_usual_ones():
    dated = entry(7, extension(INVALIDITY_DATE, der.generalized_time(AT - timedelta(days=9))))
    encoded = USUAL[0] + dated + USUAL[2] + entry(8, when=der.generalized_time(AT)) + USUAL[4]
    found = index(encoded)
    assert found.count == 5
    assert found.find(serial_key(7), ISSUER).invalid_since == AT - timedelta(days=9)
    assert found.find(serial_key(8), ISSUER).revoked_at == AT


def test_negative_serial_number():
    """RFC 5280 4.1.2.2: readers should be prepared for them."""
    assert find(entry(-5), -5).revoked_at == AT
    assert find(entry(-5), 5) is None


# --- twice -----------------------------------------------------------------------------------------------

HELD = entry(5, reason(CRLReason.CERTIFICATE_HOLD))
FINAL = entry(5, reason(CRLReason.KEY_COMPROMISE), when=der.time(AT - timedelta(days=1)))
LATER = entry(5, when=der.time(AT + timedelta(days=1)))


@pytest.mark.parametrize(
    "entries",
    [HELD + FINAL + LATER, LATER + FINAL + HELD, FINAL + HELD + USUAL[4] + LATER],
    ids=["in the middle", "backwards", "first"],
)
def test_of_two_entries_the_one_that_says_more_against_the_certificate(entries):
    found = find(entries, 5)
    assert found.reason is CRLReason.KEY_COMPROMISE
    assert found.revoked_at == AT - timedelta(days=1)


# --- indirect --------------------------------------------------------------------------------------------

INDIRECT = EntryRules(indirect=True)


def test_certificate_issuer_goes_on_until_the_next():
    encoded = entry(1) + entry(2, certificate_issuer(OTHER)) + entry(3) + entry(4, certificate_issuer(THIRD))
    encoded += entry(5) + entry(6, certificate_issuer(ISSUER)) + entry(7)
    owners = {1: ISSUER, 2: OTHER, 3: OTHER, 4: THIRD, 5: THIRD, 6: ISSUER, 7: ISSUER}
    for serial, owner in owners.items():
        for issuer in (ISSUER, OTHER, THIRD):
            assert (find(encoded, serial, issuer, INDIRECT) is not None) is (issuer is owner)


@pytest.mark.parametrize(
    ("encoded", "rules"),
    [
        (entry(1, certificate_issuer(OTHER)), RULES),
        (entry(1, certificate_issuer(OTHER, THIRD)), INDIRECT),
        (entry(1, extension(CERTIFICATE_ISSUER, der.sequence(der.implicit(2, b"a.example")))), INDIRECT),
        (entry(1, extension(CERTIFICATE_ISSUER, der.sequence())), INDIRECT),
    ],
    ids=["list is not indirect", "two issuers", "a DNS name", "no name"],
)
def test_certificate_issuer_that_is_refused(encoded, rules):
    assert refusal(encoded, rules) == "crl-malformed"


# --- bad input -------------------------------------------------------------------------------------------

CRITICAL = extension("1.2.3.4", der.null(), critical=True)
_CODE = der.sequence(der.oid(REASON_CODE), der.octet_string(der.enumerated(1)))
TWICE = der.sequence(der.integer(1), WHEN, der.sequence(_CODE, _CODE))


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        (entry(1)[:-1], "crl-malformed"),
        (entry(1) + b"\0", "crl-malformed"),
        (entry(1) + b"\x30", "crl-malformed"),
        (b"\x30\x80" + entry(1)[2:] + b"\0\0", "crl-malformed"),
        (b"\x30\x81" + entry(1)[1:], "crl-malformed"),
        (entry(b"\x02\x00"), "crl-malformed"),
        (entry(b"\x02\x02\x00\x05"), "crl-malformed"),
        (entry(b"\x02\x02\xff\x85"), "crl-malformed"),
        (entry(1 << 32760), "crl-malformed"),
        (entry(1 << 168), "crl-malformed"),
        (entry(1, when=b""), "crl-malformed"),
        (entry(1, when=der.tlv(0x17, b"260231120000Z")), "crl-malformed"),
        (entry(1, when=der.tlv(0x17, b"2602011200Z")), "crl-malformed"),
        (entry(1, when=der.tlv(0x17, b"260201120000+0800")), "crl-malformed"),
        (der.sequence(der.integer(1), WHEN, der.sequence()), "crl-malformed"),
        (der.sequence(der.integer(1), WHEN, encode_extensions([reason(1)]), der.null()), "crl-malformed"),
        (entry(1, reason(7)), "crl-malformed"),
        (entry(1, reason(11)), "crl-malformed"),
        (entry(1, reason(-1)), "crl-malformed"),
        (entry(1, reason(8)), "crl-malformed"),
        (TWICE, "crl-malformed"),
        (entry(1, extension(REASON_CODE, der.integer(1))), "crl-malformed"),
        (entry(1, extension(INVALIDITY_DATE, WHEN)), "crl-malformed"),
        (entry(1, CRITICAL), "crl-critical-extension"),
        (USUAL[0] + entry(9, CRITICAL) + USUAL[2], "crl-critical-extension"),
    ],
    ids=[
        "truncated",
        "trailing octet",
        "half a header",
        "indefinite length",
        "length not minimal",
        "serial number without content",
        "serial number not minimal",
        "negative serial number not minimal",
        "serial number of 4 kB",
        "serial number of 22 octets",
        "no time",
        "31 February",
        "time without seconds",
        "time with a zone",
        "empty extensions",
        "something after the extensions",
        "reason 7",
        "reason 11",
        "reason -1",
        "removed from a complete list",
        "reason twice",
        "reason as integer",
        "invalidity date as UTCTime",
        "critical extension",
        "critical extension amid usual entries",
    ],
)
def test_bad_entries(encoded, code):
    assert refusal(encoded) == code


def test_unspecified_and_extensions_that_are_not_critical_are_read_over():
    assert find(entry(1, reason(0)), 1).reason is CRLReason.UNSPECIFIED
    hold_instruction = extension("2.5.29.23", der.oid("1.2.840.10040.2.1"))
    assert find(entry(1, hold_instruction), 1).reason is None


def test_version_1_has_no_entry_extensions():
    assert refusal(USUAL[1], EntryRules(extensions=False)) == "crl-malformed"
    assert index(USUAL[0], EntryRules(extensions=False)).count == 1


def test_mutated_lists_give_own_errors():
    generator = random.Random(5280)
    sample = b"".join(USUAL) + entry(7, certificate_issuer(OTHER)) + HELD
    for _ in range(2000):
        data = bytearray(sample)
        for _ in range(generator.choice((1, 2, 5))):
            data[generator.randrange(len(data))] = generator.choice((0, 1, 0x30, 0x7F, 0x80, 0xFF))
        try:
            index(bytes(data), INDIRECT)
        except CRLError:
            continue
