"""The card agent as a page's script uses it, and the person beside it, who is a script file here."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tongxing.demo.browser import Browser, origin_of
from tongxing.people import DemoCard


class Person:
    """Who sits at the machine: which card is put in first, and the PIN that is typed.

    The agent reads the file anew for every question.
    """

    def __init__(self, script: Path) -> None:
        self.script = script

    def holds(self, *cards: DemoCard, pin: str | None = None) -> None:
        """Put these cards at hand, in order of preference; `pin` is typed instead of the right one."""
        self._write([card.file_name for card in cards], {card.file_name: pin or card.pin for card in cards})

    def _write(self, cards: Sequence[str], pins: dict[str, str]) -> None:
        partial = self.script.with_suffix(".partial")
        partial.write_text(json.dumps({"cards": list(cards), "pins": pins}), encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(self.script)


class AgentClient:
    """Calls the agent as a page of one origin does."""

    def __init__(self, browser: Browser, agent_url: str, page_url: str, language: str = "zh") -> None:
        self._browser = browser
        self._url = agent_url
        self._headers = {"Origin": origin_of(page_url)}
        self._language = language

    def login(self, nonce: str) -> dict[str, Any]:
        """Return a card token for the nonce."""
        return self._call("/login", {"nonce": nonce})

    def certificate(self) -> dict[str, Any]:
        """Return the signature certificate of the card that the person chooses."""
        return self._call("/certificate", {})

    def sign_document(self, certificate: str, signed_attributes: str, document: dict[str, Any]) -> str:
        """Return the signature (base64) over the attributes of a document."""
        body = {"certificate": certificate, "signed_attributes": signed_attributes, "document": document}
        signature: str = self._call("/document", body)["signature"]
        return signature

    def approve(self, statement: bytes) -> bytes:
        """Return the approval (CMS) of a statement."""
        body = {"statement": base64.b64encode(statement).decode("ascii")}
        return base64.b64decode(self._call("/approval", body)["approval"])

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._browser.post_json(
            self._url + path, {**body, "lang": self._language}, self._headers
        )
        return answer
