"""Certificate policies: the graph of RFC 9618 on small cases and on the ones made to explode."""

from __future__ import annotations

import time

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from tests.trust.authorities import AT, authority, issue, root
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.policy import PolicyGraph
from trust.vocabulary import ANY_POLICY

A, B, C = "1.3.6.1.4.1.32473.7.1", "1.3.6.1.4.1.32473.7.2", "1.3.6.1.4.1.32473.7.3"
ANY = frozenset((ANY_POLICY,))
TOP = root()


def graph(*levels, any_policy_allowed=True) -> PolicyGraph:
    result = PolicyGraph()
    for level in levels:
        result.add_certificate(level, any_policy_allowed=any_policy_allowed)
    return result


def test_shared_policy_survives():
    assert graph([A, B], [A, C]).user_constrained_policies(ANY) == {A}


def test_no_shared_policy_is_null():
    assert graph([A], [B]).is_null


def test_certificate_without_policies_is_null_for_good():
    assert graph([A], [], [A]).is_null


def test_any_policy_stands_for_what_follows():
    assert graph([ANY_POLICY], [A]).user_constrained_policies(ANY) == {A}
    assert graph([A], [ANY_POLICY]).user_constrained_policies(ANY) == {A}
    assert graph([ANY_POLICY], [ANY_POLICY]).user_constrained_policies(frozenset((B,))) == {B}


def test_inhibited_any_policy_is_no_policy():
    assert graph([A], [ANY_POLICY], any_policy_allowed=False).is_null


def test_mapping_is_told_in_the_issuers_terms():
    mapped = graph([A, B])
    mapped.map_policies([(A, C)], mapping_allowed=True)
    mapped.add_certificate([C], any_policy_allowed=True)
    assert mapped.user_constrained_policies(ANY) == {A}
    assert mapped.user_constrained_policies(frozenset((C,))) == frozenset()


def test_mapping_below_any_policy():
    mapped = graph([ANY_POLICY])
    mapped.map_policies([(A, C)], mapping_allowed=True)
    mapped.add_certificate([C], any_policy_allowed=True)
    assert A in mapped.user_constrained_policies(ANY)


def test_inhibited_mapping_ends_the_policy():
    mapped = graph([A])
    mapped.map_policies([(A, C)], mapping_allowed=False)
    assert mapped.is_null


def test_mappings_made_to_explode_stay_linear():
    policies = [f"1.3.6.1.4.1.32473.8.{i}" for i in range(60)]
    everything = [(issuer, subject) for issuer in policies for subject in policies]
    exploding = PolicyGraph()
    started = time.process_time()
    for _ in range(10):
        exploding.add_certificate(policies, any_policy_allowed=True)
        exploding.map_policies(everything, mapping_allowed=True)
    assert time.process_time() - started < 5
    assert exploding.user_constrained_policies(ANY) == set(policies)


def mapping(*pairs: tuple[str, str]) -> tuple[x509.ExtensionType, bool]:
    value = asn1_x509.PolicyMappings(
        [{"issuer_domain_policy": first, "subject_domain_policy": second} for first, second in pairs]
    )
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), value.dump()), True


def judge(leaf, *intermediates, **changes):
    inputs = ValidationInputs(
        (TOP.ours,),
        tuple(party.ours for party in intermediates),
        revocation_policy=RevocationPolicy.NOT_CHECKED,
        **changes,
    )
    report = validate_path(leaf.ours, inputs, AT)
    return [rejection.code for rejection in report.rejections], report.policies


def test_mapping_through_a_whole_path():
    upper = authority("Upper", TOP, policies=[A], extensions=[mapping((A, B))])
    leaf = issue("Leaf", upper, policies=[B])
    assert judge(leaf, upper, initial_policies=frozenset((A,))) == ([], {A})
    assert judge(leaf, upper, initial_policies=frozenset((B,)))[0] == ["policy-not-acceptable"]
    inhibited = judge(leaf, upper, initial_policies=frozenset((A,)), initial_policy_mapping_inhibit=True)
    assert inhibited[0] == ["policy-missing"]


def test_mapping_any_policy_is_refused():
    upper = authority("Upper", TOP, policies=[A], extensions=[mapping((ANY_POLICY, B))])
    assert "policy-mapping-any" in judge(issue("Leaf", upper, policies=[B]), upper)[0]


def test_explicit_policy_by_the_authority():
    upper = authority("Upper", TOP, policies=[A], extensions=[(x509.PolicyConstraints(0, None), True)])
    assert judge(issue("Leaf", upper, policies=[A]), upper)[0] == []
    assert judge(issue("Leaf", upper), upper)[0] == ["policy-missing"]


@pytest.mark.parametrize(("inhibited", "codes"), [(False, []), (True, ["policy-missing"])])
def test_any_policy_inhibited_by_the_relying_party(inhibited, codes):
    upper = authority("Upper", TOP, policies=[ANY_POLICY])
    leaf = issue("Leaf", upper, policies=[A])
    found, _ = judge(leaf, upper, initial_policies=frozenset((A,)), initial_any_policy_inhibit=inhibited)
    assert found == codes
