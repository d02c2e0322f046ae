"""The CRL reader and its look-up."""

from __future__ import annotations

import hashlib
import random
import time
from datetime import timedelta

import pytest
from asn1crypto import crl as asn1_crl
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.authorities import AT, DAY, issue, make_crl, root
from trust.crl import CRLError, load_crl
from trust.crl_check import check_crl_freshness, check_crl_scope, status_in_crl
from trust.encoding import der
from trust.errors import TrustError
from trust.status import CertStatus, CRLReason

TOP = root()
LEAF = issue("Leaf", TOP)
ENTRIES = [
    (LEAF.serial, AT - DAY, x509.ReasonFlags.superseded),
    (5, AT - DAY, None),
    (2**150, AT - DAY, None),
]
SAMPLE = make_crl(TOP, ENTRIES)


def code_of(call, *arguments, **named) -> str:
    with pytest.raises(TrustError) as caught:
        call(*arguments, **named)
    return caught.value.code


def test_agrees_with_the_library():
    ours, theirs = load_crl(SAMPLE), x509.load_der_x509_crl(SAMPLE)
    assert ours.issuer == theirs.issuer.public_bytes()
    assert ours.this_update == theirs.last_update_utc
    assert ours.next_update == theirs.next_update_utc
    assert ours.number == 1
    assert ours.authority_key_identifier == TOP.ours.key_identifier
    for serial, when, _ in ENTRIES:
        assert ours.find(serial).revoked_at == when
    assert ours.find(LEAF.serial).reason is CRLReason.SUPERSEDED
    assert ours.find(6) is None
    ours.verify(TOP.ours.public_key, AT)


def test_status():
    crl = load_crl(SAMPLE)
    assert status_in_crl(crl, LEAF.ours).status is CertStatus.REVOKED
    assert status_in_crl(crl, LEAF.ours, AT - 2 * DAY).status is CertStatus.GOOD
    assert status_in_crl(crl, issue("Other", TOP).ours).status is CertStatus.GOOD


def test_signature_of_another_key():
    assert code_of(load_crl(SAMPLE).verify, root().ours.public_key, AT) == "signature-invalid"


def test_flipped_bit():
    broken = bytearray(SAMPLE)
    broken[-1] ^= 1
    assert code_of(load_crl(bytes(broken)).verify, TOP.ours.public_key, AT) == "signature-invalid"


def without_next_update() -> bytes:
    crl = asn1_crl.CertificateList.load(SAMPLE)
    crl["tbs_cert_list"]["next_update"] = None
    return crl.dump(force=True)


def test_without_an_end_only_with_a_maximum_age():
    crl = load_crl(without_next_update())
    assert code_of(check_crl_freshness, crl, AT) == "crl-no-next-update"
    check_crl_freshness(crl, AT, maximum_age=2 * DAY)
    assert code_of(check_crl_freshness, crl, AT, maximum_age=timedelta(hours=1)) == "crl-too-old"


def test_freshness_at_the_edges():
    crl = load_crl(SAMPLE)
    check_crl_freshness(crl, AT + DAY)
    assert code_of(check_crl_freshness, crl, AT + DAY + timedelta(seconds=1)) == "crl-expired"
    check_crl_freshness(crl, AT - DAY - timedelta(minutes=5))
    assert code_of(check_crl_freshness, crl, AT - DAY - timedelta(minutes=6)) == "crl-not-yet-valid"


@pytest.mark.parametrize(
    ("value", "code"),
    [("3000", "crl-malformed"), ("30068101ff8201ff", "crl-malformed"), ("3003810100", "crl-malformed")],
    ids=["empty", "contradiction", "default written out"],
)
def test_malformed_scope(value, code):
    scope = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.28"), bytes.fromhex(value))
    assert code_of(load_crl, make_crl(TOP, extensions=[(scope, True)])) == code


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"text", SAMPLE[:-1], SAMPLE + b"\0", b"\x30\x80" + SAMPLE[4:] + b"\0\0", TOP.der],
    ids=["empty", "one octet", "text", "cut", "trailing", "indefinite", "a certificate"],
)
def test_bad_inputs(data):
    with pytest.raises(CRLError):
        load_crl(data)


def touch_everything(data: bytes) -> None:
    try:
        crl = load_crl(data)
        crl.find(5)
        check_crl_scope(crl, LEAF.ours, None)
        assert crl.number is None or isinstance(crl.number, int)
        crl.authority_key_identifier  # noqa: B018 - read for its errors
        check_crl_freshness(crl, AT)
        crl.verify(TOP.ours.public_key, AT)
    except TrustError:
        return


@given(st.binary(max_size=120))
def test_any_bytes_give_own_errors(data):
    touch_everything(data)


def test_mutated_lists_give_own_errors():
    generator = random.Random(5280)
    for _ in range(3000):
        data = bytearray(SAMPLE)
        for _ in range(generator.choice((1, 1, 2, 5))):
            data[generator.randrange(len(data))] = generator.choice((0, 1, 0x30, 0x7F, 0x80, 0xFF))
        touch_everything(bytes(data))


def test_a_long_list_is_read_in_time():
    serials = (hashlib.sha256(i.to_bytes(4, "big")).digest()[:16] for i in range(50_000))
    when = der.time(AT - DAY)
    entries = b"".join(der.sequence(der.integer(int.from_bytes(s, "big")), when) for s in serials)
    crl = asn1_crl.CertificateList.load(SAMPLE)
    tbs = der.read_sequence(crl["tbs_cert_list"].dump())
    parts = [tbs.read_raw() for _ in range(5)]
    tbs.read_raw()
    rest = tbs.read_raw()
    long_tbs = der.sequence(*parts, der.sequence(entries), rest)
    data = der.sequence(long_tbs, crl["signature_algorithm"].dump(), crl["signature"].dump())
    started = time.process_time()
    assert load_crl(data).find(1) is None
    assert time.process_time() - started < 5
