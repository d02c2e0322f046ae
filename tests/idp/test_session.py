"""Sessions: prompt, max_age, time-outs, several tabs, other people, fixation."""

from __future__ import annotations

import re

import pytest

from tests.idp.harness import START, answer_of, claims_of, csrf_of


def test_oidcc_prompt_none_not_logged_in(op, site, visitor):
    answer = answer_of(visitor.start(site, prompt="none"))
    assert answer["error"] == "login_required"
    assert answer["state"] == site.state


def test_oidcc_prompt_none_logged_in(op, site, visitor):
    first = claims_of(site.tokens(visitor)["id_token"])
    op.clock.forward(seconds=30)
    second = claims_of(site.tokens(visitor, card=None, prompt="none")["id_token"])
    assert second["sub"] == first["sub"]
    assert second["auth_time"] == first["auth_time"]


def test_oidcc_prompt_login(op, site, visitor):
    first = claims_of(site.tokens(visitor)["id_token"])
    op.clock.forward(seconds=30)
    response = visitor.start(site, prompt="login")
    assert response.headers["Location"].startswith("/login/")
    answer = answer_of(visitor.finish(response))
    second = claims_of(site.redeem(answer["code"]).json["id_token"])
    assert second["auth_time"] == first["auth_time"] + 30
    assert second["sid"] == first["sid"], "the same person's session is renewed, not replaced"


def test_prompt_select_account_asks_for_a_card(op, site, visitor):
    site.tokens(visitor)
    assert visitor.start(site, prompt="select_account").headers["Location"].startswith("/login/")


def test_oidcc_max_age_1(op, site, visitor):
    first = claims_of(site.tokens(visitor)["id_token"])
    op.clock.forward(seconds=2)
    response = visitor.start(site, max_age="1")
    assert response.headers["Location"].startswith("/login/")
    answer = answer_of(visitor.finish(response))
    second = claims_of(site.redeem(answer["code"]).json["id_token"])
    assert second["auth_time"] > first["auth_time"]


def test_oidcc_max_age_10000(op, site, visitor):
    first = claims_of(site.tokens(visitor)["id_token"])
    op.clock.forward(seconds=60)
    second = claims_of(site.tokens(visitor, card=None, max_age="10000")["id_token"])
    assert second["auth_time"] == first["auth_time"]


def test_max_age_0_asks_every_time_and_then_answers(op, site, visitor):
    site.tokens(visitor)
    op.clock.forward(seconds=1)
    assert "code" in visitor.authorize(site, max_age="0")


def test_max_age_with_prompt_none_fails(op, site, visitor):
    site.tokens(visitor)
    op.clock.forward(seconds=20)
    answer = answer_of(visitor.start(site, max_age="10", prompt="none"))
    assert answer["error"] == "login_required"


def test_idle_session_ends(op, site, visitor):
    site.tokens(visitor)
    op.clock.forward(minutes=31)
    assert visitor.start(site).headers["Location"].startswith("/login/")


def test_session_in_use_stays_until_its_absolute_end(op, site, visitor):
    site.tokens(visitor)
    while (op.clock() - START).total_seconds() < 8 * 3600 - 1200:
        op.clock.forward(minutes=20)
        assert "code" in visitor.authorize(site, card=None)
    op.clock.forward(minutes=21)
    assert visitor.start(site).headers["Location"].startswith("/login/")


def test_another_person_ends_the_former_session(op, site, visitor):
    former = site.tokens(visitor)
    latter = claims_of(site.tokens(visitor, card="li", prompt="login")["id_token"])
    assert latter["sub"] != claims_of(former["id_token"])["sub"]
    assert latter["sid"] != claims_of(former["id_token"])["sid"]
    header = {"Authorization": f"Bearer {former['access_token']}"}
    assert visitor.get("/userinfo", headers=header).status_code == 401


def test_another_card_of_the_same_person_begins_another_session(op, site, visitor):
    """Who acted as a citizen does not act for an enterprise under the same session."""
    citizen = site.tokens(visitor, scope="openid enterprise")
    company = site.tokens(visitor, card="wang-enterprise", scope="openid enterprise", prompt="login")
    first, second = (claims_of(tokens["id_token"]) for tokens in (citizen, company))
    assert first["sub"] == second["sub"]
    assert first["sid"] != second["sid"]
    header = {"Authorization": f"Bearer {company['access_token']}"}
    assert "enterprise" in visitor.get("/userinfo", headers=header).json


def test_two_tabs_do_not_clash(op, visitor):
    first, second = op.site("Site A"), op.site("Site B")
    tab_one, tab_two = visitor.start(first), visitor.start(second)
    assert "code" in answer_of(visitor.finish(tab_one))
    # The second tab's page, opened before the login, goes on without a card.
    assert "code" in answer_of(visitor.finish(tab_two, card=None))


