"""Path building (RFC 4158) and the rules of 6.1 met on the way: our own suite, verdicts from the standards.

Each case says whether a good path exists among the certificates given. The builder has to find it past
whatever else lies in the bundle, or to refuse in time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa

from tests.bounds import BUSY_SECOND
from tests.standards.chains import (
    AT,
    CERT_SIGN,
    COMMON_NAME,
    DAY,
    YEAR,
    Made,
    alternative,
    attribute,
    authority,
    authority_key,
    basic,
    codes,
    constraints,
    dn,
    dns,
    extension,
    inhibit_any,
    issued,
    judge,
    key_identifier,
    named,
    policies,
    policy_constraints,
    purposes,
    rdn,
    subject_key,
    unknown,
    usage,
)
from trust.certificate import Certificate
from trust.encoding import der
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage, ExtensionOID

SERVER, CLIENT = ExtendedKeyUsage.SERVER_AUTHENTICATION, ExtendedKeyUsage.CLIENT_AUTHENTICATION
EXPIRED = {"not_after": der.time(AT - DAY)}
FUTURE = {"not_before": der.time(AT + DAY)}
SECONDS = BUSY_SECOND

ROOT = authority("Root")
OTHER_ROOT = authority("Other root")
MIDDLE = authority("Middle", ROOT)
LEAF = issued("Leaf", MIDDLE, alternative(dns("www.city.example")), purposes(CLIENT))


@dataclass
class Case:
    """A bundle, and whether there is a good path in it."""

    title: str
    leaf: Made
    anchors: list[Made]
    others: list[Made]
    good: bool

    def __str__(self) -> str:
        return self.title


# --- certificates that lie side by side ------------------------------------------------------------------


def _anchors() -> list[Case]:
    cross = authority("Other root", ROOT, key=OTHER_ROOT.key)
    back = authority("Root", OTHER_ROOT, key=ROOT.key)
    same_name = authority("Root", key="another key")
    same_key = authority("Renamed", key=ROOT.key)
    under_other = authority("Middle", OTHER_ROOT, key=MIDDLE.key)
    return [
        Case("two anchors, the second leads", LEAF, [OTHER_ROOT, ROOT], [MIDDLE], True),
        Case("two anchors, both lead", LEAF, [ROOT, OTHER_ROOT], [MIDDLE, under_other], True),
        Case("an anchor of the same name with another key", LEAF, [same_name], [MIDDLE], False),
        Case("both of that name, the wrong one first", LEAF, [same_name, ROOT], [MIDDLE], True),
        Case("an anchor of the same key with another name", LEAF, [same_key], [MIDDLE], False),
        Case("only a cross-certificate leads to the anchor", LEAF, [OTHER_ROOT], [MIDDLE, back], True),
        Case("cross-certificates in both directions", LEAF, [OTHER_ROOT], [MIDDLE, cross, back], True),
        Case(
            "cross-certificates in both directions, no anchor", LEAF, [same_key], [MIDDLE, cross, back], False
        ),
        Case("anchors given as intermediates, too", LEAF, [ROOT], [ROOT, MIDDLE, ROOT], True),
        Case("the root given only as an intermediate", LEAF, [OTHER_ROOT], [ROOT, MIDDLE], False),
        Case("an intermediate as the anchor", LEAF, [MIDDLE], [], True),
        Case("an intermediate as the anchor, the root beside", LEAF, [MIDDLE], [ROOT], True),
        Case("the leaf among the intermediates", LEAF, [ROOT], [LEAF, MIDDLE], True),
        Case("no anchor at all", LEAF, [], [ROOT, MIDDLE], False),
        Case("the leaf's own issuer is missing", LEAF, [ROOT], [], False),
        Case("a self-signed leaf of the anchor's name", issued("Root", key="mallory"), [ROOT], [], False),
        Case("a self-signed leaf that nobody knows", issued("Alone"), [ROOT], [], False),
    ]


def _validity() -> list[Case]:
    expired, future = MIDDLE.but(**EXPIRED), MIDDLE.but(**FUTURE)
    old_root = ROOT.but(**EXPIRED)
    renewed = authority("Middle", ROOT, key="renewed key")
    return [
        Case("an expired issuer", LEAF, [ROOT], [expired], False),
        Case("a future issuer", LEAF, [ROOT], [future], False),
        Case("an expired issuer beside the valid one", LEAF, [ROOT], [expired, MIDDLE], True),
        Case(
            "expired and future issuers around the valid one", LEAF, [ROOT], [expired, MIDDLE, future], True
        ),
        Case("an expired anchor beside the valid one", LEAF, [old_root, ROOT], [MIDDLE], True),
        Case("an expired anchor", LEAF, [old_root], [MIDDLE], False),
        Case("same name, renewed key, both sent", LEAF, [ROOT], [renewed, MIDDLE], True),
        Case("same name, renewed key only", LEAF, [ROOT], [renewed], False),
        Case("an expired leaf", LEAF.but(**EXPIRED), [ROOT], [MIDDLE], False),
        Case("valid to the very second", LEAF.but(not_after=der.time(AT)), [ROOT], [MIDDLE], True),
        Case("valid from this very second", LEAF.but(not_before=der.time(AT)), [ROOT], [MIDDLE], True),
        Case(
            "a validity that ends before it begins",
            LEAF.but(not_before=der.time(AT + YEAR), not_after=der.time(AT - YEAR)),
            [ROOT],
            [MIDDLE],
            False,
        ),
    ]


def _key_identifiers() -> list[Case]:
    silent_middle = authority("Middle", ROOT, standard=(basic(), usage(*CERT_SIGN)))
    silent_leaf = issued("Leaf", MIDDLE, standard=())
    wrong = issued("Leaf", MIDDLE, standard=(authority_key(b"\1" * 20),))
    twin = authority("Middle", ROOT, key="twin")
    by_serial = issued("Leaf", MIDDLE, standard=(authority_key(None, named("Root"), 4097),))
    wrong_serial = issued("Leaf", MIDDLE, standard=(authority_key(None, named("Root"), 5),))
    lying = authority(
        "Middle",
        ROOT,
        key="liar",
        standard=(basic(), usage(*CERT_SIGN), subject_key(key_identifier(MIDDLE.key))),
    )
    return [
        Case("no key identifiers", silent_leaf, [ROOT], [silent_middle], True),
        Case("no key identifiers, a twin of another key", silent_leaf, [ROOT], [twin, silent_middle], True),
        Case("a wrong authority key identifier, the right key", wrong, [ROOT], [MIDDLE], True),
        Case("a wrong identifier, the right key behind a twin", wrong, [ROOT], [twin, MIDDLE], True),
        Case("the issuer's issuer and serial number", by_serial, [ROOT], [MIDDLE], True),
        Case("another serial number, the right key", wrong_serial, [ROOT], [MIDDLE], True),
        Case("a stranger's key under the right identifier", LEAF, [ROOT], [lying], False),
        Case("the stranger before the right one", LEAF, [ROOT], [lying, MIDDLE], True),
        Case(
            "an empty authority key identifier",
            issued("Leaf", MIDDLE, standard=(authority_key(),)),
            [ROOT],
            [MIDDLE],
            True,
        ),
    ]


def _self_issued() -> list[Case]:
    rolled = authority("Middle", MIDDLE, key="next key")
    leaf = issued("Leaf", rolled)
    zero = authority("Middle", ROOT, key="zero", path_length=0)
    zero_rolled = authority("Middle", zero, key="zero next", path_length=0)
    below = authority("Below", zero)
    root_again = authority("Root", ROOT, key="root next")
    looping = authority("Middle", key=MIDDLE.key)
    deep = [ROOT]
    for number in range(12):
        deep.append(authority(f"Level {number}", deep[-1]))
    endless = [ROOT]
    for number in range(40):
        endless.append(authority(f"Level {number}", endless[-1]))
    return [
        Case("a rolled-over key", leaf, [ROOT], [MIDDLE, rolled], True),
        Case(
            "a rolled-over key under path length 0",
            issued("Leaf", zero_rolled),
            [ROOT],
            [zero, zero_rolled],
            True,
        ),
        Case("an authority under path length 0", issued("Leaf", below), [ROOT], [zero, below], False),
        Case(
            "a last authority may be self-issued under path length 0",
            issued("Middle", zero),
            [ROOT],
            [zero],
            True,
        ),
        Case(
            "a self-issued certificate under the anchor",
            issued("Leaf", root_again),
            [ROOT],
            [root_again],
            True,
        ),
        Case("a self-signed intermediate beside the real one", LEAF, [ROOT], [looping, MIDDLE], True),
        Case("a self-signed intermediate of the right key alone", LEAF, [ROOT], [looping], False),
        Case("twelve authorities", issued("Leaf", deep[-1]), [ROOT], deep[1:], True),
        Case("forty authorities, beyond the limit", issued("Leaf", endless[-1]), [ROOT], endless[1:], False),
    ]


def _loops() -> list[Case]:
    a, b, c = (authority(name, key=name) for name in "abc")
    ab, bc, ca = authority("a", b, key="a"), authority("b", c, key="b"), authority("c", a, key="c")
    out = authority("b", ROOT, key="b")
    leaf = issued("Leaf", a)
    return [
        Case("a ring of three without an anchor", leaf, [ROOT], [ab, bc, ca], False),
        Case("a ring of three with a way out", leaf, [ROOT], [ca, ab, bc, out], True),
        Case("a ring whose certificates are self-signed as well", leaf, [ROOT], [a, b, c, ab, bc, ca], False),
        Case("two that sign each other", issued("Leaf", a), [ROOT], [ab, authority("b", a, key="b")], False),
    ]


# --- the first candidate breaks a rule, another does not -------------------------------------------------

BROKEN = {
    "expired": EXPIRED,
    "not yet valid": FUTURE,
    "no basic constraints": {"standard": (usage(*CERT_SIGN), subject_key(key_identifier("m")))},
    "not an authority": {"standard": (basic(False), subject_key(key_identifier("m")))},
    "may not sign certificates": {"standard": (basic(), usage(6), subject_key(key_identifier("m")))},
    "version 1": {"version": b"", "extensions": ()},
    "unknown critical extension": {"extensions": (basic(), subject_key(key_identifier("m")), unknown(True))},
    "other names only": {"more": (constraints([dns("town.example")]),)},
    "these names excluded": {"more": (constraints((), [dns("city.example")]),)},
    "other purposes only": {"more": (purposes(SERVER),)},
    "another policy": {"more": (policies("1.2.3.9"), policy_constraints(0))},
    "no policy, one is needed": {"more": (policy_constraints(0),)},
    "a malformed extension": {"more": (extension(ExtensionOID.CERTIFICATE_POLICIES, b"\x05\x00"),)},
    "signed by a stranger": {"signer": "mallory"},
}


def _alternatives() -> list[Case]:
    cases = []
    root, other = ROOT, OTHER_ROOT
    for title, changes in BROKEN.items():
        fields = dict(changes)
        more = fields.pop("more", ())
        bad = authority("M", root, *more, key="m").but(**{k: v for k, v in fields.items() if k != "standard"})
        if "standard" in changes:
            bad = bad.but(extensions=changes["standard"])
        good = authority("M", root, policies(ANY_POLICY), key="m", serial=der.integer(77))
        elsewhere = authority("M", other, policies(ANY_POLICY), key="m")
        leaf = issued("Leaf", good, alternative(dns("www.city.example")), purposes(CLIENT), policies("1.2.3"))
        cases += [
            Case(f"{title}: alone", leaf, [root], [bad], False),
            Case(f"{title}: before a good one", leaf, [root], [bad, good], True),
            Case(f"{title}: after a good one", leaf, [root], [good, bad], True),
            Case(f"{title}: a good one under another anchor", leaf, [root, other], [bad, elsewhere], True),
            Case(
                f"{title}: everywhere",
                leaf,
                [root],
                [bad, bad.but(serial=der.integer(78))] if title != "signed by a stranger" else [bad],
                False,
            ),
        ]
    short = authority("Root", key=root.key, path_length=0)
    lower = authority("Lower", authority("M", root, key="m"))
    limited = authority("M", root, key="m", path_length=0)
    free = authority("M", root, key="m")
    deep = issued("Leaf", lower)
    cases += [
        Case("path length 0 above two: alone", deep, [root], [limited, lower], False),
        Case("path length 0 above two: a free one beside", deep, [root], [limited, lower, free], True),
        Case("an anchor of path length 0 beside a free one", deep, [short, root], [free, lower], True),
    ]
    return cases


CASES = [*_anchors(), *_validity(), *_key_identifiers(), *_self_issued(), *_loops(), *_alternatives()]


def timed(*arguments, **inputs):
    started = time.process_time()
    report = judge(*arguments, **inputs)
    return report, time.process_time() - started


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_path_is_found_when_there_is_one(case):
    asked = {"required_extended_key_usage": CLIENT} if "purposes" in case.title else {}
    report, elapsed = timed(case.leaf, case.anchors, case.others, **asked)
    assert report.valid is case.good, codes(report)
    assert report.valid or report.rejections
    assert elapsed < SECONDS


# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (rdn(attribute(COMMON_NAME, "City CA")), rdn(attribute(COMMON_NAME, "CITY  ca"))),
        (
            rdn(attribute(COMMON_NAME, "City CA")),
            rdn(attribute(COMMON_NAME, "City CA", der.Tag.PRINTABLE_STRING)),
        ),
        (
            rdn(attribute(COMMON_NAME, "市民")),
            rdn(attribute(COMMON_NAME, "市民".encode("utf-16-be"), der.Tag.BMP_STRING)),
        ),
    ],
    ids=["case and spaces", "string type", "BMPString"],
)
def test_names_that_match_lead_on_though_their_octets_differ(issuer, subject):
    """RFC 5280 7.1."""
    above = authority(dn(subject), ROOT, key="folded")
    leaf = issued("Leaf", above, issuer=dn(issuer))
    assert codes(judge(leaf, [ROOT], [above])) == ["good"]


@pytest.mark.parametrize(
    "subject",
    [
        dn(rdn(attribute(COMMON_NAME, "City")), rdn(attribute(COMMON_NAME, "CA"))),
        dn(rdn(attribute(COMMON_NAME, "City"), attribute(COMMON_NAME, "CA"))),
        dn(rdn(attribute("2.5.4.10", "City CA"))),
        dn(rdn(attribute(COMMON_NAME, "City CA")), rdn(attribute(COMMON_NAME, "City CA"))),
        dn(rdn(attribute(COMMON_NAME, "CityCA"))),
    ],
    ids=["two relative names", "one of two values", "another type", "twice", "without the space"],
)
def test_names_that_differ_do_not_lead_on(subject):
    above = authority(subject, ROOT, key="folded")
    leaf = issued("Leaf", above, issuer=dn(rdn(attribute(COMMON_NAME, "City CA"))))
    assert codes(judge(leaf, [ROOT], [above])) == ["no-path"]


# --- bundles made to cost time ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_thousand_look_alikes(place):
    """Same name and another key each; the key identifier tells the right one."""
    crowd = [authority("Middle", ROOT, key=f"look-alike {n}") for n in range(1000)]
    bundle = [MIDDLE, *crowd] if place == "first" else [*crowd, MIDDLE]
    for certificate in bundle:
        assert certificate.read
    report, elapsed = timed(LEAF, [ROOT], bundle)
    assert report.valid
    assert elapsed < SECONDS


def test_a_thousand_look_alikes_and_nothing_to_tell_them_by():
    crowd = [
        authority("Middle", ROOT, key=f"look-alike {n}", standard=(basic(), usage(*CERT_SIGN)))
        for n in range(1000)
    ]
    for certificate in crowd:
        assert certificate.read
    report, elapsed = timed(LEAF, [ROOT], crowd)
    assert not report.valid
    assert elapsed < SECONDS


def test_a_thousand_certificates_of_one_key():
    """Same name, same key, each one broken in the same way, a good one among them."""
    crowd = [MIDDLE.but(serial=der.integer(9000 + n), **EXPIRED) for n in range(1000)]
    report, elapsed = timed(LEAF, [ROOT], [*crowd[:500], MIDDLE, *crowd[500:]])
    assert report.valid
    assert elapsed < SECONDS


def mesh(size: int) -> list[Made]:
    """Everybody has certified everybody."""
    roots = [authority(f"Mesh {n}", key=f"mesh {n}") for n in range(size)]
    return [
        authority(f"Mesh {a}", roots[b], key=f"mesh {a}") for a in range(size) for b in range(size) if a != b
    ]


def test_a_mesh_without_a_way_out():
    certificates = mesh(30)
    leaf = issued("Leaf", certificates[0])
    report, elapsed = timed(leaf, [ROOT], certificates)
    assert not report.valid
    assert elapsed < SECONDS


@pytest.mark.parametrize("exit_from", [0, 7, 29])
def test_a_mesh_with_a_way_out(exit_from):
    certificates = mesh(30)
    leaf = issued("Leaf", certificates[0])
    way_out = authority(f"Mesh {exit_from}", ROOT, key=f"mesh {exit_from}")
    report, elapsed = timed(leaf, [ROOT], [*certificates, way_out])
    assert report.valid
    assert elapsed < SECONDS


def test_a_ladder_of_one_name():
    """Sixteen storeys of sixty certificates of one key each, all of one name and one key identifier."""
    same = (basic(), usage(*CERT_SIGN), subject_key(b"\1" * 20), authority_key(b"\1" * 20))
    bundle = []
    for storey in range(16):
        above = authority("Same", key=f"same {storey + 1}")
        one = authority("Same", above, key=f"same {storey}", standard=same)
        bundle += [one.but(serial=der.integer(100 * storey + n + 1)) for n in range(60)]
    for certificate in bundle:
        assert certificate.read
    leaf = issued("Leaf", bundle[0], standard=(authority_key(b"\1" * 20),))
    report, elapsed = timed(leaf, [ROOT], bundle)
    assert not report.valid
    assert elapsed < SECONDS


@pytest.mark.parametrize("good", [True, False])
def test_a_ladder_of_two_by_two(good):
    """Twelve storeys, two authorities on each, each certified by both above: 2 to the 12th paths."""
    storeys = [[ROOT, OTHER_ROOT]]
    bundle: list[Made] = []
    for number in range(12):
        upper = storeys[-1]
        storey = [authority(f"S{number} {side}", upper[0], key=f"{number} {side}") for side in "ab"]
        bundle += storey
        bundle += [authority(f"S{number} {side}", upper[1], key=f"{number} {side}") for side in "ab"]
        storeys.append(storey)
    leaf = issued("Leaf", storeys[-1][0])
    report, elapsed = timed(leaf, [ROOT] if good else [authority("Third")], bundle)
    assert report.valid is good
    assert elapsed < SECONDS


def test_a_ladder_whose_every_path_breaks_a_rule_but_one():
    """Six storeys, 2 to the 6th paths to the anchor; only that by the b sides obeys the constraints."""
    storeys = [[ROOT, ROOT]]
    bundle: list[Made] = []
    for number in range(5):
        upper = storeys[-1]
        a = authority(f"T{number} a", upper[0], constraints([dns("town.example")]), key=f"t{number} a")
        b = authority(f"T{number} b", upper[1], key=f"t{number} b")
        bundle += [a, b]
        if number:
            bundle += [
                authority(f"T{number} a", upper[1], constraints([dns("town.example")]), key=f"t{number} a"),
                authority(f"T{number} b", upper[0], key=f"t{number} b"),
            ]
        storeys.append([a, b])
    leaf = issued("Leaf", storeys[-1][1], alternative(dns("www.city.example")))
    report, elapsed = timed(leaf, [ROOT], bundle)
    assert report.valid
    assert elapsed < SECONDS


# --- what a certificate must be to issue -----------------------------------------------------------------

PAIR = (subject_key(key_identifier("m")), authority_key(key_identifier(ROOT.key)))


@pytest.mark.parametrize(
    ("middle", "code"),
    [
        ((basic(), usage(*CERT_SIGN), *PAIR), "good"),
        ((basic(critical=False), usage(*CERT_SIGN), *PAIR), "good"),
        ((basic(), *PAIR), "good"),
        ((basic(True, 0), *PAIR), "good"),
        ((usage(*CERT_SIGN), *PAIR), "not-a-ca"),
        ((basic(False), *PAIR), "not-a-ca"),
        ((basic(), usage(6), *PAIR), "key-usage-certificate-signing"),
        ((basic(), usage(6, critical=False), *PAIR), "key-usage-certificate-signing"),
        ((basic(), usage(*CERT_SIGN), *PAIR, unknown(True)), "critical-extension-unknown"),
        ((basic(), usage(*CERT_SIGN), *PAIR, unknown(False)), "good"),
        ((basic(), usage(*CERT_SIGN), *PAIR, inhibit_any(0)), "good"),
    ],
)
def test_what_an_authority_needs(middle, code):
    """RFC 5280 6.1.4 (k), (n), (o)."""
    above = issued("M", ROOT, key="m", standard=middle)
    assert codes(judge(issued("Leaf", above), [ROOT], [above])) == [code]


@pytest.mark.parametrize(("version", "extensions"), [(b"", ()), (der.explicit(0, der.integer(1)), ())])
def test_certificates_of_version_1_and_2_do_not_issue(version, extensions):
    """RFC 5280 6.1.4 (k): the means to verify that it is an authority's is the v3 extension."""
    above = authority("M", ROOT, key="m").but(version=version, extensions=extensions)
    assert "not-a-ca" in codes(judge(issued("Leaf", above), [ROOT], [above]))


