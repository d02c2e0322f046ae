"""The documents of operation and security are true: tests, links, commands and files they name exist."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from tongxing.cli import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "SECURITY.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("threat-model", "operations", "glossary")),
]
THREATS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = (document.parent / name).resolve() if name else document
        assert linked.exists() or linked == ROOT / "README.md", target
        assert not anchor or anchor in anchors(linked), target


def test_every_test_the_threat_model_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", THREATS)
    assert len(named) > 80
    for file, test in named:
        path = ROOT / file if file.startswith("tests/") else ROOT / "tests" / file
        assert path.exists(), file
        assert not test or re.search(rf"def {test}\(", path.read_text(encoding="utf-8")), f"{file}::{test}"


def commands() -> list[str]:
    """Every `tongxing …` command of the operations manual, from its code blocks and its sentences."""
    blocks = re.findall(r"^ {4,}(tongxing .+)$", OPERATIONS, re.MULTILINE)
    sentences = re.findall(r"`(tongxing\s[^`]+)`", OPERATIONS)
    return sorted({" ".join(command.split()) for command in [*blocks, *sentences]})


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_manual_is_one(line: str) -> None:
    words = shlex.split(line)[1:]
    group: click.Command = cli
    context = click.Context(group, info_name="tongxing")
    context.params["desk"] = Path("desk")
    while isinstance(group, click.Group):
        while words and words[0].startswith("--"):
            assert words.pop(0) in options(group)
            words.pop(0)
        assert words, f"{line}: names a group only"
        found = group.get_command(context, words.pop(0))
        assert found is not None, line
        group = found
    given = [word for word in words if word.startswith("--")]
    assert set(given) <= options(group), line
    if "…" not in line and given:
        required = {
            option.opts[0] for option in group.params if isinstance(option, click.Option) and option.required
        }
        assert required <= set(given), line


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_every_file_that_is_named_exists() -> None:
    for document in DOCUMENTS:
        for name in re.findall(
            r"\b((?:deploy|tests|runtime|trust|idp|requirements)/[\w./-]*\w)", document.read_text("utf-8")
        ):
            if "*" not in name:
                assert (ROOT / name).exists() or (ROOT / "tests" / name).exists(), f"{document.name}: {name}"


def test_every_figure_an_alarm_names_is_measured() -> None:
    for module in ("runtime.metrics", "ca.web"):
        importlib.import_module(module)
    metrics = importlib.import_module("runtime.metrics")
    known = {name for metric in metrics.REGISTRY.collect() for name in (metric.name, f"{metric.name}_total")}
    named = set(re.findall(r"`(tongxing_(?!X)[a-z_]+?)(?:\{[^`]*)?`", OPERATIONS)) - {"tongxing_X_owner"}
    assert named
    assert named <= known


def test_every_unit_the_manual_starts_exists() -> None:
    started = set(re.findall(r"\b(tongxing-(?:work-)?[a-z]+)\b(?!\.)", OPERATIONS)) - {
        "tongxing-public",
        "tongxing-internal",
    }
    units = {unit.stem for unit in (ROOT / "deploy" / "systemd").glob("*.service")}
    assert {name for name in started if not name.startswith("tongxing-0")} <= units
