"""The shell: the authority and the signer as an officer and an enterprise use them, with cards and PINs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tongxing.demo.document import make_pdf
from tongxing.people import CHEN_JING, HAIFENG, WANG_FANG, ZHAO_QIANG

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def tongxing(town):
    """Run the command in the town's state; lines are typed in, one by one."""

    def run(*arguments, lines=()):
        desk = town.state / "desk"
        command = [sys.executable, "-m", "tongxing", "--desk", str(desk), *map(str, arguments)]
        typed = "".join(f"{line}\n" for line in lines)
        return subprocess.run(command, input=typed, capture_output=True, text=True, check=False, timeout=120)

    return run


def card(town, name):
    return town.state / "cards" / f"{name}.json"


def test_a_card_is_issued_and_revoked_by_two_officers_cards(town, tongxing, tmp_path):
    settings = ("--settings", town.state / "town.toml")
    issued = tongxing(
        "ca", "issue", "card", "--kind", "citizen", "--name", WANG_FANG.name,
        "--identity-number", WANG_FANG.identity_number, "--card", card(town, "second"),
        "--requester", CHEN_JING.name, "--approver", card(town, ZHAO_QIANG.file_name),
        "--out", tmp_path, *settings,
        lines=("121212", "121212", ZHAO_QIANG.pin),
    )  # fmt: skip
    assert issued.returncode == 0, issued.stderr
    assert "PUK of" in issued.stderr
    status = tongxing("card", "status", "--virtual", town.state / "cards", "--reader", "second")
    assert WANG_FANG.name in status.stdout
    certificates = json.loads(tongxing("ca", "list", "--json", *settings).stdout)
    mine = [each for each in certificates if WANG_FANG.name in each["subject"]]
    serial = max(mine, key=lambda each: each["not_valid_before"])["serial_number"]
    revoked = tongxing(
        "ca", "revoke", serial, "--reason", "superseded", "--officer", card(town, ZHAO_QIANG.file_name),
        *settings, lines=(ZHAO_QIANG.pin,),
    )  # fmt: skip
    assert revoked.returncode == 0, revoked.stderr
    assert "revoked" in tongxing("ca", "show", serial, *settings).stdout


def test_an_officer_cannot_approve_what_the_same_officer_asked_for(town, tongxing):
    result = tongxing(
        "ca", "issue", "card", "--kind", "citizen", "--name", WANG_FANG.name,
        "--identity-number", WANG_FANG.identity_number, "--card", card(town, "never"),
        "--requester", CHEN_JING.name, "--approver", card(town, CHEN_JING.file_name),
        "--settings", town.state / "town.toml", lines=("121212", "121212", CHEN_JING.pin),
    )  # fmt: skip
    assert result.returncode == 1
    assert "cannot approve" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.foreign
def test_the_filing_example_signs_judges_and_satisfies_openssl(town, tmp_path):
    document = tmp_path / "report.pdf"
    document.write_bytes(make_pdf("Report", ["Invented."]))
    program = tmp_path / "tongxing"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tongxing "$@"\n')
    program.chmod(0o755)
    result = subprocess.run(
        ["sh", str(EXAMPLES / "filing.sh"), str(document)],
        input=f"{HAIFENG.pin}\n{HAIFENG.pin}\n",
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "STATE": str(town.state), "TONGXING": str(program)},
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "TOTAL-PASSED" in result.stdout
    assert "CMS Verification successful" in result.stderr


def test_a_wrong_pin_on_the_shell_is_told_with_the_tries_left(town, tongxing, tmp_path):
    document = tmp_path / "report.pdf"
    document.write_bytes(make_pdf("Report", ["Invented."]))
    settings = ("--settings", town.state / "town.toml", "--virtual", town.state / "cards")
    wrong = tongxing("sign", "file", document, *settings, "--reader", "wangfang", lines=("000000",))
    assert wrong.returncode == 1
    assert "2" in wrong.stderr
    right = tongxing("sign", "file", document, *settings, "--reader", "wangfang", lines=(WANG_FANG.pin,))
    assert right.returncode == 0, right.stderr


def test_every_audit_chain_is_intact_after_all_that(town, tongxing):
    result = tongxing("audit", "verify", "--settings", town.state / "town.toml")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("intact") == 6
