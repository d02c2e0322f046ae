"""The certificate reader: agrees with `cryptography` on good ones, refuses named bad ones."""

from __future__ import annotations

import gc
import ipaddress
import random
import time
import weakref
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.authorities import authority, issue, name, new_key, root, signed_again
from trust.certificate import Certificate, CertificateError, load_pem_certificates
from trust.encoding import der
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.extensions import read_extension
from trust.names import NameAttribute

TOP = root()
RICH = issue(
    name("张三", SERIAL_NUMBER="TX1"),
    TOP,
    ca=False,
    usage=("digital_signature", "content_commitment"),
    purposes=[ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION],
    policies=["1.2.3.4", "1.2.3.5"],
    names=[
        x509.DNSName("a.example"),
        x509.UniformResourceIdentifier("urn:tongxing:service:ra"),
        x509.RFC822Name("a@a.example"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.DirectoryName(name("x")),
    ],
    extensions=[
        (
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier("http://va/1.crl")], None, None, None
                    )
                ]
            ),
            False,
        ),
        (
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://va/ocsp")
                    ),
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.CA_ISSUERS,
                        x509.UniformResourceIdentifier("http://va/ca"),
                    ),
                ]
            ),
            False,
        ),
    ],
)
PROPERTIES = (
    "basic_constraints",
    "key_usage",
    "extended_key_usage",
    "key_identifier",
    "authority_key",
    "policies",
    "policy_mappings",
    "policy_constraints",
    "inhibit_any_policy",
    "subject_alternative_name",
    "distribution_points",
    "crl_urls",
    "ocsp_urls",
    "ca_issuer_urls",
    "subject_attributes",
    "subject_text",
    "is_self_issued",
    "pem",
)


def test_agrees_with_the_library():
    ours, theirs = RICH.ours, RICH.x509
    assert ours.serial_number == theirs.serial_number
    assert ours.issuer == theirs.issuer.public_bytes()
    assert ours.subject == theirs.subject.public_bytes()
    assert ours.tbs == theirs.tbs_certificate_bytes
    assert ours.signature == theirs.signature
    assert ours.not_valid_before == theirs.not_valid_before_utc
    assert ours.not_valid_after == theirs.not_valid_after_utc
    assert set(ours.extensions) == {extension.oid.dotted_string for extension in theirs.extensions}
    assert ours.key_usage == {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}
    assert ours.extended_key_usage == ("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4")
    assert ours.policies == ("1.2.3.4", "1.2.3.5")
    assert ours.basic_constraints is not None
    assert not ours.basic_constraints.ca
    names = ours.subject_alternative_name
    assert (names.dns, names.uri, names.email, names.ip) == (
        ("a.example",),
        ("urn:tongxing:service:ra",),
        ("a@a.example",),
        ("192.0.2.1",),
    )
    assert (ours.crl_urls, ours.ocsp_urls, ours.ca_issuer_urls) == (
        ("http://va/1.crl",),
        ("http://va/ocsp",),
        ("http://va/ca",),
    )
    assert ours.subject_attributes[NameAttribute.COMMON_NAME] == "张三"
    assert ours.authority_key_identifier == TOP.ours.key_identifier
    assert not ours.is_self_issued
    assert TOP.ours.is_self_issued
    assert load_pem_certificates(ours.pem) == [ours]


def test_ecdsa_with_an_explicit_null_is_read():
    """As on the Finnish card, which `cryptography` refuses to parse."""

    def with_null(tbs):
        tbs["signature"]["parameters"] = core.Null()

    der = signed_again(issue("Leaf", TOP), TOP.key, with_null, algorithm="sha256_ecdsa")
    assert Certificate.parse(der).algorithm.hex() == "300c06082a8648ce3d0403020500"


def test_years_at_the_edges():
    late = issue("Late", TOP, not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)).ours
    assert late.not_valid_after.year == 9999


def changed(change) -> bytes:
    return signed_again(issue("Leaf", TOP), TOP.key, change)


def set_serial(value):
    def change(tbs):
        tbs["serial_number"] = value

    return change


def twice(tbs):
    tbs["extensions"].append(tbs["extensions"][0].copy())


def no_issuer(tbs):
    tbs["issuer"] = type(tbs["issuer"])(name="", value=type(tbs["issuer"].chosen)([]))


def version(number):
    def change(tbs):
        tbs["version"] = number

    return change


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "der-truncated"),
        (b"\x30", "der-truncated"),
        (b"not a certificate", "der-truncated"),
        (b"\x30\x80" + RICH.der[4:] + b"\0\0", "der-indefinite-length"),
        (RICH.der[:-1], "der-truncated"),
        (RICH.der + b"\0", "der-trailing-data"),
        (b"\x30" * 200_000, "der-too-large"),
        (b"\x30\x84\x7f\xff\xff\xff", "der-truncated"),
        (changed(set_serial(1 << 170)), "serial-number"),
        (changed(set_serial(1 << 32750)), "serial-number"),
        (changed(set_serial(1 << 33000)), "der-integer"),
        (changed(twice), "extension-twice"),
        (changed(version("v1")), "version"),
        (changed(version("v2")), "version"),
    ],
    ids=[
        "empty",
        "one octet",
        "text",
        "indefinite length",
        "cut",
        "trailing octet",
        "huge",
        "length of two gigabytes",
        "serial of 22 octets",
        "serial of 4 kB",
        "serial above 4 kB",
        "extension twice",
        "version 1 written out",
        "version 2 with extensions",
    ],
)
def test_named_bad_inputs(data, code):
    started = time.process_time()
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(data)
    assert caught.value.code == code
    assert time.process_time() - started < 5


