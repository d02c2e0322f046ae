"""What is no CRL, and what a CRL's own fields and extensions must not say (RFC 5280 5.1, 5.2)."""

from __future__ import annotations

import time

import pytest

from tests.bounds import BUSY_SECOND
from tests.trust.authorities import AT, DAY, name
from tests.trust.samples import signer
from trust.crl import CRLError, load_crl
from trust.crl_check import check_crl_freshness
from trust.encoding import der
from trust.encoding.extensions import Extension, authority_key_identifier, encode_extensions
from trust.names import encode_name
from trust.path import RevocationEvidence

KEY = signer("p256")
ISSUER = name("Issuer").public_bytes()
ENTRY = der.sequence(der.integer(5), der.time(AT))
NUMBER, SCOPE, DELTA, FRESHEST, EXPIRED = "2.5.29.20", "2.5.29.28", "2.5.29.27", "2.5.29.46", "2.5.29.60"
MALFORMED = "crl-malformed"


def extensions(*listed: tuple[str, bytes] | tuple[str, bytes, bool]) -> bytes:
    encoded = [Extension(oid, bool(critical), value) for oid, value, *critical in listed]
    return der.explicit(0, encode_extensions([authority_key_identifier(KEY.public_key), *encoded]))


def crl(
    *,
    version: bytes = der.integer(1),
    algorithm: bytes = KEY.algorithm,
    issuer: bytes = ISSUER,
    this_update: bytes = der.time(AT - DAY),
    next_update: bytes = der.time(AT + DAY),
    entries: bytes = der.sequence(ENTRY),
    tail: bytes = b"",
    signature: bytes | None = None,
    after: bytes = b"",
) -> bytes:
    """A CRL put together by hand, signed."""
    tbs = der.sequence(version, algorithm, issuer, this_update, next_update, entries, tail)
    signed = der.bit_string(KEY.sign(tbs)) if signature is None else signature
    return der.sequence(tbs, KEY.algorithm, signed, after)


def test_the_builder_of_these_tests_builds_crls():
    read = load_crl(crl(tail=extensions((NUMBER, der.integer(2**159 - 1)))))
    read.verify(KEY.public_key, AT)
    assert read.number == 2**159 - 1
    assert read.find(5).revoked_at == AT
    assert read.entry_count == 1
    assert load_crl(crl(version=b"")).find(5) is not None
    assert load_crl(crl(entries=b"")).entry_count == 0
    assert load_crl(crl(next_update=b"")).next_update is None


