"""OpenSC, which we did not write, uses the card through pcscd: lists, reads, signs, minds the PIN."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cardreader.connection import transaction
from cardreader.journal import Journal
from cardreader.piv import PivCard
from cardreader.piv_terms import KeyAlgorithm, ManagementAlgorithm, ManagementKey, Slot
from cardreader.virtual import CardState, VirtualReader
from tests.cardreader.conftest import PIN, PUK, Authority, Desk

pytest_plugins = ("tests.pcscd_fixture",)
pytestmark = [pytest.mark.pcsc, pytest.mark.foreign]

IDENTIFIERS = {Slot.AUTHENTICATION: "01", Slot.SIGNATURE: "02"}  # OpenSC's numbers of 9A and 9C
CONTENT = b"signed by a card, through pcscd, by a program we did not write"


@pytest.fixture
def desk(tmp_path):
    return Desk(VirtualReader(tmp_path / "cards"), Authority(), Journal(tmp_path / "journal"))


@pytest.fixture
def run(pcscd):
    """Run an OpenSC program; PINs go by the environment or standard input."""

    def run_program(*command, answers="", succeeds=True):
        done = subprocess.run(
            command,
            env=pcscd.environment(PIN=PIN.decode(), WRONG="000000", NEW="135790"),
            input=answers.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode == 0) is succeeds, done.stderr.decode("utf-8", "replace")
        return done.stdout

    return run_program


def test_opensc_knows_it_as_a_piv_card(pcscd, desk, run):
    with pcscd.card(desk.card("known")):
        assert run("opensc-tool", "--name").strip() == b"Personal Identity Verification Card"
        assert run("opensc-tool", "--atr").strip() == b"3b:8d:01:80:fb:a0:00:00:03:08:00:00:10:00:01:00:4d"


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_2048])
def test_certificates_are_listed_and_read(pcscd, desk, run, algorithm):
    slot = desk.blank("read")
    certificates = desk.personalize(slot, algorithm=algorithm, holder="Li Ming")
    with pcscd.card(slot):
        listed = run("pkcs15-tool", "--list-certificates").decode()
        assert "Certificate for PIV Authentication" in listed
        assert "Certificate for Digital Signature" in listed
        objects = run("pkcs11-tool", "--list-objects", "--type", "cert").decode()
        assert objects.count("CN=Li Ming") == 2
        for number, identifier in IDENTIFIERS.items():
            text = run("pkcs15-tool", "--read-certificate", identifier)
            read = x509.load_pem_x509_certificate(text)
            assert read.public_bytes(serialization.Encoding.DER) == certificates[number]
            read = run("pkcs11-tool", "--read-object", "--type", "cert", "--id", identifier)
            assert read == certificates[number]


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.P_384])
@pytest.mark.parametrize("number", list(IDENTIFIERS))
def test_pkcs11_signs_and_openssl_verifies(pcscd, desk, run, tmp_path, number, algorithm):
    slot = desk.blank("sign")
    certificates = desk.personalize(slot, algorithm=algorithm)
    digest_name = algorithm.digest
    content, signature = tmp_path / "content", tmp_path / "signature"
    content.write_bytes(hashlib.new(digest_name, CONTENT).digest())
    with pcscd.card(slot):
        run(
            *("pkcs11-tool", "--login", "--pin", "env:PIN", "--sign", "--id", IDENTIFIERS[number]),
            *("--mechanism", "ECDSA", "--signature-format", "openssl"),
            *("--input-file", str(content), "--output-file", str(signature)),
        )
    _openssl_verifies(tmp_path, certificates[number], digest_name, signature.read_bytes())


@pytest.mark.parametrize("number", list(IDENTIFIERS))
def test_pkcs11_signs_with_rsa(pcscd, desk, run, tmp_path, number):
    slot = desk.blank("rsa")
    certificates = desk.personalize(slot, algorithm=KeyAlgorithm.RSA_2048)
    content, signature = tmp_path / "content", tmp_path / "signature"
    content.write_bytes(CONTENT)
    with pcscd.card(slot):
        run(
            *("pkcs11-tool", "--login", "--pin", "env:PIN", "--sign", "--id", IDENTIFIERS[number]),
            *("--mechanism", "SHA256-RSA-PKCS"),
            *("--input-file", str(content), "--output-file", str(signature)),
        )
    _openssl_verifies(tmp_path, certificates[number], "sha256", signature.read_bytes())


@pytest.mark.parametrize("number", list(IDENTIFIERS))
def test_pkcs15_signs(pcscd, desk, run, tmp_path, number):
    slot = desk.blank("pkcs15")
    certificates = desk.personalize(slot)
    content, signature = tmp_path / "digest", tmp_path / "signature"
    content.write_bytes(hashlib.sha256(CONTENT).digest())
    with pcscd.card(slot):
        assert b"Private" in run("pkcs15-tool", "--list-keys")
        run(
            *("pkcs15-crypt", "--sign", "--key", IDENTIFIERS[number], "--pin", "-", "--raw"),
            *("--signature-format", "openssl", "--input", str(content), "--output", str(signature)),
            answers=f"{PIN.decode()}\n",
        )
    _openssl_verifies(tmp_path, certificates[number], "sha256", signature.read_bytes())


def _openssl_verifies(folder, certificate, digest_name, signature):
    """`openssl dgst -verify` with the key of the certificate that our authority issued."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    (folder / "key.pem").write_bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "document").write_bytes(CONTENT)
    (folder / "document.sig").write_bytes(signature)
    command = ["openssl", "dgst", f"-{digest_name}", "-verify", str(folder / "key.pem")]
    command += ["-signature", str(folder / "document.sig"), str(folder / "document")]
    assert subprocess.run(command, capture_output=True, check=False).stdout.strip() == b"Verified OK"


