"""One town, opened: its settings, addresses and processes, and the table a person reads."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.settings import Document, load_settings, read_document
from tongxing.child import ChildSpec
from tongxing.layout import TownLayout
from tongxing.people import OFFICERS, SUBSCRIBERS, DemoCard
from tongxing.services import SERVICES
from tongxing.settings import AgentSettings, SiteSettings, TownSettings
from tongxing.supervisor import Supervisor

SITES = ("site-a", "site-b")
AGENT = "agent"
_HEALTH_PATH = "/healthz"
_SOURCE_TREE = Path(__file__).resolve().parent.parent


class Town:
    """A town that was made: everything is read from its settings file."""

    def __init__(self, layout: TownLayout) -> None:
        self.layout = layout
        self.document: Document = read_document(layout.settings_file)
        self.settings = load_settings(TownSettings, "town", self.document)

    def say(self, chinese: str, english: str) -> str:
        """Return the words in the town's language."""
        return chinese if self.settings.language == "zh" else english

    def url(self, name: str) -> str:
        """Return the public address of a service or site."""
        url: str = self.document[name]["public_url"]
        return url

    @property
    def agent(self) -> AgentSettings:
        """The card agent's settings."""
        return load_settings(AgentSettings, AGENT, self.document)

    @property
    def agent_url(self) -> str:
        """The address at which pages reach the card agent."""
        return f"http://127.0.0.1:{self.agent.port}"

    def site(self, name: str) -> SiteSettings:
        """Return a demonstration site's settings."""
        return load_settings(SiteSettings, name, self.document)

    def child_specs(self, agent_script: Path | None = None) -> list[ChildSpec]:
        """Return every process in the order in which they stand on one another."""
        specs = [
            self._spec(service.name, ("serve", service.name, "--settings", str(self.layout.settings_file)))
            for service in SERVICES
            if service.section in self.document
        ]
        if AGENT in self.document:
            specs.append(self.agent_spec(script=agent_script))
        if (_SOURCE_TREE / "examples" / "relying_site").is_dir():
            specs += [self._site_spec(name) for name in SITES if name in self.document]
        return specs

    def supervisor(self, announce: Callable[[str], None], agent_script: Path | None = None) -> Supervisor:
        """Return the supervisor of the town's processes."""
        return Supervisor(
            self.child_specs(agent_script), self.layout.logs, announce, self.layout.trust / "root.pem"
        )

    def table(self, seconds: float) -> str:
        """Return what a person needs: the addresses to open and the cards with their PINs."""
        names = {
            "site-a": self.say("站点甲（登录演示）", "Site A (log in)"),
            "site-b": self.say("站点乙（免再次认证）", "Site B (no card again)"),
            "signing": self.say("电子申报（签名）", "Filing (sign)"),
            "ra": self.say("登记窗口（人员用）", "Registration desk (officers)"),
            "idp": self.say("统一认证", "Login (OpenID Provider)"),
        }
        pages = [(words, self.url(name)) for name, words in names.items() if name in self.document]
        lines = [
            self.say(f"通行市已就绪（{seconds:.1f} 秒）", f"The town is up ({seconds:.1f} s)"),
            "",
            *_columns(pages),
            "",
            *self._card_lines(),
            self.say("按 Ctrl-C 停止。日志：", "Ctrl-C stops it. Logs: ") + str(self.layout.logs),
        ]
        return "\n".join(lines)

    def _card_lines(self) -> list[str]:
        """Return the demonstration cards and their PINs; nothing where there are none."""
        there = [
            card
            for card in (*SUBSCRIBERS, *OFFICERS)
            if (self.layout.cards / f"{card.file_name}.json").exists()
        ]
        if not there:
            return []
        head = (self.say("虚拟卡", "Virtual card"), "PIN")
        return [*_columns([head, *((self._card_words(card), card.pin) for card in there)]), ""]

    def _card_words(self, card: DemoCard) -> str:
        kinds = {
            "citizen": self.say("一卡通", "citizen card"),
            "enterprise": self.say("e证通", "enterprise certificate"),
            "officer": self.say("工作证", "officer card"),
        }
        return f"{kinds[card.kind]} {card.holder}"

    def _spec(self, name: str, arguments: tuple[str, ...]) -> ChildSpec:
        table: Mapping[str, Any] = self.document[name]
        ports = tuple(int(table[key]) for key in ("port", "internal_port") if table.get(key))
        scheme = "https" if table.get("tls_certificate") else "http"
        health = f"{scheme}://localhost:{table['port']}{_HEALTH_PATH}"
        return ChildSpec(name, (sys.executable, "-m", "tongxing", *arguments), ports, health)

    def _site_spec(self, name: str) -> ChildSpec:
        """Return a relying site: the example in the source tree, a program of its own."""
        spec = self._spec(name, ())
        command = (sys.executable, "-m", "examples.relying_site", str(self.layout.settings_file), name)
        return replace(spec, command=command, directory=_SOURCE_TREE)

    def agent_spec(self, *, port: int | None = None, script: Path | None = None) -> ChildSpec:
        """Return the card agent's process; a script answers in place of a person (demonstration, tests)."""
        agent = self.agent
        port = port or agent.port
        arguments = ["card", "agent", "--virtual", str(agent.cards), "--port", str(port)]
        for origin in agent.origins:
            arguments += ["--origin", origin]
        if script is not None:
            arguments += ["--prompt", "script", "--script", str(script)]
        command = (sys.executable, "-m", "tongxing", *arguments)
        return ChildSpec(AGENT, command, (port,), f"http://127.0.0.1:{port}/status")


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    """Align two columns; a Chinese character is two columns wide."""
    width = max((_width(left) for left, _ in rows), default=0) + 2
    return [f"  {left}{' ' * (width - _width(left))}{right}" for left, right in rows]


def _width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
