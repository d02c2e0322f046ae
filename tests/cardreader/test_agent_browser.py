"""A page in Chromium asks through card-agent.js; a person answers in the agent's window, by keyboard."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cardreader.agent.server import make_agent
from cardreader.piv_terms import Slot
from cardreader.settings import AgentSettings, PromptKind
from tests.cardreader.conftest import PIN
from trust.encoding.cms import ContentType, signed_attributes

pytestmark = pytest.mark.browser

MODULE = Path(__file__).resolve().parents[2] / "runtime" / "web" / "static" / "card-agent.js"
NONCE = base64.b64encode(bytes(33)).decode()
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>site</title>
<button id="go">go</button><pre id="result"></pre><script type="module" src="/page.js"></script></html>"""
SCRIPT = """
import * as agent from "/card-agent.js";
const { agentUrl, calls, lang, early } = await (await fetch("/task.json")).json();
const ready = early ? null : await agent.prepare(agentUrl);
document.getElementById("go").addEventListener("click", async () => {
  const result = document.getElementById("result");
  try {
    const prompt = agent.openPrompt(agentUrl, lang);
    const answers = [];
    for (const [name, ...values] of calls) {
      answers.push(await agent[name](agentUrl, ...values, lang, { prompt }));
    }
    result.textContent = JSON.stringify({ answers });
  } catch (error) {
    result.textContent = JSON.stringify({ name: error.name, code: error.code, message: error.message });
  }
});
document.body.dataset.ready = "yes";
"""


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE, "utf-8")
    (folder / "page.js").write_text(SCRIPT, "utf-8")
    (folder / "card-agent.js").write_bytes(MODULE.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield folder, f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(chromium, desk, site):
    """Open the site's page with an agent that lists it; give the page and a function that clicks."""
    folder, origin = site
    context = chromium.new_context(locale="zh-CN")
    servers = []

    def open_page(calls, *, lang="zh", origins=(origin,), agent_url=None, early=False):
        settings = AgentSettings(port=0, origins=origins, cards=desk.folder.directory, prompt=PromptKind.PAGE)
        server = make_agent(settings, desk.folder)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        task = {
            "agentUrl": agent_url or f"http://127.0.0.1:{server.port}",
            "calls": calls,
            "lang": lang,
            "early": early,
        }
        (folder / "task.json").write_text(json.dumps(task), "utf-8")
        page = context.new_page()
        page.goto(origin)
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield open_page
    context.close()
    for server in servers:
        server.shutdown()
        server.server_close()


def result_of(page):
    page.wait_for_function("document.getElementById('result').textContent !== ''")
    return json.loads(page.text_content("#result"))


def opened(page):
    with page.context.expect_page() as window:
        page.click("#go")
    return window.value


def press_last(window, key):
    """Press a key that may close the window before its release arrives."""
    from playwright.sync_api import Error

    with contextlib.suppress(Error):
        window.keyboard.press(key)


def wait_closed(window):
    if not window.is_closed():
        window.wait_for_event("close", timeout=10_000)


@pytest.mark.parametrize("early", [False, True])
def test_login_by_keyboard(visit, desk, artifacts, early):
    desk.card("liming")
    page = visit([["login", NONCE]], early=early)
    window = opened(page)
    window.wait_for_selector("#pin:focus")
    assert window.locator("h1").text_content() == "使用证卡登录"
    assert page.evaluate("location.origin") in window.locator("#details").text_content()
    window.screenshot(path=artifacts / "agent-login.png")
    window.keyboard.type(PIN.decode())
    press_last(window, "Enter")
    token = result_of(page)["answers"][0]
    assert token["format"] == "web-eid:1.1"
    wait_closed(window)


def test_a_wrong_pin_is_told_and_corrected(visit, desk, artifacts):
    desk.card("liming")
    page = visit([["login", NONCE]], lang="en")
    window = opened(page)
    window.wait_for_selector("#pin:focus")
    window.keyboard.type("000000")
    window.keyboard.press("Enter")
    window.wait_for_selector("#failure:not([hidden])")
    assert "2 tries left" in window.text_content("#failure")
    assert window.locator("html").get_attribute("lang") == "en"
    window.wait_for_selector("#pin:focus")
    window.screenshot(path=artifacts / "agent-wrong-pin.png")
    window.keyboard.type(PIN.decode())
    press_last(window, "Enter")
    assert "answers" in result_of(page)
    wait_closed(window)


def test_one_window_for_certificate_and_document(visit, desk, artifacts):
    certificate = desk.personalize(desk.blank("haifeng"), "enterprise", holder="青岛海风科技有限公司")[
        Slot.SIGNATURE
    ]
    desk.card("liming")
    digest = hashlib.sha256(b"filing").digest()
    document = {
        "certificate": base64.b64encode(certificate).decode(),
        "signed_attributes": base64.b64encode(
            signed_attributes(digest, ContentType.DATA, certificate)
        ).decode(),
        "document": {
            "title": "<b>年度申报</b>.pdf",
            "size": 6,
            "pages": 2,
            "digest": base64.b64encode(digest).decode(),
        },
    }
    page = visit([["certificate"], ["signDocument", document]])
    window = opened(page)
    window.wait_for_selector("input[name=card]:focus")
    assert window.locator(".card").count() == 2
    window.screenshot(path=artifacts / "agent-choose-card.png")
    window.keyboard.press("Enter")
    window.wait_for_selector("#pin:focus")
    shown = window.text_content("#details")
    for text in ("<b>年度申报</b>.pdf", "2", "6 字节", digest.hex()[:8]):
        assert text in shown
    window.screenshot(path=artifacts / "agent-document.png")
    window.keyboard.type(PIN.decode())
    press_last(window, "Enter")
    answers = result_of(page)["answers"]
    assert answers[1]["algorithm"] == "ES256"
    wait_closed(window)


def test_escape_cancels(visit, desk):
    desk.card("liming")
    page = visit([["login", NONCE]])
    window = opened(page)
    window.wait_for_selector("#pin:focus")
    press_last(window, "Escape")
    assert result_of(page)["code"] == "user-cancelled"
    wait_closed(window)


def test_closing_the_window_cancels(visit, desk):
    desk.card("liming")
    page = visit([["login", NONCE]])
    window = opened(page)
    window.wait_for_selector("#pin:focus")
    window.close()
    assert result_of(page)["code"] == "user-cancelled"


def test_no_card_is_readable_in_both_places(visit, desk):
    desk.card("liming")
    desk.folder.slot("liming").remove()
    page = visit([["login", NONCE]])
    window = opened(page)
    result = result_of(page)
    assert (result["name"], result["code"]) == ("AgentError", "no-card")
    assert "请插入您的卡" in result["message"]
    window.wait_for_selector("#close:focus")
    assert result["message"] == window.text_content("#status")
    press_last(window, "Enter")
    wait_closed(window)


def test_an_agent_that_is_not_there(visit, desk, free_port):
    desk.card("liming")
    page = visit([["login", NONCE]], lang="en", agent_url=f"http://127.0.0.1:{free_port}")
    page.click("#go")
    result = result_of(page)
    assert result["code"] == "agent-unreachable"
    assert "Start it" in result["message"]


def test_an_agent_that_does_not_list_the_site(visit, desk):
    desk.card("liming")
    page = visit([["login", NONCE]], origins=("https://other.example",))
    page.click("#go")
    assert result_of(page)["code"] == "agent-unreachable"
