"""The officers' desk: pages, roles, languages, and an approval through the page."""

from __future__ import annotations

import base64
import io
import re

import flask
import pytest
from werkzeug.test import Client

from ca.registration import web
from ca.registration.gateway import DirectGateway
from runtime.relying_party import current_user
from runtime.web.session import renew
from tests.ca.desk import AT, HOUR, SoftwareCard
from tests.ca.test_registration import HAIFENG, LI, WANG, open_registration, registration_settings
from trust.certificate import Certificate

NOW = AT + HOUR


class FakeLogin:
    """Logs in whoever holds the certificate named in the query, as the provider would."""

    def register(self, app):
        app.add_url_rule("/login", "login", self._login)
        app.add_url_rule("/logout", "logout", lambda: flask.redirect("/"), methods=["POST"])
        app.jinja_env.globals["current_user"] = current_user

    @staticmethod
    def _login():
        fingerprint = flask.request.args.get("fingerprint")
        officer = {"officer": {"certificate_sha256": fingerprint}} if fingerprint else {}
        renew(person={"sub": "somebody", "name": "x", **officer})
        return flask.redirect("/", 303)


class Browser:
    """One officer's browser."""

    def __init__(self, app, card=None, *, language="en"):
        self.client = Client(app)
        self.headers = {"Accept": "text/html", "Accept-Language": language}
        if card is not None:
            fingerprint = Certificate.parse(card.certificates.authentication).fingerprint
            self.client.get(f"/login?fingerprint={fingerprint}")

    def get(self, path):
        return self.client.get(path, headers=self.headers)

    def post(self, path, page, **form):
        token = re.search(r'name="csrf-token" content="([^"]+)"', self.get(page).text)[1]
        return self.client.post(path, data={"csrf_token": token, **form}, headers=self.headers)


@pytest.fixture
def pages(desk):
    registration = open_registration(desk)
    registration.add_person(*LI, actor="t", at=NOW)
    registration.add_person(*WANG, actor="t", at=NOW)
    registration.add_enterprise(*HAIFENG, actor="t", at=NOW)
    app = web.create_app(
        registration_settings(desk.state),
        lambda: NOW,
        gateway=DirectGateway(desk.authority),
        login=FakeLogin(),
    )
    return app, registration


@pytest.fixture
def chen(pages, desk):
    return Browser(pages[0], desk.chen)


@pytest.fixture
def zhao(pages, desk):
    return Browser(pages[0], desk.zhao)


@pytest.fixture
def sun(pages, desk):
    return Browser(pages[0], desk.sun)


def apply(browser, **changes):
    form = {"kind": "citizen", "name": LI[0], "identity_number": LI[1], **changes}
    return browser.post("/applications", "/applications/new", **form)


def submit(browser, registration, path):
    order = registration.card_order(path.rsplit("/", 1)[1], "x")
    requests = SoftwareCard().requests(order.subject)
    return browser.post(
        f"{path}/requests",
        path,
        authentication=(io.BytesIO(requests.authentication), "a.csr"),
        signature=(io.BytesIO(requests.signature), "s.csr"),
    )


def test_from_application_to_certificates_on_the_pages(pages, desk, chen, zhao):
    _app, registration = pages
    path = apply(chen).location
    page = chen.get(path)
    assert "370***********8515" in page.text
    assert LI[1] not in page.text
    assert submit(chen, registration, path).status_code == 303
    own = chen.get(path).text
    assert "another officer must approve" in own
    assert 'id="approval-form"' not in own
    page = zhao.get(path)
    statement = base64.b64decode(re.search(r'data-statement="([^"]+)"', page.text)[1])
    assert page.text.count("SHA-256") == 2
    assert "connect-src 'self' http://127.0.0.1:8420" in page.headers["Content-Security-Policy"]
    approval = base64.b64encode(desk.zhao.approve(statement, NOW)).decode()
    assert zhao.post(f"{path}/approval", path, approval=approval).status_code == 303
    assert "Download the certificates" in zhao.get(path).text
    pem = zhao.get(f"{path}/certificates.pem")
    assert pem.text.count("BEGIN CERTIFICATE") == 2
    assert "issued" in chen.get("/applications?state=issued").text


def test_pages_speak_chinese(pages, desk, chen):
    apply(chen)
    browser = Browser(pages[0], desk.chen, language="zh-CN")
    page = browser.get("/applications").text
    assert '<html lang="zh-Hans">' in page
    assert "申请列表" in page
    assert "身份已核验" in page
    assert "证书登记窗口" in Browser(pages[0], language="zh").get("/").text
    assert "Log in with your officer card" in Browser(pages[0]).get("/").text


