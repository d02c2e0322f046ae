"""Certificates made to hurt: cut, flipped, huge, deep, endless. A verdict or a typed refusal, in a second.

The bound is processor time. What may be refused may also be accepted in some cases; what must never happen
is said by each test.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bounds import BUSY_SECOND
from tests.standards.chains import (
    AT,
    CERT_SIGN,
    COMMON_NAME,
    DAY,
    EXAMPLE_ARC,
    ORGANIZATION,
    Made,
    alternative,
    attribute,
    authority,
    basic,
    codes,
    constraints,
    directory,
    dn,
    dns,
    extension,
    issued,
    mail,
    mappings,
    named,
    policies,
    public_key,
    purposes,
    rdn,
    uri,
    usage,
)
from trust.certificate import Certificate, CertificateError
from trust.encoding import der
from trust.errors import TrustError
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.vocabulary import ExtensionOID

SECONDS = BUSY_SECOND
ROOT = authority("Root")
MIDDLE = authority("Middle", ROOT, constraints([dns("city.example")]), policies("1.2.3"))
LEAF = issued("Leaf", MIDDLE, alternative(dns("www.city.example")), policies("1.2.3"))


class Timed:
    """A block that may take a second of processor time where nothing else runs."""

    def __enter__(self):
        self.started = time.process_time()
        return self

    def __exit__(self, *_):
        assert time.process_time() - self.started < SECONDS


def verdict(leaf: bytes, *others: bytes, anchor: Made = ROOT) -> str:
    """The first code, or the code of the engine's error; anything else escapes and fails the test."""
    try:
        inputs = ValidationInputs(
            (anchor.read,),
            tuple(Certificate.parse(other) for other in others),
            revocation_policy=RevocationPolicy.NOT_CHECKED,
        )
        report = validate_path(Certificate.parse(leaf), inputs, AT)
    except TrustError as error:
        return error.code
    return codes(report)[0]


def test_the_sample_is_good():
    assert verdict(LEAF.der, MIDDLE.der) == "good"


# --- cut and flipped -------------------------------------------------------------------------------------


def test_cut_at_every_octet():
    """A certificate that ends early is none, wherever it ends."""
    for certificate in (LEAF.der, MIDDLE.der):
        for end in range(len(certificate)):
            with pytest.raises(CertificateError):
                Certificate.parse(certificate[:end])


def test_anything_behind_the_certificate():
    for tail in (b"\0", b"\0\0", LEAF.der):
        with pytest.raises(CertificateError):
            Certificate.parse(LEAF.der + tail)


