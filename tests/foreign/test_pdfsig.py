"""poppler's pdfsig, with NSS and the town's root, about PDFs that we signed."""

from __future__ import annotations

import subprocess

import pytest

from tests.signing.judging import judge_pdf, sign_pdf
from tests.signing.pdfs import plain_pdf
from tests.signing.pki import AT, Pki

pytestmark = pytest.mark.foreign


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("pdfsig")


@pytest.fixture(scope="module")
def nss(pki, tmp_path_factory) -> str:
    """An NSS database that trusts the root."""
    folder = tmp_path_factory.mktemp("nss")
    (folder / "root.pem").write_bytes(pki.root.pem)
    database = f"sql:{folder}"
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    arguments = ["-n", "root", "-t", "CT,C,C", "-i", str(folder / "root.pem")]
    subprocess.run(["certutil", "-A", "-d", database, *arguments], check=True)
    return database


def pdfsig(nss: str, path) -> str:
    """What pdfsig says; no OCSP, for these certificates point to nobody."""
    command = ["pdfsig", "-no-ocsp", "-nssdir", nss, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("key_kind", ["p256", "p384", "rsa2048", "rsa3072"])
@pytest.mark.parametrize("timestamp", [True, False], ids=["B-T", "B-B"])
def test_valid_and_trusted(nss, pki, tmp_path, artifacts, key_kind, timestamp):
    signed = sign_pdf(pki, plain_pdf(3), holder=pki.leaf(key_kind=key_kind), timestamp=timestamp)
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed)
    (artifacts / f"signed-{key_kind}-{'T' if timestamp else 'B'}.pdf").write_bytes(signed)
    said = pdfsig(nss, path)
    assert "Signature Validation: Signature is Valid." in said
    assert "Certificate Validation: Certificate is Trusted." in said
    assert "Total document signed" in said
    assert "Signature Type: ETSI.CAdES.detached" in said


def test_one_flipped_byte_is_seen_by_both(nss, pki, tmp_path):
    signed = bytearray(sign_pdf(pki))
    signed[signed.index(b"Application")] ^= 1
    path = tmp_path / "flipped.pdf"
    path.write_bytes(signed)
    assert "Digest Mismatch" in pdfsig(nss, path)
    conclusion = judge_pdf(bytes(signed), pki)
    assert (conclusion.indication, conclusion.sub_indication) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_an_unknown_authority_is_seen_by_both(nss, pki, tmp_path):
    stranger = Pki("pdfsig stranger")
    signed = sign_pdf(stranger)
    path = tmp_path / "stranger.pdf"
    path.write_bytes(signed)
    assert "Certificate is Trusted" not in pdfsig(nss, path)
    assert judge_pdf(signed, pki).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_pyhankos_own_validator_agrees(pki):
    """PyHanko's validation is not our judge: another path builder, another CMS reader."""
    from io import BytesIO

    from asn1crypto import crl, x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    signed = sign_pdf(pki)
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(pki.root.der)],
        crls=[crl.CertificateList.load(der) for der in pki.crls()],
        allow_fetching=False,
        moment=AT,
        revocation_mode="soft-fail",
    )
    (signature,) = PdfFileReader(BytesIO(signed)).embedded_signatures
    status = validate_pdf_signature(signature, context)
    assert status.bottom_line, status.pretty_print_details()
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.timestamp_validity.valid
