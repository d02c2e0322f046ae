"""Asking the person: what is shown, which card, which PIN.

Behind the one seam `Prompt` stand the terminal (`TerminalPrompt`), the agent's own page (`agent.page_prompt`)
and a script (`ScriptedPrompt`); the last two serve virtual cards only, since neither a page nor a file is a
place for a real PIN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from cardreader import terminal
from cardreader.errors import CardError, NoCardError, PromptUnavailableError, UserCancelledError
from cardreader.piv_terms import check_pin


class Purpose(Enum):
    """What a PIN is asked for; each is shown in its own words."""

    LOGIN = "login"
    CERTIFICATE = "certificate"
    DOCUMENT = "document"
    APPROVAL = "approval"
    REQUEST = "request"

    def title(self, language: str) -> str:
        """The purpose in words."""
        english, chinese = _TITLES[self]
        return chinese if language == "zh" else english


_TITLES = {
    Purpose.LOGIN: ("Log in with your card", "使用证卡登录"),
    Purpose.CERTIFICATE: ("Choose the card to sign with", "选择用于签署的证卡"),
    Purpose.DOCUMENT: ("Sign a document", "签署文件"),
    Purpose.APPROVAL: ("Approve the issuing of certificates", "批准签发证书"),
    Purpose.REQUEST: ("Sign with the card", "使用证卡签署"),
}


@dataclass(frozen=True)
class Detail:
    """One line of what is asked: a label in both languages, and a value."""

    label: str
    label_zh: str
    value: str

    def label_in(self, language: str) -> str:
        """The label in a language."""
        return self.label_zh if language == "zh" else self.label


@dataclass(frozen=True)
class Candidate:
    """A card that can do what is asked."""

    reader_name: str
    holder: str
    kind: str
    kind_zh: str
    not_valid_after: datetime
    attempts_remaining: int
    is_virtual: bool

    def kind_in(self, language: str) -> str:
        """What kind of card it is, in a language."""
        return self.kind_zh if language == "zh" else self.kind


@dataclass(frozen=True)
class ConsentRequest:
    """Everything a person must see before saying yes."""

    purpose: Purpose
    origin: str
    details: tuple[Detail, ...]
    candidates: tuple[Candidate, ...]
    language: str = "zh"
    needs_pin: bool = True
    failure: CardError | None = None


@dataclass
class Consent:
    """The answer: which card, and the PIN, which whoever receives it wipes."""

    choice: int
    pin: bytearray = field(default_factory=bytearray, repr=False)


class Prompt(Protocol):
    """Some way to ask the person."""

    @property
    def interactive(self) -> bool:
        """Whether a person answers, who may correct a wrong PIN."""
        ...

    def ask(self, request: ConsentRequest) -> Consent:
        """Show the request and wait for the answer; UserCancelledError, PromptTimeoutError."""
        ...

    def conclude(self, purpose: Purpose, failure: CardError | None) -> None:
        """Hear how the request ended, to tell the person."""
        ...


class TerminalPrompt:
    """Asks on the terminal of the process, without echo."""

    interactive = True

    def ask(self, request: ConsentRequest) -> Consent:
        """Print the request, let a card be chosen, read the PIN."""
        chinese = request.language == "zh"
        lines = ["", f"== {request.purpose.title(request.language)} =="]
        if request.origin:
            lines.append(f"{'网站' if chinese else 'Site'}: {request.origin}")
        lines += [f"{detail.label_in(request.language)}: {detail.value}" for detail in request.details]
        if request.failure is not None:
            lines.append(f"! {request.failure.text(request.language)}")
        terminal.write("\n".join(lines))
        choice = self._choose(request)
        if not request.needs_pin:
            return Consent(choice)
        tries = request.candidates[choice].attempts_remaining
        label = f"PIN 码（还可以试 {tries} 次）" if chinese else f"PIN ({tries} tries left)"
        pin = terminal.read_secret(f"{label}: ")
        if not pin:
            raise UserCancelledError
        return Consent(choice, pin)

    def conclude(self, purpose: Purpose, failure: CardError | None) -> None:
        """Say that it is done, or why not."""
        terminal.write(
            f"✓ {purpose.value}" if failure is None else f"✗ {failure.message_zh} {failure.message}"
        )

    @staticmethod
    def _choose(request: ConsentRequest) -> int:
        """The only card, or the one whose number is typed; an empty line cancels."""
        for number, candidate in enumerate(request.candidates, 1):
            until = candidate.not_valid_after.date().isoformat()
            kind = candidate.kind_in(request.language)
            terminal.write(f"  {number}. {candidate.holder} · {kind} · {until} · {candidate.reader_name}")
        if len(request.candidates) == 1:
            return 0
        typed = terminal.read_line("卡号：" if request.language == "zh" else "Card number: ").strip()
        if not typed.isdecimal() or not 1 <= int(typed) <= len(request.candidates):
            raise UserCancelledError
        return int(typed) - 1


@dataclass(frozen=True)
class Script:
    """What a scripted prompt answers: cards in order of preference, and the PIN of each, by card name."""

    cards: Sequence[str]
    pins: Mapping[str, str] = field(repr=False)


class ScriptedPrompt:
    """Answers from a script, for virtual cards only: tests and the demo.

    A script file is read anew for every question, so that a demo can change who is sitting at the machine.
    """

    interactive = False

    def __init__(self, script: Script | Path) -> None:
        self._script = script

    def ask(self, request: ConsentRequest) -> Consent:
        """The first card of the script that is among the candidates, and its PIN."""
        script = self._script if isinstance(self._script, Script) else read_script(self._script)
        by_name = {
            candidate.reader_name.rpartition(": ")[2]: index
            for index, candidate in enumerate(request.candidates)
            if candidate.is_virtual
        }
        if not by_name:
            raise PromptUnavailableError(
                "A scripted PIN is for virtual cards only.", "脚本 PIN 码只能用于虚拟卡。"
            )
        name = next((name for name in script.cards if name in by_name), None)
        if name is None:
            raise NoCardError(
                f"None of the script's cards fits here; there are: {', '.join(by_name)}.",
                "脚本中的卡都不适用。",
            )
        pin = script.pins.get(name, "") if request.needs_pin else ""
        return Consent(by_name[name], bytearray(pin.encode("utf-8")))

    def conclude(self, purpose: Purpose, failure: CardError | None) -> None:
        """Nobody is there to be told."""


def read_script(path: Path) -> Script:
    """A script from its JSON file: {"cards": [name, …], "pins": {name: PIN}}."""
    try:
        document = json.loads(path.read_text("utf-8"))
        script = Script([str(card) for card in document["cards"]], dict(document["pins"]))
        for pin in script.pins.values():
            check_pin(pin.encode("utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CardError) as error:
        raise PromptUnavailableError(
            "The prompt script cannot be read: it is JSON with `cards` (names) and `pins` (name to PIN).",
            "无法读取脚本：应为含 cards 和 pins 的 JSON。",
        ) from error
    return script
