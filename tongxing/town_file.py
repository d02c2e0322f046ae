"""Writes a settings file: every key of every table, with what it means and its default.

A key the town sets stands as a line; every other one stands commented out with its default, so that
the file is its own manual.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_WIDTH = 100
_HEAD = """\
# Settings of a Tongxing town. One table a service; a service reads its own table and no other.
# A key is overridden by the environment variable TONGXING_<TABLE>_<KEY>. Lines that begin with
# "#key =" show defaults. `tongxing check --settings FILE` reports every mistake at once.
"""


def render_settings(tables: Iterable[tuple[str, type[Any], Mapping[str, Any]]]) -> str:
    """Return the TOML text of (table name, settings class, values) in the given order."""
    parts = [_HEAD]
    for section, cls, values in tables:
        unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"[{section}] has no {', '.join(sorted(unknown))}")
        parts.append(f"\n[{section}]\n")
        parts.extend(_render_field(field, values) for field in dataclasses.fields(cls))
    return "".join(parts)


def _render_field(field: dataclasses.Field[Any], values: Mapping[str, Any]) -> str:
    """Return one key with its explanation."""
    comment = textwrap.fill(
        str(field.metadata.get("help", "")),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    if field.name in values:
        return f"{comment}\n{field.name} = {_toml(values[field.name])}\n"
    if field.default is dataclasses.MISSING:
        return f"{comment} (required)\n#{field.name} =\n"
    return f"{comment}\n#{field.name} = {_toml(field.default)}\n"


def _toml(value: Any) -> str:
    """Return a value as TOML writes it; JSON's strings are TOML's basic strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return '""'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    raise TypeError(f"{type(value).__name__} has no place in a settings file")
