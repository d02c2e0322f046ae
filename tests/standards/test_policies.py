"""Certificate policies along whole paths: our own suite, verdicts and sets from RFC 5280 and RFC 9618."""

from __future__ import annotations

import random
import time

import pytest

from tests.bounds import BUSY_SECOND
from tests.standards.chains import (
    Made,
    authority,
    codes,
    extension,
    inhibit_any,
    issued,
    judge,
    mappings,
    policies,
    policy_constraints,
)
from tests.standards.policy_tree import Asked, Says, Tree
from trust.encoding import der
from trust.vocabulary import ANY_POLICY, ExtensionOID

A, B, C, D = (f"1.3.6.1.4.1.32473.5.{n}" for n in range(4))
ANY = frozenset((ANY_POLICY,))
ROOT = authority("Root")
MISSING, REFUSED, MALFORMED = "policy-missing", "policy-not-acceptable", "certificate-malformed"


def extensions(says: Says) -> tuple[bytes, ...]:
    """The description as extensions."""
    found = [policies(*says.policies)] if says.policies else []
    if says.mappings:
        found.append(mappings(*says.mappings))
    if says.require_explicit is not None or says.inhibit_mapping is not None:
        found.append(policy_constraints(says.require_explicit, says.inhibit_mapping))
    if says.inhibit_any is not None:
        found.append(inhibit_any(says.inhibit_any))
    return tuple(found)


def chain(certificates: list[Says]) -> tuple[Made, list[Made]]:
    """The path of these certificates, the highest first; a self-issued one has its issuer's name."""
    above, names, path = ROOT, 0, []
    for number, says in enumerate(certificates, 1):
        names += not says.self_issued
        subject = above.subject if says.self_issued else f"Level {names}"
        make = issued if number == len(certificates) else authority
        above = make(subject, above, *extensions(says), key=f"policy {number}")
        path.append(above)
    return path[-1], path[:-1]


def outcome(certificates: list[Says], asked: Asked):
    """The user-constrained policy set, or None for a refusal on the ground of policies."""
    leaf, others = chain(certificates)
    report = judge(
        leaf,
        [ROOT],
        others,
        initial_policies=asked.policies,
        initial_explicit_policy=asked.explicit,
        initial_policy_mapping_inhibit=asked.inhibit_mapping,
        initial_any_policy_inhibit=asked.inhibit_any,
    )
    if report.valid:
        return report.policies
    assert set(codes(report)) <= {MISSING, REFUSED}
    return None


def says(*oids, **more):
    return Says(tuple(oids) or None, **more)


FREE, EXPLICIT = Asked(ANY), Asked(ANY, explicit=True)
BOTH = Asked(frozenset((A, B)), explicit=True)

