"""BoringSSL's CRL cases (66): one certificate, its issuer, one CRL, and what follows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.standards.conformance import load_cases, read, require
from trust.algorithms import AlgorithmPolicy
from trust.certificate import Certificate
from trust.crl import CRLError, check_crl_issuer, check_crl_signing
from trust.errors import TrustError
from trust.revocation import Freshness, RevocationEvidence, StatusQuestion, certificate_status

CASES = load_cases("boringssl-crl", "crl.json")
TOTAL = 66
# The suite's keys have 1024 bits.
ALGORITHMS = AlgorithmPolicy(key_sunsets=())

# Rules of that house which RFC 5280 does not have.
HOUSE_RULES = {
    "crl/bad_crldp_has_crlissuer": "6.3.3: the issuer's own CRL counts, too",
    "crl/bad_idp_indirectcrl": "6.3.3 (b)(1), PKITS 4.14.22: the issuer's own indirect CRL counts",
}


def status(case: dict) -> str:
    at = datetime.fromisoformat(case["time"])
    names = [case["issuer"], case["issuer2"]]
    issuers = [Certificate.parse(read("boringssl-crl", name)) for name in names if name]

    def verify(crl, _certificate, _issuer):
        refusal: TrustError = CRLError("nobody signed", code="nobody")
        for issuer in issuers:
            try:
                check_crl_issuer(crl.base, issuer)
                check_crl_signing(issuer)
                crl.base.verify(issuer.public_key, at, ALGORITHMS)
            except TrustError as error:
                refusal = error
                continue
            return issuer
        raise refusal

    question = StatusQuestion(
        RevocationEvidence((read("boringssl-crl", case["crl"]),)),
        at,
        verify,
        freshness=Freshness(maximum_crl_age=timedelta(days=case["max_age_days"])),
    )
    target = Certificate.parse(read("boringssl-crl", case["target"]))
    return certificate_status(target, issuers[0], question).status.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case):
    agrees = status(case) == case["expected"]["status"]
    assert agrees is (case["id"] not in HOUSE_RULES)


def test_the_suite_is_here():
    require(CASES, "CRL")
    assert len(CASES) == TOTAL
