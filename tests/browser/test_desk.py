"""The officers' desk in a real browser: what will be signed, approval with the second officer's card."""

from __future__ import annotations

import re

import pytest

from tests.ca.desk import SoftwareCard
from tongxing.people import CHEN_JING, LI_MING, WANG_FANG, ZHAO_QIANG
from trust.subjects import citizen_subject

pytestmark = pytest.mark.browser


def log_in(officer, town, card):
    officer.page.goto(f"{town.url('ra')}/applications")
    officer.present(officer.page.locator("#start"), card)
    officer.page.wait_for_url(f"{town.url('ra')}/**")


def test_two_officers_issue_a_card(town, visitor):
    # 1. Chen takes the application and hands in the requests of the card.
    chen = visitor()
    page = chen.page
    page.goto(town.url("ra"))
    chen.shot("1-home")
    log_in(chen, town, CHEN_JING)
    page.goto(f"{town.url('ra')}/applications/new")
    chen.shot("2-new")
    page.fill("#name", LI_MING.name)
    page.fill("#identity_number", LI_MING.identity_number)
    page.locator("main button[type=submit]").click()
    page.locator("#requests").wait_for()
    assert LI_MING.identity_number not in page.content()
    address = page.url
    number = re.search(r"TX[0-9A-Z]{24}", page.inner_text("main"))[0]
    requests = SoftwareCard().requests(citizen_subject(LI_MING.name, number))
    for name in ("authentication", "signature"):
        file = {"name": f"{name}.csr", "mimeType": "application/pkcs10", "buffer": getattr(requests, name)}
        page.set_input_files(f"#{name}", files=[file])
    page.locator("form[enctype] button").click()
    page.locator("#signed").wait_for()
    assert page.locator("#approve").count() == 0
    chen.shot("3-prepared")
    # 2. Zhao sees the same digests on the page and in the card's window, and approves.
    zhao = visitor("en")
    log_in(zhao, town, ZHAO_QIANG)
    page = zhao.page
    page.goto(address)
    digests = re.findall(r"[0-9a-f]{8}(?: [0-9a-f]{8}){7}", page.inner_text("main"))
    assert len(digests) == 2
    zhao.shot("4-approve")
    prompt = zhao.click_for_prompt(page.locator("#approve"))
    shown = prompt.inner_text("body")
    assert all(digest in shown for digest in digests)
    zhao.choose(prompt, ZHAO_QIANG)
    zhao.shot("5-card-window", prompt)
    zhao.type_pin(prompt, ZHAO_QIANG.pin)
    page.locator("a[href$='certificates.pem']").wait_for()
    zhao.shot("6-issued")
    assert "issued" in page.inner_text("main")


def test_a_citizen_has_no_business_at_the_desk(town, visitor):
    citizen = visitor()
    citizen.expected.append("403")
    log_in(citizen, town, WANG_FANG)
    assert "not-an-officer" in citizen.page.inner_text("main")
    citizen.shot("1-refused")
