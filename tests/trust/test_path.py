"""Path validation: each rule of RFC 5280 6.1 broken once, by name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust.authorities import (
    AT,
    DAY,
    YEAR,
    Party,
    authority,
    issue,
    make_crl,
    make_ocsp,
    name,
    new_key,
    root,
    signed_again,
)
from trust.certificate import Certificate
from trust.encoding.extensions import KeyUsage
from trust.path import Freshness, RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.report import PathError
from trust.vocabulary import ExtendedKeyUsage

UNCHECKED = RevocationPolicy.NOT_CHECKED
POLICY = "1.3.6.1.4.1.32473.1.1.1"
ANY_POLICY = "2.5.29.32.0"


@dataclass
class City:
    root: Party
    issuing: Party
    leaf: Party

    def crls(self, **root_crl) -> tuple[bytes, ...]:
        return make_crl(self.root, **root_crl), make_crl(self.issuing)


@pytest.fixture(scope="module")
def city() -> City:
    top = root()
    issuing = authority("Issuing", top, path_length=0, policies=[ANY_POLICY])
    leaf = issue("Citizen", issuing, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH], policies=[POLICY])
    return City(top, issuing, leaf)


def verdict(leaf: Party, anchors, intermediates=(), at=AT, **changes):
    changes.setdefault("revocation_policy", UNCHECKED)
    inputs = ValidationInputs(
        tuple(party.ours for party in anchors), tuple(party.ours for party in intermediates), **changes
    )
    return validate_path(leaf.ours, inputs, at)


def codes(report) -> list[str]:
    return [rejection.code for rejection in report.rejections]


def test_good_path_is_told_from_leaf_to_anchor(city):
    report = verdict(city.leaf, [city.root], [city.issuing])
    assert report.valid
    assert [c.subject_text for c in report.path] == ["CN=Citizen,C=CN", "CN=Issuing,C=CN", "CN=Root,C=CN"]
    assert all(check.passed for check in report.checks)
    assert {"RFC 5280 6.1.3 (a)(2)", "RFC 5280 6.1.4 (k)", "RFC 5280 6.1.5 (e)"} <= {
        c.clause for c in report.checks
    }
    report.raise_if_invalid()


def test_refusal_is_told_in_two_languages(city):
    report = verdict(city.leaf, [city.root], [city.issuing], at=AT + 2 * YEAR, check_anchor_validity=False)
    first = report.rejections[0]
    assert first.code == "certificate-expired"
    assert first.clause == "RFC 5280 6.1.3 (a)(2)"
    assert "expired on 2027-11-22" in first.message_en
    assert "过期" in first.message_zh
    assert first.certificate == city.issuing.ours
    with pytest.raises(PathError) as caught:
        report.raise_if_invalid()
    assert caught.value.code == "certificate-expired"
    assert caught.value.report is report


def test_usage_purpose_and_policy_that_are_asked_for(city):
    asked = {
        "required_key_usage": frozenset({KeyUsage.DIGITAL_SIGNATURE}),
        "required_extended_key_usage": ExtendedKeyUsage.CLIENT_AUTHENTICATION,
        "initial_policies": frozenset({POLICY}),
    }
    report = verdict(city.leaf, [city.root], [city.issuing], **asked)
    assert report.valid
    assert report.policies == {POLICY}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"required_key_usage": frozenset({KeyUsage.NON_REPUDIATION})}, "key-usage-missing"),
        ({"required_extended_key_usage": ExtendedKeyUsage.TIME_STAMPING}, "extended-key-usage-missing"),
        ({"initial_policies": frozenset({"1.3.6.1.4.1.32473.1.9"})}, "policy-not-acceptable"),
        ({"initial_policies": frozenset({"1.2.3"}), "initial_explicit_policy": False}, None),
    ],
)
def test_what_is_asked_for_and_missing(city, asked, code):
    assert codes(verdict(city.leaf, [city.root], [city.issuing], **asked)) == ([code] if code else [])


def test_purpose_must_be_stated(city):
    silent = issue("Silent", city.issuing)
    asked = {"required_extended_key_usage": ExtendedKeyUsage.CLIENT_AUTHENTICATION}
    assert codes(verdict(silent, [city.root], [city.issuing], **asked)) == ["extended-key-usage-missing"]
    anything = issue("Any", city.issuing, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    assert codes(verdict(anything, [city.root], [city.issuing], **asked)) == ["extended-key-usage-missing"]


def test_purpose_of_the_authority_limits_what_is_below(city):
    servers = authority("Servers", city.root, purposes=[ExtendedKeyUsageOID.SERVER_AUTH])
    leaf = issue("Client", servers, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
    asked = {"required_extended_key_usage": ExtendedKeyUsage.CLIENT_AUTHENTICATION}
    assert codes(verdict(leaf, [city.root], [servers], **asked)) == ["extended-key-usage-missing"]
    assert verdict(leaf, [city.root], [servers]).valid


def test_key_usage_must_be_stated_when_asked_for(city):
    silent = issue("Silent", city.issuing, usage=None)
    asked = {"required_key_usage": frozenset({KeyUsage.DIGITAL_SIGNATURE})}
    assert codes(verdict(silent, [city.root], [city.issuing], **asked)) == ["key-usage-missing"]
    assert verdict(silent, [city.root], [city.issuing]).valid


def test_not_yet_valid(city):
    leaf = issue("Early", city.issuing, not_before=AT + DAY)
    assert codes(verdict(leaf, [city.root], [city.issuing])) == ["certificate-not-yet-valid"]


def test_anchor_validity_is_a_choice():
    old = root(not_after=AT - DAY)
    leaf = issue("Leaf", old)
    assert codes(verdict(leaf, [old])) == ["anchor-outside-validity"]
    assert verdict(leaf, [old], check_anchor_validity=False).valid


def test_validity_bounds_are_included(city):
    leaf = issue("Exact", city.issuing, not_before=AT, not_after=AT)
    assert verdict(leaf, [city.root], [city.issuing]).valid


def test_unknown_issuer(city):
    stranger = issue("Leaf", root("Somebody else"))
    report = verdict(stranger, [city.root], [city.issuing])
    assert codes(report) == ["no-path"]
    assert report.path == ()
    assert not report.valid


def test_no_anchors_at_all(city):
    assert codes(verdict(city.leaf, [], [city.issuing, city.root])) == ["no-path"]


def test_issuer_of_the_same_name_with_another_key(city):
    impostor = authority("Issuing", root("Root"))
    report = verdict(issue("Leaf", impostor), [city.root], [city.issuing])
    assert codes(report) == ["signature-invalid"]


def test_flipped_bit_in_the_signature(city):
    broken = bytearray(city.leaf.der)
    broken[-1] ^= 1
    inputs = ValidationInputs((city.root.ours,), (city.issuing.ours,), revocation_policy=UNCHECKED)
    assert codes(validate_path(Certificate.parse(bytes(broken)), inputs, AT)) == ["signature-invalid"]


def test_leaf_that_issues(city):
    plain = issue("Plain", city.root)
    report = verdict(issue("Below", plain), [city.root], [plain])
    assert codes(report) == ["not-a-ca", "key-usage-certificate-signing"]


def test_ca_false(city):
    plain = issue("Plain", city.root, ca=False, usage=("key_cert_sign",))
    assert codes(verdict(issue("Below", plain), [city.root], [plain])) == ["not-a-ca"]


def test_authority_without_certificate_signing(city):
    signing = authority("Signing", city.root, usage=("digital_signature",))
    assert codes(verdict(issue("Below", signing), [city.root], [signing])) == [
        "key-usage-certificate-signing"
    ]


def test_path_length(city):
    below = authority("Below", city.issuing)
    report = verdict(issue("Leaf", below), [city.root], [city.issuing, below])
    assert codes(report) == ["path-too-long"]
    assert report.rejections[0].certificate == below.ours


def test_self_issued_does_not_count_for_path_length(city):
    rolled = authority("Issuing", city.issuing, path_length=0)
    assert verdict(issue("Leaf", rolled), [city.root], [city.issuing, rolled]).valid


@pytest.mark.parametrize("where", ["leaf", "authority"])
def test_unknown_critical_extension(city, where):
    unknown = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00"), True)]
    upper = authority("Upper", city.root, extensions=unknown if where == "authority" else ())
    leaf = issue("Leaf", upper, extensions=unknown if where == "leaf" else ())
    report = verdict(leaf, [city.root], [upper])
    assert codes(report) == ["critical-extension-unknown"]
    assert "1.3.6.1.4.1.32473.9" in report.rejections[0].message_en


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("2.5.29.36", "30030201"),
        ("2.5.29.17", "3000"),
        ("2.5.29.31", "3000"),
        ("1.3.6.1.5.5.7.1.1", "30023000"),
    ],
    ids=["policy constraints", "alternative names", "distribution points", "access locations"],
)
def test_malformed_extension_is_a_rejection(city, oid, value):
    odd = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value)), False)]
    leaf = issue("Leaf", city.issuing, extensions=odd)
    report = verdict(leaf, [city.root], [city.issuing])
    assert codes(report) == ["certificate-malformed"]
    assert oid in report.rejections[0].message_en


def test_excluded_name(city):
    constraints = x509.NameConstraints(None, [x509.DNSName("evil.example")])
    upper = authority("Upper", city.root, extensions=[(constraints, True)])
    leaf = issue("Leaf", upper, names=[x509.DNSName("www.evil.example")])
    assert codes(verdict(leaf, [city.root], [upper])) == ["name-excluded"]


def test_constraints_hold_further_down(city):
    constraints = x509.NameConstraints([x509.DNSName("city.example")], None)
    upper = authority("Upper", city.root, extensions=[(constraints, True)])
    lower = authority("Lower", upper)
    good, bad = (
        issue("Leaf", lower, names=[x509.DNSName(n)]) for n in ("www.city.example", "www.town.example")
    )
    assert verdict(good, [city.root], [upper, lower]).valid
    assert codes(verdict(bad, [city.root], [upper, lower])) == ["name-not-permitted"]


def test_sha1_signature_is_refused_by_date(city):
    old = issue("Leaf", city.root, not_before=AT - 12 * YEAR)
    digest = hashes.SHA1()  # noqa: S303 - to be refused
    der = signed_again(old, city.root.key, lambda tbs: None, algorithm="sha1_ecdsa", digest=digest)
    inputs = ValidationInputs((city.root.ours,), revocation_policy=UNCHECKED, check_anchor_validity=False)
    leaf = Certificate.parse(der)
    assert codes(validate_path(leaf, inputs, AT)) == ["algorithm-refused"]
    assert validate_path(leaf, inputs, AT - 11 * YEAR).valid


def test_short_rsa_key_is_refused(city):
    leaf = issue("Leaf", city.issuing, key=new_key("rsa1024"))
    report = verdict(leaf, [city.root], [city.issuing])
    assert codes(report) == ["algorithm-refused"]
    assert "1024 bits" in report.rejections[0].message_en


@pytest.mark.parametrize("kind", ["rsa2048", "p384", "p521", "ed25519"])
def test_other_keys(kind):
    top = root(key=new_key(kind))
    middle = authority("Middle", top, key=new_key(kind))
    assert verdict(issue("Leaf", middle, key=new_key(kind)), [top], [middle]).valid


def test_digests_of_other_sizes():
    top = root(digest=hashes.SHA512())
    assert verdict(issue("Leaf", top, digest=hashes.SHA384()), [top]).valid


# --- building --------------------------------------------------------------------------------------------


def test_anchor_itself(city):
    assert verdict(city.root, [city.root]).valid


def test_expired_twin_of_an_authority_does_not_hide_the_good_one(city):
    key = new_key()
    old = authority("Twin", city.root, key=key, not_after=AT - DAY)
    new = authority("Twin", city.root, key=key)
    leaf = issue("Leaf", new)
    for order in ([old, new], [new, old]):
        assert verdict(leaf, [city.root], order).valid


def test_the_good_path_is_found_behind_a_bad_one():
    first, second = root("First"), root("Second")
    key = new_key()
    limited = authority(
        "Shared", first, key=key, extensions=[(x509.NameConstraints(None, [x509.DNSName("a.example")]), True)]
    )
    free = authority("Shared", second, key=key)
    leaf = issue("Leaf", free, names=[x509.DNSName("www.a.example")])
    for order in ([limited, free], [free, limited]):
        report = verdict(leaf, [first, second], order)
        assert report.valid
        assert report.path[-1] == second.ours


def test_looping_cross_certificates():
    a_key, b_key = new_key(), new_key()
    a, b = root("A", key=a_key), root("B", key=b_key)
    a_by_b, b_by_a = authority("A", b, key=a_key), authority("B", a, key=b_key)
    leaf = issue("Leaf", a_by_b)
    stranger = root("Anchor")
    assert codes(verdict(leaf, [stranger], [a, b, a_by_b, b_by_a])) == ["no-path"]
    assert verdict(leaf, [b], [a, a_by_b, b_by_a]).valid


def test_clique_of_cross_certificates_is_cut_off_in_time():
    parties = {label: root(label) for label in "ABCDEFGHIJ"}
    crossed = [authority(x, parties[y], key=parties[x].key) for x in parties for y in parties if x != y]
    leaf = issue("Leaf", parties["A"])
    started = time.process_time()
    report = verdict(leaf, [root("Anchor")], crossed)
    assert time.process_time() - started < 5
    assert not report.valid


def test_hundreds_of_look_alikes_are_cut_off_in_time(city):
    key = new_key()
    look_alikes = [
        authority("Twin", city.root, key=new_key() if i else key, key_identifiers=False) for i in range(600)
    ]
    leaf = issue("Leaf", Party(new_key(), look_alikes[0].x509), key_identifiers=False)
    started = time.process_time()
    report = verdict(leaf, [city.root], look_alikes)
    assert time.process_time() - started < 5
    assert codes(report) == ["budget-exceeded"]


def test_a_search_cut_short_says_so_beside_what_the_paths_it_tried_lack(city):
    key = new_key()
    twins = [authority("Twin", city.root, key=key) for _ in range(140)]
    leaf = issue("Leaf", twins[0])
    report = verdict(leaf, [city.root], twins, initial_policies=frozenset({POLICY}))
    assert codes(report) == ["policy-missing", "budget-exceeded"]
    few = verdict(leaf, [city.root], twins[:20], initial_policies=frozenset({POLICY}))
    assert codes(few) == ["policy-missing"]


def test_long_chain_is_refused():
    top = root()
    chain = [top]
    for i in range(30):
        chain.append(authority(f"Level {i}", chain[-1]))
    leaf = issue("Leaf", chain[-1])
    assert not verdict(leaf, [top], chain[1:]).valid
    assert verdict(leaf, [top], chain[1:], maximum_path_length=40).valid


# --- revocation ------------------------------------------------------------------------------------------


def judged(city, evidence: RevocationEvidence, leaf: Party | None = None, at=AT, **changes):
    return verdict(
        leaf or city.leaf,
        [city.root],
        [city.issuing],
        at=at,
        revocation=evidence,
        revocation_policy=changes.pop("revocation_policy", RevocationPolicy.HARD_FAIL),
        **changes,
    )


def test_crls_for_leaf_and_authority(city):
    assert judged(city, RevocationEvidence(city.crls())).valid


def test_revoked_authority_by_the_root_crl(city):
    report = judged(city, RevocationEvidence(city.crls(revoked=[city.issuing.serial])))
    assert codes(report) == ["certificate-revoked"]
    assert report.rejections[0].certificate == city.issuing.ours


def test_revoked_leaf_with_reason(city):
    crl = make_crl(city.issuing, [(city.leaf.serial, AT - DAY, x509.ReasonFlags.key_compromise)])
    report = judged(city, RevocationEvidence((make_crl(city.root), crl)))
    assert codes(report) == ["certificate-revoked"]
    assert "keyCompromise, 2026-11-21" in report.rejections[0].message_en


def test_suspended_leaf(city):
    crl = make_crl(city.issuing, [(city.leaf.serial, AT - DAY, x509.ReasonFlags.certificate_hold)])
    assert codes(judged(city, RevocationEvidence((make_crl(city.root), crl)))) == ["certificate-on-hold"]


def test_missing_evidence_fails_hard_or_soft(city):
    report = judged(city, RevocationEvidence((make_crl(city.root),)))
    assert codes(report) == ["revocation-unknown"]
    assert report.rejections[0].certificate == city.leaf.ours
    soft = judged(city, RevocationEvidence(), revocation_policy=RevocationPolicy.SOFT_FAIL)
    assert soft.valid


def test_soft_fail_still_refuses_the_revoked(city):
    crl = make_crl(city.issuing, [city.leaf.serial])
    report = judged(city, RevocationEvidence((crl,)), revocation_policy=RevocationPolicy.SOFT_FAIL)
    assert codes(report) == ["certificate-revoked"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"next_update": AT - timedelta(hours=1)}, "crl-expired"),
        ({"this_update": AT + timedelta(hours=1), "next_update": AT + DAY}, "crl-not-yet-valid"),
        ({"key": new_key()}, "crl-other-key"),
        ({"extensions": [(x509.DeltaCRLIndicator(1), True)]}, "crl-delta-without-base"),
        (
            {
                "extensions": [
                    (
                        x509.IssuingDistributionPoint(None, None, False, True, None, False, False),
                        True,
                    )
                ]
            },
            "crl-scope",
        ),
        (
            {
                "extensions": [
                    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
                ]
            },
            "crl-critical-extension",
        ),
    ],
)
def test_crl_that_must_not_be_relied_on(city, change, complaint):
    report = judged(city, RevocationEvidence((make_crl(city.root), make_crl(city.issuing, **change))))
    assert codes(report) == ["revocation-unknown"]
    assert complaint in report.rejections[0].message_en


def test_crl_older_than_policy_allows(city):
    freshness = Freshness(maximum_crl_age=timedelta(hours=1))
    report = judged(city, RevocationEvidence(city.crls()), freshness=freshness)
    assert codes(report) == ["revocation-unknown"] * 2
    assert "crl-too-old" in report.rejections[0].message_en


def test_garbage_among_the_evidence_is_told(city):
    report = judged(city, RevocationEvidence((make_crl(city.root), b"garbage"), (b"garbage",)))
    assert "crl-malformed" in report.rejections[0].message_en
    assert "ocsp-malformed" in report.rejections[0].message_en


def test_ocsp_for_the_leaf_and_crl_for_the_authority(city):
    evidence = RevocationEvidence((make_crl(city.root),), (make_ocsp(city.leaf, city.issuing),))
    assert judged(city, evidence).valid
    assert judged(city, evidence, freshness=Freshness(maximum_ocsp_age=timedelta(seconds=60))).valid
    stale = judged(city, evidence, freshness=Freshness(maximum_ocsp_age=timedelta(seconds=10)))
    assert codes(stale) == ["revocation-unknown"]
    assert "ocsp-too-old" in stale.rejections[0].message_en


def test_final_revocation_wins_over_a_good_answer(city):
    evidence = RevocationEvidence(
        (make_crl(city.root), make_crl(city.issuing, [city.leaf.serial])),
        (make_ocsp(city.leaf, city.issuing),),
    )
    assert codes(judged(city, evidence)) == ["certificate-revoked"]


def test_lifted_suspension_by_the_younger_answer(city):
    held = make_crl(city.issuing, [(city.leaf.serial, AT - 2 * DAY, x509.ReasonFlags.certificate_hold)])
    evidence = RevocationEvidence((make_crl(city.root), held), (make_ocsp(city.leaf, city.issuing),))
    assert judged(city, evidence).valid


def test_past_time_with_evidence_of_today(city):
    past = AT - 30 * DAY
    crl = make_crl(city.issuing, [(city.leaf.serial, AT - 2 * DAY, x509.ReasonFlags.key_compromise)])
    evidence = RevocationEvidence((make_crl(city.root), crl))
    assert judged(city, evidence, at=past, evidence_at=AT).valid
    assert codes(judged(city, evidence, at=AT - DAY, evidence_at=AT)) == ["certificate-revoked"]
    assert codes(judged(city, evidence, at=past)) == ["revocation-unknown"] * 2


def test_entry_dated_ahead_still_counts(city):
    crl = make_crl(city.issuing, [(city.leaf.serial, AT + timedelta(minutes=2), None)])
    assert codes(judged(city, RevocationEvidence((make_crl(city.root), crl)))) == ["certificate-revoked"]


def test_crl_signed_by_another_certified_key_of_the_authority(city):
    helper = issue("Issuing", city.root, usage=("crl_sign",), ca=False)
    crl = make_crl(city.issuing, key=helper.key)
    evidence = RevocationEvidence((make_crl(city.root), crl))
    report = verdict(
        city.leaf,
        [city.root],
        [city.issuing, helper],
        revocation=evidence,
        revocation_policy=RevocationPolicy.HARD_FAIL,
    )
    assert report.valid
    revoked = RevocationEvidence((make_crl(city.root, [helper.serial]), crl))
    report = verdict(
        city.leaf,
        [city.root],
        [city.issuing, helper],
        revocation=revoked,
        revocation_policy=RevocationPolicy.HARD_FAIL,
    )
    assert codes(report) == ["revocation-unknown"]
    assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_crl_by_an_authority_that_may_not_sign_crls():
    top = root(usage=("key_cert_sign",))
    leaf = issue("Leaf", top)
    report = verdict(
        leaf,
        [top],
        revocation=RevocationEvidence((make_crl(top),)),
        revocation_policy=RevocationPolicy.HARD_FAIL,
    )
    assert codes(report) == ["revocation-unknown"]
    assert "crl-key-usage" in report.rejections[0].message_en


def test_crl_of_another_distribution_point():
    top = root()
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://a.example/1.crl")], None, None, None
    )
    leaf = issue("Leaf", top, extensions=[(x509.CRLDistributionPoints([point]), False)])
    for url, valid in (("http://a.example/1.crl", True), ("http://a.example/2.crl", False)):
        scope = x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier(url)], None, False, False, None, False, False
        )
        crl = make_crl(top, extensions=[(scope, True)])
        report = verdict(
            leaf, [top], revocation=RevocationEvidence((crl,)), revocation_policy=RevocationPolicy.HARD_FAIL
        )
        assert report.valid is valid


def test_crls_by_reasons_must_cover_all():
    top = root()
    leaf = issue("Leaf", top)
    every = set(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
    some = {x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise}
    crls = [
        make_crl(
            top,
            extensions=[
                (x509.IssuingDistributionPoint(None, None, False, False, frozenset(r), False, False), True)
            ],
        )
        for r in (some, every - some)
    ]

    def judge(*evidence):
        return verdict(
            leaf, [top], revocation=RevocationEvidence(evidence), revocation_policy=RevocationPolicy.HARD_FAIL
        )

    assert judge(*crls).valid
    assert "crl-reasons-incomplete" in judge(crls[0]).rejections[0].message_en


def test_name_that_differs_only_in_case_and_space():
    top = root()
    upper = authority(name("The  Issuing CA"), top)
    leaf = issue("Leaf", upper, issuer_name=name("the issuing ca "))
    assert verdict(leaf, [top], [upper]).valid
