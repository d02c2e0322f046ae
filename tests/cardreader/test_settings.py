"""The doors: settings, origins, rates, prompts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardreader import terminal
from cardreader.agent.guard import Guard
from cardreader.agent.page_prompt import PagePrompt
from cardreader.errors import (
    CardError,
    NoCardError,
    PinWrongError,
    PromptTimeoutError,
    PromptUnavailableError,
    SettingsError,
    TooManyRequestsError,
    UserCancelledError,
)
from cardreader.origin import normalize_origin
from cardreader.prompt import (
    Candidate,
    ConsentRequest,
    Detail,
    Purpose,
    Script,
    ScriptedPrompt,
    TerminalPrompt,
)
from cardreader.settings import AgentSettings, PromptKind, load_settings, preferred_language


def candidate(name="liming", *, is_virtual=True, tries=3):
    return Candidate(
        reader_name=f"Virtual reader: {name}",
        holder="李明",
        kind="Citizen card",
        kind_zh="一卡通",
        not_valid_after=datetime(2030, 1, 1, tzinfo=UTC),
        attempts_remaining=tries,
        is_virtual=is_virtual,
    )


def consent_request(*candidates, **changes):
    values = {"purpose": Purpose.LOGIN, "origin": "https://login.example", "details": (), "language": "en"}
    return ConsentRequest(candidates=candidates or (candidate(),), **{**values, **changes})


# --- settings --------------------------------------------------------------------------------------------


def test_file_then_environment_then_command_line(tmp_path):
    path = tmp_path / "town.toml"
    path.write_text(
        '[agent]\nport = 9001\norigins = ["https://a.example"]\ncards = "cards"\n[other]\nx = 1\n'
    )
    settings = load_settings(path, {"port": 9003}, {"TONGXING_AGENT_PORT": "9002"})
    assert settings.port == 9003
    assert load_settings(path, {}, {"TONGXING_AGENT_PORT": "9002"}).port == 9002
    assert settings.origins == ("https://a.example",)
    assert settings.cards == Path("cards")
    assert settings.effective_prompt is PromptKind.PAGE
    assert AgentSettings().effective_prompt is PromptKind.TERMINAL
    environment = {"TONGXING_AGENT_ORIGINS": "https://a.example https://b.example"}
    assert len(load_settings(None, {}, environment).origins) == 2


def test_every_mistake_at_once(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text('[agent]\nport = "x"\norigins = "https://a.example"\nprompt = "script"\nnope = 1\n')
    with pytest.raises(SettingsError) as refused:
        load_settings(path, {}, {"TONGXING_AGENT_REQUESTS_PER_MINUTE": "0"})
    assert len(refused.value.mistakes) == 6
    for text in ("agent = 1", "not toml"):
        path.write_text(text)
        with pytest.raises(SettingsError):
            load_settings(path, {}, {})
    with pytest.raises(SettingsError):
        load_settings(tmp_path / "absent", {}, {})


def test_language():
    assert preferred_language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert preferred_language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert preferred_language({}) == "en"


# --- origins and rates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://login.example", "https://login.example"),
        ("https://Login.Example:443/", "https://login.example"),
        ("https://login.example:8443", "https://login.example:8443"),
        ("http://localhost:8404", "http://localhost:8404"),
        ("http://[::1]:8404", "http://[::1]:8404"),
    ],
)
def test_origins(text, origin):
    assert normalize_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "login.example",
        "http://login.example",
        "https://user@login.example",
        "https://login.example/path",
        "https://login.example?x",
        "https://登录.example",
        "https://login.example\n",
        "https://" + "a" * 300,
        "https://login.example:99999",
        "file:///etc",
    ],
)
def test_what_is_no_origin(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any of them, also urlsplit's own
        normalize_origin(text)


def test_the_bucket_fills_again():
    moment = [0.0]
    guard = Guard(["https://a.example"], 2, lambda: moment[0])
    guard.check_rate("https://a.example")
    guard.check_rate("https://a.example")
    with pytest.raises(TooManyRequestsError):
        guard.check_rate("https://a.example")
    moment[0] += 31
    guard.check_rate("https://a.example")
    with pytest.raises(TooManyRequestsError):
        guard.check_rate("https://a.example")


# --- prompts ---------------------------------------------------------------------------------------------


def test_a_script_serves_virtual_cards_only(tmp_path):
    prompt = ScriptedPrompt(Script(["wangfang", "liming"], {"liming": "111222"}))
    consent = prompt.ask(consent_request(candidate("other"), candidate("liming")))
    assert (consent.choice, consent.pin) == (1, bytearray(b"111222"))
    assert "111222" not in repr(consent)
    with pytest.raises(PromptUnavailableError):
        prompt.ask(consent_request(candidate("liming", is_virtual=False)))
    with pytest.raises(NoCardError):
        prompt.ask(consent_request(candidate("other")))
    for text in ("", "[]", '{"cards": []}', '{"cards": ["a"], "pins": {"a": "abc"}}'):
        (tmp_path / "script.json").write_text(text)
        with pytest.raises(PromptUnavailableError):
            ScriptedPrompt(tmp_path / "script.json").ask(consent_request())
    (tmp_path / "script.json").write_text(json.dumps({"cards": ["liming"], "pins": {"liming": "111222"}}))
    assert ScriptedPrompt(tmp_path / "script.json").ask(consent_request()).pin == b"111222"


def test_the_page_serves_virtual_cards_only():
    with pytest.raises(PromptUnavailableError):
        PagePrompt().ask(consent_request(candidate(is_virtual=False)))


def test_a_window_that_never_appears():
    moment = [0.0]

    def monotonic():
        moment[0] += 7
        return moment[0]

    with pytest.raises(PromptTimeoutError, match="pop-up"):
        PagePrompt(monotonic).ask(consent_request())


@pytest.fixture
def typed(monkeypatch):
    """A terminal on which these lines are typed; what is shown is kept."""

    def type_lines(*lines):
        left, shown = [bytearray(line.encode()) for line in lines], []
        monkeypatch.setattr(terminal, "write", lambda text, end="\n": shown.append(text))
        monkeypatch.setattr(
            terminal, "read_secret", lambda label, echo=False: shown.append(label) or left.pop(0)
        )
        return shown

    return type_lines


def test_the_terminal_shows_and_asks(typed):
    shown = typed("2", "111222")
    request = consent_request(
        candidate("a"),
        candidate("b", tries=2),
        details=(Detail("Document", "文件", "申报.pdf"),),
        failure=PinWrongError(2),
    )
    consent = TerminalPrompt().ask(request)
    assert (consent.choice, consent.pin) == (1, b"111222")
    text = "\n".join(shown)
    for words in (
        "https://login.example",
        "Document: 申报.pdf",
        "Wrong PIN: 2 tries left",
        "PIN (2 tries left)",
    ):
        assert words in text
    TerminalPrompt().conclude(Purpose.LOGIN, None)
    TerminalPrompt().conclude(Purpose.LOGIN, CardError("no", "不"))
    assert "✗ 不 no" in shown


def test_the_terminal_can_be_refused(typed):
    typed("")
    with pytest.raises(UserCancelledError):
        TerminalPrompt().ask(consent_request())
    typed("9")
    with pytest.raises(UserCancelledError):
        TerminalPrompt().ask(consent_request(candidate("a"), candidate("b")))
    typed("1")
    chosen = TerminalPrompt().ask(
        consent_request(candidate("a"), candidate("b"), needs_pin=False, language="zh")
    )
    assert chosen.choice == 0
