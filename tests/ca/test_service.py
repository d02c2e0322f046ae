"""Issuing: the way through, and every way it must not go."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca.errors import (
    ApprovalError,
    CeremonyError,
    CertificationRequestError,
    OfficerError,
    PreparationError,
    ProfileError,
    PublicationError,
)
from ca.models import AuditRecord, IssuedCertificate, Officer, Preparation, PreparedCertificate
from ca.preparation import CertificateOrder
from ca.profiles import SubjectDescription, SubjectShape, subject_name
from ca.service import CertificateAuthority
from runtime.audit import AuditLog
from runtime.keys import KeySigner, generate_private_key
from tests.ca.desk import AT, HAIFENG, HOUR, LI_MING, SoftwareCard
from trust.approval import parse_statement, sign_approval
from trust.certificate import Certificate
from trust.encoding.cms import sign_cms
from trust.encoding.request import sign_request
from trust.status import CRLReason

NOW = AT + HOUR


def prepare(desk, requester="陈静", card=None, at=NOW, subject=LI_MING):
    orders = desk.orders(card or SoftwareCard(), subject, SubjectShape.CITIZEN)
    return desk.authority.prepare("application", desk.number(requester), orders, at=at)


def order(desk, request, profile="citizen-authentication", subject=LI_MING):
    return CertificateOrder(profile, request, subject)


def refused(desk, error, code, request, **keywords):
    with pytest.raises(error) as caught:
        desk.authority.prepare("a", desk.number("陈静"), [order(desk, request, **keywords)], at=NOW)
    assert caught.value.code == code


def library_request(name="李明", key=None, serial=LI_MING.subject_number):
    """A request made by the `cryptography` library, not by our encoder."""
    attributes = [
        x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
        x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, serial),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


# --- the way through ---------------------------------------------------------------------------


def test_the_statement_names_whose_certificates_are_asked_for(desk):
    # The officer's card window shows the statement and nothing that ra says: a digest alone would let a
    # broken-in ra put another person's certificate under a harmless application.
    subject = SubjectDescription("李\ue000明", LI_MING.subject_number)
    prepared = desk.authority.prepare(
        "the application of Wang Fang",
        desk.number("陈静"),
        desk.orders(SoftwareCard(), subject, SubjectShape.CITIZEN),
        at=AT + HOUR,
    )
    shown = f"serialNumber={LI_MING.subject_number},CN=李\\ee\\80\\80明,C=CN"
    assert parse_statement(prepared.statement).subjects == (shown, shown)


def test_an_application_that_cannot_be_shown_is_refused(desk):
    orders = desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN)
    for application in ("", "a" * 300, "a\u202eb"):
        with pytest.raises(PreparationError) as caught:
            desk.authority.prepare(application, desk.number("陈静"), orders, at=NOW)
        assert caught.value.code == "approval-text"


def test_a_card_is_issued_on_a_second_officers_approval(any_desk):
    _card, issued = any_desk.issue()
    authentication, signature = (x509.load_der_x509_certificate(each) for each in issued.certificates)
    assert authentication.public_key() != signature.public_key()
    assert authentication.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert signature.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment
    rows = any_desk.authority.inventory.list_certificates()
    assert {row.standing for row in rows} == {"good"}
    assert {row.subject_number for row in rows if row.profile.startswith("citizen")} == {
        LI_MING.subject_number
    }
    with any_desk.authority.context.database.session() as session:
        assert AuditLog(AuditRecord).verify(session).intact
        actions = set(session.scalars(sa.select(AuditRecord.action)))
    assert {"preparation.stored", "preparation.redeemed", "certificate.issued"} <= actions


def test_an_enterprise_card_names_the_enterprise(desk):
    _card, issued = desk.issue(HAIFENG, SubjectShape.ENTERPRISE)
    certificate = x509.load_der_x509_certificate(issued.certificates[0])
    values = {attribute.oid.dotted_string: attribute.value for attribute in certificate.subject}
    assert values["2.5.4.97"] == "NTRCN-91370202MA3HFKJ809"
    assert values["2.5.4.3"] == "青岛海风科技有限公司"


def test_serial_numbers_are_random_and_positive(desk):
    serials = {
        Certificate.parse(each).serial_number for _ in range(5) for each in desk.issue()[1].certificates
    }
    assert len(serials) == 10
    assert all(0 < serial < 1 << 128 for serial in serials)
    assert any(serial >= 1 << 120 for serial in serials)


def test_an_rsa_card_key_is_certified(desk):
    key = rsa.generate_private_key(65537, 2048)
    prepared = desk.authority.prepare(
        "a", desk.number("陈静"), [order(desk, library_request(key=key))], at=NOW
    )
    issued = desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    assert x509.load_der_x509_certificate(issued.certificates[0]).public_key() == key.public_key()


# --- certification requests --------------------------------------------------------------------


def test_a_request_that_is_no_request(desk):
    refused(desk, CertificationRequestError, "request-malformed", b"\x30\x03\x02\x01\x00")
    refused(desk, CertificationRequestError, "request-malformed", b"")
    refused(desk, CertificationRequestError, "request-malformed", library_request() + b"\x00")


def test_a_request_signed_by_another_key(desk):
    ours, other = KeySigner(generate_private_key("p256")), KeySigner(generate_private_key("p256"))
    subject = subject_name(SubjectShape.CITIZEN, LI_MING, "")

    class Thief:
        algorithm, public_key = ours.algorithm, ours.public_key
        sign = staticmethod(other.sign)

    refused(desk, CertificationRequestError, "request-possession", sign_request(subject, Thief()))


def test_a_request_changed_on_the_way(desk):
    request = bytearray(library_request())
    request[-1] ^= 1
    refused(desk, CertificationRequestError, "request-possession", bytes(request))


def test_weak_keys(desk):
    refused(
        desk,
        CertificationRequestError,
        "key-weak",
        library_request(key=rsa.generate_private_key(65537, 1024)),  # noqa: S505 - refused
    )
    refused(
        desk, CertificationRequestError, "key-weak", library_request(key=rsa.generate_private_key(3, 2048))
    )
    refused(
        desk,
        CertificationRequestError,
        "key-refused",
        library_request(key=ec.generate_private_key(ec.SECP521R1())),
    )
    refused(
        desk,
        CertificationRequestError,
        "key-refused",
        library_request(key=ec.generate_private_key(ec.SECP192R1())),
    )


def test_a_request_that_names_somebody_else(desk):
    refused(desk, CertificationRequestError, "request-subject", library_request(name="王芳"))


def test_a_key_that_was_certified_before(desk):
    card, _issued = desk.issue()
    with pytest.raises(CertificationRequestError) as caught:
        prepare(desk, card=card)
    assert caught.value.code == "key-reused"


def test_one_key_for_both_slots(desk):
    key = KeySigner(generate_private_key("p256"))
    with pytest.raises(CertificationRequestError) as caught:
        prepare(desk, card=SoftwareCard(key, key))
    assert caught.value.code == "key-reused"


def test_a_key_prepared_twice_is_issued_once(desk):
    card = SoftwareCard()
    first, second = prepare(desk, card=card), prepare(desk, card=card)
    desk.authority.issue(first.preparation_id, desk.zhao.approve(first.statement), at=NOW)
    with pytest.raises(CertificationRequestError) as caught:
        desk.authority.issue(second.preparation_id, desk.zhao.approve(second.statement), at=NOW)
    assert caught.value.code == "key-reused"


def test_an_unknown_profile_and_a_subject_that_does_not_fit(desk):
    refused(desk, ProfileError, "profile-unknown", library_request(), profile="citizen-everything")
    refused(
        desk, ProfileError, "profile-subject", library_request(), subject=SubjectDescription("李明", "12345")
    )


def test_an_identity_number_never_goes_into_a_certificate(desk):
    from ca.errors import LintError

    name = "李明 370202199003078515"
    subject = dataclasses.replace(LI_MING, name=name)
    refused(desk, LintError, "lint-failed", library_request(name=name), subject=subject)


# --- approvals ---------------------------------------------------------------------------------


def test_an_approval_is_redeemed_once(any_desk):
    prepared = prepare(any_desk)
    approval = any_desk.zhao.approve(prepared.statement)
    any_desk.authority.issue(prepared.preparation_id, approval, at=NOW)
    with pytest.raises(PreparationError) as caught:
        any_desk.authority.issue(prepared.preparation_id, approval, at=NOW)
    assert caught.value.code == "preparation-redeemed"


def test_an_approval_does_not_fit_another_preparation(desk):
    first, second = prepare(desk), prepare(desk)
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(second.preparation_id, desk.zhao.approve(first.statement), at=NOW)
    assert caught.value.code == "approval-other-statement"


def test_the_requester_cannot_approve(desk):
    prepared = prepare(desk)
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.chen.approve(prepared.statement), at=NOW)
    assert caught.value.code == "approver-is-requester"


def test_an_auditor_cannot_approve_or_ask(desk):
    prepared = prepare(desk)
    with pytest.raises(OfficerError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.sun.approve(prepared.statement), at=NOW)
    assert caught.value.code == "officer-role-missing"
    with pytest.raises(OfficerError) as caught:
        prepare(desk, requester="孙丽")
    assert caught.value.code == "officer-role-missing"


@pytest.mark.parametrize("slot", ["authentication", "signature"])
def test_an_officer_with_half_a_card_suspended_cannot_approve(desk, slot):
    prepared = prepare(desk)
    serial = format(Certificate.parse(getattr(desk.zhao.certificates, slot)).serial_number, "x")
    desk.authority.standing.suspend(serial, actor="t", at=NOW)
    with pytest.raises((ApprovalError, OfficerError)) as caught:
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    assert caught.value.code in ("approval-certificate", "officer-certificate-revoked")


def test_a_stranger_cannot_ask(desk):
    with pytest.raises(OfficerError) as caught:
        desk.authority.prepare(
            "a", "TX" + "9" * 24, desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN), at=NOW
        )
    assert caught.value.code == "officer-unknown"
    with pytest.raises(PreparationError):
        desk.authority.prepare(
            "a", "ceremony", desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN), at=NOW
        )


def test_a_citizens_card_cannot_approve(desk):
    citizen, _issued = desk.issue()
    prepared = prepare(desk)
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, citizen.approve(prepared.statement), at=NOW)
    assert caught.value.code == "approval-certificate"


def test_an_officers_login_key_cannot_approve(desk):
    prepared = prepare(desk)
    approval = sign_approval(
        prepared.statement, desk.zhao.authentication, desk.zhao.certificates.authentication, at=NOW
    )
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, approval, at=NOW)
    assert caught.value.code == "approval-certificate"


def test_a_stolen_certificate_does_not_make_an_approval(desk):
    prepared = prepare(desk)
    thief, victim = KeySigner(generate_private_key("p256")), desk.zhao

    class Forger:
        algorithm, public_key = victim.signature.algorithm, victim.signature.public_key
        sign = staticmethod(thief.sign)

    approval = sign_approval(prepared.statement, Forger(), victim.certificates.signature, at=NOW)
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, approval, at=NOW)
    assert caught.value.code == "approval-signature"


def test_a_document_the_officer_signed_is_no_approval(desk):
    prepared = prepare(desk)
    document = sign_cms(prepared.statement, desk.zhao.signature, desk.zhao.certificates.signature, at=NOW)
    with pytest.raises(ApprovalError, match="signed as a document") as caught:
        desk.authority.issue(prepared.preparation_id, document, at=NOW)
    assert caught.value.code == "approval-malformed"


def test_a_refused_approval_is_on_record(any_desk):
    citizen, _issued = any_desk.issue()
    prepared = prepare(any_desk)
    with pytest.raises(ApprovalError):
        any_desk.authority.issue(prepared.preparation_id, citizen.approve(prepared.statement), at=NOW)
    with any_desk.authority.context.database.session() as session:
        record = session.scalars(sa.select(AuditRecord).order_by(AuditRecord.sequence.desc())).first()
    assert (record.action, record.subject) == ("approval.refused", prepared.preparation_id)
    assert "approval-certificate" in record.details


def test_an_approval_that_is_none(desk):
    prepared = prepare(desk)
    for rubbish in (b"", b"yes", b"\x30\x80\x00\x00"):
        with pytest.raises(ApprovalError) as caught:
            desk.authority.issue(prepared.preparation_id, rubbish, at=NOW)
        assert caught.value.code == "approval-malformed"


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_an_officer_whose_certificate_was_revoked(desk, verb):
    serial = format(desk.zhao.signature_certificate.serial_number, "x")
    prepared = prepare(desk)
    if verb == "revoke":
        desk.authority.standing.revoke(serial, CRLReason.KEY_COMPROMISE, actor="test", at=NOW)
    else:
        desk.authority.standing.suspend(serial, actor="test", at=NOW)
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    assert caught.value.code == "approval-certificate"


def test_an_officer_whose_certificate_has_expired(desk):
    late = AT + timedelta(days=3 * 365 + 1)
    desk.authority.publisher.publish(late)
    with pytest.raises(ApprovalError) as caught:
        prepared = prepare(desk, at=late)
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement, late), at=late)
    assert "expired" in str(caught.value)


def test_an_officer_who_was_retired(desk):
    prepared = prepare(desk)
    with desk.authority.context.database.session() as session:
        session.execute(sa.update(Officer).where(Officer.name == "赵强").values(active=False))
    with pytest.raises(OfficerError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    assert caught.value.code == "officer-unknown"


def test_an_expired_preparation(desk):
    prepared = prepare(desk)
    with pytest.raises(PreparationError) as caught:
        desk.authority.issue(
            prepared.preparation_id, desk.zhao.approve(prepared.statement), at=prepared.expires_at
        )
    assert caught.value.code == "preparation-expired"


def test_an_unknown_preparation(desk):
    with pytest.raises(PreparationError) as caught:
        desk.authority.issue("0" * 32, desk.zhao.approve(prepare(desk).statement), at=NOW)
    assert caught.value.code == "preparation-unknown"


def test_a_tampered_to_be_signed_certificate(desk):
    prepared, other = prepare(desk), prepare(desk)
    with desk.authority.context.database.session() as session:
        session.execute(
            sa.update(PreparedCertificate)
            .where(
                PreparedCertificate.preparation_id == prepared.preparation_id,
                PreparedCertificate.position == 0,
            )
            .values(tbs=other.tbs[0])
        )
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    assert caught.value.code == "approval-digest-mismatch"


def test_a_tampered_statement(desk):
    prepared, other = prepare(desk), prepare(desk)
    with desk.authority.context.database.session() as session:
        session.execute(
            sa.update(Preparation)
            .where(Preparation.id == prepared.preparation_id)
            .values(statement=other.statement)
        )
    with pytest.raises(ApprovalError) as caught:
        desk.authority.issue(prepared.preparation_id, desk.zhao.approve(other.statement), at=NOW)
    assert caught.value.code == "approval-digest-mismatch"


# --- faults ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process dies here."""