def flips(data: bytes):
    for position in range(8 * len(data)):
        changed = bytearray(data)
        changed[position // 8] ^= 0x80 >> position % 8
        yield bytes(changed)


@pytest.mark.slow
def test_every_flipped_bit_of_a_leaf():
    """ECDSA signatures are not malleable bit by bit: no flip is accepted."""
    for changed in flips(LEAF.der):
        with Timed():
            assert verdict(changed, MIDDLE.der) != "good"


@pytest.mark.slow
def test_every_flipped_bit_of_an_authority():
    for changed in flips(MIDDLE.der):
        with Timed():
            assert verdict(LEAF.der, changed) != "good"


# --- huge ------------------------------------------------------------------------------------------------


def big(size: int) -> Made:
    return issued("Leaf", ROOT, extension(f"{EXAMPLE_ARC}.7", b"\0" * size))


@pytest.mark.parametrize("size", [1 << 20, 8 << 20, 40 << 20])
def test_certificates_of_many_megabytes_are_refused(size):
    huge = big(size).der
    with Timed(), pytest.raises(CertificateError) as caught:
        Certificate.parse(huge)
    assert caught.value.code == "der-too-large"


def test_a_hundred_thousand_names():
    crowded = issued("Leaf", ROOT, alternative(*(dns(f"h{n}.example") for n in range(100_000)))).der
    with Timed():
        assert verdict(crowded) == "der-too-large"


def fitting(make, limit=120_000) -> tuple[bytes, ...]:
    """As many of make(0), make(1), … as fit into a certificate that is just not refused for its size."""
    parts, size = [], 0
    while size < limit:
        parts.append(make(len(parts)))
        size += len(parts[-1])
    return tuple(parts)


CROWDED = {
    "extensions": lambda: fitting(lambda n: extension(f"{EXAMPLE_ARC}.8.{n}", b"")),
    "critical extensions": lambda: fitting(lambda n: extension(f"{EXAMPLE_ARC}.8.{n}", b"", True)),
    "DNS names": lambda: (alternative(*fitting(lambda n: dns(f"{n:x}"))),),
    "labels": lambda: (alternative(*fitting(lambda n: dns("a." * 120 + f"{n:x}"))),),
    "mailboxes": lambda: (alternative(*fitting(lambda n: mail(f"{n:x}@a"))),),
    "URIs": lambda: (alternative(*fitting(lambda n: uri(f"a://{n:x}/"))),),
    "directory names": lambda: (alternative(*fitting(lambda n: directory(named(f"{n:x}")))),),
    "a directory name": lambda: (
        alternative(directory(dn(*fitting(lambda n: rdn(attribute(COMMON_NAME, f"{n:x}")), 60_000)))),
    ),
    "policies": lambda: (policies(*(f"{EXAMPLE_ARC}.8.{n}" for n in range(8000))),),
    "purposes": lambda: (purposes(*(f"{EXAMPLE_ARC}.8.{n}" for n in range(8000))),),
    "points": lambda: (
        extension(
            ExtensionOID.CRL_DISTRIBUTION_POINTS,
            der.sequence(*fitting(lambda n: der.sequence(der.explicit(0, der.explicit(0, uri(f"a:{n:x}")))))),
        ),
    ),
    "locations": lambda: (
        extension(
            ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
            der.sequence(*fitting(lambda n: der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), uri(f"a:{n:x}")))),
        ),
    ),
}


@pytest.mark.parametrize("what", CROWDED)
def test_a_leaf_full_of(what):
    crowded = issued("Leaf", ROOT, *CROWDED[what]()).der
    with Timed():
        assert verdict(crowded)


@pytest.mark.parametrize("what", CROWDED)
def test_a_leaf_full_of_it_under_a_hundred_paths(what):
    """Every path is judged anew; what does not fit the budget is refused and not worked through."""
    base = constraints(
        [dns("town.example"), mail("town.example"), uri("town.example"), directory(named("x"))]
    )
    above = [authority("M", ROOT, base, key="m", serial=der.integer(n + 1)) for n in range(100)]
    crowded = issued("Leaf", above[0], *CROWDED[what]()).der
    others = [one.der for one in above]
    with Timed():
        assert verdict(crowded, *others) not in ("good", "")


@pytest.mark.parametrize("what", CROWDED)
def test_authorities_full_of(what):
    """Fifteen of them in a row, and ten beside the first."""
    path = [ROOT]
    content = CROWDED[what]()
    for number in range(14):
        path.append(authority(f"A{number}", path[-1], *content))
    beside = [path[1].but(serial=der.integer(100 + n)) for n in range(10)]
    leaf = issued("Leaf", path[-1], constraints([dns("a")])).der
    others = [one.der for one in (*path[1:], *beside)]
    with Timed():
        assert verdict(leaf, *others) not in ("good", "")


def test_long_hosts_under_constraints_of_every_length():
    """A host is looked up at each length that a base has: what that costs is counted label by label."""
    forbidden = constraints(excluded=[dns("b." + "a." * n + "a") for n in range(125)])
    path = [ROOT]
    for number in range(13):
        path.append(authority(f"N{number}", path[-1], forbidden))
    beside = [one.but(serial=der.integer(100)) for one in path[1:]]
    names = alternative(*(dns(f"x{n}." + "a." * 119 + "a") for n in range(450)))
    late = issued("Leaf", path[-1], names, not_after=der.time(AT - DAY)).der
    with Timed():
        assert verdict(late, *(one.der for one in (*path[1:], *beside))) not in ("good", "")


