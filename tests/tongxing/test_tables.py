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


def test_one_mistake_in_a_table_does_not_hide_the_others():
    text = TownPlan(TownSettings()).render()
    for right, wrong in (
        ("port = 8402", 'port = "abc"'),
        ('public_url = "http://localhost:8403"', 'public_url = "nonsense"'),
        ("internal_port = 8451", "internal_port = 99999"),
        ("[idp]\n", "[idp]\ncolour = 1\n"),
    ):
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    mistakes = find_mistakes(tomllib.loads(text))
    assert "[ca] port: expected a whole number, got 'abc'" in mistakes
    assert any(
        line.startswith("[ca] trust_anchors: ") and line.endswith("does not exist") for line in mistakes
    )
    assert "[va] public_url: expected an address like https://host, got 'nonsense'" in mistakes
    assert "[ra] internal_port: expected a port, 0 to 65535, got 99999" in mistakes
    assert "[idp] colour: no such key" in mistakes


def test_mistakes_in_where_a_key_lies_are_reported():
    text, key = TownPlan(TownSettings()).render(), 'issuing_key = "ca/keys/issuing.p8"'
    assert text.count(key) == 1
    token = "pkcs11:token=city;object=issuing?module-path=/nonexistent/p11.so&pin-source=/nonexistent/pin"
    mistakes = find_mistakes(tomllib.loads(text.replace(key, f'issuing_key = "{token}"')))
    assert "[ca] issuing_key: /nonexistent/p11.so does not exist" in mistakes
    assert "[ca] issuing_key: /nonexistent/pin does not exist" in mistakes
    mistakes = find_mistakes(tomllib.loads(text.replace(key, f'issuing_key = "{token}&pin-value=31415"')))
    assert any(line.startswith("[ca] issuing_key: pin-value would show the PIN") for line in mistakes)
    assert "31415" not in "".join(mistakes)


def test_a_port_used_twice_an_unknown_table_and_an_unknown_key_are_all_reported():
    text = TownPlan(TownSettings()).render().replace("port = 8404", "port = 8405").replace("[va]", "[vaa]")
    mistakes = find_mistakes(tomllib.loads(text + '\n[colours]\nred = "1"\n'))
    assert any("8405 is already the port of" in line for line in mistakes)
    assert "[colours]: no such table" in mistakes
    assert "[vaa]: no such table" in mistakes