def test_the_key_is_on_the_card_only(pcscd, desk, run):
    with pcscd.card(desk.card("private")):
        listed = run(
            "pkcs11-tool", "--login", "--pin", "env:PIN", "--list-objects", "--type", "privkey"
        ).decode()
        assert "sensitive, always sensitive, never extractable" in listed


def test_pin_is_counted_changed_and_unblocked(pcscd, desk, run):
    slot = desk.card("pin")
    with pcscd.card(slot):
        run("pkcs15-tool", "--verify-pin", "--pin", PIN.decode())
        run("pkcs15-tool", "--verify-pin", "--pin", "000000", succeeds=False)
        assert _tries_left(pcscd) == 2
        run("pkcs11-tool", "--change-pin", "--login", "--pin", "env:PIN", "--new-pin", "env:NEW")
        run("pkcs15-tool", "--verify-pin", "--pin", "135790")
        for _ in range(3):
            run("pkcs15-tool", "--verify-pin", "--pin", "000000", succeeds=False)
        assert _tries_left(pcscd) == 0
        run("pkcs15-tool", "--unblock-pin", "--puk", PUK.decode(), "--new-pin", PIN.decode())
        run("pkcs15-tool", "--verify-pin", "--pin", PIN.decode())


def _tries_left(pcscd):
    from cardreader.pcsc import PcscReader

    with transaction(PcscReader(pcscd.reader_names[0])) as connection:
        return PivCard.select(connection).pin_status().attempts_remaining


@pytest.mark.parametrize(
    ("algorithm", "number"),
    [(ManagementAlgorithm.TRIPLE_DES, "03"), (ManagementAlgorithm.AES_192, "0A")],
)
def test_piv_tool_generates_a_key(pcscd, desk, run, tmp_path, algorithm, number):
    """piv-tool proves the management key and has the card make a key; our driver then signs with it.

    This version of piv-tool cannot print the public key under OpenSSL 3 (its own fault, after the card did
    its part): it exits 255 with "unable to gen EC key".
    """
    key = ManagementKey.factory(algorithm)
    slot = desk.folder.new_card("generate", CardState(management=key))
    key_file = tmp_path / "management.key"
    key_file.write_text(":".join(f"{byte:02X}" for byte in key.value))
    with pcscd.card(slot):
        done = subprocess.run(
            ["piv-tool", "--admin", f"M:9B:{number}", "--genkey", "9A:11"],
            env=pcscd.environment(PIV_EXT_AUTH_KEY=str(key_file)),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, b"unable to gen EC key" in done.stderr) in ((255, True), (0, False)), (
            done.stderr
        )
    with transaction(slot) as connection:
        card = PivCard.select(connection)
        card.verify_pin(b"123456")
        signature = card.sign(Slot.AUTHENTICATION, KeyAlgorithm.P_256, CONTENT)
        public_key = serialization.load_der_public_key(card.read_metadata(Slot.AUTHENTICATION).public_key)
    public_key.verify(signature, CONTENT, ec.ECDSA(hashes.SHA256()))
