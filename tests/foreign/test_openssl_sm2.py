"""SM2 certificates, a CRL and a certification request that openssl makes, read and judged here."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from ca.certification_request import check_key, parse_request, verify_possession
from runtime import clock
from trust.certificate import Certificate, load_pem_certificates
from trust.path import RevocationEvidence, ValidationInputs, validate_path

pytestmark = pytest.mark.foreign

IDENTIFIER = "distid:1234567812345678"
CONFIGURATION = """
[ca]
default_ca = city
[city]
database = index
crlnumber = crlnumber
default_md = sm3
default_crl_days = 30
[leaf]
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(folder, *words):
    return subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Root, leaf, request and CRL, all of openssl's making; the identifier has to be given every time."""
    folder = tmp_path_factory.mktemp("openssl")
    (folder / "configuration").write_text(CONFIGURATION)
    (folder / "index").touch()
    (folder / "crlnumber").write_text("01\n")
    sign, verify = ("-sm3", "-sigopt", IDENTIFIER), ("-vfyopt", IDENTIFIER)
    for name in ("root", "leaf"):
        openssl(folder, "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")
    openssl(
        folder, "req", "-x509", "-new", "-key", "root.key", *sign, "-subj", "/C=CN/CN=Root", "-days", "3650",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "root.pem",
    )  # fmt: skip
    openssl(folder, "req", "-new", "-key", "leaf.key", *sign, "-subj", "/CN=Leaf", "-out", "leaf.csr")
    openssl(
        folder, "x509", "-req", "-in", "leaf.csr", *verify, *sign, "-CA", "root.pem", "-CAkey", "root.key",
        "-days", "30", "-extfile", "configuration", "-extensions", "leaf", "-out", "leaf.pem",
    )  # fmt: skip
    openssl(
        folder, "ca", "-config", "configuration", "-gencrl", "-keyfile", "root.key", "-cert", "root.pem",
        "-sigopt", IDENTIFIER, "-out", "crl.pem",
    )  # fmt: skip
    return folder


def certificate(folder, name):
    return load_pem_certificates((folder / f"{name}.pem").read_bytes())[0]


def test_a_path_with_its_crl(made):
    crl = openssl(made, "crl", "-in", "crl.pem", "-outform", "DER")
    inputs = ValidationInputs((certificate(made, "root"),), (), RevocationEvidence((crl,)))
    leaf, at = certificate(made, "leaf"), clock.now()
    report = validate_path(leaf, inputs, at)
    assert report.valid, report.rejections
    altered = Certificate.parse(leaf.der[:-1] + bytes([leaf.der[-1] ^ 1]))
    assert [r.code for r in validate_path(altered, inputs, at).rejections] == ["signature-invalid"]
    spoiled = replace(inputs, revocation=RevocationEvidence((crl[:-1] + bytes([crl[-1] ^ 1]),)))
    assert [r.code for r in validate_path(leaf, spoiled, at).rejections] == ["revocation-unknown"]


def test_signed_with_the_empty_identifier_as_openssl_does_when_nobody_says_otherwise(made):
    openssl(
        made, "req", "-x509", "-new", "-key", "root.key", "-sm3", "-subj", "/C=CN/CN=Root", "-days", "30",
        "-out", "careless.pem",
    )  # fmt: skip
    careless = certificate(made, "careless")
    # As an anchor its own signature is not looked at; as a certificate below the true root it is.
    report = validate_path(careless, ValidationInputs((certificate(made, "root"),)), clock.now())
    assert "signature-invalid" in [rejection.code for rejection in report.rejections]


def test_a_certification_request(made):
    request = parse_request(openssl(made, "req", "-in", "leaf.csr", "-outform", "DER"))
    verify_possession(request)
    check_key(request.public_key)
