"""Fixtures shared by every folder of tests, and the guard that keeps CI from skipping silently.

A test that needs another program carries a marker. Where the program is absent the test is skipped with
the reason; in CI (CI=true) the same is a failure, so that a green run has really run everything.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
CHROMIUM = "/usr/bin/chromium"
POSTGRES_ADDRESS = ("127.0.0.1", 5432)
POSTGRES_URL = "postgresql+psycopg://postgres@127.0.0.1:5432"
# A fixed slice of every fuzz: the same cases on every machine, so that a red run can be repeated.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")
GUARDED_MARKERS = ("pcsc", "browser", "foreign", "postgres", "softhsm")


def _missing_pcsc() -> str:
    programs = [name for name in ("pcscd", "opensc-tool") if _which(name) is None]
    return f"not installed: {', '.join(programs)}" if programs else ""


def _missing_browser() -> str:
    return "" if Path(CHROMIUM).exists() else "not installed: chromium"


def _missing_foreign() -> str:
    programs = [name for name in ("openssl", "pdfsig", "certutil", "certtool") if _which(name) is None]
    return f"not installed: {', '.join(programs)}" if programs else ""


def _missing_softhsm() -> str:
    programs = [name for name in ("softhsm2-util", "pkcs11-tool") if _which(name) is None]
    return f"not installed: {', '.join(programs)}" if programs else ""


def _missing_postgres() -> str:
    with contextlib.suppress(OSError), socket.create_connection(POSTGRES_ADDRESS, timeout=2):
        return ""
    return "no PostgreSQL answers on 127.0.0.1:5432"


def _which(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


_CHECKS = {
    "pcsc": _missing_pcsc,
    "browser": _missing_browser,
    "foreign": _missing_foreign,
    "postgres": _missing_postgres,
    "softhsm": _missing_softhsm,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run here, saying why (in CI that is a failure); keep the town's tests together."""
    for item in items:
        if "town" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("town"))
    used = {marker for marker in GUARDED_MARKERS for item in items if item.get_closest_marker(marker)}
    missing = {marker: reason for marker in used if (reason := _CHECKS[marker]())}
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a skipped test that needs another program is a failure."""
    outcome = yield
    report = outcome.get_result()
    guarded = [marker for marker in GUARDED_MARKERS if item.get_closest_marker(marker)]
    if IN_CI and report.skipped and guarded and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {item.nodeid} ({', '.join(guarded)}): {report.longrepr}"


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh PostgreSQL database, dropped after the test."""
    import psycopg

    name = f"tongxing_{secrets.token_hex(6)}"
    administration = "postgresql://postgres@127.0.0.1:5432/postgres"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{POSTGRES_URL}/{name}"
    finally:
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Folder for what a run leaves behind to look at: screenshots, signed files."""
    folder = Path(__file__).resolve().parent.parent / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    """A running town; all tests that use it run in one worker, so it is started once."""
    from tests.town_process import running_town

    with running_town(tmp_path_factory.mktemp("town")) as running:
        yield running
