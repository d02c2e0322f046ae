"""Flow 2, login: a card and its PIN at one site; the next site asks for no card; logout."""

from __future__ import annotations

from tongxing.demo.narration import expect
from tongxing.demo.stage import Stage
from tongxing.errors import DemoError
from tongxing.people import LI_MING

_WRONG_PIN = "000000"


def play_login(stage: Stage) -> None:
    """Log in at site A with the card, at site B without it, and out."""
    narrator, town, browser = stage.narrator, stage.town, stage.browser()
    narrator.title("二、登录", "2. Login")
    with narrator.step("PIN 输错：卡代理拒绝，并说明剩余次数", "a wrong PIN: the card agent refuses it"):
        _try_wrong_pin(stage)
    with narrator.step(
        f"{LI_MING.name}在{town.site('site-a').title}用卡和 PIN 登录",
        f"{LI_MING.name} logs in at site A with card and PIN",
    ):
        page = stage.log_in(browser, "site-a", LI_MING)
        expect(LI_MING.masked_name in page.text, f"site A does not know {LI_MING.name}: {page.words}")
    with narrator.step(
        f"{town.site('site-b').title}免再次认证",
        "site B knows the person without asking for the card again",
    ):
        stage.person.holds()
        page = browser.get(f"{town.url('site-b')}/login")
        expect(LI_MING.masked_name in page.text, f"site B does not know {LI_MING.name}: {page.words}")
    with narrator.step("退出登录", "logout"):
        page = browser.get(f"{town.url('site-a')}/")
        page = browser.submit(page.form("/logout"))
        if page.forms and "logout" in page.forms[0].action:
            page = browser.submit(page.forms[0])
        expect(LI_MING.masked_name not in page.text, "still logged in after the logout")
    browser.close()


def _try_wrong_pin(stage: Stage) -> None:
    """Type a wrong PIN once."""
    browser = stage.browser()
    page = browser.get(f"{stage.town.url('site-a')}/login")
    stage.person.holds(LI_MING, pin=_WRONG_PIN)
    try:
        stage.answer_login(browser, page)
    except DemoError as refusal:
        expect("pin" in str(refusal).lower(), f"not refused for the PIN: {refusal}")
    else:
        raise DemoError("a wrong PIN was accepted", code="wrong-pin-accepted")
    finally:
        browser.close()