CASES = [
    ("one policy all the way", [says(A), says(A)], EXPLICIT, {A}),
    ("one of two shared", [says(A, B), says(B, C)], EXPLICIT, {B}),
    ("none shared", [says(A), says(B)], EXPLICIT, None),
    ("none shared, none asked for", [says(A), says(B)], FREE, set()),
    ("no policies at all", [says(), says()], FREE, set()),
    ("no policies, one asked for", [says(), says()], EXPLICIT, None),
    ("a gap in the middle", [says(A), says(), says(A)], FREE, set()),
    ("a gap in the middle, one asked for", [says(A), says(), says(A)], EXPLICIT, None),
    ("a leaf without policies", [says(A), says()], EXPLICIT, None),
    # The user-constrained set.
    ("one of the accepted", [says(A, C), says(A, C)], BOTH, {A}),
    ("both accepted ones", [says(A, B, C), says(B, A)], BOTH, {A, B}),
    ("none of the accepted", [says(C), says(C)], BOTH, None),
    ("none of the accepted, not needed", [says(C), says(C)], Asked(frozenset((A,))), set()),
    # anyPolicy, at every place.
    ("any above", [says(ANY_POLICY), says(A)], BOTH, {A}),
    ("any below", [says(A), says(ANY_POLICY)], BOTH, {A}),
    ("any all the way", [says(ANY_POLICY), says(ANY_POLICY)], BOTH, {A, B}),
    ("any all the way, anything accepted", [says(ANY_POLICY), says(ANY_POLICY)], EXPLICIT, {ANY_POLICY}),
    ("any in between", [says(A), says(ANY_POLICY), says(A)], BOTH, {A}),
    ("any beside another", [says(ANY_POLICY, A), says(ANY_POLICY, B)], EXPLICIT, {A, B, ANY_POLICY}),
    ("any in the leaf alone", [says(), says(ANY_POLICY)], EXPLICIT, None),
    # anyPolicy inhibited.
    (
        "any inhibited by the relying party",
        [says(ANY_POLICY), says(A)],
        Asked(ANY, True, inhibit_any=True),
        None,
    ),
    ("any inhibited above", [says(A, inhibit_any=0), says(ANY_POLICY)], EXPLICIT, None),
    ("any inhibited after one", [says(A, inhibit_any=1), says(ANY_POLICY), says(A)], EXPLICIT, {A}),
    (
        "any inhibited after one, used by two",
        [says(A, inhibit_any=1), says(ANY_POLICY), says(ANY_POLICY)],
        EXPLICIT,
        None,
    ),
    (
        "any inhibited, self-issued in between",
        [says(A, inhibit_any=0), says(ANY_POLICY, self_issued=True), says(A)],
        EXPLICIT,
        {A},
    ),
    (
        "any inhibited, self-issued leaf",
        [says(A, inhibit_any=0), says(ANY_POLICY, self_issued=True)],
        EXPLICIT,
        None,
    ),
    (
        "self-issued does not count down",
        [says(A, inhibit_any=1), says(A, self_issued=True), says(ANY_POLICY), says(A)],
        EXPLICIT,
        {A},
    ),
    (
        "a later count does not rise",
        [says(A, inhibit_any=0), says(A, inhibit_any=5), says(ANY_POLICY)],
        EXPLICIT,
        None,
    ),
    # requireExplicitPolicy.
    ("explicit at once", [says(require_explicit=0), says()], FREE, None),
    ("explicit at once, obeyed", [says(A, require_explicit=0), says(A)], FREE, {A}),
    ("explicit after one", [says(A, require_explicit=1), says()], FREE, None),
    ("explicit after two", [says(require_explicit=2), says()], FREE, set()),
    ("explicit by the leaf itself", [says(), says(require_explicit=0)], FREE, None),
    ("explicit by the leaf after one", [says(), says(require_explicit=1)], FREE, set()),
    ("explicit after three, reached", [says(require_explicit=3), says(), says(), says()], FREE, None),
    ("explicit after four, not reached", [says(require_explicit=4), says(), says(), says()], FREE, set()),
    (
        "explicit, self-issued not counted",
        [says(require_explicit=2), says(self_issued=True), says()],
        FREE,
        set(),
    ),
    ("a large count means never", [says(require_explicit=2**40), says()], FREE, set()),
    # Mappings.
    ("mapped", [says(A, mappings=((A, C),)), says(C)], BOTH, {A}),
    ("mapped, the old name below", [says(A, mappings=((A, C),)), says(A)], BOTH, None),
    ("mapped to two", [says(A, mappings=((A, C), (A, D))), says(D)], BOTH, {A}),
    ("two mapped to one", [says(A, B, mappings=((A, C), (B, C))), says(C)], BOTH, {A, B}),
    ("swapped", [says(A, B, mappings=((A, B), (B, A))), says(A)], Asked(ANY, True), {B}),
    ("mapped twice", [says(A, mappings=((A, C),)), says(C, mappings=((C, D),)), says(D)], BOTH, {A}),
    ("mapped to itself", [says(A, mappings=((A, A),)), says(A)], BOTH, {A}),
    ("mapped below any", [says(ANY_POLICY, mappings=((A, C),)), says(C)], BOTH, {A}),
    ("mapped from what is not there", [says(B, mappings=((A, C),)), says(C)], EXPLICIT, None),
    ("mapped, any below", [says(A, mappings=((A, C),)), says(ANY_POLICY)], BOTH, {A}),
    (
        "mapping inhibited by the relying party",
        [says(A, mappings=((A, C),)), says(C)],
        Asked(ANY, True, inhibit_mapping=True),
        None,
    ),
    (
        "mapping inhibited above",
        [says(A, inhibit_mapping=0), says(A, mappings=((A, C),)), says(C)],
        EXPLICIT,
        None,
    ),
    (
        "mapping inhibited, one not mapped",
        [says(A, B, inhibit_mapping=0), says(A, B, mappings=((A, C),)), says(B, C)],
        EXPLICIT,
        {B},
    ),
    (
        "mapping inhibited after one",
        [says(A, inhibit_mapping=1), says(A, mappings=((A, C),)), says(C)],
        EXPLICIT,
        {A},
    ),
    (
        "mapping inhibited after one, a second",
        [says(A, inhibit_mapping=1), says(A), says(A, mappings=((A, C),)), says(C)],
        EXPLICIT,
        None,
    ),
    (
        "own mapping under own inhibition",
        [says(A, mappings=((A, C),), inhibit_mapping=0), says(C)],
        EXPLICIT,
        {A},
    ),
    (
        "self-issued does not count down mappings",
        [says(A, inhibit_mapping=1), says(A, self_issued=True), says(A, mappings=((A, C),)), says(C)],
        EXPLICIT,
        {A},
    ),
    ("mappings of the leaf are nobody's", [says(A), says(A, mappings=((A, C),))], EXPLICIT, {A}),
]


@pytest.mark.parametrize(
    ("title", "certificates", "asked", "expected"), CASES, ids=[case[0] for case in CASES]
)
def test_policies(title, certificates, asked, expected):
    expected = None if expected is None else frozenset(expected)
    assert outcome(certificates, asked) == expected
    # The referee reads the same out of the older text.
    assert Tree(certificates, asked).run() == expected


