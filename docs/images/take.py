"""Take the pictures of the documentation from a running town: `python docs/images/take.py BASE_PORT`."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tongxing.people import LI_MING, DemoCard

FOLDER = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
LANGUAGE = "en-GB"
# The page, and the card's window before it, as a person sees them on one screen.
SCENE = """<body style="margin:0;width:1240px;height:720px;position:relative;background:#dfe6ea">
<style>img{{position:absolute;border-radius:10px;box-shadow:0 8px 30px #0b253555}}</style>
<img src="data:image/png;base64,{page}" style="left:28px;top:28px;width:960px">
<img src="data:image/png;base64,{window}" style="right:28px;top:28px;height:664px"></body>"""


def main(base_port: int) -> None:
    """Take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        take_login(browser, f"http://localhost:{base_port + 11}")
        browser.close()


def take_login(browser: Browser, site: str) -> None:
    """Take the login page with the card's window."""
    page = open_page(browser, 1000, 700)
    page.goto(f"{site}/login")
    window = ask_card(page, page.locator("#start"), LI_MING)
    scene = open_page(browser, 1240, 720)
    pictures = {"page": picture(page), "window": picture(window, full_page=True)}
    scene.set_content(SCENE.format(**pictures))
    scene.screenshot(path=FOLDER / "login.png")


def open_page(browser: Browser, width: int, height: int) -> Page:
    """Open a page of that size in a clean browser."""
    context = browser.new_context(locale=LANGUAGE, viewport={"width": width, "height": height})
    return context.new_page()


def ask_card(page: Page, button: Locator, card: DemoCard) -> Page:
    """Click what opens the card's window, choose the card and type its PIN; return the window."""
    with page.context.expect_page() as opened:
        button.click()
    window = opened.value
    window.locator("#prompt").wait_for(state="visible")
    window.get_by_label(re.compile(re.escape(card.name))).check()
    window.locator("#pin").fill(card.pin)
    return window


def picture(page: Page, *, full_page: bool = False) -> str:
    """Take a page as base64 text."""
    return base64.b64encode(page.screenshot(full_page=full_page)).decode("ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]))
