"""Name constraints, a form each; expected values from RFC 5280 4.2.1.10."""

from __future__ import annotations

import ipaddress
import time

import pytest
from cryptography import x509

from tests.trust.authorities import authority, issue, name, root
from trust.budget import Budget, BudgetError
from trust.certificate import Certificate, CertificateError
from trust.constraints import ConstraintError, ConstraintState

TOP = root()


def state(permitted=None, excluded=None) -> ConstraintState:
    constraints = x509.NameConstraints(permitted, excluded)
    result = ConstraintState()
    result.narrow(authority("CA", TOP, extensions=[(constraints, True)]).ours.name_constraints)
    return result


def leaf(*names: x509.GeneralName, subject=None) -> Certificate:
    return issue(subject or name("Leaf"), TOP, names=names).ours


def outcome(constraints: ConstraintState, certificate: Certificate) -> str:
    try:
        constraints.check_names(certificate, Budget())
    except (ConstraintError, BudgetError) as error:
        return error.code
    return "good"


DNS, URI = x509.DNSName, x509.UniformResourceIdentifier
# Addresses that the library would refuse are wanted here, too.
MAIL = x509.RFC822Name._init_without_validation


@pytest.mark.parametrize(
    ("kind", "base", "given", "within"),
    [
        (DNS, "host.example", "host.example", True),
        (DNS, "host.example", "www.HOST.example", True),
        (DNS, "host.example", "a.b.host.example", True),
        (DNS, "host.example", "myhost.example", False),
        (DNS, "host.example", "example", False),
        (DNS, "", "anything.example", True),
        (DNS, "host.example", "*.host.example", True),
        (DNS, "host.example", "*.example", False),
        (DNS, "host.example", "host..example", False),
        (DNS, "host.example", "host.example.", False),
        (MAIL, "root@host.example", "root@host.example", True),
        (MAIL, "root@host.example", "Root@host.example", False),
        (MAIL, "root@host.example", "root@HOST.example", True),
        (MAIL, "host.example", "any@host.example", True),
        (MAIL, "host.example", "any@sub.host.example", False),
        (MAIL, ".host.example", "any@sub.host.example", True),
        (MAIL, ".host.example", "any@host.example", False),
        (MAIL, "host.example", "nobody", False),
        (MAIL, "host.example", "a@b@host.example", False),
        (URI, "host.example", "https://host.example/path?q#f", True),
        (URI, "host.example", "https://user@HOST.example:8443/", True),
        (URI, "host.example", "https://www.host.example/", False),
        (URI, ".host.example", "https://www.host.example/", True),
        (URI, ".host.example", "https://host.example/", False),
        (URI, "host.example", "https://192.0.2.1/", False),
        (URI, "host.example", "urn:host.example", False),
        (URI, "host.example", "https://evil.example#@host.example/", False),
        (URI, "host.example", "https://host.example@evil.example/", False),
    ],
)
def test_permitted_subtrees(kind, base, given, within):
    expected = "good" if within else "name-not-permitted"
    assert outcome(state(permitted=[kind(base)]), leaf(kind(given))) == expected


@pytest.mark.parametrize(
    ("kind", "base", "given", "within"),
    [
        (DNS, "host.example", "www.host.example", True),
        (DNS, "host.example", "myhost.example", False),
        (DNS, "www.host.example", "*.host.example", True),
        (DNS, "host.example", "bad..name", True),
        (MAIL, "root@host.example", "ROOT@host.example", True),
        (MAIL, "root@host.example", "other@host.example", False),
        (MAIL, "host.example", "a@b@c", True),
        (URI, "host.example", "https://host.example/", True),
        (URI, "host.example", "urn:x", True),
        (URI, "host.example", "https://other.example/", False),
    ],
)
def test_excluded_subtrees_match_when_in_doubt(kind, base, given, within):
    expected = "name-excluded" if within else "good"
    assert outcome(state(excluded=[kind(base)]), leaf(kind(given))) == expected


@pytest.mark.parametrize(
    ("network", "address", "within"),
    [
        ("192.0.2.0/24", "192.0.2.77", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("0.0.0.0/0", "203.0.113.9", True),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
    ],
)
def test_addresses(network, address, within):
    constraints = state(permitted=[x509.IPAddress(ipaddress.ip_network(network))])
    expected = "good" if within else "name-not-permitted"
    assert outcome(constraints, leaf(x509.IPAddress(ipaddress.ip_address(address)))) == expected


def test_directory_names_by_prefix():
    base = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CN")]))
    assert outcome(state(permitted=[base]), leaf()) == "good"
    elsewhere = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DE")])
    assert outcome(state(permitted=[base]), leaf(subject=elsewhere)) == "name-not-permitted"
    assert outcome(state(excluded=[base]), leaf()) == "name-excluded"
    longer = x509.DirectoryName(name("Leaf", ORGANIZATION_NAME="X"))
    assert outcome(state(excluded=[longer]), leaf()) == "good"


def test_email_in_the_subject_counts_when_there_is_no_other():
    constraints = state(permitted=[MAIL("host.example")])
    subject = name("Leaf", EMAIL_ADDRESS="a@evil.example")
    assert outcome(constraints, leaf(subject=subject)) == "name-not-permitted"
    assert outcome(constraints, leaf(MAIL("a@host.example"), subject=subject)) == "good"


def test_other_forms_are_free_and_unknown_forms_are_refused():
    constraints = state(permitted=[DNS("host.example")])
    assert outcome(constraints, leaf(MAIL("a@evil.example"))) == "good"
    registered = x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))
    assert outcome(constraints, leaf(registered)) == "good"
    assert outcome(state(excluded=[registered]), leaf(registered)) == "name-constraint-unsupported"
    assert outcome(state(permitted=[registered]), leaf(registered)) == "name-constraint-unsupported"
    assert outcome(state(permitted=[registered]), leaf()) == "good"


def test_every_authority_must_permit():
    constraints = state(permitted=[DNS("host.example")])
    second = x509.NameConstraints([DNS("www.host.example")], None)
    constraints.narrow(authority("CA", TOP, extensions=[(second, True)]).ours.name_constraints)
    assert outcome(constraints, leaf(DNS("www.host.example"))) == "good"
    assert outcome(constraints, leaf(DNS("mail.host.example"))) == "name-not-permitted"


def test_too_many_comparisons_are_refused_in_time():
    constraints = state(excluded=[DNS(f"h{i}.example") for i in range(1500)])
    certificate = leaf(*(DNS(f"n{i}.test") for i in range(1500)))
    started = time.process_time()
    assert outcome(constraints, certificate) == "name-constraints-too-many"
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "value",
    [
        "3000",
        "3002a000",
        "30 0a a0 08 30 06 82 01 61 80 01 01",
        "30 0a a0 08 30 06 82 01 61 81 01 01",
        "30 0c a0 0a 30 08 87 06 01 02 03 04 05 06",
        "30 0e a0 0c 30 0a 87 08 c0 00 02 00 ff 00 ff 00",
    ],
    ids=["empty", "no subtrees", "minimum", "maximum", "short range", "mask with holes"],
)
def test_malformed_constraints(value):
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), bytes.fromhex(value))
    certificate = authority("CA", TOP, extensions=[(extension, True)]).ours
    with pytest.raises(CertificateError) as caught:
        certificate.check_extensions()
    assert caught.value.code == "extension-malformed"
