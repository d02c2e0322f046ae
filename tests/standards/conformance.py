"""Where the published test suites lie: beside the repository, not in it; in CI they must be there."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import IN_CI

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "path-validation"


def load_cases(suite: str, document: str) -> list[dict]:
    """The cases of a suite; none when it is absent."""
    path = FOLDER / suite / document
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.exists() else []


@cache
def read(suite: str, name: str) -> bytes:
    """One file of a suite."""
    return (FOLDER / suite / name).read_bytes()


def require(cases: list[dict], suite: str) -> None:
    """Skip where the suite is absent, saying so; in CI that is a failure."""
    if cases:
        return
    message = f"the {suite} suite is absent: it belongs into {FOLDER}"
    if IN_CI:
        pytest.fail(message)
    pytest.skip(message)