def test_nothing_is_remembered_of_huge_authorities():
    """What authorities come to is kept for the next certificate: more than a megabyte, if they are huge."""
    leaf = alternative(dns("www.city.example"))

    def judge_one(number: int) -> None:
        huge = constraints(excluded=[dns(f"{number:x}.{n:x}.example") for n in range(4000)])
        above = authority("Huge", ROOT, huge, serial=der.integer(number + 1))
        assert verdict(issued("Leaf", above, leaf).der, above.der) == "good"

    judge_one(0)
    tracemalloc.start()
    try:
        for number in range(1, 4):
            judge_one(number)
        gc.collect()
        # The names of the last leaves, and no more.
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_more_subtrees_and_mappings_than_anyone_needs():
    for crowded, code in (
        (constraints(excluded=[dns(f"{n:x}") for n in range(4097)]), "certificate-malformed"),
        (mappings(*(("1.2.3", f"1.2.{n}") for n in range(4097))), "certificate-malformed"),
    ):
        above = authority("Crowded", ROOT, crowded)
        assert verdict(issued("Leaf", above).der, above.der) == code


# --- deep ------------------------------------------------------------------------------------------------


def nested(depth: int, tag: int = 0x30) -> bytes:
    value = b""
    for _ in range(depth):
        value = der.tlv(tag, value)
    return value


@pytest.mark.parametrize("depth", [40, 1000, 20_000])
@pytest.mark.parametrize(
    "oid",
    [
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.NAME_CONSTRAINTS,
        f"{EXAMPLE_ARC}.3",
    ],
)
def test_deep_extensions(depth, oid):
    deep = issued("Leaf", ROOT, extension(oid, nested(depth)), standard=()).der
    with Timed():
        assert verdict(deep) == ("good" if oid.startswith(EXAMPLE_ARC) else "certificate-malformed")


@pytest.mark.parametrize(
    "field", ["subject", "issuer", "public_key", "algorithm", "serial", "not_after", "version"]
)
@pytest.mark.parametrize("depth", [40, 20_000])
def test_deep_fields(field, depth):
    deep = issued("Leaf", ROOT, standard=()).but(**{field: nested(depth)}).der
    with Timed():
        assert verdict(deep) != "good"


# --- integers and keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [21, 22, 128, 4096, 4097, 65_536])
@pytest.mark.parametrize("first", [0x01, 0x7F, 0x80, 0xFF])
def test_long_serial_numbers(octets, first):
    """4.1.2.2: not longer than 20 octets (a leading zero for the sign does not count)."""
    serial = der.tlv(0x02, bytes((first,)) + b"\1" * (octets - 1))
    with Timed(), pytest.raises(CertificateError):
        Certificate.parse(issued("Leaf", ROOT, serial=serial).der)


@pytest.mark.parametrize("content", ["", "0001", "00" * 3, "ff80", "ffff"])
def test_serial_numbers_that_are_no_integers(content):
    """X.690 8.3."""
    with pytest.raises(CertificateError):
        Certificate.parse(issued("Leaf", ROOT, serial=der.tlv(0x02, bytes.fromhex(content))).der)


RSA_ENCRYPTION = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.null())
ED25519_WITH_NULL = der.sequence(der.oid("1.3.101.112"), der.null())


def rsa_key(modulus: int, exponent: int) -> bytes:
    key = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(RSA_ENCRYPTION, der.bit_string(key))


RSA = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
P256 = public_key("p256")
CURVE = bytes.fromhex("06082a8648ce3d030107")
EC = der.oid("1.2.840.10045.2.1")
POINT = P256[-65:]
EXPLICIT_CURVE = der.sequence(
    der.integer(1),
    der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(2**256 - 2**224 + 2**192 + 2**96 - 1)),
    der.sequence(der.octet_string(b"\1" * 32), der.octet_string(b"\2" * 32)),
    der.octet_string(POINT),
    der.integer(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
)


def ec_key(parameters: bytes, point: bytes, unused: int = 0) -> bytes:
    return der.sequence(der.sequence(EC, parameters), der.bit_string(point, unused))


