"""Profiles, names in certificates, and the lints: each rule broken once."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.errors import CaError, LintError, PreparationError, ProfileError
from ca.issuance import (
    parse_serial,
    prepare_certificate,
    profile_extensions,
    serial_number_from,
    serial_text,
)
from ca.linting import check_tbs, lint_tbs
from ca.profiles import (
    PROFILES,
    AlternativeNames,
    Slot,
    SubjectShape,
    card_profiles,
    profile_named,
    subject_name,
)
from runtime.keys import KeySigner, generate_private_key
from tests.ca.desk import AT, HAIFENG, HOUR, LI_MING
from trust.encoding.certificate import CertificateFields, assemble, encode_tbs_certificate
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_key_identifier,
    basic_constraints,
    certificate_policies,
    crl_distribution_points,
    extended_key_usage,
    key_usage,
    subject_key_identifier,
)
from trust.names import NameAttribute, encode_name
from trust.profile_policy import CertificateKind

CITIZEN = profile_named("citizen-authentication")
NO_NAMES = AlternativeNames()
TLS_NAMES = AlternativeNames(("localhost",), ("127.0.0.1", "::1"), ("urn:tongxing:service:ra",))
KEY = KeySigner(generate_private_key("p256"))
NAMES = {SubjectShape.CITIZEN: LI_MING, SubjectShape.ENTERPRISE: HAIFENG, SubjectShape.OFFICER: LI_MING}


@pytest.fixture(scope="module")
def issuer(held):
    return held.authority.context.issuer


def fields(ca, **changes):
    values = {
        "serial_number": 1 << 127,
        "algorithm": ca.signer.algorithm,
        "issuer": ca.certificate.subject,
        "not_valid_before": AT + HOUR,
        "not_valid_after": AT + timedelta(days=365),
        "subject": subject_name(SubjectShape.CITIZEN, LI_MING, ""),
        "public_key": KEY.public_key,
        "extensions": tuple(profile_extensions(ca, CITIZEN, KEY.public_key, NO_NAMES)),
        **changes,
    }
    return encode_tbs_certificate(CertificateFields(**values))


def with_extension(issuer, extension):
    base = profile_extensions(issuer, CITIZEN, KEY.public_key, NO_NAMES)
    kept = [each for each in base if each.oid != extension.oid]
    return (*kept, extension)


def without(issuer, oid):
    base = profile_extensions(issuer, CITIZEN, KEY.public_key, NO_NAMES)
    return tuple(each for each in base if each.oid != oid)


def findings(ca, **changes):
    return lint_tbs(fields(ca, **changes), ca, CITIZEN, NO_NAMES)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_profile_passes_its_own_lints_and_an_independent_reader(issuer, profile):
    description = NAMES.get(profile.shape, LI_MING)
    names = TLS_NAMES if profile.alternative_names else NO_NAMES
    tbs = prepare_certificate(
        issuer,
        profile,
        subject=subject_name(profile.shape, description, "通行市数字证书管理中心"),
        public_key=KEY.public_key,
        names=names,
        serial_number=serial_number_from(bytes(range(1, 17))),
        at=AT + HOUR,
    )
    assert lint_tbs(tbs, issuer, profile, names) == []
    certificate = x509.load_der_x509_certificate(
        assemble(tbs, issuer.signer.algorithm, issuer.signer.sign(tbs))
    )
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issuer.certificate.der))
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.content_commitment == (KeyUsage.NON_REPUDIATION in profile.key_usage)
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [each.policy_identifier.dotted_string for each in policies] == [
        f"1.3.6.1.4.1.32473.1.{profile.kind.value}"
    ]


def test_a_signature_certificate_never_serves_logins():
    for profile in PROFILES.values():
        if profile.slot is Slot.SIGNATURE:
            assert profile.key_usage == (KeyUsage.NON_REPUDIATION,)
            assert profile.extended_key_usage == ("1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.4")
        if profile.slot is Slot.AUTHENTICATION:
            assert profile.key_usage == (KeyUsage.DIGITAL_SIGNATURE,)
            assert profile.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert set(PROFILES) == set(CertificateKind)


def test_profiles_by_name_and_by_card():
    assert [each.name for each in card_profiles(SubjectShape.OFFICER)] == [
        "officer-authentication", "officer-signature",
    ]  # fmt: skip
    for call in (lambda: profile_named("x"), lambda: card_profiles(SubjectShape.SERVICE)):
        with pytest.raises(ProfileError):
            call()


def test_a_sound_certificate_has_no_findings(issuer):
    assert findings(issuer) == []


SUBJECT_WITH_NUMBER = encode_name(
    [
        (NameAttribute.COUNTRY, "CN"),
        (NameAttribute.COMMON_NAME, "x370202199003078515y"),
        (NameAttribute.SERIAL_NUMBER, LI_MING.subject_number),
    ]
)
SUBJECT_WITHOUT_NUMBER = encode_name([(NameAttribute.COUNTRY, "CN"), (NameAttribute.COMMON_NAME, "李明")])


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"serial_number": 5}, "serial number"),
        ({"issuer": SUBJECT_WITHOUT_NUMBER}, "issuer's name"),
        ({"not_valid_after": AT + HOUR}, "validity is empty"),
        ({"not_valid_after": AT + timedelta(days=6 * 365)}, "longer than the profile"),
        ({"not_valid_before": AT - timedelta(days=1)}, "beyond the issuing certificate's"),
        ({"subject": SUBJECT_WITH_NUMBER}, "identity number"),
        ({"subject": SUBJECT_WITHOUT_NUMBER}, "attributes of a citizen"),
        ({"algorithm": bytes.fromhex("300a06082a8648ce3d040303")}, "cannot be read"),
        ({"extensions": ()}, "extension 2.5.29.15"),
    ],
)
def test_fields_that_break_a_rule(issuer, changes, finding):
    assert any(finding in each for each in findings(issuer, **changes))


@pytest.mark.parametrize(
    ("extension", "finding"),
    [
        (basic_constraints(ca=False), "2.5.29.19"),
        (key_usage(KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION), "key usage"),
        (extended_key_usage("1.3.6.1.5.5.7.3.1"), "extended key usage"),
        (certificate_policies("1.3.6.1.4.1.32473.1.2.1"), "policy"),
        (
            subject_key_identifier(KeySigner(generate_private_key("p256")).public_key),
            "subject key identifier",
        ),
        (authority_key_identifier(b"\x00" * 20), "authority key identifier"),
        (crl_distribution_points("http://evil.example/crl"), "CRL distribution point"),
        (Extension("1.2.3.4", True, b"\x05\x00"), "1.2.3.4"),
        (Extension("2.5.29.37", False, b"\x30\x00"), "cannot be read"),
        (dataclasses.replace(extended_key_usage("1.3.6.1.5.5.7.3.2"), critical=True), "2.5.29.37"),
    ],
)
def test_extensions_that_break_a_rule(issuer, extension, finding):
    found = findings(issuer, extensions=with_extension(issuer, extension))
    assert any(finding in each for each in found), found


@pytest.mark.parametrize(
    "oid", ["2.5.29.14", "2.5.29.15", "2.5.29.31", "2.5.29.32", "2.5.29.35", "2.5.29.37"]
)
def test_a_missing_extension_is_noticed(issuer, oid):
    assert any(oid in each for each in findings(issuer, extensions=without(issuer, oid)))


def test_the_authoritys_own_key_is_not_certified(issuer):
    assert any(
        "authority's own" in each for each in findings(issuer, public_key=issuer.certificate.public_key)
    )


def test_a_finding_stops_the_certificate(issuer):
    with pytest.raises(LintError) as caught:
        check_tbs(fields(issuer, serial_number=5), issuer, CITIZEN, NO_NAMES)
    assert caught.value.code == "lint-failed"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_crashes_the_lints(issuer, position, bit):
    tbs = bytearray(fields(issuer))
    tbs[position % len(tbs)] ^= 1 << bit
    assert isinstance(lint_tbs(bytes(tbs), issuer, CITIZEN, NO_NAMES), list)


# --- serial numbers, issuers -------------------------------------------------------------------


def test_serial_numbers():
    assert serial_number_from(b"\xff" * 16) == (1 << 128) - 1
    assert parse_serial("0A:0b:FF") == 0x0A0BFF
    assert serial_text(0x0A0BFF) == "a0bff"
    for rubbish in (b"\x00" * 16, b"\x01" * 15, b"\x00" * 9 + b"\x01" * 7):
        with pytest.raises(PreparationError):
            serial_number_from(rubbish)
    with pytest.raises(CaError):
        parse_serial("zz")


def test_a_half_configured_issuer_cannot_be_made(issuer, held):
    def refused(code, **changes):
        with pytest.raises(CaError) as caught:
            dataclasses.replace(issuer, **changes)
        assert caught.value.code == code

    refused("issuer-key", signer=KEY)
    refused("issuer-status-url", status_url="ftp://x")
    officer = held.chen.signature_certificate
    refused("issuer-not-ca", certificate=officer, signer=held.chen.signature)
