from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from runtime.settings import load_settings, setting
from tongxing.town_file import render_settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    port: int = setting(help="The port.")
    title: str = setting('a "quoted" 标题', help="The title.")
    key: Path | None = setting(None, help="The key.")
    peers: tuple[str, ...] = setting((), help="The peers.")
    debug: bool = setting(False, help="Whether to tell more.")


def test_every_key_is_there_with_its_default():
    text = render_settings([("example", Example, {"port": 8400})])
    assert tomllib.loads(text) == {"example": {"port": 8400}}
    for line in (
        "port = 8400",
        '#title = "a \\"quoted\\" 标题"',
        '#key = ""',
        "#peers = []",
        "#debug = false",
    ):
        assert line in text.splitlines()


def test_the_defaults_shown_are_the_defaults():
    text = render_settings([("example", Example, {"port": 1})]).replace("\n#", "\n").replace("\n ", "\n# ")
    assert load_settings(Example, "example", tomllib.loads(text), {}) == Example(port=1)


def test_a_required_key_without_a_value_is_marked():
    assert "(required)\n#port =" in render_settings([("example", Example, {})])


def test_a_key_the_class_does_not_have_is_refused():
    with pytest.raises(ValueError, match="prot"):
        render_settings([("example", Example, {"prot": 1})])
