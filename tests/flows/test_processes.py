"""A town as a set of processes: it starts, is killed, starts again, and loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import town_process as towns
from tongxing.layout import TownLayout
from tongxing.town import Town

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


def tongxing(*arguments, **options):
    command = [sys.executable, "-m", "tongxing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A town that was made and is not running."""
    state = tmp_path_factory.mktemp("made") / "state"
    result = tongxing("town", "init", "--state", state, "--base-port", towns.free_base_port(), "--lang", "en")
    assert result.returncode == 0, result.stderr
    return Town(TownLayout(state))


def children(process):
    """Process ids of everything the supervisor started, and what that started."""
    found, waiting = [], [process.pid]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            below = [int(child) for child in task.read_text().split()]
            found += below
            waiting += below
    return found


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def healthy(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_it_starts_again_and_ctrl_c_stops_every_process(made, tmp_path):
    process = towns.start(made.layout.root, tmp_path / "log")
    everything = children(process)
    assert len(everything) >= len(made.child_specs())
    seconds = towns.stop(process)
    assert process.returncode == 0, (tmp_path / "log").read_text()
    assert seconds < 8
    assert all(gone(pid) for pid in everything)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_killed_it_takes_its_processes_along_and_starts_again_at_once(made, tmp_path):
    process = towns.start(made.layout.root, tmp_path / "first")
    everything = children(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = towns.start(made.layout.root, tmp_path / "second")
    try:
        assert all(gone(pid) for pid in everything)
        assert all(healthy(spec.health_url) for spec in made.child_specs())
    finally:
        towns.stop(again)


def test_a_killed_service_is_started_again(made, tmp_path):
    process = towns.start(made.layout.root, tmp_path / "log")
    try:
        victim = next(
            pid for pid in children(process) if Path(f"/proc/{pid}/comm").read_text().strip() == "tx-idp"
        )
        os.kill(victim, signal.SIGKILL)
        until(lambda: gone(victim))
        until(lambda: healthy(made.url("idp") + "/healthz"))
        assert "idp stopped" in (tmp_path / "log").read_text()
    finally:
        towns.stop(process)


def test_a_second_town_on_the_same_state_is_refused(made, tmp_path):
    process = towns.start(made.layout.root, tmp_path / "log")
    try:
        second = tongxing("run", "--state", made.layout.root)
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert str(process.pid) in second.stderr
    finally:
        towns.stop(process)


def test_other_ports_or_tls_than_it_was_made_with_are_refused(made):
    result = tongxing("run", "--state", made.layout.root, "--tls")
    assert result.returncode == 1
    assert "was made for http" in result.stderr


@pytest.mark.parametrize("line", [1, 2, 8, 16, 20])
def test_killed_while_it_is_made_it_is_made_anew(tmp_path, line):
    state = tmp_path / "state"
    command = [
        sys.executable,
        "-m",
        "tongxing",
        "town",
        "init",
        "--state",
        str(state),
        "--base-port",
        "18400",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(line):
            process.stdout.readline()
        process.kill()
    assert not TownLayout(state).is_complete()
    result = tongxing("town", "init", "--state", state)
    assert result.returncode == 0, result.stderr
    assert TownLayout(state).is_complete()
    assert tongxing("audit", "verify", "--settings", state / "town.toml").returncode == 0


def test_a_state_of_a_newer_version_is_refused_with_a_clear_message(tmp_path):
    (tmp_path / "version.json").write_text(json.dumps({"version": 99}))
    result = tongxing("run", "--state", tmp_path)
    assert result.returncode == 1
    assert "newer" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_state_directory_that_cannot_be_written_is_refused_with_a_clear_message():
    # Nobody may write below /proc, root included.
    result = tongxing("run", "--state", "/proc/tongxing")
    assert result.returncode == 1
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_finds_no_mistake_and_migrate_nothing_to_do(made):
    assert "no mistakes" in tongxing("check", "--settings", made.layout.settings_file).stdout
    result = tongxing("migrate", "--dry-run", "--settings", made.layout.settings_file)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("up to date") == 6


def test_check_reports_every_mistake_at_once(made, tmp_path):
    text = made.layout.settings_file.read_text()
    text = text.replace("threads = 4", "").replace("[serve]\n", '[serve]\nthreads = "many"\nspeed = 3\n')
    broken = made.layout.root / "broken.toml"
    broken.write_text(text.replace("[idp]\n", '[idp]\ncolour = "red"\n'))
    result = tongxing("check", "--settings", broken)
    broken.unlink()
    assert result.returncode == 1
    for words in ("[serve] threads: expected a whole number", "[serve] speed: no such key", "[idp] colour"):
        assert words in result.stderr


def test_audit_verify_notices_a_changed_record(made):
    import sqlite3
    from contextlib import closing

    database = made.layout.root / "ca" / "ca.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        row = connection.execute(
            "SELECT sequence, actor FROM audit_record ORDER BY sequence LIMIT 1"
        ).fetchone()
        connection.execute("UPDATE audit_record SET actor = 'somebody else' WHERE sequence = ?", row[:1])
        connection.commit()
        result = tongxing("audit", "verify", "--settings", made.layout.settings_file)
        connection.execute("UPDATE audit_record SET actor = ? WHERE sequence = ?", row[::-1])
        connection.commit()
    assert result.returncode == 1
    assert "ca: BROKEN at record 1" in result.stdout


def test_a_backup_restored_elsewhere_is_the_same_town(made, tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase for tests\n")
    passphrase.chmod(0o600)
    archive, target = tmp_path / "town.tgz", tmp_path / "restored"
    first = tongxing("backup", archive, "--state", made.layout.root, "--passphrase-file", passphrase)
    assert first.returncode == 0, first.stderr
    refused = tongxing("restore", archive, "--state", made.layout.root, "--passphrase-file", passphrase)
    assert refused.returncode == 1
    assert "never overwrites" in refused.stderr
    second = tongxing("restore", archive, "--state", target, "--passphrase-file", passphrase)
    assert second.returncode == 0, second.stderr
    process = towns.start(target, tmp_path / "log")
    try:
        assert healthy(Town(TownLayout(target)).url("idp") + "/healthz")
    finally:
        towns.stop(process)
