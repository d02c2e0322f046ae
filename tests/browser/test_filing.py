"""Filing in a real browser: log in with the e-cert, upload, sign with the card, receipt; refusals."""

from __future__ import annotations

import pytest

from tongxing.demo.document import make_pdf
from tongxing.demo.filing import flip_a_byte
from tongxing.people import HAIFENG, LI_MING

pytestmark = pytest.mark.browser
DOCUMENT = make_pdf("Annual report 2026", ["Haifeng Technology", "All of this is invented."])


def enter(person, town, card):
    page = person.page
    page.goto(town.url("signing") + "/login?next=/")
    person.present(page.locator("#start"), card)
    page.locator("#upload").wait_for()
    return page


def upload(page, document, name="report.pdf"):
    page.locator("#document").set_input_files(
        {"name": name, "mimeType": "application/pdf", "buffer": document}
    )
    page.locator("#send").click()


def test_an_enterprise_files_a_signed_document_and_gets_a_receipt(town, visitor, artifacts):
    person = visitor()
    page = enter(person, town, HAIFENG)
    assert HAIFENG.enterprise_name in page.inner_text("main")
    person.shot("1-home")
    upload(page, DOCUMENT)
    page.locator("#sign-button").wait_for()
    person.shot("2-document")
    prompt = person.click_for_prompt(page.locator("#sign-button"))
    person.choose(prompt, HAIFENG)
    person.shot("3-choose", prompt)
    prompt.locator("#confirm").click()
    # The same window now shows what is signed, and asks for the PIN.
    prompt.locator("#pin").wait_for(state="visible")
    prompt.locator("#details", has_text="report").wait_for()
    person.shot("4-sign", prompt)
    person.type_pin(prompt, HAIFENG.pin)
    page.locator("#accepted").wait_for()
    person.shot("5-receipt")
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    signed = artifacts / "browser-signed.pdf"
    download.value.save_as(signed)

    # Anybody validates it, without a login; one flipped byte is told to a clerk in words.
    stranger = visitor()
    for name, content, shot in (
        ("signed.pdf", signed.read_bytes(), "1-valid"),
        ("altered.pdf", flip_a_byte(signed.read_bytes()), "2-altered"),
    ):
        stranger.page.goto(town.url("signing") + "/validate")
        stranger.page.locator("#document").set_input_files(
            {"name": name, "mimeType": "application/pdf", "buffer": content}
        )
        stranger.page.locator("form.card button[type=submit]").click()
        stranger.page.locator("#verdict").wait_for()
        stranger.shot(shot)
    assert "更改" in stranger.page.inner_text("#verdict")


def test_refused_uploads_are_told_on_the_page(town, visitor):
    person = visitor("en-GB")
    page = enter(person, town, LI_MING)
    upload(page, b"")
    page.locator("#upload-failure").wait_for(state="visible")
    assert "empty" in page.inner_text("#upload-failure")
    upload(page, b"no PDF at all", "letter.pdf")
    page.locator("#upload-failure", has_text="PDF").wait_for()
    person.shot("1-refused")
    person.expected.append("422|400|Failed to load resource")


def test_a_wrong_pin_at_signing_keeps_the_draft(town, visitor):
    person = visitor("en-GB")
    page = enter(person, town, LI_MING)
    upload(page, DOCUMENT)
    prompt = person.click_for_prompt(page.locator("#sign-button"))
    person.choose(prompt, LI_MING)
    prompt.locator("#confirm").click()
    prompt.locator("#details", has_text="report").wait_for()
    person.type_pin(prompt, "000000")
    prompt.locator("#failure").wait_for(state="visible")
    person.shot("1-wrong-pin", prompt)
    prompt.locator("#cancel").click()
    page.locator("#sign-failure").wait_for(state="visible")
    page.reload()
    assert page.locator("#sign-button").is_enabled()
    person.expected.append("403|Failed to load resource")


def test_filing_works_with_the_keyboard_and_speaks_english(town, visitor):
    person = visitor("en-GB")
    page = enter(person, town, LI_MING)
    assert page.get_attribute("html", "lang") == "en"
    assert "File a document" in page.inner_text("h1")
    upload(page, DOCUMENT)
    page.locator("#sign-button").focus()
    # The page's script has been run by then.
    page.wait_for_load_state()
    with person.context.expect_page() as opened:
        page.keyboard.press("Enter")
    prompt = opened.value
    prompt.locator("#prompt").wait_for(state="visible")
    for _ in range(20):
        if LI_MING.name in prompt.locator("input[name=card]:checked + label").inner_text():
            break
        prompt.keyboard.press("ArrowDown")
    prompt.keyboard.press("Enter")
    prompt.locator("#details", has_text="report").wait_for()
    prompt.locator("#pin").wait_for(state="visible")
    prompt.keyboard.type(LI_MING.pin)
    prompt.keyboard.press("Enter")
    page.locator("#accepted").wait_for()
    person.shot("1-receipt")
