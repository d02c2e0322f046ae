"""A browser without scripts: keeps cookies, follows redirects, reads a page's forms and sends them.

It stands for the person in the demonstration and in tests that need the real pages but no Chromium.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import requests

from tongxing.errors import DemoError

_TIMEOUT_SECONDS = 30
_FIRST_ERROR_STATUS = 400
_MAXIMUM_WORDS = 300

Upload = tuple[str, bytes | IO[bytes], str]


@dataclass
class Form:
    """A form of a page: where it goes, how, and what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What came back: address, status, text; its forms and the data-* attributes of its elements."""

    url: str
    status: int
    text: str
    content: bytes
    headers: Mapping[str, str]
    forms: tuple[Form, ...]
    links: tuple[tuple[str, str], ...]
    data: Mapping[str, str]
    words: str

    def form(self, part: str = "") -> Form:
        """Return the first form whose address contains the text."""
        for form in self.forms:
            if part in form.action:
                return form
        raise DemoError(
            f"{self.url}: the page has no form for {part!r}; it says: {self.words}", code="no-form"
        )

    def link(self, part: str) -> str:
        """Return the first link whose address or words contain the text."""
        for address, words in self.links:
            if part in address or part in words:
                return address
        raise DemoError(
            f"{self.url}: the page has no link to {part!r}; it says: {self.words}", code="no-link"
        )


class Browser:
    """One person's browser: one cookie jar."""

    def __init__(self, trust_anchors: Path | None = None, language: str = "zh") -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Language"] = language
        self._session.headers["Accept"] = "text/html,application/json;q=0.5"
        if trust_anchors is not None:
            self._session.verify = str(trust_anchors)

    def get(self, url: str) -> Page:
        """Open a page, following redirects."""
        return self._page(self._session.get(url, timeout=_TIMEOUT_SECONDS))

    def submit(
        self,
        form: Form,
        fields: Mapping[str, str] | None = None,
        uploads: Mapping[str, Upload] | None = None,
    ) -> Page:
        """Send a form with some fields filled in, and return the page it leads to."""
        values = {**form.fields, **(fields or {})}
        if form.method == "get":
            return self._page(self._session.get(form.action, params=values, timeout=_TIMEOUT_SECONDS))
        return self._page(
            self._session.post(form.action, data=values, files=uploads or None, timeout=_TIMEOUT_SECONDS)
        )

    def post_json(self, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Send JSON as a page's script would, and return the JSON answer; a refusal is an error."""
        return self._json(
            self._session.post(url, json=body, headers=dict(headers or {}), timeout=_TIMEOUT_SECONDS)
        )

    def upload_json(self, url: str, uploads: Mapping[str, Upload]) -> Any:
        """Upload files to an interface for programs and return its JSON answer; a refusal is an error."""
        headers = {"Accept": "application/json"}
        return self._json(self._session.post(url, files=uploads, headers=headers, timeout=_TIMEOUT_SECONDS))

    @staticmethod
    def _json(response: requests.Response) -> Any:
        """Return the JSON of an answer."""
        if response.status_code >= _FIRST_ERROR_STATUS:
            raise DemoError(
                f"{response.url}: {response.status_code}: {response.text[:_MAXIMUM_WORDS]}", code="refused"
            )
        return response.json()

    def post(self, url: str, body: bytes, content_type: str) -> Page:
        """Send octets of a protocol and return what comes back."""
        headers = {"Content-Type": content_type}
        return self._page(self._session.post(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @staticmethod
    def _page(response: requests.Response) -> Page:
        """Read a response as a page."""
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        parser = _PageParser(response.url)
        if is_html:
            parser.feed(response.text)
        return Page(
            url=response.url,
            status=response.status_code,
            text=response.text if is_html else "",
            content=response.content,
            headers=response.headers,
            forms=tuple(parser.forms),
            links=tuple(parser.links),
            data=parser.data,
            words=" ".join(" ".join(parser.words).split())[:_MAXIMUM_WORDS],
        )


def origin_of(url: str) -> str:
    """Return the origin of an address, as a browser names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _PageParser(HTMLParser):
    """Collects forms with their fields, links with their words, data-* attributes, and the text of <main>."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.data: dict[str, str] = {}
        self.words: list[str] = []
        self._link: str | None = None
        self._in_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a field, a link or data attributes."""
        attributes = {name: value or "" for name, value in attrs}
        self.data.update({name: value for name, value in attributes.items() if name.startswith("data-")})
        if tag == "meta" and attributes.get("name"):
            self.data[attributes["name"]] = attributes.get("content", "")
        elif tag == "form":
            action = urljoin(self._url, attributes.get("action", ""))
            self.forms.append(Form(action, attributes.get("method", "get").lower(), {}, attributes))
        elif tag in ("input", "textarea", "select") and self.forms and attributes.get("name"):
            self._note_field(attributes)
        elif tag == "a" and attributes.get("href"):
            self._link = urljoin(self._url, attributes["href"])
        elif tag == "main":
            self._in_main = True

    def _note_field(self, attributes: dict[str, str]) -> None:
        """Note a field's value; a box is sent only when it is ticked."""
        if attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes:
            return
        self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a link or the main part."""
        if tag == "a":
            self._link = None
        elif tag == "main":
            self._in_main = False

    def handle_data(self, data: str) -> None:
        """Collect words."""
        if self._link is not None and data.strip():
            self.links.append((self._link, data.strip()))
        if self._in_main and data.strip():
            self.words.append(data)