KEYS = {
    "RSA of 16,384 bits": rsa_key((1 << 16_384) - 1, 65537),
    "RSA of 100,000 bits": rsa_key((1 << 30_000) - 1, 65537),
    "RSA of 1,024 bits": rsa_key((1 << 1023) + 1, 65537),
    "RSA, exponent 1": rsa_key(RSA, 1),
    "RSA, exponent 0": rsa_key(RSA, 0),
    "RSA, exponent 2": rsa_key(RSA, 2),
    "RSA, exponent even": rsa_key(RSA, 65538),
    "RSA, exponent negative": rsa_key(RSA, -3),
    "RSA, exponent huge": rsa_key(RSA, (1 << 2047) + 1),
    "RSA, modulus even": rsa_key(RSA - 1, 65537),
    "RSA, modulus negative": rsa_key(-RSA, 65537),
    "RSA, modulus 0": rsa_key(0, 65537),
    "RSA, modulus 1": rsa_key(1, 65537),
    "RSA, nothing": der.sequence(RSA_ENCRYPTION, der.bit_string(b"")),
    "EC, point at infinity": ec_key(CURVE, b"\0"),
    "EC, no point": ec_key(CURVE, b""),
    "EC, not on the curve": ec_key(CURVE, POINT[:-1] + bytes((POINT[-1] ^ 1,))),
    "EC, coordinates too large": ec_key(CURVE, b"\4" + b"\xff" * 64),
    "EC, compressed": ec_key(CURVE, b"\2" + POINT[1:33]),
    "EC, hybrid": ec_key(CURVE, b"\6" + POINT[1:]),
    "EC, a point of another curve": ec_key(CURVE, b"\4" + b"\1" * 96),
    "EC, unknown curve": ec_key(der.oid(f"{EXAMPLE_ARC}.1"), POINT),
    "EC, explicit curve": ec_key(EXPLICIT_CURVE, POINT),
    "EC, implicit curve": ec_key(der.null(), POINT),
    "EC, no curve": ec_key(b"", POINT),
    "EC, two curves": ec_key(CURVE + CURVE, POINT),
    "EC, unused bits": der.sequence(der.sequence(EC, CURVE), der.tlv(0x03, b"\1" + POINT[:-1] + b"\0")),
    "unknown algorithm": der.sequence(der.sequence(der.oid(f"{EXAMPLE_ARC}.1")), der.bit_string(b"\1")),
    "Ed25519, short": der.sequence(der.sequence(der.oid("1.3.101.112")), der.bit_string(b"\1" * 31)),
    "Ed25519, parameters": der.sequence(ED25519_WITH_NULL, der.bit_string(b"\1" * 32)),
    "no key": der.sequence(),
}


def test_leaf_with_a_costly_key_that_is_refused_on_a_hundred_paths():
    """A DSA key of 3,072 bits whose generator is found wrong after ten milliseconds, and only once."""
    order = (1 << 255) + 1
    modulus = order * (1 << 2816) + 1
    parameters = der.sequence(der.integer(modulus), der.integer(order), der.integer(2))
    algorithm = der.sequence(der.oid("1.2.840.10040.4.1"), parameters)
    key = der.sequence(algorithm, der.bit_string(der.integer(3)))
    above = [authority("M", ROOT, key="m", serial=der.integer(n + 1)) for n in range(120)]
    leaf = issued("Leaf", above[0], public_key=key).der
    with Timed():
        assert verdict(leaf, *(one.der for one in above)) == "algorithm-refused"


def test_decoys_with_keys_of_another_kind_cost_a_good_path_nothing():
    """Each would count as many signatures; a key that cannot have made an ECDSA signature is not tried."""
    order = (1 << 255) + 1
    parameters = der.sequence(der.integer(order * (1 << 2816) + 1), der.integer(order), der.integer(2))
    algorithm = der.sequence(der.oid("1.2.840.10040.4.1"), parameters)
    decoys = [
        MIDDLE.but(
            public_key=der.sequence(algorithm, der.bit_string(der.integer(3 + n))),
            serial=der.integer(n + 1),
        )
        for n in range(200)
    ]
    with Timed():
        assert verdict(LEAF.der, *(decoy.der for decoy in decoys), MIDDLE.der) == "good"


@pytest.mark.parametrize("what", KEYS)
@pytest.mark.parametrize("place", ["leaf", "authority", "anchor"])
def test_keys(what, place):
    """CVE-2020-0601, CVE-2022-0778 and kin: a key that is none is refused by name wherever it stands."""
    root = ROOT.but(public_key=KEYS[what]) if place == "anchor" else ROOT
    middle = MIDDLE.but(public_key=KEYS[what]) if place == "authority" else MIDDLE
    leaf = LEAF.but(public_key=KEYS[what]) if place == "leaf" else LEAF
    with Timed():
        assert verdict(leaf.der, middle.der, anchor=root) in ("algorithm-refused", "signature-invalid")


