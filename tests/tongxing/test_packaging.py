"""What is installed: exactly the packages, with their templates, pages' files and translations."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("trust", "runtime", "ca", "idp", "cardreader", "signing", "tongxing")


@pytest.mark.slow
def test_the_wheel_holds_exactly_what_is_in_the_packages(tmp_path):
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    tracked = {name for name in listed if (ROOT / name).exists()}
    for name in (*tracked, "pyproject.toml", "README.md", "LICENSE"):
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    subprocess.run(
        [
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index",
            "--no-build-isolation",
            "--wheel-dir", str(tmp_path), str(tmp_path / "source"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == tracked


def test_lock_files_pin_and_hash_everything_and_name_no_address():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, path
        requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert requirements
        for line in requirements:
            assert "==" in line, line
            assert line.endswith("\\"), f"{line} has no hash"


def test_the_base_install_is_a_citizens_pc_and_nothing_more():
    names = {line.split("==")[0] for line in (ROOT / "requirements/base.txt").read_text().splitlines()}
    assert {"click", "cryptography", "pyscard"} <= names
    assert not names & {"flask", "sqlalchemy", "granian", "authlib", "pyhanko", "requests"}