def test_death_between_redeeming_and_signing_is_made_good(any_desk, monkeypatch):
    prepared = prepare(any_desk)

    def die(*_arguments):
        raise Killed

    monkeypatch.setattr("ca.service.sign_prepared", die)
    with pytest.raises(Killed):
        any_desk.authority.issue(prepared.preparation_id, any_desk.zhao.approve(prepared.statement), at=NOW)
    monkeypatch.undo()
    again = CertificateAuthority.open(any_desk.settings)
    assert again.complete_interrupted(at=NOW) == [prepared.preparation_id]
    assert again.complete_interrupted(at=NOW) == []
    tbs = {Certificate.parse(row.der).tbs for row in again.inventory.list_certificates()}
    again.context.database.dispose()
    assert set(prepared.tbs) <= tbs


def test_a_certificate_openssl_does_not_accept_is_not_released(desk, monkeypatch):
    prepared = prepare(desk)

    class WrongKey:
        algorithm = desk.authority.context.issuer.signer.algorithm
        public_key = desk.authority.context.issuer.signer.public_key
        sign = staticmethod(KeySigner(generate_private_key("p256")).sign)

    issuer = dataclasses.replace(desk.authority.context.issuer, signer=WrongKey())
    broken = CertificateAuthority(dataclasses.replace(desk.authority.context, issuer=issuer))
    monkeypatch.setattr(broken.publisher, "publish_when_due", lambda _at: None)
    with pytest.raises(PublicationError):
        broken.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=NOW)
    with desk.authority.context.database.session() as session:
        count = session.scalar(
            sa.select(sa.func.count())
            .select_from(IssuedCertificate)
            .where(IssuedCertificate.preparation_id == prepared.preparation_id)
        )
    assert count == 0


def test_two_redeemers_at_once(any_desk):
    from concurrent.futures import ThreadPoolExecutor

    prepared = prepare(any_desk)
    approval = any_desk.zhao.approve(prepared.statement)

    def redeem(_number):
        try:
            return any_desk.authority.issue(prepared.preparation_id, approval, at=NOW)
        except PreparationError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(redeem, range(4)))
    assert outcomes.count("preparation-redeemed") == 3


def test_the_ceremonys_door_is_closed(desk):
    with pytest.raises(CeremonyError) as caught:
        desk.authority.issue_in_ceremony(
            "x", desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN), at=NOW
        )
    assert caught.value.code == "ceremony-closed"
