from __future__ import annotations

import pytest

from runtime.encryption import DataKey
from runtime.errors import KeyFileError, SealedDataError
from runtime.secret_file import write_secret

NUMBER = "11010519491231002X"


@pytest.fixture
def key(tmp_path):
    DataKey.create(tmp_path / "data.key")
    return DataKey.load(tmp_path / "data.key")


def test_what_was_sealed_opens_in_its_context(key):
    sealed = key.seal(NUMBER, "person.1")
    assert NUMBER.encode() not in sealed
    assert key.open(sealed, "person.1") == NUMBER
    assert key.seal(NUMBER, "person.1") != sealed


@pytest.mark.parametrize("change", ["context", "bit", "truncated", "empty", "version", "key"])
def test_anything_else_does_not_open(key, tmp_path, change):
    sealed, context = key.seal(NUMBER, "person.1"), "person.1"
    if change == "context":
        context = "person.2"
    elif change == "bit":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    elif change == "truncated":
        sealed = sealed[:-1]
    elif change == "empty":
        sealed = b""
    elif change == "version":
        sealed = b"\x02" + sealed[1:]
    else:
        DataKey.create(tmp_path / "other.key")
        key = DataKey.load(tmp_path / "other.key")
    with pytest.raises(SealedDataError):
        key.open(sealed, context)


def test_the_index_finds_equal_values_within_one_context_only(key):
    assert key.index(NUMBER, "person") == key.index(NUMBER, "person")
    assert key.index(NUMBER, "person") != key.index(NUMBER, "enterprise")


def test_a_key_file_of_another_form_is_refused(tmp_path):
    write_secret(tmp_path / "short", b"abcd\n")
    write_secret(tmp_path / "text", b"not hexadecimal\n")
    for name in ("short", "text"):
        with pytest.raises(KeyFileError):
            DataKey.load(tmp_path / name)


def test_a_key_shows_nothing_of_itself(key):
    assert repr(key) == "<DataKey>"
