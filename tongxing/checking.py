"""`tongxing check`: reads every service's settings as the services would, and collects what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from runtime.errors import SettingsError
from runtime.key_location import TokenKey
from runtime.settings import ServiceSettings, load_settings, read_values
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
    types = {service.section: service.settings_type() for service in SERVICES} | _OTHER_SECTIONS
    read: dict[str, dict[str, Any]] = {}
    for section, cls in types.items():
        if section in document:
            mistakes.extend(_mistakes_of(cls, section, document))
            read[section] = _values(cls, section, document)
            if issubclass(cls, ServiceSettings):
                mistakes.extend(_missing_files(section, read[section]))
    mistakes.extend(_shared_ports(read))
    return mistakes


def _mistakes_of(cls: type[Any], section: str, document: Mapping[str, Any]) -> list[str]:
    """What the service itself would refuse."""
    try:
        load_settings(cls, section, document)
    except SettingsError as error:
        return error.mistakes
    return []


def _values(cls: type[Any], section: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The table's right values and the defaults, also where others are wrong."""
    defaults = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    values, _ = read_values(cls, section, document)
    return defaults | values


def _missing_files(section: str, values: Mapping[str, Any]) -> list[str]:
    """Name the files the settings point at that are not there."""
    return [
        f"[{section}] {name}: {path} does not exist"
        for name, value in values.items()
        if name not in _MADE_LATER
        for path in _files_of(value)
        if not path.exists()
    ]


def _files_of(value: object) -> tuple[Path, ...]:
    """The files a setting names. A token itself is not asked: a wrong PIN would count against it."""
    if isinstance(value, TokenKey):
        return (value.module_path, value.pin_source)
    return (value,) if isinstance(value, Path) else ()


def _shared_ports(read: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the ports that two listeners on the same address would bind."""
    seen: dict[tuple[str, int], str] = {}
    mistakes = []
    for section, values in read.items():
        for host_key, port_key in (("host", "port"), ("internal_host", "internal_port")):
            port = values.get(port_key, 0)
            address = (values.get(host_key, ""), port)
            if port and address in seen:
                mistakes.append(f"[{section}] {port_key}: {port} is already the port of [{seen[address]}]")
            elif port:
                seen[address] = section
    return mistakes
