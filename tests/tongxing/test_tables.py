from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tongxing.checking import find_mistakes
from tongxing.settings import TownSettings
from tongxing.tables import TownPlan

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "town.toml"


def test_the_example_is_what_the_program_writes():
    # Made anew by: tongxing town settings > examples/town.toml
    assert EXAMPLE.read_text(encoding="utf-8") == TownPlan(TownSettings()).render()


@pytest.mark.parametrize("town", [TownSettings(), TownSettings(base_port=20000, tls=True, language="en")])
def test_a_planned_town_has_no_mistake_but_its_missing_files(town):
    mistakes = find_mistakes(tomllib.loads(TownPlan(town).render()))
    assert mistakes
    assert all(line.endswith("does not exist") for line in mistakes)


def test_tls_is_for_pages_and_not_for_what_is_signed_itself():
    document = tomllib.loads(TownPlan(TownSettings(tls=True)).render())
    assert document["idp"]["public_url"].startswith("https:")
    assert document["va"]["public_url"].startswith("http:")
    assert document["ca"]["status_url"].startswith("http:")


def test_no_server_is_told_of_the_root_key():
    assert "offline" not in TownPlan(TownSettings()).render()


def test_a_port_used_twice_an_unknown_table_and_an_unknown_key_are_all_reported():
    text = TownPlan(TownSettings()).render().replace("port = 8404", "port = 8405").replace("[va]", "[vaa]")
    mistakes = find_mistakes(tomllib.loads(text + '\n[colours]\nred = "1"\n'))
    assert any("8405 is already the port of" in line for line in mistakes)
    assert "[colours]: no such table" in mistakes
    assert "[vaa]: no such table" in mistakes
