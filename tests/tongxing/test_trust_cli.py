"""`tongxing trust validate`: certificates judged from files, as a person at the shell would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust.authorities import AT, authority, issue, make_crl, make_ocsp, name, root
from tongxing.cli import cli

POLICY = "1.3.6.1.4.1.32473.1.1.1"
NOON = AT.isoformat()
TOP = root()
ISSUING = authority("Issuing", TOP, policies=["2.5.29.32.0"])
CITIZEN = issue(name("李明"), ISSUING, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH], policies=[POLICY])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for stem, party in (("root", TOP), ("issuing", ISSUING), ("citizen", CITIZEN)):
        (tmp_path / f"{stem}.pem").write_bytes(party.x509.public_bytes(serialization.Encoding.PEM))
        (tmp_path / f"{stem}.der").write_bytes(party.der)
    (tmp_path / "root.crl").write_bytes(make_crl(TOP))
    (tmp_path / "issuing.crl").write_bytes(make_crl(ISSUING))
    (tmp_path / "revoked.crl").write_bytes(make_crl(ISSUING, revoked=[CITIZEN.serial]))
    (tmp_path / "citizen.ocsp").write_bytes(make_ocsp(CITIZEN, ISSUING))
    return tmp_path


def run(files: Path, *arguments: str):
    placed = [str(files / argument) if (files / argument).is_file() else argument for argument in arguments]
    return CliRunner().invoke(cli, ["trust", "validate", *placed])


CHAIN = ("citizen.pem", "issuing.der", "--trust", "root.pem", "--at", NOON)
CRLS = ("--crl", "root.crl", "--crl", "issuing.crl")


def test_a_valid_certificate_and_its_path(files):
    result = run(files, *CHAIN, *CRLS)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "valid: CN=李明,C=CN"
    assert [line.split(" (")[0].strip() for line in lines[3:6]] == [
        "CN=李明,C=CN", "CN=Issuing,C=CN", "CN=Root,C=CN",
    ]  # fmt: skip


def test_an_ocsp_answer_serves_as_well(files):
    assert run(files, *CHAIN, "--crl", "root.crl", "--ocsp", "citizen.ocsp").exit_code == 0


def test_a_revoked_certificate_is_refused_in_the_language_asked_for(files):
    result = run(files, *CHAIN, "--crl", "root.crl", "--crl", "revoked.crl", "--lang", "zh")
    assert result.exit_code == 1
    assert "无效：CN=李明,C=CN" in result.output
    assert "已被吊销" in result.output
    assert "[certificate-revoked, RFC 5280 6.1.3 (a)(3)]" in result.output


def test_missing_evidence_fails_closed_and_says_what_to_give(files):
    result = run(files, *CHAIN)
    assert result.exit_code == 1
    assert "revocation-unknown" in result.stdout
    assert "--revocation not-checked" in result.stderr
    assert run(files, *CHAIN, "--revocation", "not-checked").exit_code == 0


def test_explain_tells_every_rule_of_every_certificate(files):
    result = run(files, *CHAIN, "--crl", "root.crl", "--crl", "revoked.crl", "--explain")
    broken = [line.strip() for line in result.output.splitlines() if "BROKEN" in line]
    assert broken == ["BROKEN  RFC 5280 6.1.3 (a)(3)  revocation"]
    assert result.output.count("RFC 5280 6.1.3 (a)(2)  validity") == 2
    assert "holds  RFC 5280 6.1.4 (k)  basic constraints" in result.output
    unasked = run(files, *CHAIN, "--revocation", "not-checked", "--explain").output
    assert "(a)(2)" in unasked
    assert "(a)(3)" not in unasked
    zh = run(files, *CHAIN, *CRLS, "--explain", "--lang", "zh").output
    assert "符合  RFC 5280 6.1.3 (a)(2)  有效期" in zh


def test_json_holds_the_whole_report(files):
    result = run(files, *CHAIN, *CRLS, "--policy", POLICY, "--json")
    report = json.loads(result.output)
    assert report["valid"] is True
    assert report["policies"] == [POLICY]
    assert [each["fingerprint"] for each in report["path"]] == [
        party.ours.fingerprint for party in (CITIZEN, ISSUING, TOP)
    ]
    assert all(check["passed"] for check in report["checks"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("--policy", "1.3.6.1.4.1.32473.1.9"), "policy-not-acceptable"),
        (("--purpose", "time-stamping"), "extended-key-usage-missing"),
        (("--purpose", "1.3.6.1.5.5.7.3.8"), "extended-key-usage-missing"),
        (("--usage", "crl-sign"), "key-usage-missing"),
    ],
)
def test_what_is_asked_for_and_missing(files, asked, code):
    result = run(files, *CHAIN, *CRLS, *asked)
    assert result.exit_code == 1
    assert f"[{code}," in result.output


def test_another_day(files):
    result = run(files, *CHAIN[:-1], "2031-01-01", "--revocation", "not-checked")
    assert result.exit_code == 1
    assert "certificate-expired" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "yesterday"), "is not a time"),
        (("--at", "9999-12-31T23:59:59-12:00"), "is not a time"),
        (("--policy", "citizen"), "--policy 'citizen' is not an object identifier"),
        (("--purpose", "login"), "--purpose 'login' is not an object identifier"),
        (("--crl", "nowhere.crl"), "does not exist"),
    ],
)
def test_wrong_usage_is_told(files, arguments, said):
    result = run(files, *CHAIN, *arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("option", ["--crl", "--ocsp", "--trust"])
def test_a_file_that_holds_something_else_is_named(files, option):
    (files / "letter.txt").write_text("dear city")
    result = run(files, *CHAIN, option, "letter.txt")
    assert result.exit_code == 1
    assert "letter.txt" in result.output


def test_a_crl_may_be_pem(files):
    import base64

    body = base64.encodebytes((files / "issuing.crl").read_bytes()).decode()
    (files / "issuing.crl").write_text(f"-----BEGIN X509 CRL-----\n{body}-----END X509 CRL-----\n")
    assert run(files, *CHAIN, *CRLS).exit_code == 0
