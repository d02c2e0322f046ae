"""Issuance end to end: what the authority made is judged by OpenSSL."""

from __future__ import annotations

import subprocess

import pytest

from tongxing.cards import read_card_certificate, virtual_reader
from tongxing.demo.issuance import play_issuance
from tongxing.people import LI_MING

pytestmark = [pytest.mark.slow, pytest.mark.foreign]


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def citizen(town, tmp_path):
    """A citizen's certificate as a PEM file."""
    path = tmp_path / "liming.pem"
    path.write_text(read_card_certificate(virtual_reader(town.state / "cards", LI_MING.file_name)).pem)
    return path


def test_the_flow_from_application_to_revocation(town):
    lines = []
    play_issuance(town.stage(lines))
    assert sum("✓" in line for line in lines) == 6


def test_openssl_ocsp_calls_a_citizens_certificate_good(town, citizen):
    issuing, root = town.state / "trust/issuing.pem", town.state / "trust/root.pem"
    result = openssl(
        "ocsp", "-issuer", issuing, "-cert", citizen, "-url", town.url("va") + "/ocsp", "-CAfile", root,
        "-verify_other", issuing,
    )  # fmt: skip
    assert "Response verify OK" in result.stderr
    assert f"{citizen}: good" in result.stdout


def test_openssl_verify_accepts_the_path_with_both_crls(town, citizen, tmp_path):
    crls = tmp_path / "crls.pem"
    with crls.open("w") as file:
        for name in ("root.pem", "issuing.pem"):
            text = openssl(
                "x509", "-in", town.state / "trust" / name, "-noout", "-ext", "subjectKeyIdentifier"
            )
            key_id = text.stdout.splitlines()[1].strip().replace(":", "").lower()
            crl = tmp_path / f"{key_id}.crl"
            crl.write_bytes(town.browser().get(f"{town.url('va')}/crl/{key_id}.crl").content)
            file.write(openssl("crl", "-inform", "DER", "-in", crl).stdout)
    result = openssl(
        "verify", "-x509_strict", "-crl_check_all", "-CRLfile", crls, "-policy_check",
        "-CAfile", town.state / "trust/root.pem", "-untrusted", town.state / "trust/issuing.pem", citizen,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_no_certificate_carries_an_identity_number(town, citizen):
    text = openssl("x509", "-in", citizen, "-noout", "-text").stdout
    assert LI_MING.identity_number not in text
    assert "serialNumber" in text or "TX" in text


def test_no_identity_number_lies_open_in_any_database_or_log(town):
    for path in town.state.rglob("*"):
        if path.is_file() and path.suffix in (".sqlite", ".log", ".sqlite-wal"):
            assert LI_MING.identity_number.encode() not in path.read_bytes(), path