def test_generalized_time_before_2050_is_read():
    """Against 5.1.2.4, but lists in the field have it, and it says nothing else."""
    assert load_crl(crl(this_update=der.generalized_time(AT))).this_update == AT


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (crl(version=der.integer(0)), MALFORMED),
        (crl(version=der.integer(2)), MALFORMED),
        (crl(version=b"", tail=extensions((NUMBER, der.integer(1)))), MALFORMED),
        (crl(algorithm=bytes.fromhex("300a06082a8648ce3d040303")), MALFORMED),
        (crl(issuer=der.sequence()), MALFORMED),
        (crl(issuer=b""), MALFORMED),
        (crl(this_update=b"", next_update=b""), MALFORMED),
        (crl(this_update=der.tlv(0x17, b"260001000000Z")), MALFORMED),
        (crl(entries=der.sequence()), MALFORMED),
        (crl(tail=der.explicit(0, der.sequence())), MALFORMED),
        (crl(tail=der.explicit(1, der.sequence())), MALFORMED),
        (crl(tail=extensions((NUMBER, der.integer(1))) + der.null()), MALFORMED),
        (crl(signature=der.bit_string(b"\x30\x00", unused=1)), MALFORMED),
        (crl(signature=b""), MALFORMED),
        (crl(after=der.null()), MALFORMED),
        (crl(tail=extensions((NUMBER, der.integer(-1)))), MALFORMED),
        (crl(tail=extensions((NUMBER, der.integer(1 << 160)))), MALFORMED),
        (crl(tail=extensions((NUMBER, der.integer(1 << 32000)))), MALFORMED),
        (crl(tail=extensions((NUMBER, b""))), MALFORMED),
        (crl(tail=extensions((DELTA, der.integer(-1), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, der.sequence(), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("30068101ff8201ff"), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("30068101ff8501ff"), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("3003810100"), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("30038101fe"), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("30068201ff8101ff"), True))), MALFORMED),
        (crl(tail=extensions((SCOPE, bytes.fromhex("3002a000"), True))), MALFORMED),
        (crl(tail=extensions((FRESHEST, der.sequence()))), MALFORMED),
        (crl(tail=extensions((EXPIRED, der.time(AT)))), MALFORMED),
        (crl(tail=extensions(("1.2.3.4", der.null(), True))), "crl-critical-extension"),
        (crl(tail=extensions((FRESHEST, der.sequence(), True))), "crl-critical-extension"),
    ],
    ids=[
        "version 1 written out",
        "version 3",
        "version 1 with extensions",
        "two algorithms",
        "empty issuer",
        "no issuer",
        "no thisUpdate",
        "month 00",
        "empty list",
        "empty extensions",
        "extensions under another tag",
        "something after the extensions",
        "signature of seven bits",
        "no signature",
        "something after the signature",
        "negative number",
        "number of 21 octets",
        "number of 4 kB",
        "number without content",
        "negative base number",
        "empty scope",
        "only users and only authorities",
        "only users and only attributes",
        "default written out",
        "boolean that is neither",
        "fields in another order",
        "distribution point without a name",
        "no delta CRL's place",
        "expired certificates since a UTCTime",
        "critical extension",
        "critical freshest CRL",
    ],
)
def test_bad_lists(data, code):
    with pytest.raises(CRLError) as caught:
        load_crl(data)
    assert caught.value.code == code
    assert caught.value.clause


def test_extensions_are_short():
    """They are read before the signature is verified: seven megabytes of empty names took fifteen seconds."""
    point = der.sequence(der.explicit(0, der.implicit(0, b"\x86\x00" * 4096, constructed=True)))
    small = crl(tail=extensions((FRESHEST, der.sequence(point))))
    assert load_crl(small).freshest_crl
    started = time.process_time()
    with pytest.raises(CRLError) as caught:
        load_crl(crl(tail=extensions((FRESHEST, der.sequence(*[point] * 900)))))
    assert time.process_time() - started < BUSY_SECOND
    assert caught.value.code == MALFORMED


def shouted(size: int, number: int) -> bytes:
    """A name of so many attributes, some of them in capitals: the same name in other octets."""
    texts = (f"{n:x}a" for n in range(size))
    folded = (text.upper() if number >> n % 6 & 1 else text for n, text in enumerate(texts))
    return encode_name([("2.5.4.3", text) for text in folded])


@pytest.mark.parametrize("size", [60, 4000])
def test_lists_of_issuers_with_huge_names(size):
    """Every delta CRL is held against every complete one, by name: thirty-two of each took a minute."""
    crls = []
    for number in range(64):
        changes = [(DELTA, der.integer(5), True)] if number % 2 else []
        tail = extensions((NUMBER, der.integer(10 + number)), *changes)
        crls.append(crl(issuer=shouted(size, number), tail=tail))
    evidence = RevocationEvidence(tuple(crls))
    started = time.process_time()
    assert bool(evidence.crls_of(shouted(size, 0))) == (size == 60)
    assert time.process_time() - started < BUSY_SECOND


def test_list_that_ends_before_it_begins():
    backwards = load_crl(crl(this_update=der.time(AT), next_update=der.time(AT - DAY)))
    with pytest.raises(CRLError) as caught:
        check_crl_freshness(backwards, AT - DAY / 2, clock_skew=DAY)
    assert caught.value.code == "crl-expired"
