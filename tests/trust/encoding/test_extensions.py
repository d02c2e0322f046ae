"""Extensions: identifiers of keys, and everything a standard forbids; test_profiles.py compares octets."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509

from tests.trust.samples import AT, openssl, signer
from trust.encoding import der, extensions
from trust.encoding import general_names as names
from trust.encoding import subordinate_extensions as below
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.der import DerError
from trust.encoding.extensions import KeyUsage, PolicyInformation, UserNotice
from trust.errors import EncodingError
from trust.names import NameAttribute, encode_name
from trust.status import CRLReason
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage

URL = "http://localhost:8403/crl/00ff.crl"
POINT = names.uniform_resource_identifier(URL)
OID = "1.3.6.1.4.1.32473.1"


def test_key_identifiers_are_the_librarys():
    for kind in ("rsa", "p256", "ed25519"):
        key = signer(kind)
        expected = x509.SubjectKeyIdentifier.from_public_key(key.key.public_key()).digest
        assert extensions.key_identifier(key.public_key) == expected


def test_an_authority_key_identifier_takes_the_identifier_itself():
    key = signer("p256")
    identifier = extensions.key_identifier(key.public_key)
    assert extensions.authority_key_identifier(identifier) == extensions.authority_key_identifier(
        key.public_key
    )


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        der.null(),
        der.sequence(),
        der.sequence(der.sequence()),
        der.sequence(der.sequence(), der.bit_string(b"")[:-1] + b"\x04"),
        der.sequence(der.sequence(), der.octet_string(b"\x00key")),
        der.sequence(der.bit_string(b"key"), der.sequence()),
        der.sequence(der.sequence(), der.bit_string(b"key"), der.null()),
        der.sequence(der.sequence(), der.bit_string(b"key")) + b"\x00",
        der.sequence(der.sequence(), der.bit_string(b"key"))[:-1],
        der.implicit(0, der.sequence() + der.bit_string(b"key"), constructed=True),
    ],
)
def test_what_is_no_key_has_no_identifier(public_key):
    with pytest.raises(DerError):
        extensions.key_identifier(public_key)


def test_what_was_said_before_is_the_same_again():
    first = extensions.crl_distribution_points(URL)
    assert extensions.crl_distribution_points(URL) is first
    assert extensions.crl_distribution_points(URL + "x") != first
    assert extensions.basic_constraints(True, 1) != extensions.basic_constraints(True)


FORBIDDEN = {
    "no key usage": (extensions.key_usage, "extension-empty"),
    "no extended key usage": (extensions.extended_key_usage, "extension-empty"),
    "no policies": (extensions.certificate_policies, "extension-empty"),
    "no alternative names": (extensions.subject_alternative_name, "extension-empty"),
    "no names of the issuer": (extensions.issuer_alternative_name, "extension-empty"),
    "no access": (extensions.authority_information_access, "extension-empty"),
    "no distribution points": (extensions.distribution_points, "extension-empty"),
    "no URL of a CRL": (extensions.crl_distribution_points, "distribution-point"),
    "no URL of a delta CRL": (extensions.freshest_crl, "distribution-point"),
    "no extensions at all": (lambda: extensions.encode_extensions([]), "extensions-empty"),
    "no mappings": (below.policy_mappings, "extension-empty"),
    "no constraint of policies": (below.policy_constraints, "extension-empty"),
    "no constraint of names": (below.name_constraints, "extension-empty"),
    "path length without CA": (lambda: extensions.basic_constraints(False, 1), "path-length"),
    "negative path length": (lambda: extensions.basic_constraints(True, -1), "path-length"),
    "DNS name that is not ASCII": (lambda: names.dns_name("中文.example"), "general-name"),
    "empty DNS name": (lambda: names.dns_name(""), "general-name"),
    "DNS name with an empty label": (lambda: names.dns_name("a..example"), "general-name"),
    "DNS name with a blank": (lambda: names.dns_name("a b.example"), "general-name"),
    "DNS name with a wildcard within": (lambda: names.dns_name("a.*.example"), "general-name"),
    "e-mail address without a host": (lambda: names.email_address("li"), "general-name"),
    "URL without a scheme": (lambda: names.uniform_resource_identifier("//a.example/x"), "general-name"),
    "URL of a scheme alone": (lambda: names.uniform_resource_identifier("http:"), "general-name"),
    "URL with a blank": (lambda: names.uniform_resource_identifier("http://a b"), "general-name"),
    "URL as subtree": (lambda: names.uri_subtree("http://a.example"), "general-name"),
    "DNS subtree with a leading period": (lambda: names.dns_subtree(".a.example"), "general-name"),
    "e-mail subtree that is no host": (lambda: names.email_subtree("a b"), "general-name"),
    "e-mail subtree that is not ASCII": (lambda: names.email_subtree("李@a.example"), "general-name"),
    "e-mail address that is not ASCII": (lambda: names.email_address("é@a.example"), "general-name"),
    "URL that is not ASCII": (lambda: extensions.crl_distribution_points("http://é"), "general-name"),
    "IP address that is none": (lambda: names.ip_address("127.0.0.256"), "general-name"),
    "range as IP address": (lambda: names.ip_address("10.0.0.0/8"), "general-name"),
    "range of IP addresses with stray bits": (lambda: names.ip_subtree("10.0.0.1/8"), "general-name"),
    "mask of IP addresses that is none": (lambda: names.ip_subtree("10.0.0.0/33"), "general-name"),
    "range as alternative name": (
        lambda: extensions.subject_alternative_name(others=[names.ip_subtree("10.0.0.0/8")]),
        "general-name",
    ),
    "range as name of the issuer": (
        lambda: extensions.issuer_alternative_name(names.ip_subtree("::/0")),
        "general-name",
    ),
    "address as constraint": (
        lambda: below.name_constraints(permitted=[names.ip_address("10.0.0.0")]),
        "general-name",
    ),
    "address as exclusion": (
        lambda: below.name_constraints(excluded=[names.ip_address("::1")]),
        "general-name",
    ),
    "registered identifier that is none": (lambda: names.registered_id("1.40"), "der-oid"),
    "other name of no kind": (lambda: names.other_name("", der.null()), "der-oid"),
    "policy that is no OID": (lambda: extensions.certificate_policies("not an oid"), "der-oid"),
    "purpose that is no OID": (lambda: extensions.extended_key_usage("1"), "der-oid"),
    "policy twice": (lambda: extensions.certificate_policies(OID, PolicyInformation(OID)), "policy-repeated"),
    "practice statement that is not ASCII": (
        lambda: extensions.certificate_policies(PolicyInformation(OID, ("http://é",))),
        "der-string",
    ),
    "notice that is too long": (
        lambda: extensions.certificate_policies(PolicyInformation(OID, (), (UserNotice("字" * 201),))),
        "user-notice",
    ),
    "organisation that is too long": (
        lambda: extensions.certificate_policies(PolicyInformation(OID, (), (UserNotice("", "字" * 201),))),
        "user-notice",
    ),
    "notices of nobody": (
        lambda: extensions.certificate_policies(PolicyInformation(OID, (), (UserNotice("x", "", (1,)),))),
        "user-notice",
    ),
    "mapping of anyPolicy": (lambda: below.policy_mappings((OID, ANY_POLICY)), "policy-mapping-any"),
    "mapping to anyPolicy": (lambda: below.policy_mappings((ANY_POLICY, OID)), "policy-mapping-any"),
    "negative policy constraint": (lambda: below.policy_constraints(-1), "certificate-count"),
    "negative mapping constraint": (lambda: below.policy_constraints(0, -1), "certificate-count"),
    "negative inhibition": (lambda: below.inhibit_any_policy(-1), "certificate-count"),
    "distribution point of reasons alone": (
        lambda: extensions.distribution_point(reasons=[CRLReason.SUPERSEDED]),
        "distribution-point",
    ),
    "distribution point with two names": (
        lambda: extensions.distribution_point([POINT], relative_name=der.set_of()),
        "distribution-point",
    ),
    "reason that limits no CRL": (
        lambda: extensions.distribution_point([POINT], reasons=[CRLReason.REMOVE_FROM_CRL]),
        "reason-flags",
    ),
    "unspecified reason": (
        lambda: extensions.distribution_point([POINT], reasons=[CRLReason.UNSPECIFIED]),
        "reason-flags",
    ),
}


@pytest.mark.parametrize(("write", "code"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_the_standards_forbid_is_not_written(write, code):
    with pytest.raises(EncodingError) as caught:
        write()
    assert caught.value.code == code


def test_criticality_is_that_of_rfc_5280():
    critical = [
        extensions.basic_constraints(True),
        extensions.key_usage(KeyUsage.KEY_CERT_SIGN),
        below.name_constraints([names.dns_subtree("a.example")]),
        below.policy_mappings((OID, OID)),
        below.policy_constraints(0),
        below.inhibit_any_policy(0),
    ]
    assert all(extension.critical for extension in critical)
    others = [
        extensions.subject_key_identifier(signer("p256").public_key),
        extensions.authority_key_identifier(signer("p256").public_key),
        extensions.crl_distribution_points(URL),
        extensions.freshest_crl(URL),
        extensions.authority_information_access(ocsp=[URL]),
        extensions.certificate_policies(OID),
        extensions.issuer_alternative_name(POINT),
        extensions.ocsp_no_check(),
    ]
    assert not any(extension.critical for extension in others)


# --- what other programs read -------------------------------------------------------------------

# UPN, a kind of other name that openssl knows.
UPN = "1.3.6.1.4.1.311.20.2.3"


def everything():
    """One extension of each kind, each as full as it can be."""
    key, directory = signer("p256"), encode_name([(NameAttribute.COMMON_NAME, "目录")])
    forms = [
        names.other_name(UPN, der.utf8_string("li@town.example")),
        names.email_address("li@town.example"),
        names.dns_name("town.example"),
        names.directory_name(directory),
        names.uniform_resource_identifier(URL),
        names.ip_address("192.0.2.1"),
        names.ip_address("2001:db8::1"),
        names.registered_id("1.2.156.10197.1.301"),
    ]
    bases = [
        names.email_subtree("town.example"),
        names.dns_subtree("town.example"),
        names.directory_name(directory),
        names.uri_subtree(".town.example"),
        names.ip_subtree("192.0.2.0/24"),
        names.ip_subtree("2001:db8::/32"),
    ]
    notice = UserNotice("仅供测试", "Town", (1, 2))
    return (
        extensions.basic_constraints(True, 3),
        extensions.key_usage(*KeyUsage),
        extensions.extended_key_usage(ExtendedKeyUsage.OCSP_SIGNING, OID),
        extensions.subject_key_identifier(key.public_key),
        extensions.authority_key_identifier(key.public_key),
        extensions.subject_alternative_name(others=forms),
        extensions.issuer_alternative_name(*forms),
        extensions.distribution_points(
            extensions.distribution_point(
                [POINT], reasons=[CRLReason.KEY_COMPROMISE, CRLReason.AA_COMPROMISE]
            ),
            extensions.distribution_point(
                relative_name=directory[2:], crl_issuer=[names.directory_name(directory)]
            ),
        ),
        extensions.freshest_crl(URL),
        extensions.authority_information_access(ocsp=[URL], ca_issuers=[URL]),
        extensions.certificate_policies(ANY_POLICY, PolicyInformation(OID, (URL,), (notice,))),
        below.policy_mappings((OID, OID + ".2")),
        below.policy_constraints(1, 2),
        below.inhibit_any_policy(4),
        below.name_constraints(bases, bases),
        extensions.ocsp_no_check(),
    )


def certificate_of_everything(path):
    issuing = signer("p256", 1)
    fields = CertificateFields(
        serial_number=2**158 + 1,
        algorithm=issuing.algorithm,
        issuer=encode_name([(NameAttribute.COMMON_NAME, "Root")]),
        not_valid_before=AT,
        not_valid_after=AT.replace(year=2060),
        subject=encode_name([(NameAttribute.COMMON_NAME, "Everything")]),
        public_key=signer("p256").public_key,
        extensions=everything(),
    )
    path.write_bytes(sign_certificate(fields, issuing))
    return path


OPENSSL_SAYS = """
X509v3 Basic Constraints: critical
CA:TRUE, pathlen:3
X509v3 Key Usage: critical
Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment, Key Agreement, Certificate Sign, \
CRL Sign, Encipher Only, Decipher Only
OCSP Signing, 1.3.6.1.4.1.32473.1
othername: UPN::li@town.example, email:li@town.example, DNS:town.example, \
DirName:/CN=\\xE7\\x9B\\xAE\\xE5\\xBD\\x95, URI:http://localhost:8403/crl/00ff.crl, \
IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, Registered ID:sm2
Key Compromise, AA Compromise
CN = \\E7\\9B\\AE\\E5\\BD\\95
X509v3 Freshest CRL:
OCSP - URI:http://localhost:8403/crl/00ff.crl
CA Issuers - URI:http://localhost:8403/crl/00ff.crl
Policy: X509v3 Any Policy
Policy: 1.3.6.1.4.1.32473.1
CPS: http://localhost:8403/crl/00ff.crl
Organization: Town
Numbers: 1, 2
Explicit Text: 仅供测试
X509v3 Policy Mappings: critical
1.3.6.1.4.1.32473.1:1.3.6.1.4.1.32473.1.2
X509v3 Policy Constraints: critical
Require Explicit Policy:1, Inhibit Policy Mapping:2
X509v3 Inhibit Any Policy: critical
X509v3 Name Constraints: critical
email:town.example
DNS:town.example
DirName:CN = \\E7\\9B\\AE\\E5\\BD\\95
URI:.town.example
IP:192.0.2.0/255.255.255.0
IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:0:0:0:0:0:0
OCSP No Check:
Not After : Nov 22 12:00:00 2060 GMT
40:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01
"""


@pytest.mark.foreign
def test_openssl_reads_everything(tmp_path):
    path = certificate_of_everything(tmp_path / "everything.der")
    text = openssl("x509", "-inform", "DER", "-in", path, "-noout", "-text", "-nameopt", "utf8").stdout
    lines = {line.strip() for line in text.splitlines()}
    assert not [line for line in OPENSSL_SAYS.strip().splitlines() if line not in lines]
    # What openssl cannot read it shows as octets or calls unsupported.
    assert "unsupported" not in text.lower()
    assert "<invalid>" not in text.lower()
    assert "<parse error>" not in text.lower()


CERTTOOL_SAYS = """
Serial Number (hex): 4000000000000000000000000000000000000001
Path Length Constraint: 3
Key decipher only.
OCSP signing.
User Principal Name: li@town.example
RFC822Name: li@town.example
DNSname: town.example
directoryName: CN=目录
IPAddress: 192.0.2.1
IPAddress: 2001:db8::1
Registered ID: 1.2.156.10197.1.301
URI: http://localhost:8403/crl/00ff.crl
Access Method: 1.3.6.1.5.5.7.48.1 (id-ad-ocsp)
2.5.29.32.0 (anyPolicy)
Note: 仅供测试
Inhibit anyPolicy skip certs: 4 (critical)
URI: .town.example
IPAddress: 192.0.2.0/24
IPAddress: 2001:db8::/32
"""


@pytest.mark.foreign
def test_gnutls_reads_everything(tmp_path):
    path = certificate_of_everything(tmp_path / "everything.der")
    result = subprocess.run(
        ["certtool", "-i", "--inder", "--infile", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = {line.strip() for line in result.stdout.splitlines()}
    assert not [line for line in CERTTOOL_SAYS.strip().splitlines() if line not in lines]
    assert "error" not in (result.stdout + result.stderr).lower()