@pytest.mark.parametrize("pair", [(ANY_POLICY, A), (A, ANY_POLICY), (ANY_POLICY, ANY_POLICY)])
def test_any_policy_is_not_mapped(pair):
    """6.1.4 (a)."""
    above = authority("CA", ROOT, policies(A), mappings(pair))
    report = judge(issued("Leaf", above, policies(A)), [ROOT], [above])
    assert "policy-mapping-any" in codes(report)


def information(*oids):
    return der.sequence(*(der.sequence(der.oid(oid)) for oid in oids))


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (ExtensionOID.CERTIFICATE_POLICIES, der.sequence()),
        (ExtensionOID.CERTIFICATE_POLICIES, information(A, A)),
        (ExtensionOID.CERTIFICATE_POLICIES, information(A) + b"\0"),
        (ExtensionOID.CERTIFICATE_POLICIES, der.sequence(der.oid(A))),
        (ExtensionOID.POLICY_MAPPINGS, der.sequence()),
        (ExtensionOID.POLICY_MAPPINGS, der.sequence(der.sequence(der.oid(A)))),
        (ExtensionOID.POLICY_CONSTRAINTS, der.sequence()),
        (ExtensionOID.POLICY_CONSTRAINTS, der.sequence(b"\x80\x01\xff")),
        (ExtensionOID.POLICY_CONSTRAINTS, der.sequence(b"\x80\x02\x00\x01")),
        (ExtensionOID.POLICY_CONSTRAINTS, der.sequence(b"\x81\x01\x00", b"\x80\x01\x00")),
        (ExtensionOID.POLICY_CONSTRAINTS, der.sequence(b"\x82\x01\x00")),
        (ExtensionOID.INHIBIT_ANY_POLICY, der.integer(-1)),
        (ExtensionOID.INHIBIT_ANY_POLICY, der.null()),
        (ExtensionOID.INHIBIT_ANY_POLICY, b""),
        (ExtensionOID.INHIBIT_ANY_POLICY, der.integer(0) + der.integer(0)),
    ],
)
@pytest.mark.parametrize("place", ["authority", "leaf"])
def test_malformed_policies_are_refused_wherever_they_stand(oid, value, place):
    """CVE-2023-0465: an invalid policy in a leaf must not switch the checks off."""
    bad = extension(oid, value)
    above = authority("CA", ROOT, *((bad,) if place == "authority" else ()))
    leaf = issued("Leaf", above, *((bad,) if place == "leaf" else ()))
    assert MALFORMED in codes(judge(leaf, [ROOT], [above]))


# --- the graph before the tree ---------------------------------------------------------------------------


def random_says(generator: random.Random, *, last: bool) -> Says:
    alphabet = [A, B, C, ANY_POLICY]
    chosen = tuple(policy for policy in alphabet if generator.random() < 0.6)
    named = [A, B, C]
    pairs = {
        (generator.choice(named), generator.choice(named)) for _ in range(generator.choice((0, 0, 1, 2, 4)))
    }
    count = lambda: generator.choice((None, None, None, 0, 1, 2))  # noqa: E731
    return Says(
        chosen or None,
        () if last else tuple(sorted(pairs)),
        count(),
        count(),
        count(),
        self_issued=generator.random() < 0.2,
    )


@pytest.mark.parametrize("seed", range(4))
def test_random_paths_have_the_outcome_of_the_tree(seed):
    generator = random.Random(seed)
    kinds = {True: 0, False: 0}
    for _ in range(250):
        size = generator.randrange(1, 6)
        certificates = [random_says(generator, last=n == size - 1) for n in range(size)]
        asked = Asked(
            generator.choice((ANY, frozenset((A,)), frozenset((A, B)), frozenset((D,)))),
            explicit=generator.random() < 0.5,
            inhibit_mapping=generator.random() < 0.1,
            inhibit_any=generator.random() < 0.1,
        )
        expected = Tree(certificates, asked).run()
        assert outcome(certificates, asked) == expected, (certificates, asked)
        kinds[bool(expected)] += 1
    assert min(kinds.values()) > 25


# --- made to explode -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "depth"), [(2, 14), (30, 14), (200, 8)])
def test_mappings_of_everything_to_everything(count, depth):
    """CVE-2023-0464: a tree would have count to the depth nodes."""
    oids = [f"1.3.6.1.4.1.32473.6.{n}" for n in range(count)]
    width = min(count, 60)
    everything = tuple((a, b) for a in oids[:width] for b in oids[:width])
    certificates = [says(*oids, mappings=everything) for _ in range(depth)] + [says(oids[0])]
    leaf, others = chain(certificates)
    assert leaf.read
    for certificate in others:
        assert certificate.read
    started = time.process_time()
    report = judge(leaf, [ROOT], others, initial_policies=frozenset(oids[:1]))
    assert time.process_time() - started < BUSY_SECOND
    assert codes(report) in (["good"], ["budget-exceeded"])
