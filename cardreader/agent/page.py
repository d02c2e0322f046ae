"""The prompt window: its page, what its script is told, and its headers."""

from __future__ import annotations

from importlib import resources
from typing import Any

from cardreader.agent.page_prompt import PromptView
from cardreader.prompt import Candidate, ConsentRequest, Purpose

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Card agent", "卡代理"),
    "waiting": ("Waiting for the page that opened this window…", "正在等待打开此窗口的网页……"),
    "nothing": (
        "There is nothing to confirm. You may close this window.",
        "没有需要确认的内容，可以关闭此窗口。",
    ),
    "site": ("Asked by", "请求网站"),
    "card": ("Card", "证卡"),
    "choose": ("Choose a card", "请选择证卡"),
    "until": ("valid until", "有效期至"),
    "tries": ("Tries left: {n}", "还可以试 {n} 次"),
    "blocked": ("PIN blocked: unblock it with the PUK", "PIN 码已锁定，请用 PUK 码解锁"),
    "last": ("Last try: if this PIN is wrong, the card is blocked.", "最后一次机会：再输错证卡将被锁定。"),
    "pin": ("PIN", "PIN 码"),
    "pin_help": ("Six to eight digits. It goes to the card only.", "6 到 8 位数字，只发送给证卡。"),
    "pin_format": ("Type the PIN: six to eight digits.", "请输入 PIN 码：6 到 8 位数字。"),
    "confirm_login": ("Log in", "登录"),
    "confirm_certificate": ("Use this card", "使用此证卡"),
    "confirm_document": ("Sign", "签署"),
    "confirm_approval": ("Approve and sign", "批准并签署"),
    "confirm_request": ("Sign", "签署"),
    "cancel": ("Cancel", "取消"),
    "close": ("Close", "关闭"),
    "working": ("The card is working…", "证卡正在处理……"),
    "done": ("Done. This window closes by itself.", "完成，此窗口将自动关闭。"),
    "next": ("Done. The page prepares the next step…", "完成，网页正在准备下一步……"),
    "lost": (
        "The card agent does not answer any more. Close this window and try again on the page.",
        "卡代理已无响应。请关闭此窗口，在网页上重试。",
    ),
    "noscript": ("This window needs JavaScript: switch it on.", "此窗口需要 JavaScript，请启用。"),
}


def static_file(name: str) -> bytes:
    """A file of the page."""
    return resources.files(__package__).joinpath("static", name).read_bytes()


def render_page(language: str) -> bytes:
    """The page, in a language until the first request names its own."""
    words = words_in(language)
    page = static_file("prompt.html").decode("utf-8")
    page = page.replace("{{ lang }}", "zh-Hans" if language == "zh" else "en")
    for key in ("title", "waiting", "noscript"):
        page = page.replace("{{ " + key + " }}", words[key])
    return page.encode("utf-8")


def words_in(language: str) -> dict[str, str]:
    """The page's words in a language."""
    return {key: words[language == "zh"] for key, words in _WORDS.items()}


def view_document(view: PromptView, language: str, *, recent: bool = True) -> dict[str, Any]:
    """The view for the page's script; `recent` says whether the last request ended just now."""
    if view.request is not None:
        language = view.request.language
    document: dict[str, Any] = {"version": view.version, "lang": language, "words": words_in(language)}
    if view.request is not None:
        document["request"] = _request_document(view.identifier, view.request)
        document["working"] = view.working
    elif view.outcome is not None:
        failure = view.outcome.failure
        document["outcome"] = {
            "ok": failure is None,
            "cancelled": view.outcome.cancelled,
            "recent": recent,
            "more": failure is None and view.outcome.purpose is Purpose.CERTIFICATE,
            "message": "" if failure is None else failure.text(language),
        }
    return document


def _request_document(identifier: str, request: ConsentRequest) -> dict[str, Any]:
    """A request for the page's script."""
    language = request.language
    return {
        "id": identifier,
        "purpose": request.purpose.value,
        "title": request.purpose.title(language),
        "origin": request.origin,
        "details": [[detail.label_in(language), detail.value] for detail in request.details],
        "cards": [_card_document(candidate, language) for candidate in request.candidates],
        "needs_pin": request.needs_pin,
        "failure": "" if request.failure is None else request.failure.text(language),
    }


def _card_document(candidate: Candidate, language: str) -> dict[str, Any]:
    """A card for the page's script."""
    return {
        "holder": candidate.holder,
        "kind": candidate.kind_in(language),
        "reader": _reader_name(candidate, language),
        "until": candidate.not_valid_after.date().isoformat(),
        "tries": candidate.attempts_remaining,
    }


def _reader_name(candidate: Candidate, language: str) -> str:
    """The reader's own name; a virtual one's kind in the person's language."""
    if candidate.is_virtual and language == "zh":
        return f"虚拟读卡器 {candidate.reader_name.rpartition(': ')[2]}"
    return candidate.reader_name
