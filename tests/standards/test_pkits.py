"""NIST PKITS 1.0.1: 249 cases of path validation, with the policy sets they must end in."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from tests.standards.conformance import load_cases, read, require
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.path import RevocationEvidence, ValidationInputs, validate_path
from trust.report import PathReport
from trust.vocabulary import ANY_POLICY

CASES = load_cases("pkits", "pkits.json")
TOTAL = 249


# Our codes by the suite's failure classes.
FAILURE_CLASSES = {
    "signature-encoding": "SIGNATURE",
    "signature-invalid": "SIGNATURE",
    "certificate-not-yet-valid": "NOT_YET_VALID",
    "certificate-expired": "EXPIRED",
    "no-path": "NAME_CHAINING",
    "certificate-revoked": "REVOKED",
    "certificate-on-hold": "REVOKED",
    "revocation-unknown": "REVOCATION_UNKNOWN",
    "not-a-ca": "NOT_A_CA",
    "path-too-long": "PATH_LENGTH",
    "key-usage-certificate-signing": "KEY_USAGE",
    "policy-missing": "POLICY",
    "policy-not-acceptable": "POLICY",
    "policy-mapping-any": "POLICY",
    "name-excluded": "NAME_CONSTRAINTS",
    "name-not-permitted": "NAME_CONSTRAINTS",
    "critical-extension-unknown": "CRITICAL_EXTENSION",
    # The negative serial number of 4.4.15, beside its revocation.
    "certificate-malformed": "MALFORMED",
}
FAILING_TOTAL = 135
# The signer of the CRL is revoked, not the certificate: of that, nothing is known then (RFC 5280 6.3.3 (f)).
OTHER_CLASS = {"4.4.21"}


def parse_certificates(names: list[str]) -> tuple[list[Certificate], list[str]]:
    """The certificates that can be read, and the codes of why the others cannot."""
    readable, refusals = [], []
    for name in names:
        try:
            readable.append(Certificate.parse(read("pkits", name)))
        except TrustError as error:
            refusals.append(error.code)
    return readable, refusals


def judge(case: dict) -> PathReport | None:
    """Our report, or None when the target cannot even be read."""
    readable, _ = parse_certificates(case["other_certs"])
    targets, _ = parse_certificates([case["target"]])
    if not targets:
        return None
    target = targets[0]
    policies = frozenset(case["initial_policy_set"])
    inputs = ValidationInputs(
        (Certificate.parse(read("pkits", case["trust_anchor"])),),
        tuple(readable),
        RevocationEvidence(tuple(read("pkits", name) for name in case["crls"])),
        initial_policies=frozenset() if ANY_POLICY in policies else policies,
        initial_explicit_policy=case["initial_explicit_policy"],
        initial_policy_mapping_inhibit=case["initial_policy_mapping_inhibit"],
        initial_any_policy_inhibit=case["initial_inhibit_any_policy"],
    )
    return validate_path(target, inputs, datetime.fromisoformat(case["time"]))


def passes(case: dict, report: PathReport | None) -> bool:
    """Whether verdict and user-constrained policy set are the expected ones."""
    expected = case["expected"]
    if report is None or not report.valid:
        return not expected["valid"]
    return expected["valid"] and report.policies == set(expected["user_constrained_policy_set"] or ())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case):
    started = time.process_time()
    report = judge(case)
    assert time.process_time() - started < 5
    assert passes(case, report), case["title"]
    if report is not None and not report.valid:
        first = report.rejections[0]
        assert first.code
        assert first.clause
        assert first.message_en
        assert first.message_zh


def test_how_many_pass(record_property):
    require(CASES, "PKITS")
    assert len(CASES) == TOTAL
    passed = sum(passes(case, judge(case)) for case in CASES)
    record_property("pkits", f"{passed} of {TOTAL}")
    assert passed == TOTAL


def failure_classes(case: dict) -> set[str]:
    """The suite's classes of what our report, or the reading of the certificates, complains of."""
    _, codes = parse_certificates([case["target"], *case["other_certs"]])
    report = judge(case)
    codes += [rejection.code for rejection in report.rejections] if report else []
    return {FAILURE_CLASSES[code] for code in codes}


def test_failure_classes(record_property):
    require(CASES, "PKITS")
    failing = {case["id"]: case for case in CASES if case["expected"]["failure_class"]}
    assert len(failing) == FAILING_TOTAL
    others = {
        name
        for name, case in failing.items()
        if failure_classes(case).isdisjoint(case["expected"]["failure_class"])
    }
    record_property("pkits-failure-classes", f"{FAILING_TOTAL - len(others)} of {FAILING_TOTAL}")
    assert others == OTHER_CLASS
