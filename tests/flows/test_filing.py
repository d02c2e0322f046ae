"""Filing end to end: pdfsig judges what was accepted, and what is no honest document is refused."""

from __future__ import annotations

import subprocess

import pytest

from tongxing.demo.document import make_pdf
from tongxing.demo.filing import ACCEPTED, PASSED, flip_a_byte, play_filing, sign, upload, validate
from tongxing.errors import DemoError
from tongxing.people import HAIFENG, LI_MING

pytestmark = pytest.mark.slow
DOCUMENT = make_pdf("Report", ["All of this is invented."])


@pytest.fixture(scope="module")
def filed(town, artifacts):
    """An accepted filing of the enterprise."""
    stage, browser = town.stage(), town.browser("en")
    home = stage.log_in(browser, "signing", HAIFENG)
    result = sign(stage, browser, upload(browser, home, DOCUMENT), HAIFENG)
    assert result.status == ACCEPTED, result.page.words
    (artifacts / "signed.pdf").write_bytes(result.signed)
    (artifacts / "receipt.p7m").write_bytes(result.receipt)
    return result


def test_the_flow_from_upload_to_receipt(town):
    lines = []
    play_filing(town.stage(lines))
    assert sum("✓" in line for line in lines) == 6


@pytest.mark.foreign
def test_pdfsig_calls_the_signature_valid_and_its_signer_trusted(town, filed, tmp_path):
    database, document = tmp_path / "nss", tmp_path / "signed.pdf"
    database.mkdir()
    document.write_bytes(filed.signed)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    for name, trust in (("root", "CT,C,C"), ("issuing", ",,")):
        file = town.state / "trust" / f"{name}.pem"
        subprocess.run([*certutil, "-A", "-n", name, "-t", trust, "-a", "-i", str(file)], check=True)
    result = subprocess.run(
        ["pdfsig", "-nssdir", f"sql:{database}", str(document)], capture_output=True, text=True, check=False
    )
    assert "Signature Validation: Signature is Valid." in result.stdout
    assert "Certificate Validation: Certificate is Trusted." in result.stdout
    assert "Total document signed" in result.stdout


@pytest.mark.foreign
def test_openssl_reads_the_sealed_receipt(town, filed, tmp_path):
    receipt, chain = tmp_path / "receipt.p7m", tmp_path / "chain.pem"
    receipt.write_bytes(filed.receipt)
    trust = town.state / "trust"
    chain.write_text((trust / "root.pem").read_text() + (trust / "issuing.pem").read_text())
    result = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", receipt, "-CAfile", chain, "-purpose", "any"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert '"document_sha256"' in result.stdout


def test_what_was_signed_and_the_receipt_validate(town, filed):
    stage, browser = town.stage(), town.browser()
    assert validate(browser, stage, "signed.pdf", filed.signed)["indication"] == PASSED
    verdict = validate(browser, stage, "receipt.p7m", filed.receipt)
    assert verdict["indication"] == PASSED
    assert verdict["receipt"]["signer_organization"].endswith(HAIFENG.uscc)


def test_one_flipped_byte_is_refused_with_a_reason_in_both_languages(town, filed):
    verdict = validate(town.browser(), town.stage(), "signed.pdf", flip_a_byte(filed.signed))
    assert verdict["indication"] == "TOTAL-FAILED"
    assert verdict["sub_indication"] == "HASH_FAILURE"
    assert "changed" in verdict["sentence"]["en"]
    assert "更改" in verdict["sentence"]["zh"]


def test_a_citizen_files_for_himself(town):
    stage, browser = town.stage(), town.browser()
    home = stage.log_in(browser, "signing", LI_MING)
    assert sign(stage, browser, upload(browser, home, DOCUMENT), LI_MING).status == ACCEPTED


def test_another_persons_card_does_not_sign_my_filing(town):
    stage, browser = town.stage(), town.browser("en")
    home = stage.log_in(browser, "signing", HAIFENG)
    page = upload(browser, home, DOCUMENT)
    with pytest.raises(DemoError):
        sign(stage, browser, page, LI_MING)
    assert sign(stage, browser, browser.get(page.url), HAIFENG).status == ACCEPTED


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.pdf", b"", "empty"),
        ("letter.pdf", b"Dear madam or sir, this is no PDF.", "PDF"),
        ("cut.pdf", DOCUMENT[: len(DOCUMENT) // 2], "PDF"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(town, name, content, words):
    stage, browser = town.stage(), town.browser("en")
    home = stage.log_in(browser, "signing", HAIFENG)
    uploads = {"document": (name, content, "application/pdf")}
    page = browser.submit(home.form("/filings"), uploads=uploads)
    assert page.status in (400, 422)
    assert words in page.words


def test_an_upload_of_200_megabytes_is_refused_and_the_service_lives(town, tmp_path):
    stage, browser = town.stage(), town.browser("en")
    home = stage.log_in(browser, "signing", HAIFENG)
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as file:
        file.write(DOCUMENT)
        file.truncate(200 * 1024 * 1024)
    with huge.open("rb") as file:
        page = browser.submit(
            home.form("/filings"), uploads={"document": ("huge.pdf", file, "application/pdf")}
        )
    assert page.status == 413
    assert "50 MB" in page.words
    assert browser.get(f"{town.url('signing')}/healthz").status == 200


def test_a_stranger_sees_no_filing(town, filed):
    stage, browser = town.stage(), town.browser("en")
    stage.log_in(browser, "signing", LI_MING)
    assert browser.get(filed.page.url).status == 404
    assert "/login" in town.browser().get(filed.page.url).url
