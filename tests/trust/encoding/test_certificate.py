"""Certificates and requests: byte for byte those of `cryptography`'s builders."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, openssl, signer
from trust.encoding import certificate as writing
from trust.encoding import der, extensions
from trust.encoding.certificate import CertificateFields
from trust.encoding.extensions import Extension, KeyUsage, PolicyInformation
from trust.encoding.request import sign_request
from trust.errors import EncodingError, TrustError
from trust.names import NameAttribute, encode_name

DER = serialization.Encoding.DER
URL = "http://localhost:8403/crl/00ff.crl"

moments = st.datetimes(datetime(1950, 1, 1), datetime(9000, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
urls = st.sampled_from(["http://localhost:8403/ocsp", "https://ca.example/root.cer", "ldap://x/y?z"])
oids = st.lists(st.integers(0, 2**32), min_size=1, max_size=4).map(
    lambda arcs: "1.3.6.1.4.1." + ".".join(map(str, arcs))
)
names = st.lists(
    st.tuples(
        st.sampled_from(
            [NameAttribute.COMMON_NAME, NameAttribute.ORGANIZATION, NameAttribute.ORGANIZATION_IDENTIFIER]
        ),
        # The library counts octets where RFC 5280 counts characters: 16 are 64 octets at most.
        st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=16),
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def key_usages(draw):
    bits = draw(st.sets(st.sampled_from(list(KeyUsage)), min_size=1))
    # The library ties the last two bits to key agreement.
    if not bits & {KeyUsage.KEY_AGREEMENT}:
        bits -= {KeyUsage.ENCIPHER_ONLY, KeyUsage.DECIPHER_ONLY}
    bits = bits or {KeyUsage.DIGITAL_SIGNATURE}
    theirs = x509.KeyUsage(*(bit in bits for bit in KeyUsage))
    return extensions.key_usage(*bits), theirs, True


@st.composite
def extension_pairs(draw):
    """Our extension, theirs, and whether it is critical: a different set each time."""
    key = draw(st.sampled_from([signer("p256"), signer("rsa")]))
    points = draw(st.lists(urls, min_size=1, max_size=3))
    policies = draw(st.lists(oids, min_size=1, max_size=3, unique=True))
    cps = draw(st.none() | urls)
    purposes = draw(st.lists(oids, min_size=1, max_size=3, unique=True))
    ca, length = draw(st.sampled_from([(False, None), (True, None), (True, 0), (True, 300)]))
    general = [x509.UniformResourceIdentifier(url) for url in points]
    pairs = [
        (extensions.basic_constraints(ca, length), x509.BasicConstraints(ca, length), True),
        draw(key_usages()),
        (
            extensions.extended_key_usage(*purposes),
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes]),
            False,
        ),
        (
            extensions.subject_key_identifier(key.public_key),
            x509.SubjectKeyIdentifier.from_public_key(key.key.public_key()),
            False,
        ),
        (
            extensions.authority_key_identifier(key.public_key),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.key.public_key()),
            False,
        ),
        (
            extensions.crl_distribution_points(*points),
            x509.CRLDistributionPoints([x509.DistributionPoint(general, None, None, None)]),
            False,
        ),
        (
            extensions.authority_information_access(ocsp=points, ca_issuers=points[:1]),
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name) for name in general]
                + [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, general[0])]
            ),
            False,
        ),
        (
            extensions.certificate_policies(
                *[PolicyInformation(policy, (cps,) if cps else ()) for policy in policies]
            ),
            x509.CertificatePolicies(
                [
                    x509.PolicyInformation(x509.ObjectIdentifier(policy), [cps] if cps else None)
                    for policy in policies
                ]
            ),
            False,
        ),
        (
            extensions.subject_alternative_name(
                dns=["a.example"], uri=points, email=["a@b.example"], ip=["127.0.0.1", "::1"]
            ),
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("a.example"),
                    *general,
                    x509.RFC822Name("a@b.example"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.IPAddress(ipaddress.ip_address("::1")),
                ]
            ),
            False,
        ),
        (extensions.ocsp_no_check(), x509.OCSPNoCheck(), False),
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), unique_by=lambda pair: pair[0].oid))
    return draw(st.permutations(chosen))


def their_name(attributes):
    return x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(kind.value), text) for kind, text in attributes]
    )


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["rsa", "p256", "p384", "ed25519"]),
    st.integers(1, 2**159 - 1),
    names,
    names,
    moments,
    st.timedeltas(timedelta(0), timedelta(36500)),
    extension_pairs(),
)
def test_a_certificate_is_the_librarys_byte_for_byte(kind, serial, issuer, subject, start, length, pairs):
    issuing, subject_key = signer(kind), signer("p256", 9)
    end = (start + length).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder(issuer_name=their_name(issuer), subject_name=their_name(subject))
        .public_key(subject_key.key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for _, theirs, critical in pairs:
        builder = builder.add_extension(theirs, critical)
    expected = builder.sign(issuing.key, None if kind == "ed25519" else issuing.digest)
    fields = CertificateFields(
        serial_number=serial,
        algorithm=issuing.algorithm,
        issuer=encode_name(issuer),
        not_valid_before=start,
        not_valid_after=end,
        subject=encode_name(subject),
        public_key=subject_key.public_key,
        extensions=tuple(ours for ours, _, _ in pairs),
    )
    assert writing.encode_tbs_certificate(fields) == expected.tbs_certificate_bytes
    if kind in ("rsa", "ed25519"):  # the deterministic signatures
        assert writing.sign_certificate(fields, issuing) == expected.public_bytes(DER)
    else:
        ours = x509.load_der_x509_certificate(writing.sign_certificate(fields, issuing))
        issuing.key.public_key().verify(
            ours.signature, ours.tbs_certificate_bytes, ours.signature_algorithm_parameters
        )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["rsa", "p256"]), names, extension_pairs())
def test_a_request_is_the_librarys_byte_for_byte(kind, subject, pairs):
    builder = x509.CertificateSigningRequestBuilder().subject_name(their_name(subject))
    for _, theirs, critical in pairs:
        builder = builder.add_extension(theirs, critical)
    key = signer(kind)
    expected = builder.sign(key.key, key.digest)
    ours = sign_request(encode_name(subject), key, [ours for ours, _, _ in pairs])
    loaded = x509.load_der_x509_csr(ours)
    assert loaded.tbs_certrequest_bytes == expected.tbs_certrequest_bytes
    assert loaded.is_signature_valid
    if kind == "rsa":
        assert ours == expected.public_bytes(DER)


@pytest.mark.foreign
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_openssl_verifies_a_strict_chain(tmp_path, kind):
    root = authority()
    leaf = signer(kind, 5)
    fields = CertificateFields(
        serial_number=2**127 + 1,
        algorithm=root.signer.algorithm,
        issuer=root.certificate.subject.public_bytes(),
        not_valid_before=AT,
        not_valid_after=AT + timedelta(days=365),
        subject=encode_name([(NameAttribute.COUNTRY, "CN"), (NameAttribute.COMMON_NAME, "王小明")]),
        public_key=leaf.public_key,
        extensions=(
            extensions.key_usage(KeyUsage.NON_REPUDIATION),
            extensions.subject_key_identifier(leaf.public_key),
            extensions.authority_key_identifier(root.signer.public_key),
            extensions.certificate_policies("1.3.6.1.4.1.32473.1.1.2"),
            extensions.crl_distribution_points(URL),
        ),
    )
    certificate = tmp_path / "leaf.der"
    certificate.write_bytes(writing.sign_certificate(fields, root.signer))
    root.write(tmp_path / "root.pem")
    moment = int((AT + timedelta(days=1)).timestamp())
    openssl("verify", "-x509_strict", "-attime", moment, "-CAfile", tmp_path / "root.pem", certificate)
    request = tmp_path / "leaf.csr"
    request.write_bytes(sign_request(fields.subject, leaf, fields.extensions))
    openssl("req", "-inform", "DER", "-in", request, "-verify", "-noout")


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


def fields(**changes):
    given = {
        "serial_number": 1,
        "algorithm": signer("p256").algorithm,
        "issuer": encode_name([(NameAttribute.COMMON_NAME, "CA")]),
        "not_valid_before": AT,
        "not_valid_after": AT,
        "subject": encode_name([(NameAttribute.COMMON_NAME, "Li")]),
        "public_key": signer("p256").public_key,
    }
    return CertificateFields(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"serial_number": 0}, "serial-number"),
        ({"serial_number": -5}, "serial-number"),
        ({"serial_number": 2**159}, "serial-number"),
        ({"not_valid_after": AT - timedelta(seconds=1)}, "validity-order"),
        ({"not_valid_before": datetime(2026, 1, 1), "not_valid_after": datetime(2027, 1, 1)}, "der-time"),  # noqa: DTZ001
        ({"extensions": (extensions.ocsp_no_check(), extensions.ocsp_no_check())}, "extension-repeated"),
        ({"extensions": (Extension("nonsense", False, b""),)}, "der-oid"),
    ],
)
def test_bad_fields_are_refused(changes, code):
    with pytest.raises(TrustError) as caught:
        writing.encode_tbs_certificate(fields(**changes))
    assert caught.value.code == code


def test_a_signer_with_another_algorithm_is_refused():
    with pytest.raises(EncodingError) as caught:
        writing.sign_certificate(fields(), signer("rsa"))
    assert caught.value.code == "algorithm-mismatch"


@pytest.mark.parametrize(
    "build",
    [
        extensions.key_usage,
        extensions.extended_key_usage,
        extensions.crl_distribution_points,
        extensions.certificate_policies,
        extensions.subject_alternative_name,
        extensions.authority_information_access,
        lambda: extensions.basic_constraints(False, 1),
        lambda: extensions.basic_constraints(True, -1),
        lambda: extensions.subject_alternative_name(dns=["中文.example"]),
        lambda: extensions.subject_alternative_name(dns=[""]),
        lambda: extensions.subject_alternative_name(ip=["127.0.0.256"]),
        lambda: extensions.crl_distribution_points("http://é"),
        lambda: extensions.certificate_policies("not an oid"),
    ],
)
def test_extensions_that_may_not_be_written(build):
    with pytest.raises(TrustError):
        build()


def test_names_in_the_tests_are_what_they_seem():
    assert encode_name([(NameAttribute.COUNTRY, "CN")]) == x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")]
    ).public_bytes(DER)
    assert der.check_der(encode_name([])) is None
