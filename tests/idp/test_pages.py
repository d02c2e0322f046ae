"""The pages: what they say, in which language, under which policy; and what cannot be smuggled into them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import idp
from idp.errors import IdpError
from idp.login.failures import LoginFailure
from idp.login.pages import _MEANINGS
from tests.idp.harness import csrf_of

FOLDER = Path(idp.__file__).parent


def login_page(op, site, visitor, **headers):
    path = visitor.start(site).headers["Location"]
    return visitor.get(path, headers=headers)


def directives(response) -> dict[str, list[str]]:
    policy = response.headers["Content-Security-Policy"]
    return {part.split()[0]: part.split()[1:] for part in policy.split("; ")}


def test_login_page_says_who_asks_and_for_what(op, site, visitor):
    page = login_page(op, site, visitor).text
    assert "Site A" in page
    assert "<code>site-a.example</code>" in page
    assert "your name" in page
    assert "card and PIN" in page
    assert "social credit code" not in page, "only what is asked for is named"


def test_login_page_policy(op, site, visitor):
    found = directives(login_page(op, site, visitor))
    assert found["default-src"] == ["'none'"]
    assert found["script-src"] == ["'self'"]
    assert found["connect-src"] == ["'self'", "http://127.0.0.1:8420"]
    assert found["form-action"] == ["'self'", "https://site-a.example"]
    assert found["frame-ancestors"] == ["'none'"]
    assert found["base-uri"] == ["'none'"]


def test_other_pages_do_not_reach_the_agent(op, site, visitor):
    found = directives(visitor.get("/"))
    assert found["connect-src"] == ["'self'"]
    assert found["form-action"] == ["'self'"]


def test_headers(op, site, visitor):
    headers = login_page(op, site, visitor).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize(
    ("header", "words", "code"),
    [("zh-CN", "使用证卡登录", "zh-Hans"), ("en-GB", "Log in with your card", "en")],
)
def test_language_follows_the_browser(op, site, visitor, header, words, code):
    page = login_page(op, site, visitor, **{"Accept-Language": header}).text
    assert words in page
    assert f'<html lang="{code}">' in page


def test_language_follows_ui_locales(op, site, visitor):
    path = visitor.start(site, ui_locales="fr zh-Hans-CN en").headers["Location"]
    assert "使用证卡登录" in visitor.get(path, headers={"Accept-Language": "en"}).text


def test_language_follows_the_link_and_stays(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    link = re.search(r'class="language" href="([^"]+)"', visitor.get(path).text)[1]
    assert "使用证卡登录" in visitor.get(link).text
    assert "使用证卡登录" in visitor.get(path).text


class Outline(HTMLParser):
    """Collects what a page loads and whether its controls have names."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in {"script", "img", "iframe"} or (tag == "link" and values.get("rel") != "canonical"):
            self.loaded.append(values.get("src") or values.get("href") or "inline")
        self.inline += [name for name, _ in attributes if name.startswith("on") or name == "style"]
        if tag == "style":
            self.inline.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)


def all_pages(op, site, visitor):
    path = visitor.start(site).headers["Location"]
    yield visitor.get(path).text
    token = csrf_of(visitor.get(path).text)
    yield visitor.post(
        path, data={"card_token": "x", "csrf_token": token}, headers={"Accept": "text/html"}
    ).text
    yield visitor.get("/").text
    yield visitor.get("/authorize", headers={"Accept": "text/html"}).text
    visitor.finish(visitor.start(site))
    yield visitor.get("/").text
    yield visitor.get("/logout").text
    token = csrf_of(visitor.get("/logout").text)
    yield visitor.post("/logout/confirm", data={"csrf_token": token}).text


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(op, site, visitor):
    for text in all_pages(op, site, visitor):
        outline = Outline()
        outline.feed(text)
        assert outline.inline == []
        assert all(source.startswith("/static/") for source in outline.loaded), outline.loaded
        assert outline.headings.count("h1") == 1
        assert '<main id="content"' in text
        assert 'name="viewport"' in text


