"""Login end to end, as the pages' scripts do it: with the right card and with everything wrong."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests.flows.test_processes import children, gone, healthy, until
from tongxing.demo.issuance import _wait_for_status, open_issuing, revoke_card
from tongxing.demo.login import play_login
from tongxing.demo.stage import CARD_TOKEN_FIELD
from tongxing.errors import DemoError
from tongxing.people import LI_MING, WANG_FANG

pytestmark = pytest.mark.slow


def begin(town, browser, site="site-a"):
    """Open a site's login; return the provider's page and a fresh nonce."""
    page = browser.get(f"{town.url(site)}/login")
    form = page.form("/login/")
    nonce = browser.post_json(f"{form.action}/nonce", {}, {"X-CSRF-Token": page.data["csrf-token"]})["nonce"]
    return page, nonce


def token_of(town, browser, page_url, nonce, card=LI_MING):
    town.person.holds(card)
    return town.stage().agent(browser, page_url).login(nonce)


def send(browser, page, token):
    return browser.submit(page.form("/login/"), {CARD_TOKEN_FIELD: json.dumps(token)})


def test_the_flow_with_a_wrong_pin_two_sites_and_logout(town):
    lines = []
    play_login(town.stage(lines))
    assert sum("✓" in line for line in lines) == 4


def test_one_person_has_another_number_at_every_site(town):
    stage, browser = town.stage(), town.browser()
    first = stage.log_in(browser, "site-a", WANG_FANG)
    second = browser.get(f"{town.url('site-b')}/login")
    subjects = {word for page in (first, second) for word in page.words.split() if len(word) == 43}
    assert len(subjects) == 2


def test_a_card_token_works_once(town):
    browser = town.browser()
    page, nonce = begin(town, browser)
    token = token_of(town, browser, page.url, nonce)
    assert LI_MING.masked_name in send(browser, page, token).text
    other = town.browser()
    again, _ = begin(town, other)
    assert send(other, again, token).status == 403


def test_a_nonce_of_another_browser_is_refused(town):
    mine, theirs = town.browser(), town.browser()
    page, _ = begin(town, mine)
    _, foreign = begin(town, theirs)
    assert send(mine, page, token_of(town, mine, page.url, foreign)).status == 403


def test_a_token_made_for_another_origin_is_refused(town):
    browser = town.browser()
    page, nonce = begin(town, browser)
    answer = send(browser, page, token_of(town, browser, town.url("signing"), nonce))
    assert answer.status == 403
    assert LI_MING.name not in answer.text


def test_a_forged_token_is_refused(town):
    browser = town.browser()
    page, nonce = begin(town, browser)
    token = token_of(town, browser, page.url, nonce)
    signature = token["signature"]
    token["signature"] = ("B" if signature[0] != "B" else "C") + signature[1:]
    assert send(browser, page, token).status == 403


def test_the_agent_refuses_a_page_it_does_not_know(town):
    with pytest.raises(DemoError, match="origin"):
        token_of(town, town.browser(), "https://evil.example/", "n" * 44)


def test_a_revoked_card_ends_at_the_door(town):
    # The provider takes an OCSP answer up to a minute old: this card has not been asked about before.
    stage = town.stage()
    with open_issuing(stage) as (desk, client, card):
        revoke_card(stage, client, desk.requester, desk.issue_card(card))
    page, nonce = begin(town, fresh := town.browser())
    answer = send(fresh, page, token_of(town, fresh, page.url, nonce, card))
    assert answer.status == 403


def test_a_revoked_card_ends_its_live_session(town):
    """The next site is not answered; the provider begins anew meanwhile, so that no cached answer serves."""
    stage, browser = town.stage(), town.browser()
    with open_issuing(stage) as (desk, client, card):
        issued = desk.issue_card(card)
        trust = town.state / "trust"
        _wait_for_status(browser, trust, issued.authentication, ocsp.OCSPCertStatus.GOOD)
        assert card.masked_name in stage.log_in(browser, "site-a", card).text
        assert card.masked_name in browser.get(f"{town.url('site-b')}/login").text
        revoke_card(stage, client, desk.requester, issued)
    _kill_provider(town)
    page = browser.get(f"{town.url('site-b')}/login")
    assert page.url.startswith(town.url("idp"))
    assert "certificate-revoked" in page.text
    page.form("/login/")


def _kill_provider(town):
    """Kill the provider's processes; its supervisor starts it again, sessions are in the database."""
    named = [pid for pid in children(town.process) if _name_of(pid) == "tx-idp"]
    assert named
    os.kill(named[0], signal.SIGKILL)
    until(lambda: gone(named[0]))
    until(lambda: healthy(town.url("idp") + "/healthz"))


def _name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_an_unknown_site_or_redirect_is_not_redirected_to(town):
    browser = town.browser()
    authorize = f"{town.url('idp')}/authorize?response_type=code&scope=openid&state=s&nonce=n"
    for query in (
        "&client_id=nobody&redirect_uri=https://evil.example/",
        "&client_id=site-a&redirect_uri=https://evil.example/",
        f"&client_id=site-a&redirect_uri={town.url('site-a')}/callback/../evil",
    ):
        page = browser.get(authorize + query)
        assert page.status == 400
        assert page.url.startswith(town.url("idp"))
