"""`tongxing check`: reads every service's settings as the services would, and collects what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from runtime.errors import SettingsError
from runtime.settings import ServiceSettings, load_settings
from tongxing.services import SERVICES
from tongxing.serving import ServeSettings
from tongxing.settings import AgentSettings, SiteSettings, TownSettings

_OTHER_SECTIONS: dict[str, type[Any]] = {
    "town": TownSettings,
    "serve": ServeSettings,
    "agent": AgentSettings,
    "site-a": SiteSettings,
    "site-b": SiteSettings,
}
_MADE_LATER = frozenset({"state_directory"})


def find_mistakes(document: Mapping[str, Any]) -> list[str]:
    """Return every mistake: unknown tables and keys, wrong values, missing files, ports used twice."""
    known = {service.section for service in SERVICES} | set(_OTHER_SECTIONS)
    mistakes = [f"[{section}]: no such table" for section in document if section not in known]
    loaded: dict[str, Any] = {}
    for service in SERVICES:
        if service.section in document:
            _load(service.settings_type(), service.section, document, loaded, mistakes)
    for section, cls in _OTHER_SECTIONS.items():
        if section in document:
            _load(cls, section, document, loaded, mistakes)
    for section, settings in loaded.items():
        mistakes.extend(_missing_files(section, settings))
    mistakes.extend(_shared_ports(loaded))
    return mistakes


def _load(
    cls: type[Any], section: str, document: Mapping[str, Any], loaded: dict[str, Any], mistakes: list[str]
) -> None:
    """Load one table, or note its mistakes."""
    try:
        loaded[section] = load_settings(cls, section, document)
    except SettingsError as error:
        mistakes.extend(error.mistakes)


def _missing_files(section: str, settings: Any) -> list[str]:
    """Name the files the settings point at that are not there."""
    if not isinstance(settings, ServiceSettings):
        return []
    paths = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return [
        f"[{section}] {name}: {path} does not exist"
        for name, path in paths.items()
        if isinstance(path, Path) and name not in _MADE_LATER and not path.exists()
    ]


def _shared_ports(loaded: Mapping[str, Any]) -> list[str]:
    """Name the ports that two listeners on the same address would bind."""
    seen: dict[tuple[str, int], str] = {}
    mistakes = []
    for section, settings in loaded.items():
        for host_key, port_key in (("host", "port"), ("internal_host", "internal_port")):
            port = getattr(settings, port_key, 0)
            address = (getattr(settings, host_key, ""), port)
            if port and address in seen:
                mistakes.append(f"[{section}] {port_key}: {port} is already the port of [{seen[address]}]")
            elif port:
                seen[address] = section
    return mistakes
