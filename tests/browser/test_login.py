"""Login in a real browser: card and PIN, a second site without a card, logout, and what can go wrong."""

from __future__ import annotations

import pytest

from tongxing.people import HAIFENG, LI_MING, WANG_FANG

pytestmark = pytest.mark.browser


def log_in(visitor, town, site, card, shot=""):
    page = visitor.page
    page.goto(town.url(site))
    page.locator("#log-in").click()
    visitor.present(page.locator("#start"), card, shot)
    page.locator("#log-out").wait_for()
    return page


def test_a_citizen_logs_in_with_a_card_and_the_next_site_asks_for_none(town, visitor):
    person = visitor()
    page = person.page
    page.goto(town.url("site-a"))
    person.shot("1-site")
    page.locator("#log-in").click()
    page.locator("#start").wait_for()
    person.shot("2-login")
    assert "一卡通" in page.inner_text("main") or "卡" in page.inner_text("main")
    person.present(page.locator("#start"), LI_MING, "3-pin")
    page.locator("#log-out").wait_for()
    person.shot("4-logged-in")
    assert LI_MING.masked_name in page.inner_text("main")
    first = page.locator("#sub").inner_text()

    page.goto(town.url("site-b"))
    page.locator("#log-in").click()
    page.locator("#log-out").wait_for()
    person.shot("5-second-site")
    assert len(person.context.pages) == 1
    assert LI_MING.masked_name in page.inner_text("main")
    assert page.locator("#sub").inner_text() != first


def test_logout_ends_the_login_everywhere(town, visitor):
    person = visitor()
    page = log_in(person, town, "site-a", WANG_FANG)
    page.locator("#log-out").click()
    page.wait_for_load_state()
    person.shot("1-logout")
    confirm = page.locator("main form button[type=submit]")
    if page.url.startswith(town.url("idp")) and confirm.count():
        confirm.first.click()
    page.locator("#log-in").wait_for()
    page.goto(town.url("site-b"))
    page.locator("#log-in").click()
    page.locator("#start").wait_for()


def test_an_enterprise_logs_in_with_its_certificate(town, visitor):
    person = visitor()
    page = log_in(person, town, "site-a", HAIFENG, "1-pin")
    assert HAIFENG.enterprise_name in page.inner_text("main")
    person.shot("2-logged-in")


def test_a_wrong_pin_is_told_with_the_tries_left_and_may_be_corrected(town, visitor):
    person = visitor()
    page = person.page
    page.goto(town.url("site-a") + "/login")
    prompt = person.click_for_prompt(page.locator("#start"))
    person.choose(prompt, WANG_FANG)
    person.type_pin(prompt, "000000")
    failure = prompt.locator("#failure")
    failure.wait_for(state="visible")
    person.shot("1-wrong", prompt)
    assert "2" in prompt.inner_text("#pin-tries")
    person.type_pin(prompt, WANG_FANG.pin)
    page.locator("#log-out").wait_for()


def test_cancelling_returns_to_the_page_and_says_so(town, visitor):
    person = visitor()
    page = person.page
    page.goto(town.url("site-a") + "/login")
    prompt = person.click_for_prompt(page.locator("#start"))
    prompt.locator("#cancel").click()
    page.locator("#agent-failure").wait_for(state="visible")
    person.shot("1-cancelled")
    assert page.locator("#start").is_enabled()
    person.expected.append("403|Failed to load resource")


def test_every_page_speaks_english_when_the_browser_does(town, visitor):
    person = visitor("en-GB")
    page = person.page
    page.goto(town.url("site-a"))
    assert page.get_attribute("html", "lang") == "en"
    page.locator("#log-in").click()
    page.locator("#start").wait_for()
    assert page.get_attribute("html", "lang") == "en"
    assert "Log in with your card" in page.inner_text("h1")
    person.shot("1-login")
    prompt = person.click_for_prompt(page.locator("#start"))
    assert prompt.get_attribute("html", "lang") == "en"
    person.shot("2-pin", prompt)
    prompt.close()
    person.expected.append("403|Failed to load resource")


def test_the_language_link_switches(town, visitor):
    person = visitor()
    page = person.page
    page.goto(town.url("idp"))
    assert page.get_attribute("html", "lang").startswith("zh")
    page.locator("a.language").click()
    page.wait_for_load_state()
    assert page.get_attribute("html", "lang") == "en"


def test_the_whole_login_works_with_the_keyboard_alone(town, visitor):
    person = visitor()
    page = person.page
    page.goto(town.url("site-a"))
    tab_to(page, "#log-in")
    page.keyboard.press("Enter")
    page.locator("#start").wait_for()
    tab_to(page, "#start")
    page.wait_for_load_state()
    with person.context.expect_page() as opened:
        page.keyboard.press("Enter")
    prompt = opened.value
    prompt.locator("#prompt").wait_for(state="visible")
    # The first card has the focus; arrows move among the cards.
    for _ in range(20):
        if LI_MING.name in prompt.evaluate(
            "document.querySelector('input[name=card]:checked + label').innerText"
        ):
            break
        prompt.keyboard.press("ArrowDown")
    tab_to(prompt, "#pin")
    prompt.keyboard.type(LI_MING.pin)
    prompt.keyboard.press("Enter")
    page.locator("#log-out").wait_for()
    assert LI_MING.masked_name in page.inner_text("main")


def tab_to(page, selector):
    """Press Tab until the element has the focus, which must be visible."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")