def test_tab_with_an_expired_form_finds_its_way(op, visitor):
    first, second = op.site("Site A"), op.site("Site B")
    tab_one, tab_two = visitor.start(first), visitor.start(second)
    path = tab_two.headers["Location"]
    old = csrf_of(visitor.get(path).text)
    visitor.finish(tab_one)
    refused = visitor.post(
        path, data={"card_token": "wang", "csrf_token": old}, headers={"Accept": "text/html"}
    )
    assert refused.status_code == 403
    assert "code" in answer_of(visitor.finish(visitor.get(path), card=None))


def test_back_button_after_login_explains_itself(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    visitor.finish(visitor.show_card(path))
    page = visitor.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert "<code>login-over</code>" in page.text


def test_login_page_is_over_after_its_time(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    for _ in range(3):
        op.clock.forward(minutes=9)
        assert visitor.get(path).status_code == 200
    op.clock.forward(minutes=4)
    page = visitor.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert "<code>login-over</code>" in page.text


# --- login CSRF, fixation, stolen links (attack list G) ---


def test_login_begun_in_another_browser_is_refused(op, site):
    """An attacker's login link is worth nothing in a victim's browser."""
    attacker, victim = op.visitor(), op.visitor()
    path = attacker.start(site).headers["Location"]
    assert victim.get(path).status_code == 400
    victim.start(site)
    assert victim.get(path).status_code == 400
    assert victim.get(path.replace("/login/", "/authorize/resume/")).status_code == 400


def test_finished_login_cannot_be_resumed_elsewhere(op, site):
    attacker, victim = op.visitor(), op.visitor()
    path = attacker.start(site).headers["Location"]
    response = attacker.show_card(path)
    assert victim.get(response.headers["Location"]).status_code == 400


def test_session_secret_changes_at_login(op, site, visitor):
    """A cookie planted before the login is worth nothing after it."""
    visitor.get("/")
    before = visitor.get_cookie("__Host-tx_idp", domain="localhost")
    planted = before.value if before else None
    site.tokens(visitor)
    assert visitor.get_cookie("__Host-tx_idp").value != planted
    attacker = op.visitor()
    attacker.set_cookie("__Host-tx_idp", planted or "x")
    assert answer_of(attacker.start(site, prompt="none"))["error"] == "login_required"


def test_former_cookie_is_worth_nothing_after_a_new_login(op, site, visitor):
    site.tokens(visitor)
    old = visitor.get_cookie("__Host-tx_idp").value
    site.tokens(visitor, prompt="login")
    thief = op.visitor()
    thief.set_cookie("__Host-tx_idp", old)
    assert answer_of(thief.start(site, prompt="none"))["error"] == "login_required"


def test_login_without_csrf_token_is_refused(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    visitor.get(path)
    assert visitor.post(path, data={"card_token": "wang"}).status_code == 403
    assert visitor.post(f"{path}/cancel").status_code == 403
    assert visitor.post(f"{path}/nonce").status_code == 403


def test_login_posted_by_another_site_is_refused(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    token = csrf_of(visitor.get(path).text)
    response = visitor.post(
        path, data={"card_token": "wang", "csrf_token": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403


def test_cancelled_login_is_told_to_the_site(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    token = csrf_of(visitor.get(path).text)
    answer = answer_of(visitor.post(f"{path}/cancel", data={"csrf_token": token}))
    assert (answer["error"], answer["state"]) == ("access_denied", site.state)
    assert op.audit()[-1][0] == "login.cancelled"


def test_cookie_is_host_only_secure_and_not_for_scripts(op, site, visitor):
    cookie = visitor.get("/").headers.get("Set-Cookie", "")
    assert cookie.startswith("__Host-tx_idp=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie


@pytest.mark.parametrize(
    "path", ["/login/", "/login/x", "/login/" + "A" * 43, "/login/%00", "/authorize/resume/%00"]
)
def test_made_up_login_addresses_lead_nowhere(any_op, path):
    response = any_op.visitor().get(path)
    assert response.status_code in {400, 404}


def test_home_page_tells_who_is_logged_in(op, site, visitor):
    assert "You are not logged in" in visitor.get("/").text
    site.tokens(visitor)
    assert re.search(r"<dd>王小明</dd>", visitor.get("/").text)


def test_card_answers_are_limited_per_address_and_only_for_a_while(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    token = csrf_of(visitor.get(path).text)
    statuses = [
        visitor.post(path, data={"card_token": "x", "csrf_token": token}).status_code for _ in range(125)
    ]
    assert statuses[0] == 403
    assert statuses[-1] == 429
    op.clock.forward(seconds=30)
    assert "code" in answer_of(visitor.finish(visitor.get(path) and visitor.start(site)))


def test_forwarding_headers_of_strangers_change_nothing(op, site, visitor):
    """Attack list F: who is no proxy of ours cannot pretend to be somebody else or to bring a certificate."""
    headers = {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example",
               "X-Ssl-Client-Cert": "x", "Host": "evil.example"}  # fmt: skip
    response = visitor.get("/authorize", query_string=site.parameters(), headers=headers)
    assert response.headers["Location"].startswith("/login/")
    assert (
        visitor.get("/.well-known/openid-configuration", headers=headers).json["issuer"]
        == "https://login.example"
    )
