"""Logging in with a real card token: every way it can be wrong has its own answer, page and audit record."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from idp.errors import RegisterUnavailableError
from idp.login.card import CardValidator
from idp.login.failures import LoginFailure
from idp.login.people import read_subject
from tests.idp.harness import OP, csrf_of
from tests.idp.pki import SUBJECT_NUMBER, City, key_usage
from trust.profile_policy import CertificateKind
from trust.status import CRLReason

CITIZEN = {"subject_number": SUBJECT_NUMBER, "kind": "citizen", "person_id": "p-77", "name": "王小明",
           "enterprise": None, "active": True}  # fmt: skip


class FakeRegister:
    """The register, as its answers."""

    def __init__(self) -> None:
        self.answers = {SUBJECT_NUMBER: CITIZEN}

    def end_user(self, subject_number, kind, fingerprint):
        if self.answers is None:
            raise RegisterUnavailableError("down", code="register-unavailable")
        if subject_number not in self.answers:
            raise LoginFailure.PERSON_UNKNOWN.error("not-found")
        return read_subject(self.answers[subject_number], kind, fingerprint)


@pytest.fixture(scope="module")
def shared_city():
    return City()


@pytest.fixture
def city(shared_city):
    shared_city.revoked, shared_city.answers, shared_city.answer_age = {}, "good", timedelta(0)
    shared_city.asked = 0
    return shared_city


@pytest.fixture
def town(op, city):
    """A provider whose card door is the real one."""
    op.register = FakeRegister()
    door = CardValidator(
        op.settings, anchors=city.anchors, intermediates=city.intermediates, evidence=city, people=op.register
    )
    town = OP(replace(op.provider, card_door=door), op.clock, op.desk, op.settings)
    town.register = op.register
    return town


class Login:
    """One person at the login page."""

    def __init__(self, town, **changes) -> None:
        self.town, self.visitor = town, town.visitor()
        self.site = getattr(town, "first_site", None) or town.site()
        town.first_site = self.site
        self.path = self.visitor.start(self.site, **changes).headers["Location"]
        self.open()

    def open(self) -> None:
        page = self.visitor.get(self.path)
        assert page.status_code == 200, page.text
        self.page = page.text
        self.nonce = re.search(r'data-nonce="([^"]+)"', page.text)[1]

    def send(self, token: str, accept: str = "text/html"):
        return self.visitor.post(
            self.path,
            data={"card_token": token, "csrf_token": csrf_of(self.page)},
            headers={"Accept": accept},
        )

    def logs_in(self, card) -> bool:
        response = self.send(card.token(self.nonce))
        assert response.status_code == 303, response.text
        return "code=" in self.visitor.finish(response).headers["Location"]

    def refused(self, token: str, code: str, status: int = 403) -> None:
        """The login is refused with this code on the page, in the audit log, and nobody is logged in."""
        response = self.send(token)
        assert response.status_code == status
        assert f"<code>{code}</code>" in response.text
        assert 'role="alert"' in response.text
        if status == 403:
            action, subject, details = self.town.audit()[-1]
            assert (action, subject) == ("login.refused", f"client:{self.site.client.client_id}")
            assert details["code"] == code
        assert self.visitor.get("/").text.count("You are not logged in") == 1


def test_citizen_logs_in(town, city):
    login, card = Login(town), city.card()
    assert login.logs_in(card)
    action, subject, details = town.audit()[-2]
    assert (action, subject) == ("login.succeeded", card.fingerprint)
    assert details["acr"] == "urn:tongxing:acr:3"


def test_rsa_card_logs_in(town, city):
    assert Login(town).logs_in(city.card(key=rsa.generate_private_key(65537, 2048)))


def test_enterprise_card_logs_in(town, city):
    town.register.answers[SUBJECT_NUMBER] = {
        **CITIZEN, "kind": "enterprise", "enterprise": {"name": "企业", "uscc": "91350100M000100Y43"},
    }  # fmt: skip
    assert Login(town).logs_in(city.card(CertificateKind.ENTERPRISE_AUTHENTICATION))


def test_officer_card_logs_in(town, city):
    town.register.answers[SUBJECT_NUMBER] = {**CITIZEN, "kind": "officer"}
    assert Login(town).logs_in(city.card(CertificateKind.OFFICER_AUTHENTICATION))


def test_nonce_has_at_least_256_bits_and_is_never_repeated(town):
    login = Login(town)
    seen = {login.nonce}
    for _ in range(5):
        login.open()
        assert 44 <= len(login.nonce) <= 128
        seen.add(login.nonce)
    assert len(seen) == 6


def test_replayed_token_is_refused(town, city):
    login, card = Login(town), city.card()
    token = card.token(login.nonce)
    assert login.send(token).status_code == 303
    home = login.visitor.get("/").text
    csrf = re.search(r'name="csrf-token" content="([^"]+)"', home)[1]
    again = login.visitor.post(
        login.path, data={"card_token": token, "csrf_token": csrf}, headers={"Accept": "text/html"}
    )
    assert again.status_code == 403
    assert "<code>nonce-used</code>" in again.text


def test_token_replayed_into_another_login_is_refused(town, city):
    first, card = Login(town), city.card()
    token = card.token(first.nonce)
    assert first.send(token).status_code == 303
    Login(town).refused(token, "card-token-signature")


def test_token_for_another_sessions_nonce_is_refused(town, city):
    other = Login(town)
    Login(town).refused(city.card().token(other.nonce), "card-token-signature")


def test_nonce_is_spent_by_a_failed_attempt(town, city):
    login, card = Login(town), city.card()
    login.refused("{}" + " " * 200, "card-token-malformed")
    login.refused(card.token(login.nonce), "card-token-signature")


def test_expired_nonce_is_refused(town, city):
    login, card = Login(town), city.card()
    town.clock.forward(seconds=300)
    login.refused(card.token(login.nonce), "nonce-expired")


def test_nonce_just_before_its_end_is_accepted(town, city):
    login, card = Login(town), city.card()
    town.clock.forward(seconds=299)
    assert login.logs_in(card)


def test_refreshed_nonce_is_accepted_and_the_former_is_not(town, city):
    login, card = Login(town), city.card()
    old = login.nonce
    fresh = login.visitor.post(f"{login.path}/nonce", headers={"X-CSRF-Token": csrf_of(login.page)})
    assert fresh.status_code == 200
    login.refused(card.token(old), "card-token-signature")
    login.open()
    assert login.logs_in(card)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://login.example",
        "https://login.example:8443",
        "https://login.example.evil",
    ],
)
def test_wrong_origin_is_refused(town, city, origin):
    login = Login(town)
    login.refused(city.card().token(login.nonce, origin=origin), "card-token-signature")


def test_forged_signature_is_refused(town, city):
    login, card = Login(town), city.card()
    card.key = ec.generate_private_key(ec.SECP256R1())
    login.refused(card.token(login.nonce), "card-token-signature")


def test_nothing_is_fetched_for_a_forged_token(town, city):
    """Addresses in a certificate are used only after our own authority is known to have written them."""
    login, card = Login(town), city.card()
    card.key = ec.generate_private_key(ec.SECP256R1())
    login.send(card.token(login.nonce))
    login.open()
    login.send(City("Evil").card().token(login.nonce))
    assert city.asked == 0


@pytest.mark.parametrize(
    "token",
    ["", "{}", "[]", "null", "x" * 500, "{" * 5000, json.dumps({"format": "web-eid:1.0"}) + " " * 100,
     json.dumps({"format": "web-eid:2.0", "pad": "x" * 100}), "\x00" * 200, "x" * 20000],
    ids=range(10),
)  # fmt: skip
def test_malformed_token_is_refused(town, token):
    Login(town).refused(token, "card-token-malformed")


def test_token_with_garbage_certificate_is_refused(town, city):
    login = Login(town)
    token = city.card().token(login.nonce, unverifiedCertificate="AAAA")
    login.refused(token, "card-token-malformed")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "RS256", "PS256"])
def test_algorithm_confusion_is_refused(town, city, algorithm):
    login = Login(town)
    response = login.send(city.card().token(login.nonce, algorithm=algorithm))
    assert response.status_code == 403


def test_expired_certificate_is_refused(town, city):
    login = Login(town)
    card = city.card(not_after=town.clock() - timedelta(seconds=1))
    login.refused(card.token(login.nonce), "certificate-expired")


def test_certificate_not_yet_valid_is_refused(town, city):
    login = Login(town)
    card = city.card(not_before=town.clock() + timedelta(minutes=1))
    login.refused(card.token(login.nonce), "certificate-not-yet-valid")


def test_revoked_certificate_is_refused(town, city):
    login, card = Login(town), city.card()
    city.revoked[card.certificate.serial_number] = CRLReason.KEY_COMPROMISE
    login.refused(card.token(login.nonce), "certificate-revoked")


def test_suspended_certificate_is_refused(town, city):
    login, card = Login(town), city.card()
    city.revoked[card.certificate.serial_number] = CRLReason.CERTIFICATE_HOLD
    login.refused(card.token(login.nonce), "certificate-on-hold")


@pytest.mark.parametrize("answers", ["silent", "unknown", "forged"])
def test_unknown_status_fails_closed(town, city, answers):
    login, card = Login(town), city.card()
    city.answers = answers
    login.refused(card.token(login.nonce), "certificate-status-unknown")


def test_old_ocsp_answer_fails_closed(town, city):
    login, card = Login(town), city.card()
    city.answer_age = timedelta(seconds=town.settings.revocation_seconds + 1)
    login.refused(card.token(login.nonce), "certificate-status-unknown")


def test_unknown_issuer_is_refused(town):
    login = Login(town)
    login.refused(City("Other").card().token(login.nonce), "certificate-issuer-unknown")


def test_issuer_of_the_same_name_is_refused(town):
    """A CA that calls itself like ours is not ours."""
    login = Login(town)
    login.refused(City().card().token(login.nonce), "certificate-issuer-unknown")


def test_self_signed_certificate_is_refused(town, city):
    login, key = Login(town), ec.generate_private_key(ec.SECP256R1())
    card = city.card(key=key, issuer_key=key)
    login.refused(card.token(login.nonce), "certificate-issuer-unknown")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in CertificateKind if not kind.is_authentication],
)
def test_certificate_of_another_kind_is_refused(town, city, kind):
    login = Login(town)
    login.refused(city.card(kind).token(login.nonce), "certificate-kind")


def test_signature_certificate_as_it_is_issued_is_refused(town, city):
    login = Login(town)
    card = city.card(
        CertificateKind.CITIZEN_SIGNATURE, purpose=None, usage=key_usage(signature=False, commitment=True)
    )
    login.refused(card.token(login.nonce), "certificate-kind")


def test_foreign_policy_is_refused(town, city):
    login = Login(town)
    login.refused(city.card(policy="1.2.3.4").token(login.nonce), "certificate-kind")


@pytest.mark.parametrize("purpose", [None, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING])
def test_wrong_extended_key_usage_is_refused(town, city, purpose):
    login = Login(town)
    login.refused(city.card(purpose=purpose).token(login.nonce), "certificate-kind")


def test_wrong_key_usage_is_refused(town, city):
    login = Login(town)
    card = city.card(usage=key_usage(signature=False, commitment=True))
    login.refused(card.token(login.nonce), "certificate-kind")


@pytest.mark.parametrize("subject_number", [None, "110101199003074514"])
def test_certificate_without_subject_number_is_refused(town, city, subject_number):
    login = Login(town)
    login.refused(city.card(subject_number=subject_number).token(login.nonce), "certificate-not-accepted")


def test_person_unknown_to_the_register_is_refused(town, city):
    town.register.answers = {}
    login = Login(town)
    login.refused(city.card().token(login.nonce), "person-unknown")


def test_inactive_person_is_refused(town, city):
    town.register.answers[SUBJECT_NUMBER] = {**CITIZEN, "active": False}
    login = Login(town)
    login.refused(city.card().token(login.nonce), "person-inactive")


def test_citizen_certificate_never_makes_an_officer(town, city):
    town.register.answers[SUBJECT_NUMBER] = {**CITIZEN, "kind": "officer"}
    login = Login(town)
    login.refused(city.card().token(login.nonce), "person-unknown")


def test_register_that_is_down_fails_closed(town, city):
    town.register.answers = None
    login = Login(town)
    login.refused(city.card().token(login.nonce), "register-unavailable", 503)


def test_program_gets_problem_json(town, city):
    login = Login(town)
    response = login.send("{}", accept="application/json")
    assert (response.status_code, response.content_type) == (403, "application/problem+json")
    assert response.json["code"] == "card-token-malformed"


@pytest.mark.parametrize("failure", list(LoginFailure), ids=lambda failure: failure.code)
def test_every_failure_speaks_chinese(town, failure):
    from runtime.web import gettext

    app = town.provider and __import__("idp.web", fromlist=["_create_pages"])._create_pages(town.provider)
    with app.test_request_context("/?lang=zh"):
        app.preprocess_request()
        assert gettext(failure.message) != failure.message
