"""The systemd units: every process has one, and systemd itself finds them right and tight."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from runtime.settings import load_settings, read_document
from tongxing.checking import find_mistakes
from tongxing.services import SERVICES, Service
from tongxing.serving import ServeSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVING = [service.name for service in SERVICES]
WORKING = [service.name for service in SERVICES if service.has_jobs]
# What systemd-analyze calls the exposure level: 0 safe, 10 open. The rest is that they use the network.
MAXIMUM_EXPOSURE = 1.3

REQUIRED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectProc": "invisible",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "LimitCORE": "0",
    "UMask": "0077",
}


def directives(unit: Path) -> dict[str, list[str]]:
    """Every directive of a unit, with its values in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def process_of(unit: Path) -> tuple[str, str]:
    """What a unit runs: serve or work, and which service."""
    matched = re.fullmatch(r"tongxing-(work-)?([a-z]+)", unit.stem)
    assert matched is not None
    return "work" if matched[1] else "serve", matched[2]


def test_every_process_has_a_unit() -> None:
    expected = {("serve", name) for name in SERVING} | {("work", name) for name in WORKING}
    assert {process_of(unit) for unit in UNITS} == expected


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_its_process_as_a_user_of_its_own(unit: Path) -> None:
    found = directives(unit)
    verb, name = process_of(unit)
    assert found["ExecStart"] == [
        f"/opt/tongxing/bin/tongxing {verb} {name} --settings /etc/tongxing/{name}.toml"
    ]
    assert found["User"] == found["Group"] == [f"tongxing-{name}"]
    users = (DEPLOY / "sysusers.d" / "tongxing.conf").read_text()
    assert f"u tongxing-{name} " in users
    assert found["StateDirectory"] == [f"tongxing/{name}"]
    for directive, value in REQUIRED.items():
        assert found[directive] == [value], directive
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_secrets_are_credentials_and_not_in_the_environment(unit: Path) -> None:
    found = directives(unit)
    _, name = process_of(unit)
    loaded = dict(entry.split(":", 1) for entry in found["LoadCredential"])
    assert all(source == f"/etc/tongxing/credentials/{name}/{key}" for key, source in loaded.items())
    environment = dict(entry.split("=", 1) for entry in found["Environment"])
    environment.pop("TONGXING_SERVE_JOBS", None)
    assert sorted(environment.values()) == sorted(f"%d/{key}" for key in loaded), "paths only, never values"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_units_and_example_settings_make_settings_that_load(service: Service, tmp_path: Path) -> None:
    """The file of deploy/settings with the unit's environment is all that the process needs."""
    document = read_document(DEPLOY / "settings" / f"{service.name}.toml")
    unit = DEPLOY / "systemd" / f"tongxing-{service.name}.service"
    environment = dict(
        entry.replace("%d", str(tmp_path)).split("=", 1) for entry in directives(unit)["Environment"]
    )
    settings = load_settings(service.settings_type(), service.section, document, environment)
    assert settings.key_passphrase_file == tmp_path / "passphrase"
    assert settings.database_url.endswith(f"user=tongxing_{service.name}")
    assert bool(settings.internal_port) is service.has_internal
    options = load_settings(ServeSettings, "serve", document, environment)
    assert options.jobs is not service.has_jobs, "jobs run in a unit of their own"
    # What is wrong without the unit is what the unit gives, and files that are not on this machine.
    for mistake in find_mistakes(document):
        assert re.search("missing|does not exist|not a file|no such file", mistake), mistake


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd about units that are not installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("not installed: systemd-analyze (Debian package systemd)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.foreign
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_a_unit_tight(unit: Path) -> None:
    answer = systemd_analyze(
        "security", "--offline=true", f"--threshold={int(MAXIMUM_EXPOSURE * 10)}", str(unit)
    )
    assert answer.returncode == 0, answer.stdout[-400:] + answer.stderr


@pytest.mark.foreign
def test_systemd_finds_the_units_right(tmp_path: Path) -> None:
    """No unknown directive, value or dependency; the program is put where the units expect it."""
    program = tmp_path / "opt/tongxing/bin/tongxing"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in [*UNITS, DEPLOY / "systemd" / "tongxing.target"]:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/opt/tongxing/", f"{tmp_path}/opt/tongxing/"))
        copies.append(str(copy))
    answer = systemd_analyze("verify", "--man=no", "--recursive-errors=no", *copies)
    complaints = [line for line in answer.stderr.splitlines() if str(tmp_path) in line or "tongxing" in line]
    assert answer.returncode == 0, answer.stderr
    assert complaints == []


_UNDER_PROTECTION = """
import ctypes, importlib, mmap, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("the protection is not in force")
except PermissionError:
    pass
for name in sys.argv[1:]:
    importlib.import_module(name)
import granian, psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
ec.generate_private_key(ec.SECP256R1()).sign(b"data", ec.ECDSA(hashes.SHA256()))
"""


def test_services_load_under_memory_deny_write_execute() -> None:
    """MemoryDenyWriteExecute breaks programs that make code at run time; ours do not."""
    modules = [service.web_module for service in SERVICES]
    answer = subprocess.run(
        [sys.executable, "-c", _UNDER_PROTECTION, *modules],
        capture_output=True, text=True, check=False, timeout=60, cwd=DEPLOY.parent,
    )  # fmt: skip
    if answer.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
    assert answer.returncode == 0, answer.stderr