def test_every_english_text_has_a_chinese_one():
    from pathlib import Path

    import ca.registration as package

    folder = Path(package.__file__).parent
    known = (folder / "translations/zh/LC_MESSAGES/messages.po").read_text("utf-8")
    for template in sorted((folder / "templates").glob("*.html")):
        for text in re.findall(r"_\('((?:[^'\\]|\\.)+)'\)", template.read_text("utf-8")):
            assert f'msgid "{text.replace(chr(92) + chr(39), chr(39))}"' in known, (template.name, text)


def test_the_requester_cannot_approve_even_past_the_page(pages, desk, chen):
    _app, registration = pages
    path = apply(chen).location
    submit(chen, registration, path)
    statement = registration.application(path.rsplit("/", 1)[1], actor="t", at=NOW).statement
    approval = base64.b64encode(desk.chen.approve(statement, NOW)).decode()
    answer = chen.post(f"{path}/approval", path, approval=approval)
    assert answer.status_code == 403
    assert "approver-is-requester" in answer.text


def test_an_auditor_looks_and_does_nothing(pages, chen, sun):
    path = apply(chen).location
    page = sun.get(path)
    assert page.status_code == 200
    assert "Refuse" not in page.text
    assert sun.get("/applications/new").status_code == 403
    assert sun.post(f"{path}/refusal", path, reason="x").status_code == 403
    assert sun.post(f"{path}/approval", path, approval="").status_code == 403


def test_who_is_not_an_officer_sees_nothing(pages):
    app, _registration = pages
    stranger = Browser(app)
    answer = stranger.get("/applications")
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=")
    stranger.client.get("/login")
    assert "not as an officer" in stranger.get("/applications").text
    assert stranger.get("/applications").status_code == 403
    stranger.client.get(f"/login?fingerprint={'0' * 64}")
    assert stranger.get("/applications").status_code == 403


def test_refusing_with_a_reason(pages, chen, zhao):
    path = apply(chen).location
    assert zhao.post(f"{path}/refusal", path, reason="证件已过期").status_code == 303
    assert "证件已过期" in chen.get(path).text
    assert zhao.post(f"{path}/refusal", path, reason="again").status_code == 409


def test_wrong_input_is_told_and_loses_nothing(pages, chen):
    again = apply(chen, name="王芳")
    assert again.status_code == 422
    assert 'value="王芳"' in again.text
    assert 'role="alert"' in again.text
    assert apply(chen, identity_number="370202199003078516").status_code == 422
    assert apply(chen, kind="dragon").status_code == 400
    path = apply(chen).location
    answer = chen.post(f"{path}/requests", path, authentication=(io.BytesIO(b"x"), "a"))
    assert answer.status_code == 422
    answer = chen.post(
        f"{path}/requests", path,
        authentication=(io.BytesIO(b"rubbish"), "a"), signature=(io.BytesIO(b"rubbish"), "s"),
    )  # fmt: skip
    assert "request-malformed" in answer.text
    answer = chen.post(
        f"{path}/requests", path, authentication=(io.BytesIO(b"0" * 100_000), "a"),
    )  # fmt: skip
    assert answer.status_code == 413
    assert chen.get(path).status_code == 200
    assert chen.get("/applications/A-0").status_code == 404
    assert chen.get(f"{path}/certificates.pem").status_code == 404


def test_an_approval_that_did_not_arrive(pages, chen, zhao):
    _app, registration = pages
    path = apply(chen).location
    submit(chen, registration, path)
    assert zhao.post(f"{path}/approval", path, approval="***").status_code == 400
    assert zhao.post(f"{path}/approval", path, approval="AAAA").status_code == 403


def test_a_form_of_another_site_is_refused(pages, chen):
    answer = chen.client.post("/applications", data={"kind": "citizen"})
    assert answer.status_code == 403


def test_an_enterprise_card_on_the_page(pages, chen):
    answer = apply(
        chen, kind="enterprise", name=WANG[0], identity_number=WANG[1],
        enterprise_name=HAIFENG[0], uscc=HAIFENG[1],
    )  # fmt: skip
    page = chen.get(answer.location).text
    assert HAIFENG[0] in page
    assert HAIFENG[1] in page


def test_an_officer_whose_card_is_suspended_is_out_at_once(pages, zhao, desk):
    # The session cookie lives for hours; the authority's list of officers is asked at every page.
    assert zhao.get("/applications").status_code == 200
    serial = format(Certificate.parse(desk.zhao.certificates.authentication).serial_number, "x")
    desk.authority.standing.suspend(serial, actor="t", at=NOW)
    assert zhao.get("/applications").status_code == 403
    desk.authority.standing.release(serial, actor="t", at=NOW)
    assert zhao.get("/applications").status_code == 200
