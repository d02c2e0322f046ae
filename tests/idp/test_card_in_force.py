"""A session answers only while the card that began it is in force: the status is asked before every code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from idp.errors import SessionEndedError
from idp.login.card import CardValidator
from idp.login.failures import LoginFailure
from idp.models import SessionRecord
from idp.service.confirmation import confirm_session
from idp.service.sessions import to_session
from tests.idp.harness import OP, START, answer_of, claims_of, csrf_of
from tests.idp.pki import City
from tests.idp.test_card_login import FakeRegister
from trust.status import CRLReason

LOGGED_OUT = "You have been logged out"
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def shared_city():
    return City()


@pytest.fixture
def city(shared_city):
    shared_city.revoked, shared_city.answers, shared_city.answer_age = {}, "good", timedelta(0)
    return shared_city


@pytest.fixture
def town(any_op, city):
    """A provider whose card door is the real one, on either database."""
    door = CardValidator(
        any_op.settings,
        anchors=city.anchors,
        intermediates=city.intermediates,
        evidence=city,
        people=FakeRegister(),
    )
    return OP(replace(any_op.provider, card_door=door), any_op.clock, any_op.desk, any_op.settings)


class Holder:
    """A citizen logged in at one site, about to visit the next."""

    def __init__(self, town, city, **card) -> None:
        self.town, self.city, self.card = town, city, city.card(**card)
        self.browser = town.visitor()
        self.first, self.second = town.site("Site A"), town.site("Site B")
        self.tokens = self.first.redeem(self.log_in(self.first)["code"]).json

    def log_in(self, site) -> dict[str, str]:
        return self.answer(self.browser.start(site).headers["Location"])

    def answer(self, path: str) -> dict[str, str]:
        """Answer the login page with the card."""
        return answer_of(self.browser.finish(self.send(path)))

    def send(self, path: str):
        page = self.browser.get(path).text
        nonce = page.split('data-nonce="')[1].split('"')[0]
        form = {"card_token": self.card.token(nonce), "csrf_token": csrf_of(page)}
        return self.browser.post(path, data=form, headers=PAGE)

    def revoke(self, reason: CRLReason) -> None:
        self.city.revoked[self.card.certificate.serial_number] = reason

    def release(self) -> None:
        self.city.revoked.clear()

    def ended(self) -> list[tuple[str, dict]]:
        """What is on record about sessions ended by the provider."""
        return [
            (subject, details) for action, subject, details in self.town.audit() if action == "session.ended"
        ]

    def userinfo(self) -> int:
        header = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return self.town.visitor().get("/userinfo", headers=header).status_code


@pytest.fixture
def holder(town, city):
    return Holder(town, city)


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        (CRLReason.CERTIFICATE_HOLD, LoginFailure.ON_HOLD),
        (CRLReason.KEY_COMPROMISE, LoginFailure.REVOKED),
    ],
    ids=["suspended", "revoked"],
)
def test_a_card_no_longer_in_force_ends_its_session(holder, reason, failure):
    sid = claims_of(holder.tokens["id_token"])["sid"]
    holder.revoke(reason)
    path = holder.browser.start(holder.second).headers["Location"]
    assert path.startswith("/login/")
    page = holder.browser.get(path).text
    assert LOGGED_OUT in page
    assert failure.message in page
    assert f"<code>{failure.code}</code>" in page
    ((subject, details),) = holder.ended()
    assert subject == holder.card.fingerprint
    assert (details["session"], details["person"], details["code"]) == (sid, "person:p-77", failure.code)
    assert "You are not logged in" in holder.browser.get("/").text
    assert holder.send(path).status_code == 403


def test_the_sentence_is_told_once_and_in_chinese(holder):
    holder.revoke(CRLReason.KEY_COMPROMISE)
    path = holder.browser.start(holder.second, ui_locales="zh-CN").headers["Location"]
    page = holder.browser.get(path).text
    assert "您的登录已被终止" in page
    assert "已被吊销" in page
    assert "您的登录已被终止" not in holder.browser.get(path).text


def test_access_tokens_and_codes_end_with_the_session(holder):
    waiting = answer_of(holder.browser.start(holder.second))["code"]
    assert holder.userinfo() == 200
    holder.revoke(CRLReason.KEY_COMPROMISE)
    holder.browser.start(holder.first)
    assert holder.userinfo() == 401
    assert holder.second.redeem(waiting).json["error"] == "invalid_grant"


def test_released_card_logs_in_again(holder):
    holder.revoke(CRLReason.CERTIFICATE_HOLD)
    path = holder.browser.start(holder.second).headers["Location"]
    holder.release()
    assert holder.browser.start(holder.second).headers["Location"].startswith("/login/"), "ended is ended"
    assert "code" in holder.answer(path)
    assert "code" in answer_of(holder.browser.start(holder.first))
    assert holder.userinfo() == 401, "a token of the former session stays revoked"


def test_card_suspended_and_released_between_two_visits_was_never_noticed(holder):
    holder.revoke(CRLReason.CERTIFICATE_HOLD)
    holder.release()
    assert "code" in answer_of(holder.browser.start(holder.second))
    assert holder.ended() == []


def test_certificate_that_expires_while_logged_in_ends_the_session(town, city):
    holder = Holder(town, city, not_after=START + timedelta(minutes=10))
    town.clock.forward(minutes=11)
    path = holder.browser.start(holder.second).headers["Location"]
    assert LoginFailure.EXPIRED.message in holder.browser.get(path).text
    assert [details["code"] for _, details in holder.ended()] == ["certificate-expired"]


def test_prompt_none_is_told_login_required(holder):
    holder.revoke(CRLReason.KEY_COMPROMISE)
    answer = answer_of(holder.browser.start(holder.second, prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", holder.second.state)
    assert len(holder.ended()) == 1


@pytest.mark.parametrize("answers", ["silent", "unknown", "forged"])
def test_unknown_status_answers_nobody_and_ends_nothing(holder, answers):
    holder.city.answers = answers
    page = holder.browser.get("/authorize", query_string=holder.second.parameters(), headers=PAGE)
    assert page.status_code == 503
    assert "You stay logged in" in page.text
    assert "<code>session-unchecked</code>" in page.text
    answer = answer_of(holder.browser.start(holder.second, prompt="none"))
    assert (answer["error"], answer["state"]) == ("temporarily_unavailable", holder.second.state)
    assert holder.ended() == []
    holder.city.answers = "good"
    assert "code" in answer_of(holder.browser.start(holder.second))
    assert holder.userinfo() == 200


def test_old_evidence_is_no_evidence(holder):
    holder.city.answer_age = timedelta(seconds=holder.town.settings.revocation_seconds + 1)
    answer = answer_of(holder.browser.start(holder.second, prompt="none"))
    assert answer["error"] == "temporarily_unavailable"


def test_certificate_of_an_authority_no_longer_trusted_ends_the_session(holder):
    """The trusted authorities are read at start; sessions are stored and outlive a restart."""
    other = City()
    door = CardValidator(
        holder.town.settings, anchors=other.anchors, intermediates=other.intermediates, evidence=other,
        people=FakeRegister(),
    )  # fmt: skip
    holder.town.provider = replace(holder.town.provider, card_door=door)
    holder.browser.application = OP(
        holder.town.provider, holder.town.clock, holder.town.desk, holder.town.settings
    ).app
    assert holder.browser.start(holder.second).headers["Location"].startswith("/login/")
    assert [details["code"] for _, details in holder.ended()] == ["certificate-issuer-unknown"]


# --- requests that wait ---


def test_card_revoked_between_login_and_answer(town, city):
    """The answer to the login itself is also given only to a card in force; the request waits on."""
    holder = Holder(town, city)
    path = holder.browser.start(holder.second, prompt="login").headers["Location"]
    response = holder.send(path)
    holder.revoke(CRLReason.KEY_COMPROMISE)
    again = holder.browser.get(response.headers["Location"])
    assert again.headers["Location"] == path
    assert LoginFailure.REVOKED.message in holder.browser.get(path).text


def test_status_unknown_between_login_and_answer_keeps_the_request(holder):
    path = holder.browser.start(holder.second, prompt="login").headers["Location"]
    resume = holder.send(path).headers["Location"]
    holder.city.answers = "silent"
    assert holder.browser.get(resume, headers=PAGE).status_code == 503
    holder.city.answers = "good"
    assert "code" in answer_of(holder.browser.get(resume))


def test_tab_that_waited_since_before_the_login_does_not_go_round_in_circles(town, city):
    holder = Holder(town, city)
    browser = holder.browser = town.visitor()
    tab = browser.start(holder.second).headers["Location"]
    assert "code" in holder.log_in(holder.first)
    holder.revoke(CRLReason.CERTIFICATE_HOLD)
    resume = browser.get(tab).headers["Location"]
    assert browser.get(resume).headers["Location"] == tab
    assert LOGGED_OUT in browser.get(tab).text


def test_two_tabs_that_come_upon_the_card_at_once_are_one_record(holder):
    provider = holder.town.provider
    with provider.database.read() as connection:
        session = to_session(connection.execute(sa.select(SessionRecord.__table__)).one())
    holder.revoke(CRLReason.KEY_COMPROMISE)
    for _ in range(2):
        with pytest.raises(SessionEndedError):
            confirm_session(provider, session, holder.town.clock())
    assert len(holder.ended()) == 1


def test_another_browser_of_the_same_card_ends_too(holder):
    other = holder.town.visitor()
    here, holder.browser = holder.browser, other
    assert "code" in holder.log_in(holder.first)
    holder.revoke(CRLReason.KEY_COMPROMISE)
    for browser in (here, other):
        assert browser.start(holder.second).headers["Location"].startswith("/login/")
    assert len({details["session"] for _, details in holder.ended()}) == 2


def test_userinfo_answers_no_session_that_is_over_by_itself(holder):
    """A token fetched in the last minutes of a session does not outlive it."""
    clock, limits = holder.town.clock, holder.town.settings.session_limits
    while clock() < START + limits.absolute - timedelta(minutes=9):
        clock.forward(minutes=25)
        code = answer_of(holder.browser.start(holder.second))["code"]
    holder.tokens = holder.second.redeem(code).json
    clock.at = START + limits.absolute
    assert holder.userinfo() == 200
    clock.forward(seconds=1)
    assert holder.userinfo() == 401
