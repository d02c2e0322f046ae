from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tongxing.archive import MANIFEST, SEAL, _add, _cipher, back_up, restore
from tongxing.errors import ArchiveError
from tongxing.layout import TownLayout, locked

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSPHRASE = b"correct horse battery"


@pytest.fixture
def state(tmp_path):
    layout = TownLayout(tmp_path / "state")
    with locked(layout):
        layout.begin()
    for folder in ("ca/keys", "ca/secrets", "logs"):
        (layout.root / folder).mkdir(parents=True)
    (layout.root / "town.toml").write_text("[town]\n")
    (layout.root / "ca/keys/issuing.p8").write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    secret = layout.root / "ca/secrets/passphrase"
    secret.write_bytes(b"only we know")
    secret.chmod(0o600)
    (layout.root / "ca/keys/issuing.p8").chmod(0o600)
    (layout.root / "logs/ca.log").write_text("not wanted")
    with closing(sqlite3.connect(layout.root / "ca/ca.sqlite")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE certificate (serial TEXT)")
        database.execute("INSERT INTO certificate VALUES ('01')")
        database.commit()
    layout.finish()
    return layout


def test_a_backup_of_a_live_database_comes_back_whole(state, tmp_path):
    with closing(sqlite3.connect(state.root / "ca/ca.sqlite")) as live:
        live.execute("INSERT INTO certificate VALUES ('02')")
        live.commit()
        back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    target = TownLayout(tmp_path / "restored")
    report = restore(tmp_path / "b.tgz", target, PASSPHRASE)
    assert target.is_complete()
    assert "logs/ca.log" not in report.files
    assert (target.root / "ca/secrets/passphrase").read_bytes() == b"only we know"
    assert (target.root / "ca/secrets/passphrase").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target.root / "ca/ca.sqlite")) as database:
        assert database.execute("SELECT serial FROM certificate ORDER BY 1").fetchall() == [("01",), ("02",)]


def test_secrets_are_sealed_in_the_archive_and_keys_are_as_they_were(state, tmp_path):
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    with tarfile.open(tmp_path / "b.tgz") as archive:
        contents = {name: archive.extractfile(name).read() for name in archive.getnames()}
    assert not any(b"only we know" in content for content in contents.values())
    assert contents["ca/keys/issuing.p8"] == b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
    assert (tmp_path / "b.tgz").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_checks_everything_and_writes_nothing(state, tmp_path):
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    report = restore(tmp_path / "b.tgz", TownLayout(tmp_path / "restored"), PASSPHRASE, dry_run=True)
    assert "ca/ca.sqlite" in report.files
    assert not (tmp_path / "restored").exists()


def test_a_restore_never_overwrites(state, tmp_path):
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    with pytest.raises(ArchiveError, match="never overwrites"):
        restore(tmp_path / "b.tgz", state, PASSPHRASE)


def test_a_backup_never_overwrites(state, tmp_path):
    (tmp_path / "b.tgz").write_bytes(b"the one before")
    with pytest.raises(ArchiveError, match="not overwritten"):
        back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    assert (tmp_path / "b.tgz").read_bytes() == b"the one before"


def test_the_wrong_passphrase_is_refused(state, tmp_path):
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    with pytest.raises(ArchiveError) as caught:
        restore(tmp_path / "b.tgz", TownLayout(tmp_path / "restored"), b"something else altogether")
    assert caught.value.code == "passphrase-wrong"
    assert not (tmp_path / "restored").exists()


def test_a_short_passphrase_is_refused(state, tmp_path):
    with pytest.raises(ArchiveError, match="at least 12"):
        back_up(state, {}, tmp_path / "b.tgz", b"short", AT)


def test_an_altered_archive_is_refused(state, tmp_path):
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    folder = tmp_path / "unpacked"
    with tarfile.open(tmp_path / "b.tgz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "town.toml").write_text("[town]\ntls = true\n")
    with tarfile.open(tmp_path / "altered.tgz", "w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder).as_posix())
    with pytest.raises(ArchiveError, match=r"town\.toml: altered"):
        restore(tmp_path / "altered.tgz", TownLayout(tmp_path / "restored"), PASSPHRASE)


@pytest.mark.parametrize("seal", ["kept", "missing", "of another passphrase"])
def test_a_file_altered_together_with_its_line_in_the_manifest_is_refused(state, tmp_path, seal):
    """Digests prove nothing against somebody who writes them anew: databases and roots are not sealed."""
    back_up(state, {}, tmp_path / "b.tgz", PASSPHRASE, AT)
    with tarfile.open(tmp_path / "b.tgz") as archive:
        contents = {name: archive.extractfile(name).read() for name in archive.getnames()}
    contents["town.toml"] = b"[town]\n# of the enemy\n"
    manifest = json.loads(contents[MANIFEST])
    manifest["files"]["town.toml"]["sha256"] = hashlib.sha256(contents["town.toml"]).hexdigest()
    contents[MANIFEST] = json.dumps(manifest).encode()
    if seal == "missing":
        del contents[SEAL]
    elif seal == "of another passphrase":
        cipher = _cipher(b"the enemy's passphrase", bytes.fromhex(manifest["salt"]))
        contents[SEAL] = bytes(12) + cipher.encrypt(bytes(12), b"", contents[MANIFEST])
    with tarfile.open(tmp_path / "forged.tgz", "w:gz") as archive:
        for name, content in contents.items():
            _add(archive, name, content)
    with pytest.raises(ArchiveError) as caught:
        restore(tmp_path / "forged.tgz", TownLayout(tmp_path / "restored"), PASSPHRASE)
    assert caught.value.code == "passphrase-wrong"
    assert not (tmp_path / "restored").exists()


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "b.tgz").write_bytes(os.urandom(500))
    with pytest.raises(ArchiveError, match="cannot be read"):
        restore(tmp_path / "b.tgz", TownLayout(tmp_path / "restored"), PASSPHRASE)


def test_postgresql_is_left_to_its_own_tools_and_says_so(state, tmp_path):
    document = {"idp": {"database_url": "postgresql+psycopg://idp@localhost/idp"}}
    report = back_up(state, document, tmp_path / "b.tgz", PASSPHRASE, AT)
    assert any("pg_dump" in note for note in report.notes)
