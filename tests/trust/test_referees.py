"""The same chains and CRLs before two other validators: pyOpenSSL's X509Store and pyhanko-certvalidator.

Random chains without CRLs, names and policies among them, are compared in tests/fuzz/. Where a referee judges
otherwise the case says so, with the reason.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy

from tests.trust.authorities import AT, DAY, YEAR, Party, authority, issue, make_crl, new_key, root
from trust.certificate import Certificate
from trust.path import RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path

OPENSSL, CERTVALIDATOR = "pyOpenSSL", "pyhanko-certvalidator"


@dataclass
class Case:
    title: str
    leaf: bytes
    anchors: list[Party]
    intermediates: list[Party]
    valid: bool
    crls: list[bytes] = field(default_factory=list)
    # Referees that judge otherwise, and why they may.
    otherwise: dict[str, str] = field(default_factory=dict)


def chain(title, valid, *, upper=None, leaf=None, crls=None, otherwise=None) -> Case:
    """Root, one authority, leaf, with changes to the authority and the leaf."""
    top = root("Root")
    middle = authority("Middle", top, **{"policies": ["2.5.29.32.0"], **(upper or {})})
    end = issue("Leaf", middle, **(leaf or {}))
    lists = [make_crl(top), make_crl(middle)] if crls is None else crls(top, middle, end)
    return Case(title, end.der, [top], [middle], valid, lists, otherwise or {})


def unknown(critical):
    return {
        "extensions": [
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\5\0"), critical)
        ]
    }


def _simple_cases() -> list[Case]:
    hold, compromised = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise
    return [
        chain("good", True),
        chain("good, RSA", True, upper={"key": new_key("rsa2048")}, leaf={"key": new_key("rsa2048")}),
        chain("good, P-384", True, upper={"key": new_key("p384")}, leaf={"key": new_key("p384")}),
        chain(
            "good, no key identifiers",
            True,
            upper={"key_identifiers": False},
            leaf={"key_identifiers": False},
        ),
        chain("good, unknown extension not critical", True, leaf=unknown(False)),
        chain("expired leaf", False, leaf={"not_after": AT - DAY}),
        chain("leaf of the future", False, leaf={"not_before": AT + DAY}),
        chain("expired authority", False, upper={"not_after": AT - DAY}),
        chain("authority of the future", False, upper={"not_before": AT + DAY}),
        chain("unknown critical extension in the leaf", False, leaf=unknown(True)),
        chain("unknown critical extension in the authority", False, upper=unknown(True)),
        chain(
            "revoked leaf",
            False,
            crls=lambda t, m, e: [make_crl(t), make_crl(m, [(e.serial, AT - DAY, compromised)])],
        ),
        chain(
            "suspended leaf",
            False,
            crls=lambda t, m, e: [make_crl(t), make_crl(m, [(e.serial, AT - DAY, hold)])],
        ),
        chain("revoked authority", False, crls=lambda t, m, e: [make_crl(t, [m.serial]), make_crl(m)]),
        chain("no CRL of the leaf's issuer", False, crls=lambda t, m, e: [make_crl(t)]),
        chain("no CRL of the root", False, crls=lambda t, m, e: [make_crl(m)]),
        chain("no CRL at all", False, crls=lambda t, m, e: []),
        chain(
            "expired CRL",
            False,
            crls=lambda t, m, e: [make_crl(t), make_crl(m, this_update=AT - 9 * DAY, next_update=AT - DAY)],
        ),
        chain(
            "CRL of the future",
            False,
            crls=lambda t, m, e: [make_crl(t), make_crl(m, this_update=AT + DAY, next_update=AT + 2 * DAY)],
        ),
        chain(
            "CRL signed by a stranger", False, crls=lambda t, m, e: [make_crl(t), make_crl(m, key=new_key())]
        ),
        chain(
            "CRL with a stranger's serial numbers",
            True,
            crls=lambda t, m, e: [make_crl(t, [1]), make_crl(m, [2])],
        ),
        chain(
            "CRL with an unknown critical extension",
            False,
            crls=lambda t, m, e: [make_crl(t), make_crl(m, extensions=unknown(True)["extensions"])],
        ),
        chain("authority that is none", False, upper={"path_length": None, "usage": ("digital_signature",)}),
    ]


def _deep_cases() -> list[Case]:
    top = root("Root")
    middle = authority("Middle", top, path_length=0)
    below = authority("Below", middle)
    deep = issue("Leaf", below)
    rolled = authority("Middle", middle, path_length=0)
    rolled_leaf = issue("Leaf", rolled)
    plain = issue("Plain", top)
    stranger = root("Root")
    below_plain, below_stranger = issue("Leaf", plain).der, issue("Leaf", stranger).der
    old = root("Old", not_before=AT - 3 * YEAR, not_after=AT - YEAR)
    a_key, b_key = new_key(), new_key()
    a, b = root("A", key=a_key), root("B", key=b_key)
    a_by_b, b_by_a = authority("A", b, key=a_key), authority("B", a, key=b_key)
    looped = issue("Leaf", a)
    broken = bytearray(issue("Leaf", middle).der)
    broken[-1] ^= 1
    lists = [make_crl(party) for party in (top, middle, below)]
    crossed = [make_crl(party) for party in (a, b)]
    return [
        Case("path too long", deep.der, [top], [middle, below], False, lists),
        Case(
            "self-issued does not count for the length",
            rolled_leaf.der,
            [top],
            [middle, rolled],
            True,
            [make_crl(top), make_crl(middle), make_crl(rolled)],
        ),
        Case("a leaf that issues", below_plain, [top], [plain], False, [make_crl(top), make_crl(plain)]),
        Case("another root of the same name", below_stranger, [top], [], False, [make_crl(top)]),
        Case("flipped bit in the signature", bytes(broken), [top], [middle], False, lists),
        Case("looping cross-certificates, no anchor", looped.der, [top], [a_by_b, b_by_a], False, crossed),
        Case("cross-certificate to the one anchor", looped.der, [b], [a_by_b, b_by_a], True, crossed),
        Case("no intermediate", deep.der, [top], [], False, lists),
        Case("leaf under the root", issue("Leaf", top).der, [top], [], True, [make_crl(top)]),
        Case(
            "expired root",
            issue("Leaf", old).der,
            [old],
            [],
            False,
            [make_crl(old)],
            {CERTVALIDATOR: "an anchor's validity is not looked at (RFC 5280 6.1.1 (d) leaves it open)"},
        ),
    ]


CASES = [*_simple_cases(), *_deep_cases()]


def ours(case: Case) -> bool:
    inputs = ValidationInputs(
        tuple(party.ours for party in case.anchors),
        tuple(party.ours for party in case.intermediates),
        RevocationEvidence(tuple(case.crls)),
        RevocationPolicy.HARD_FAIL,
    )
    return validate_path(Certificate.parse(case.leaf), inputs, AT).valid


def by_openssl(case: Case) -> bool:
    store = crypto.X509Store()
    for party in case.anchors:
        store.add_cert(crypto.X509.from_cryptography(party.x509))
    for crl in case.crls:
        store.add_crl(x509.load_der_x509_crl(crl))
    flags = crypto.X509StoreFlags
    store.set_flags(flags.CRL_CHECK | flags.CRL_CHECK_ALL)
    store.set_time(AT)
    leaf = crypto.X509.from_cryptography(x509.load_der_x509_certificate(case.leaf))
    others = [crypto.X509.from_cryptography(party.x509) for party in case.intermediates]
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def by_certvalidator(case: Case) -> bool:
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(party.der) for party in case.anchors],
        other_certs=[asn1_x509.Certificate.load(party.der) for party in case.intermediates],
        crls=[asn1_crl.CertificateList.load(crl) for crl in case.crls],
        moment=AT,
        revocation_mode="require",
        algorithm_usage_policy=DisallowWeakAlgorithmsPolicy(),
    )
    validator = CertificateValidator(asn1_x509.Certificate.load(case.leaf), validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except (PathBuildingError, PathValidationError):
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_verdict_is_ours_and_the_referees(case):
    assert ours(case) is case.valid
    assert by_openssl(case) is (case.valid if OPENSSL not in case.otherwise else not case.valid)
    assert by_certvalidator(case) is (case.valid if CERTVALIDATOR not in case.otherwise else not case.valid)


def test_purpose_before_a_referee():
    """A certificate for servers does not log a citizen in; certvalidator agrees."""
    case = chain("purpose", True, leaf={"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]})
    inputs = ValidationInputs(
        tuple(party.ours for party in case.anchors),
        tuple(party.ours for party in case.intermediates),
        revocation_policy=RevocationPolicy.NOT_CHECKED,
        required_extended_key_usage="1.3.6.1.5.5.7.3.2",
    )
    assert not validate_path(Certificate.parse(case.leaf), inputs, AT).valid
