"""Certificates and requests: accepted by openssl, bad fields refused; test_profiles.py compares octets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from tests.trust.samples import AT, authority, openssl, signer
from trust.encoding import certificate as writing
from trust.encoding import der, extensions
from trust.encoding.certificate import CertificateFields
from trust.encoding.extensions import Extension, KeyUsage
from trust.encoding.request import sign_request
from trust.errors import EncodingError
from trust.names import NameAttribute, encode_name

DER = serialization.Encoding.DER
URL = "http://localhost:8403/crl/00ff.crl"


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


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - the bad input
# Five hours later in UTC, which is the year 10000.
TOO_LATE = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))
TOO_EARLY = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
NOBODY = encode_name([])

BAD_FIELDS = {
    "serial number 0": ({"serial_number": 0}, "serial-number"),
    "negative serial number": ({"serial_number": -5}, "serial-number"),
    "serial number of 21 octets": ({"serial_number": 2**159}, "serial-number"),
    "serial number of 4 kB": ({"serial_number": 2**32767}, "serial-number"),
    "reversed validity": ({"not_valid_after": AT - timedelta(seconds=1)}, "validity-order"),
    "begin without zone": ({"not_valid_before": NAIVE}, "der-time"),
    "end without zone": ({"not_valid_after": NAIVE}, "der-time"),
    "both without zone": ({"not_valid_before": NAIVE, "not_valid_after": NAIVE}, "der-time"),
    "end after the year 9999": ({"not_valid_after": TOO_LATE}, "der-time"),
    "begin before the year 1": ({"not_valid_before": TOO_EARLY}, "der-time"),
    "issuer without name": ({"issuer": NOBODY}, "issuer-empty"),
    "subject without any name": ({"subject": NOBODY}, "subject-empty"),
    "unnamed subject with names that do not count": (
        {"subject": NOBODY, "extensions": (extensions.subject_alternative_name(dns=["a.example"]),)},
        "subject-empty",
    ),
    "the same extension twice": (
        {"extensions": (extensions.ocsp_no_check(), extensions.ocsp_no_check())},
        "extension-repeated",
    ),
    "an extension without OID": ({"extensions": (Extension("nonsense", False, b""),)}, "der-oid"),
    "an OID of a fourth root": ({"extensions": (Extension("3.1", False, b""),)}, "der-oid"),
}


@pytest.mark.parametrize(("changes", "code"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_bad_fields_are_refused(changes, code):
    with pytest.raises(EncodingError) as caught:
        writing.encode_tbs_certificate(fields(**changes))
    assert caught.value.code == code


def test_a_signer_with_another_algorithm_is_refused():
    with pytest.raises(EncodingError) as caught:
        writing.sign_certificate(fields(), signer("rsa"))
    assert caught.value.code == "algorithm-mismatch"


def test_names_in_the_tests_are_what_they_seem():
    assert encode_name([(NameAttribute.COUNTRY, "CN")]) == x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")]
    ).public_bytes(DER)
    assert der.check_der(encode_name([])) is None