def test_an_anchor_of_version_1():
    """It is trusted by other means than its extensions (RFC 5280 6.1.1 (d))."""
    old = ROOT.but(version=b"", extensions=())
    assert codes(judge(LEAF, [old], [MIDDLE])) == ["good"]


def test_a_leaf_of_version_1():
    plain = LEAF.but(version=b"", extensions=())
    assert codes(judge(plain, [ROOT], [MIDDLE])) == ["good"]


def test_purposes_nest():
    """An authority for servers issues for servers, at every level (the field's reading of 4.2.1.12)."""
    for stated, good in (
        ((CLIENT,), True),
        ((SERVER,), False),
        ((SERVER, CLIENT), True),
        ((ExtendedKeyUsage.ANY,), True),
    ):
        upper = authority("Upper", ROOT, purposes(*stated))
        lower = authority("Lower", upper, purposes(CLIENT))
        leaf = issued("Leaf", lower, purposes(CLIENT))
        report = judge(leaf, [ROOT], [upper, lower], required_extended_key_usage=CLIENT)
        assert report.valid is good, stated


def test_an_authority_may_be_asked_about():
    assert codes(judge(MIDDLE, [ROOT])) == ["good"]


def costly_keys() -> dict[str, tuple[list[bytes], bytes, bytes]]:
    """Public keys that take long to use, with a signature algorithm of theirs and a signature."""
    generator = random.Random(7)
    parameters = dsa.generate_parameters(2048).parameter_numbers()
    encoding, shape = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo

    def dsa_key() -> bytes:
        y = pow(parameters.g, generator.getrandbits(200), parameters.p)
        return dsa.DSAPublicNumbers(y, parameters).public_key().public_bytes(encoding, shape)

    def rsa_key() -> bytes:
        modulus, exponent = generator.getrandbits(8192) | 1 << 8191 | 1, (1 << 63) + 1
        key = der.sequence(der.integer(modulus), der.integer(exponent))
        return der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1"), der.null()), der.bit_string(key))

    with_sha256 = bytes.fromhex("300d06092a864886f70d01010b0500")
    dsa_with_sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.3.2"))
    pair = der.sequence(der.integer(5), der.integer(7))
    return {
        "RSA": ([rsa_key() for _ in range(200)], with_sha256, b"\0" + b"\1" * 1023),
        "DSA": ([dsa_key() for _ in range(40)], dsa_with_sha256, pair),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["RSA", "DSA"])
def test_many_look_alikes_with_costly_keys(kind):
    keys, algorithm, signature = costly_keys()[kind]
    plain = (basic(), usage(*CERT_SIGN))
    crowd = [
        authority("Middle", ROOT, standard=plain, public_key=key, serial=der.integer(number + 1)).read
        for number, key in enumerate(keys)
    ]
    leaf = issued("Leaf", MIDDLE, standard=(), algorithm=algorithm)
    read = Certificate.parse(der.sequence(leaf.tbs, algorithm, der.bit_string(signature)))
    inputs = ValidationInputs((ROOT.read,), tuple(crowd), revocation_policy=RevocationPolicy.NOT_CHECKED)
    started = time.process_time()
    report = validate_path(read, inputs, AT)
    assert time.process_time() - started < SECONDS
    assert codes(report) == ["budget-exceeded"]
