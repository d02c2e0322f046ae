"""Registers, applications, and the way from an applicant to a card."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ca.errors import (
    ApplicationError,
    ApprovalError,
    AuthorityUnavailableError,
    CertificationRequestError,
    RegisterError,
)
from ca.profiles import SubjectShape
from ca.registration.application import ApplicantClaim, ApplicationState
from ca.registration.gateway import DirectGateway
from ca.registration.models import AuditRecord, Person, Subject
from ca.registration.service import RegistrationService
from ca.settings import RegistrationSettings
from runtime.audit import AuditLog
from runtime.database import Database
from runtime.migration import migrate
from tests.ca.desk import AT, HOUR, SoftwareCard, secrets_in
from tests.databases import BOTH_KINDS, fresh_database_url
from trust.certificate import Certificate

NOW = AT + HOUR
LI = ("李明", "370202199003078515")
WANG = ("王芳", "37020219880512462X")
HAIFENG = ("青岛海风科技有限公司", "91370202MA3HFKJ809")


def registration_settings(state, url=""):
    return RegistrationSettings(
        state_directory=state / "ra",
        port=8401,
        public_url="http://localhost:8401",
        database_url=url,
        trust_anchors=state / "trust/root.pem",
        intermediates=state / "trust/issuing.pem",
        authority_url="https://localhost:8452",
        issuer="http://localhost:8404",
        client_secret_file=state / "ra/secrets/client-secret",
        **secrets_in(state / "ra"),
    )


def open_registration(desk, url=""):
    settings = registration_settings(desk.state, url)
    database = Database(settings.effective_database_url("ra"))
    migrate(database, "ca.registration")
    database.dispose()
    return RegistrationService.open(settings, DirectGateway(desk.authority))


@pytest.fixture(params=BOTH_KINDS)
def registration(request, desk, tmp_path):
    with fresh_database_url(request.param, tmp_path) as url:
        service = open_registration(desk, url)
        service.add_person(*LI, actor="t", at=NOW)
        service.add_person(*WANG, actor="t", at=NOW)
        service.add_enterprise(*HAIFENG, actor="t", at=NOW)
        yield service
        service._database.dispose()


def refused(code, call, error=RegisterError):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def citizen(name=LI[0], number=LI[1]):
    return ApplicantClaim(SubjectShape.CITIZEN, name, number)


def enterprise(name=HAIFENG[0], uscc=HAIFENG[1]):
    return ApplicantClaim(SubjectShape.ENTERPRISE, *WANG, name, uscc)


def test_from_applicant_to_card(registration, desk):
    view = registration.apply(citizen(), requester=desk.number("陈静"), at=NOW)
    assert view.state is ApplicationState.IDENTIFIED
    assert view.masked_identity_number == "370***********8515"
    order = registration.card_order(view.application_id, "liming")
    card = SoftwareCard()
    view = registration.submit(
        view.application_id, card.requests(order.subject), requester=desk.number("陈静"), at=NOW
    )
    assert view.state is ApplicationState.PREPARED
    assert [each.profile for each in view.certificates] == ["citizen-authentication", "citizen-signature"]
    issued = registration.complete(
        view.application_id, desk.zhao.approve(view.statement, NOW), actor="t", at=NOW
    )
    assert [Certificate.parse(each).tbs for each in issued.certificates] == [
        each.tbs for each in view.certificates
    ]
    view = registration.application(view.application_id, actor="t", at=NOW)
    assert view.state is ApplicationState.ISSUED
    assert tuple(each.certificate for each in view.certificates) == issued.certificates
    resolved = registration.resolve_subject(view.subject_number, actor="idp", at=NOW)
    assert (resolved.name, resolved.shape, resolved.active) == ("李明", SubjectShape.CITIZEN, True)
    with registration._database.session() as session:
        assert AuditLog(AuditRecord).verify(session).intact
        actions = list(session.scalars(sa.select(AuditRecord.action)))
    assert actions[-4:] == [
        "application.prepared", "application.issued", "application.viewed", "subject.resolved",
    ]  # fmt: skip


def test_an_enterprise_card_has_its_holder_as_person(registration, desk):
    view = registration.apply(enterprise(), requester=desk.number("陈静"), at=NOW)
    own = registration.apply(citizen(*WANG), requester=desk.number("陈静"), at=NOW)
    company = registration.resolve_subject(view.subject_number, actor="idp", at=NOW)
    person = registration.resolve_subject(own.subject_number, actor="idp", at=NOW)
    assert company.person_id == person.person_id
    assert company.subject_number != person.subject_number
    assert (company.enterprise_name, company.uscc) == HAIFENG


def test_a_subject_keeps_its_number(registration, desk):
    numbers = {
        registration.apply(citizen(), requester=desk.number("陈静"), at=NOW).subject_number for _ in range(2)
    }
    assert len(numbers) == 1


def test_identity_numbers_are_encrypted_where_they_lie(registration):
    with registration._database.session() as session:
        people = session.scalars(sa.select(Person)).all()
    assert len({person.identity_index for person in people}) == len(people) == 2
    for person in people:
        assert b"370202" not in person.identity_number


def test_who_is_not_registered_is_refused(registration):
    refused("person-unknown", lambda: apply(registration, citizen("孙丽", "370202198506176665")))
    refused("name-mismatch", lambda: apply(registration, citizen("王芳")))
    refused(
        "identity-number-check-character", lambda: apply(registration, citizen(number="370202199003078516"))
    )
    error = refused("identity-number-form", lambda: apply(registration, citizen(number="3702021990030785")))
    assert "3702021990030785" not in str(error)
    refused("enterprise-unknown", lambda: apply(registration, enterprise(uscc="91350100M000100Y43")))
    refused("name-mismatch", lambda: apply(registration, enterprise(name="青岛海浪科技有限公司")))
    refused("uscc-check-character", lambda: apply(registration, enterprise(uscc="91370202MA3HFKJ801")))


def apply(registration, claim):
    return registration.apply(claim, requester="TX" + "0" * 24, at=NOW)


def test_who_has_died_gets_no_card(registration, desk):
    view = registration.apply(citizen(), requester=desk.number("陈静"), at=NOW)
    order = registration.card_order(view.application_id, "x")
    registration.set_person_active(LI[1], False, actor="t", at=NOW)
    refused("person-inactive", lambda: apply(registration, citizen()))
    refused(
        "subject-inactive",
        lambda: registration.submit(
            view.application_id, SoftwareCard().requests(order.subject), requester=desk.number("陈静"), at=NOW
        ),
    )
    assert not registration.resolve_subject(view.subject_number, actor="idp", at=NOW).active


def test_nobody_is_registered_twice(registration):
    refused("person-exists", lambda: registration.add_person(*LI, actor="t", at=NOW))
    refused("person-exists", lambda: registration.add_person("王芳", WANG[1].lower(), actor="t", at=NOW))
    refused("enterprise-exists", lambda: registration.add_enterprise(*HAIFENG, actor="t", at=NOW))


def test_a_card_that_names_somebody_else_is_refused(registration, desk):
    view = registration.apply(citizen(), requester=desk.number("陈静"), at=NOW)
    other = registration.apply(citizen(*WANG), requester=desk.number("陈静"), at=NOW)
    order = registration.card_order(other.application_id, "x")
    refused(
        "request-subject",
        lambda: registration.submit(
            view.application_id, SoftwareCard().requests(order.subject), requester=desk.number("陈静"), at=NOW
        ),
        CertificationRequestError,
    )


def prepared(registration, desk):
    view = registration.apply(citizen(), requester=desk.number("陈静"), at=NOW)
    order = registration.card_order(view.application_id, "x")
    return registration.submit(
        view.application_id, SoftwareCard().requests(order.subject), requester=desk.number("陈静"), at=NOW
    )


def test_an_application_is_approved_once(registration, desk):
    view = prepared(registration, desk)
    approval = desk.zhao.approve(view.statement, NOW)
    registration.complete(view.application_id, approval, actor="t", at=NOW)
    refused(
        "application-state",
        lambda: registration.complete(view.application_id, approval, actor="t", at=NOW),
        ApplicationError,
    )


def test_the_requester_cannot_approve(registration, desk):
    view = prepared(registration, desk)
    refused(
        "approver-is-requester",
        lambda: registration.complete(
            view.application_id, desk.chen.approve(view.statement, NOW), actor="t", at=NOW
        ),
        ApprovalError,
    )
    assert registration.application(view.application_id, actor="t", at=NOW).state is ApplicationState.PREPARED


def test_who_hands_in_the_keys_cannot_approve(registration, desk):
    # 陈静 opened the application; 赵强 hands in keys of his own, and would approve them himself.
    view = prepared(registration, desk)
    order = registration.card_order(view.application_id, "x")
    swapped = SoftwareCard().requests(order.subject)
    view = registration.submit(view.application_id, swapped, requester=desk.number("赵强"), at=NOW)
    assert view.requester == desk.number("赵强")
    refused(
        "approver-is-requester",
        lambda: registration.complete(
            view.application_id, desk.zhao.approve(view.statement, NOW), actor="t", at=NOW
        ),
        ApprovalError,
    )
    registration.complete(view.application_id, desk.chen.approve(view.statement, NOW), actor="t", at=NOW)


def test_an_expired_application_is_submitted_again(registration, desk):
    view = prepared(registration, desk)
    late = view.expires_at
    assert view.is_expired(late)
    order = registration.card_order(view.application_id, "x")
    again = registration.submit(
        view.application_id, SoftwareCard().requests(order.subject), requester=desk.number("陈静"), at=late
    )
    assert not again.is_expired(late)
    registration.complete(view.application_id, desk.zhao.approve(again.statement, late), actor="t", at=late)


def test_a_refused_application_stays_refused(registration, desk):
    view = prepared(registration, desk)
    refused(
        "refusal-without-reason",
        lambda: registration.refuse(view.application_id, " ", actor="t", at=NOW),
        ApplicationError,
    )
    registration.refuse(view.application_id, "照片不符", actor="t", at=NOW)
    assert registration.application(view.application_id, actor="t", at=NOW).refusal == "照片不符"
    refused(
        "application-state",
        lambda: registration.complete(
            view.application_id, desk.zhao.approve(view.statement, NOW), actor="t", at=NOW
        ),
        ApplicationError,
    )


def test_a_lost_answer_is_fetched_again(registration, desk):
    view = prepared(registration, desk)
    approval = desk.zhao.approve(view.statement, NOW)

    class Deaf(DirectGateway):
        def issue(self, preparation_id, approval, *, at):
            super().issue(preparation_id, approval, at=at)
            raise AuthorityUnavailableError("the line broke", code="service-unreachable")

    registration._gateway = Deaf(desk.authority)
    with pytest.raises(AuthorityUnavailableError):
        registration.complete(view.application_id, approval, actor="t", at=NOW)
    registration._gateway = DirectGateway(desk.authority)
    issued = registration.complete(view.application_id, approval, actor="t", at=NOW)
    assert [Certificate.parse(each).tbs for each in issued.certificates] == [
        each.tbs for each in view.certificates
    ]


def test_unknown_applications_and_subjects(registration):
    refused(
        "application-unknown", lambda: registration.application("A-0", actor="t", at=NOW), ApplicationError
    )
    refused("subject-unknown", lambda: registration.resolve_subject("TX" + "0" * 24, actor="t", at=NOW))


def test_an_import_is_all_or_nothing(registration):
    good, bad, double = ("孙丽", "370202198506176665"), ("赵强", "370202197609213314"), ("李明", LI[1])
    error = refused(
        "import-refused", lambda: registration.import_persons([good, bad, double], actor="t", at=NOW)
    )
    assert "line 2" in str(error)
    assert "line 3" in str(error)
    assert registration.import_persons([good], actor="t", at=NOW) == 1
    assert registration.import_enterprises([("某公司", "91350100M000100Y43")], actor="t", at=NOW) == 1


def test_an_officer_is_a_person_too(registration):
    number = registration.enrol_officer("陈静", "370202198111045441", actor="t", at=NOW)
    assert registration.enrol_officer("陈静", "370202198111045441", actor="t", at=NOW) == number
    with registration._database.session() as session:
        assert session.get(Subject, number).kind == "officer"
    refused(
        "name-mismatch", lambda: registration.enrol_officer("孙丽", "370202198111045441", actor="t", at=NOW)
    )


def test_registers_open_without_an_authority(desk):
    settings = registration_settings(desk.state)
    migrate(Database(settings.effective_database_url("ra")), "ca.registration")
    registers = RegistrationService.open(settings, None)
    registers.add_person(*LI, actor="t", at=NOW)
    refused("authority-not-connected", lambda: registers.gateway, AuthorityUnavailableError)
