"""Headless Chromium, driven by Playwright: one browser a worker, one clean profile a test."""

from __future__ import annotations

import re

import pytest

from tests.conftest import CHROMIUM
from tongxing.people import DemoCard

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Visitor:
    """A person at a browser: remembers everything the browser complained about."""

    def __init__(self, browser, artifacts, name, language):
        self.context = browser.new_context(locale=language, viewport={"width": 1100, "height": 820})
        self.context.set_default_timeout(20_000)
        self.complaints = []
        self.expected = []
        self._artifacts = artifacts
        self._name = name
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    def _watch(self, page):
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._note(page, message))

    def _note(self, page, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{page.url}: {message.type}: {message.text}")

    def shot(self, step, page=None):
        """Keep a picture for people to look at."""
        (page or self.page).screenshot(path=self._artifacts / f"{self._name}-{step}.png", full_page=True)

    def click_for_prompt(self, button):
        """Click what opens the card agent's window, once the page's script is there; return the window."""
        button.page.wait_for_load_state()
        with self.context.expect_page() as opened:
            button.click()
        prompt = opened.value
        prompt.locator("#prompt").wait_for(state="visible")
        return prompt

    @staticmethod
    def choose(prompt, card: DemoCard):
        """Choose a card in the agent's window."""
        prompt.get_by_label(re.compile(re.escape(card.enterprise_name or card.name))).check()

    @staticmethod
    def type_pin(prompt, pin):
        """Type a PIN in the agent's window and confirm."""
        prompt.locator("#pin").fill(pin)
        prompt.locator("#confirm").click()

    def present(self, button, card: DemoCard, shot=""):
        """Do the whole of it: click, choose the card, type its PIN."""
        prompt = self.click_for_prompt(button)
        self.choose(prompt, card)
        if shot:
            self.shot(shot, prompt)
        self.type_pin(prompt, card.pin)

    def check_quiet(self):
        """Nothing but what the test expected was complained about: no policy violation, no script error."""
        unexpected = [
            line for line in self.complaints if not any(re.search(pattern, line) for pattern in self.expected)
        ]
        assert not unexpected


@pytest.fixture(scope="module")
def chromium():
    """The browser; of a module, for while Playwright runs no other asyncio loop can in this process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium, artifacts, request):
    """A person with a clean browser that speaks Chinese; at the end the browser must not have complained."""
    made = []

    def make(language="zh-CN"):
        name = re.sub(r"\W+", "-", request.node.name).strip("-")
        made.append(Visitor(chromium, artifacts, name + (f"-{len(made)}" if made else ""), language))
        return made[-1]

    yield make
    for each in made:
        each.context.close()
    for each in made:
        each.check_quiet()
