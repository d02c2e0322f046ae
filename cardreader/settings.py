"""Settings of the card agent: the table `[agent]` of a TOML file, the environment; checked, frozen."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from cardreader.errors import SettingsError
from cardreader.origin import normalize_origin
from trust.profile_policy import DEFAULT_POLICY_ARC

ENVIRONMENT_PREFIX = "TONGXING_AGENT_"
DEFAULT_PORT = 8420
_SECTION = "agent"


class PromptKind(StrEnum):
    """How the agent asks for the PIN."""

    AUTO = "auto"
    TERMINAL = "terminal"
    PAGE = "page"
    SCRIPT = "script"


@dataclass(frozen=True)
class AgentSettings:
    """What the agent is told: each field is a key of `[agent]`."""

    port: int = DEFAULT_PORT
    origins: tuple[str, ...] = ()
    cards: Path | None = None
    prompt: PromptKind = PromptKind.AUTO
    script: Path | None = None
    policy_arc: str = DEFAULT_POLICY_ARC
    requests_per_minute: int = 60

    @property
    def effective_prompt(self) -> PromptKind:
        """The prompt that `auto` means here: the page for virtual cards, the terminal for real ones."""
        if self.prompt is not PromptKind.AUTO:
            return self.prompt
        return PromptKind.PAGE if self.cards is not None else PromptKind.TERMINAL


def load_settings(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AgentSettings:
    """The agent's settings from a file, the environment and the command line; every mistake at once."""
    values: dict[str, Any] = {}
    if path is not None:
        values |= _read_table(path)
    values |= _read_environment(os.environ if environ is None else environ)  # noqa: TID251 - this is the door
    values |= {key: value for key, value in (overrides or {}).items() if value not in (None, ())}
    return _check(values)


def preferred_language(environ: Mapping[str, str] | None = None) -> str:
    """The language of this machine's person: zh or en, by the POSIX variables in their order."""
    given = os.environ if environ is None else environ  # noqa: TID251 - this is the door
    named = next((given[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if given.get(key)), "")
    return "zh" if named.lower().startswith("zh") else "en"


def _read_table(path: Path) -> dict[str, Any]:
    """The table `[agent]` of a TOML file."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{path} cannot be read as TOML: {error}"]) from error
    table = document.get(_SECTION, {})
    return dict(table) if isinstance(table, dict) else {_SECTION: table}


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """TONGXING_AGENT_PORT and so on; lists are separated by blanks."""
    found: dict[str, Any] = {}
    for item in fields(AgentSettings):
        text = environ.get(ENVIRONMENT_PREFIX + item.name.upper())
        if text is not None:
            found[item.name] = text.split() if item.name == "origins" else text
    return found


def _check(values: dict[str, Any]) -> AgentSettings:
    """Turn raw values into settings, or report every mistake."""
    known = {item.name for item in fields(AgentSettings)}
    mistakes = [f"agent.{key} is not a setting" for key in sorted(values.keys() - known)]
    converted: dict[str, Any] = {}
    for key, value in values.items():
        if key in known:
            try:
                converted[key] = _CONVERTERS[key](value)
            except (ValueError, TypeError) as error:
                mistakes.append(f"agent.{key}: {error}")
    settings = AgentSettings(**converted)
    if settings.prompt is PromptKind.SCRIPT and settings.script is None:
        mistakes.append("agent.script: a scripted prompt needs a script file")
    if settings.effective_prompt in (PromptKind.PAGE, PromptKind.SCRIPT) and settings.cards is None:
        mistakes.append("agent.prompt: page and script serve virtual cards only; set agent.cards")
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _port(value: Any) -> int:
    """A port that a person may open, or 0 for any."""
    port = int(value)
    if port and not 1024 <= port <= 65_535:
        raise ValueError("a port from 1024 to 65535")
    return port


def _origins(value: Any) -> tuple[str, ...]:
    """The pages that may ask."""
    if isinstance(value, str):
        raise ValueError("a list of origins")  # noqa: TRY004 - reported with the other mistakes
    return tuple(normalize_origin(str(origin)) for origin in value)


def _rate(value: Any) -> int:
    """Requests a minute from one origin."""
    rate = int(value)
    if rate < 1:
        raise ValueError("at least 1")
    return rate


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "port": _port,
    "origins": _origins,
    "cards": Path,
    "prompt": PromptKind,
    "script": Path,
    "policy_arc": str,
    "requests_per_minute": _rate,
}