# --- algorithms and signatures ---------------------------------------------------------------------------

ECDSA_SHA1 = bytes.fromhex("300906072a8648ce3d0401")
ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
ALGORITHMS = {
    "none": der.sequence(),
    "unknown": der.sequence(der.oid(f"{EXAMPLE_ARC}.1")),
    "sha1": ECDSA_SHA1,
    "another digest": ECDSA_SHA384,
    "another kind of key": bytes.fromhex("300d06092a864886f70d01010b0500"),
    "odd parameters": der.sequence(der.oid("1.2.840.10045.4.3.2"), der.integer(1)),
    "two parameters": der.sequence(der.oid("1.2.840.10045.4.3.2"), der.null(), der.null()),
    "PSS of nothing": der.sequence(der.oid("1.2.840.113549.1.1.10"), der.sequence()),
    "a key's algorithm": der.sequence(EC, CURVE),
}


@pytest.mark.parametrize("what", ALGORITHMS)
def test_algorithms(what):
    changed = LEAF.but(algorithm=ALGORITHMS[what])
    assert verdict(changed.der, MIDDLE.der) in ("algorithm-refused", "signature-invalid")


@pytest.mark.parametrize("what", ALGORITHMS)
def test_two_different_algorithms(what):
    """4.1.1.2: the two fields "MUST contain the same algorithm identifier"."""
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(LEAF.but(inner_algorithm=ALGORITHMS[what]).der)
    assert caught.value.code == "algorithm-differs"


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURES = {
    "nothing": b"",
    "zeros": der.sequence(der.integer(0), der.integer(0)),
    "r zero": der.sequence(der.integer(0), der.integer(1)),
    "r the order": der.sequence(der.integer(ORDER), der.integer(1)),
    "ones": der.sequence(der.integer(1), der.integer(1)),
    "negative": der.sequence(der.integer(-1), der.integer(-1)),
    "huge": der.sequence(der.integer(1 << 4000), der.integer(1)),
    "garbage": b"\xff" * 70,
    "not a sequence": der.octet_string(b"\1" * 64),
}


@pytest.mark.parametrize("what", SIGNATURES)
def test_signatures(what):
    """CVE-2022-21449 and kin."""
    forged = der.sequence(LEAF.tbs, LEAF.algorithm, der.bit_string(SIGNATURES[what]))
    assert verdict(forged, MIDDLE.der) == "signature-invalid"


def test_the_signature_of_another_certificate():
    other = issued("Leaf", MIDDLE, key="other").read
    forged = der.sequence(LEAF.tbs, LEAF.algorithm, der.bit_string(other.signature))
    assert verdict(forged, MIDDLE.der) == "signature-invalid"


# --- names -----------------------------------------------------------------------------------------------

MARKS = "".join(chr(0x0300 + n % 2 * 0x16) for n in range(20_000))
TEXTS = {
    "combining marks": MARKS,
    "marks in the wrong order": "a" + "\u0315\u0300" * 10_000,
    "ligatures that unfold": "\ufdfa" * 15_000,
    "sharp s": "ß" * 25_000,
    "soft hyphens": "\u00ad" * 25_000,
    "spaces": " " * 50_000,
    "controls": "\x01" * 50_000,
    "Hangul": "\u1100\u1161" * 8_000,
    "right to left": "\u202e" * 15_000,
    "beyond the plane": "\U0001f600" * 12_000,
}


