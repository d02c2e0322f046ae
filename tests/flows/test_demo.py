"""The demonstration as a person starts it, and a failure in it as a script notices it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.town_process import free_base_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


def demo(*arguments):
    command = [sys.executable, "-m", "tongxing", "demo", "--base-port", str(free_base_port()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


@pytest.mark.parametrize("arguments", [["--lang", "zh"], ["--lang", "en", "--tls"]])
def test_the_demonstration_plays_all_three_flows_and_exits_0(arguments):
    result = demo(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("✓") == 16
    assert not result.stderr


def test_a_step_that_fails_ends_it_with_a_message_and_exit_code_1(tmp_path):
    state = tmp_path / "state"
    made = subprocess.run(
        [sys.executable, "-m", "tongxing", "town", "init", "--state", str(state)],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (state / "cards" / "liming.json").unlink()
    result = subprocess.run(
        [sys.executable, "-m", "tongxing", "demo", "--state", str(state), "--lang", "en"],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert result.returncode == 1
    assert "failed: a wrong PIN" in result.stderr
    assert "Traceback" not in result.stderr
