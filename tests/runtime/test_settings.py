from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runtime.errors import SettingsError
from runtime.settings import load_settings, read_document, setting


@dataclasses.dataclass(frozen=True)
class Example:
    port: int = setting(help="Port.")
    url: str = setting("http://localhost", help="URL.")
    debug: bool = setting(False, help="Debug.")
    folder: Path | None = setting(None, help="Folder.")
    peers: tuple[str, ...] = setting((), help="Peers.")


def test_values_come_from_the_table_and_defaults_fill_the_rest():
    loaded = load_settings(Example, "idp", {"idp": {"port": 8404, "peers": ["a", "b"]}}, {})
    assert loaded == Example(port=8404, url="http://localhost", debug=False, folder=None, peers=("a", "b"))


def test_the_environment_wins_over_the_file():
    environ = {"TONGXING_IDP_PORT": "9000", "TONGXING_IDP_DEBUG": "true", "TONGXING_IDP_PEERS": "a, b,"}
    loaded = load_settings(Example, "idp", {"idp": {"port": 8404}}, environ)
    assert (loaded.port, loaded.debug, loaded.peers) == (9000, True, ("a", "b"))


def test_a_section_with_a_hyphen_is_written_with_an_underscore_in_the_environment():
    assert load_settings(Example, "site-a", {}, {"TONGXING_SITE_A_PORT": "1"}).port == 1


def test_every_mistake_is_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        load_settings(Example, "idp", {"idp": {"prot": 1, "debug": "maybe", "peers": 3}}, {})
    text = str(caught.value)
    assert len(caught.value.mistakes) == 4
    for word in (
        "prot: no such key",
        "port: missing",
        "debug: expected true or false",
        "peers: expected a list",
    ):
        assert word in text


def test_a_boolean_is_not_a_port():
    with pytest.raises(SettingsError, match="whole number"):
        load_settings(Example, "idp", {"idp": {"port": True}}, {})


def test_settings_are_frozen():
    loaded = load_settings(Example, "idp", {"idp": {"port": 1}}, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.port = 2


def test_a_missing_file_says_how_to_name_another(tmp_path):
    with pytest.raises(SettingsError, match="--settings"):
        read_document(tmp_path / "none.toml")


def test_malformed_toml_is_named(tmp_path):
    path = tmp_path / "town.toml"
    path.write_text("[idp\n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_document(path)


def test_a_relative_path_is_meant_from_the_settings_file(tmp_path):
    (tmp_path / "town.toml").write_text('[idp]\nport = 1\nfolder = "idp/keys"\n')
    document = read_document(tmp_path / "town.toml")
    assert load_settings(Example, "idp", document, {}).folder == tmp_path / "idp" / "keys"
    elsewhere = {"TONGXING_IDP_FOLDER": "/srv/idp"}
    assert load_settings(Example, "idp", document, elsewhere).folder == Path("/srv/idp")