def test_what_pages_load_is_there(op, site, visitor):
    outline = Outline()
    outline.feed(login_page(op, site, visitor).text)
    for source in outline.loaded:
        with visitor.get(source) as response:
            assert response.status_code == 200, source


def test_button_waits_for_the_script(op, site, visitor):
    """Without it a click would send the form without a card's answer."""
    assert re.search(r'<button type="submit" id="start" disabled>', login_page(op, site, visitor).text)


def test_script_is_a_module_without_tricks():
    script = (FOLDER / "static" / "login.js").read_text()
    assert 'from "/static/card-agent.js"' in script
    for forbidden in ("innerHTML", "eval(", "document.write", "localStorage"):
        assert forbidden not in script


# --- smuggling ---

SCRIPT = '"><script>alert(1)</script>'


@pytest.mark.parametrize("name", ["login_hint", "ui_locales", "acr_values", "state", "display", "unknown"])
def test_parameters_never_become_markup(op, site, visitor, name):
    response = visitor.start(site, **{name: SCRIPT})
    page = visitor.get(response.headers["Location"]).text
    assert "<script>alert" not in page
    assert SCRIPT not in page


def test_parameters_of_a_bad_request_never_become_markup(op):
    page = (
        op.visitor()
        .get(
            "/authorize",
            query_string={"client_id": SCRIPT, "redirect_uri": SCRIPT},
            headers={"Accept": "text/html"},
        )
        .text
    )
    assert "<script>alert" not in page


def test_client_name_never_becomes_markup(op, visitor):
    site = op.site("<script>alert(1)</script>", host="site-a.example")
    assert "<script>alert" not in login_page(op, site, visitor).text


def test_errors_of_a_site_stay_plain(op, site, visitor):
    """error_description holds only our own words."""
    location = visitor.start(site, prompt=SCRIPT).headers["Location"]
    assert "alert" not in location


@pytest.mark.parametrize("lang", ["fr", SCRIPT, "zh\r\nSet-Cookie: a=b", "../../etc"])
def test_odd_languages_fall_back(op, visitor, lang):
    response = visitor.get("/", query_string={"lang": lang})
    assert response.status_code == 200
    assert "City login" in response.text


# --- Chinese ---


def catalogue() -> dict[str, str]:
    found = {}
    for folder in (FOLDER, FOLDER.parent / "runtime" / "web"):
        with (folder / "translations/zh/LC_MESSAGES/messages.po").open("rb") as file:
            found |= {entry.id: entry.string for entry in read_po(file, locale="zh") if entry.id}
    return found


def messages_of_code() -> set[str]:
    """Sentences that reach a page: of templates, of errors, of the table of failures."""
    found = {failure.message for failure in LoginFailure} | set(_MEANINGS.values())
    for path in (FOLDER / "templates").glob("*.html"):
        found |= set(re.findall(r"_\('((?:[^'\\]|\\.)+)'\)", path.read_text()))
    classes = "UntrustedRequest|Interaction|Login|RegisterUnavailable|SessionUnchecked"
    raising = re.compile(rf"(?:{classes})Error\(\s*\"([^\"]+)\"")
    for path in FOLDER.rglob("*.py"):
        found |= set(raising.findall(path.read_text()))
    return found


def test_every_sentence_has_a_chinese_text():
    known = catalogue()
    assert sorted(message for message in messages_of_code() if not known.get(message)) == []


def test_no_chinese_text_is_left_over():
    own = FOLDER / "translations/zh/LC_MESSAGES/messages.po"
    with own.open("rb") as file:
        ids = {entry.id for entry in read_po(file, locale="zh") if entry.id}
    assert sorted(ids - messages_of_code() - {"City login", "Reason"}) == []


def test_every_error_has_a_code_and_a_message():
    from idp.errors import UntrustedRequestError

    error = UntrustedRequestError("x", code="y")
    assert isinstance(error, IdpError)
    assert (error.code, str(error)) == ("y", "x")