def test_negative_serial_number_is_read():
    """RFC 5280 4.1.2.2: readers handle what others wrote."""
    assert Certificate.parse(changed(set_serial(-5))).serial_number == -5


def test_empty_issuer():
    # The issuer's name, in place: an empty SEQUENCE and the lengths above shortened.
    from trust.encoding import der

    outer = der.read_sequence(RICH.der)
    tbs = der.read_sequence(outer.read_raw())
    parts = [tbs.read_raw() for _ in range(3)]
    tbs.read_raw()
    rest = []
    while not tbs.at_end:
        rest.append(tbs.read_raw())
    emptied = der.sequence(der.sequence(*parts, b"\x30\x00", *rest), outer.read_raw(), outer.read_raw())
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(emptied)
    assert caught.value.code == "issuer-empty"


def test_two_algorithms_that_differ():
    other = RICH.der.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303"), 1)
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(other)
    assert caught.value.code == "algorithm-differs"


@pytest.mark.parametrize(
    ("oid", "value", "attribute"),
    [
        ("2.5.29.19", "30030101ff00", "basic_constraints"),
        ("2.5.29.19", "3003010100", "basic_constraints"),
        ("2.5.29.19", "30060101ff0201ff", "basic_constraints"),
        ("2.5.29.15", "030100", "key_usage"),
        ("2.5.29.15", "0303070001", "key_usage"),
        ("2.5.29.37", "3000", "extended_key_usage"),
        ("2.5.29.17", "3000", "subject_alternative_name"),
        ("2.5.29.17", "30058203c3a962", "subject_alternative_name"),
        ("2.5.29.17", "3005870301020 3".replace(" ", ""), "subject_alternative_name"),
        ("2.5.29.32", "3000", "policies"),
        ("2.5.29.32", "300a30030601" + "2a" + "3003060 12a".replace(" ", ""), "policies"),
        ("2.5.29.33", "3000", "policy_mappings"),
        ("2.5.29.36", "3000", "policy_constraints"),
        ("2.5.29.54", "0201ff", "inhibit_any_policy"),
        ("2.5.29.14", "0403", "key_identifier"),
        ("2.5.29.35", "3003830101", "authority_key"),
        ("2.5.29.31", "3000", "distribution_points"),
        ("2.5.29.31", "30023000", "distribution_points"),
        ("1.3.6.1.5.5.7.1.1", "30023000", "ocsp_urls"),
    ],
)
def test_malformed_extensions_raise_when_asked_for(oid, value, attribute):
    extension = (x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value)), False)
    usage = None if oid == "2.5.29.15" else ("digital_signature",)
    certificate = issue("Leaf", TOP, usage=usage, key_identifiers=False, extensions=[extension]).ours
    with pytest.raises(CertificateError) as caught:
        getattr(certificate, attribute)
    assert caught.value.code == "extension-malformed"


@pytest.mark.parametrize(
    "text", ["", "no pem here", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"]
)
def test_pem_without_certificates(text):
    with pytest.raises(CertificateError):
        load_pem_certificates(text)


def test_pem_bundle_with_text_around():
    text = f"subject: x\n{TOP.ours.pem}\r\n# more\n{RICH.ours.pem}"
    assert load_pem_certificates(text.encode()) == [TOP.ours, RICH.ours]


@pytest.mark.parametrize("body", ["AAA", "AAAA====", "!!!!"])
def test_pem_that_is_not_base64(body):
    with pytest.raises(CertificateError):
        load_pem_certificates(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----")


def touch_everything(data: bytes) -> None:
    """Read all there is; only own errors may come out."""
    try:
        certificate = Certificate.parse(data)
    except TrustError:
        return
    for attribute in PROPERTIES:
        try:
            getattr(certificate, attribute)
        except TrustError:
            continue
    try:
        certificate.check_extensions()
    except TrustError:
        return


CONSTRAINED = authority(
    "Constrained",
    TOP,
    policies=["2.5.29.32.0"],
    extensions=[
        (x509.NameConstraints([x509.DNSName("a.example")], [x509.DirectoryName(name("x"))]), True),
        (x509.PolicyConstraints(1, 2), True),
        (x509.InhibitAnyPolicy(1), True),
    ],
)


@given(st.binary(max_size=200))
def test_any_bytes_give_own_errors(data):
    touch_everything(data)


def test_mutated_certificates_give_own_errors():
    generator = random.Random(5280)
    for _ in range(3000):
        data = bytearray(generator.choice((RICH, CONSTRAINED, TOP)).der)
        for _ in range(generator.choice((1, 1, 2, 5))):
            data[generator.randrange(len(data))] = generator.choice(
                (0, 1, 0x30, 0x7F, 0x80, 0xFF, generator.randrange(256))
            )
        touch_everything(bytes(data))


@pytest.mark.parametrize("kind", ["rsa2048", "p384", "ed25519"])
def test_public_key_is_read_alike(kind):
    party = root(key=new_key(kind))
    expected = party.x509.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert party.ours.public_key == expected


class Bundle:
    """Something large that a caller has at hand."""


def test_remembered_refusal_keeps_nothing_of_its_caller_alive():
    """Extensions are kept for later certificates; an error in them would keep each caller's frames."""

    def refuse(bundle: Bundle) -> weakref.ref[Bundle]:
        extension = read_extension(der.sequence(der.oid("2.5.29.19"), der.octet_string(b"\x30\x01\x2a")))
        for _ in range(2):
            with pytest.raises(der.DerError, match="trailing data"):
                _ = extension.content
        return weakref.ref(bundle)

    left = refuse(Bundle())
    gc.collect()
    assert left() is None