@pytest.mark.parametrize("what", TEXTS)
def test_long_texts_in_names(what):
    """Folding and normalising are bounded, in the leaf and in a chain of names that must match."""
    subject = dn(rdn(attribute(ORGANIZATION, TEXTS[what])))
    leaf = issued(subject, ROOT, key="long").der
    with Timed():
        assert verdict(leaf)
    above = authority(subject, ROOT, key="long")
    others = [above.but(serial=der.integer(n + 1)).der for n in range(20)]
    below = issued("Leaf", above).der
    with Timed():
        assert verdict(below, *others)


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (0x0C, b"\xff\xfe"),
        (0x0C, b"\xed\xa0\x80"),
        (0x0C, b"\xc0\x80"),
        (0x13, b"caf\xe9"),
        (0x16, b"\x80"),
        (0x1E, b"\0"),
        (0x1E, b"\xd8\0"),
        (0x1C, b"\0\x11\0\0"),
        (0x1C, b"\0\0\0"),
        (0x04, b"octets"),
        (0x02, b"\1"),
        (0x30, b""),
        (0x05, b""),
    ],
)
def test_values_of_names_that_are_no_text(tag, content):
    """They may be shown as octets or be refused; nothing else."""
    subject = dn(rdn(attribute(COMMON_NAME, content, tag)))
    assert verdict(issued(subject, ROOT, key="odd").der) in ("good", "certificate-malformed")
    above = authority(subject, ROOT, key="odd")
    assert verdict(issued("Leaf", above).der, above.der) in ("good", "no-path", "certificate-malformed")


@pytest.mark.parametrize(
    "subject",
    [
        der.sequence(der.tlv(0x31, b"")),
        der.sequence(der.tlv(0x30, b"")),
        der.sequence(rdn(der.sequence(der.oid(COMMON_NAME)))),
        der.sequence(rdn(der.sequence())),
        der.sequence(rdn(attribute(COMMON_NAME, "x") + b"\0\0")),
        der.sequence(der.null()),
        der.sequence(rdn(attribute(COMMON_NAME, der.utf8_string("x"), 0x2C))),
        der.sequence(rdn(attribute(COMMON_NAME, b"x", 0x2C))),
        der.sequence(rdn(der.sequence(der.tlv(0x06, b""), der.utf8_string("x")))),
        der.sequence(rdn(der.sequence(der.tlv(0x06, b"\x80\x01"), der.utf8_string("x")))),
        der.sequence(
            rdn(der.sequence(der.tlv(0x06, b"\x2a" + b"\xff" * 200 + b"\x01"), der.utf8_string("x")))
        ),
    ],
)
def test_names_that_are_none(subject):
    assert verdict(issued(subject, ROOT, key="odd").der) != "good"
    above = authority(subject, ROOT, key="odd")
    assert verdict(issued("Leaf", above).der, above.der) != "good"


# --- random structure ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_random_extensions_are_judged_or_refused(seed):
    """Random octets and random DER as the value of every known extension, signed: only our own errors."""
    generator = random.Random(seed)
    known = [value for name, value in vars(ExtensionOID).items() if not name.startswith("_")]
    for _ in range(150):
        value = random_der(generator, 4) if generator.random() < 0.8 else generator.randbytes(12)
        odd = extension(generator.choice(known), value, generator.random() < 0.5)
        middle = authority("Odd", ROOT, odd, standard=(basic(), usage(*CERT_SIGN)))
        leaf = issued("Leaf", middle, odd, standard=())
        with Timed():
            assert verdict(leaf.der, middle.der)


def random_der(generator: random.Random, depth: int) -> bytes:
    """A random element of the tags that certificates use."""
    tag = generator.choice(
        (
            0x30,
            0x30,
            0x31,
            0xA0,
            0xA1,
            0xA3,
            0xA4,
            0x80,
            0x81,
            0x82,
            0x86,
            0x87,
            0x02,
            0x03,
            0x04,
            0x06,
            0x01,
            0x0C,
        )
    )
    if tag & 0x20 and depth:
        return der.tlv(tag, b"".join(random_der(generator, depth - 1) for _ in range(generator.randrange(3))))
    return der.tlv(tag, generator.randbytes(generator.choice((0, 1, 1, 2, 4, 8))))


def test_decoys_with_huge_keys_do_not_hide_the_issuer():
    """Certificates that nobody signed, of the issuer's name and key identifier, around the right one."""
    huge = [MIDDLE.but(public_key=rsa_key((1 << n) - 1, 65537)).der for n in range(30_000, 30_010)]
    with Timed():
        assert verdict(LEAF.der, *huge, MIDDLE.der, *huge) == "good"
