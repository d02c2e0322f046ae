"""Keys on tokens, and programs we did not write: OpenSSL verifies, OpenSC is a second PKCS#11 module.

OpenSC brings a card in a reader: it is really taken out and put back, and it counts wrong PINs itself.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cardreader.connection import transaction
from cardreader.journal import Journal
from cardreader.pcsc import PcscReader
from cardreader.piv import PivCard
from cardreader.piv_terms import KeyAlgorithm as CardAlgorithm
from cardreader.piv_terms import Slot
from cardreader.virtual import VirtualReader
from runtime.errors import KeyTokenError
from runtime.key_location import TokenKey
from runtime.keys import KeyAlgorithm, load_signer, make_signer
from runtime.pkcs11.signer import TokenSigner
from runtime.secret_file import write_secret
from tests.cardreader.conftest import PIN, Authority, Desk
from tests.softhsm import SoftHSM, run
from trust.algorithms import verify_signature

pytest_plugins = ("tests.pcscd_fixture",)
pytestmark = [pytest.mark.foreign, pytest.mark.softhsm]

DATA = b"signed on a token" * 100
OPENSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"


# --- OpenSSL verifies what the token signed --------------------------------------------------------------


@pytest.fixture
def hsm(tmp_path, monkeypatch):
    return SoftHSM(tmp_path / "hsm", monkeypatch)


def openssl_verifies(folder, signer, *options, program=("dgst",)):
    """OpenSSL's word on a signature over DATA."""
    public_key, data, signature = folder / "public.pem", folder / "data", folder / "signature"
    public_key.write_bytes(
        serialization.load_der_public_key(signer.public_key).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    data.write_bytes(DATA)
    signature.write_bytes(signer.sign(DATA))
    if program == ("dgst",):
        return run("openssl", "dgst", *options, "-verify", public_key, "-signature", signature, data)
    command = ("openssl", *program, "-verify", "-pubin", "-inkey", public_key, "-rawin", "-in", data)
    return run(*command, "-sigfile", signature)


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        (KeyAlgorithm.P256, "-sha256"),
        (KeyAlgorithm.P384, "-sha384"),
        (KeyAlgorithm.P521, "-sha512"),
        (KeyAlgorithm.RSA3072, "-sha256"),
    ],
)
def test_openssl_verifies_what_the_token_signed(hsm, tmp_path, algorithm, digest):
    signer = make_signer(hsm.key(), algorithm, hsm.pin_file)
    assert "Verified OK" in openssl_verifies(tmp_path, signer, digest)


def test_openssl_verifies_pss(hsm, tmp_path):
    hsm.make_pair("RSA:2048", "pss", "01", "--usage-sign")
    signer = load_signer(hsm.key("pss"), hsm.pin_file, pss=True)
    options = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32")
    assert "Verified OK" in openssl_verifies(tmp_path, signer, "-sha256", *options)


def test_openssl_verifies_ed25519(hsm, tmp_path):
    signer = make_signer(hsm.key(), KeyAlgorithm.ED25519, hsm.pin_file)
    assert "Verified Successfully" in openssl_verifies(tmp_path, signer, program=("pkeyutl",))


def test_the_token_itself_verifies_what_it_signed(hsm, tmp_path):
    signer = make_signer(hsm.key(), KeyAlgorithm.RSA3072, hsm.pin_file)
    data, signature = tmp_path / "data", tmp_path / "signature"
    data.write_bytes(DATA)
    signature.write_bytes(signer.sign(DATA))
    command = ("--verify", "--mechanism", "SHA256-RSA-PKCS", "--label", "issuing", "--input-file", data)
    assert "Signature is valid" in hsm.tool(*command, "--signature-file", signature)


# --- a card behind OpenSC --------------------------------------------------------------------------------


class Holder:
    """A card, the reader it is put into, and the settings that name its AUTHENTICATION key."""

    def __init__(self, pcscd, folder: Path) -> None:
        self._pcscd = pcscd
        self._desk = Desk(VirtualReader(folder / "cards"), Authority(), Journal(folder / "journal"))
        self.module = Path(shutil.copy(OPENSC, folder / "opensc-pkcs11.so"))
        self.pin_file = folder / "pin"
        write_secret(self.pin_file, PIN)

    def personalize(self, name="first", algorithm=CardAlgorithm.P_256):
        """Make a card, which is the one put in from now on."""
        self.slot = self._desk.blank(name)
        return self._desk.personalize(self.slot, algorithm=algorithm, holder="Li Ming")

    def inserted(self):
        return self._pcscd.card(self.slot)

    def key(self, label="PIV AUTH key"):
        return TokenKey(self.module, self.pin_file, token="Li Ming", label=label)

    def attempts_remaining(self):
        with transaction(PcscReader(self._pcscd.reader_names[0])) as connection:
            return PivCard.select(connection).pin_status().attempts_remaining


@pytest.fixture
def holder(pcscd, tmp_path):
    return Holder(pcscd, tmp_path)


def assert_signs(signer):
    verify_signature(signer.public_key, signer.algorithm, signer.sign(DATA), DATA)


def refusal(work):
    with pytest.raises(KeyTokenError) as caught:
        work()
    return caught.value.code


@pytest.mark.pcsc
@pytest.mark.parametrize("algorithm", [CardAlgorithm.P_256, CardAlgorithm.RSA_2048])
def test_a_card_signs_through_opensc(holder, algorithm):
    certificates = holder.personalize(algorithm=algorithm)
    with holder.inserted():
        signer = TokenSigner(holder.key())
        assert_signs(signer)
    certified = x509.load_der_x509_certificate(certificates[Slot.AUTHENTICATION]).public_key()
    assert signer.public_key == certified.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.pcsc
def test_a_card_taken_out_and_put_back_signs_again_without_a_restart(holder):
    holder.personalize()
    with holder.inserted():
        signer = TokenSigner(holder.key())
    assert refusal(lambda: signer.sign(DATA)) in ("token-missing", "token-away")
    with holder.inserted():
        assert_signs(signer)


@pytest.mark.pcsc
def test_another_card_of_the_same_name_is_not_taken_for_ours(holder):
    holder.personalize()
    first = holder.slot
    with holder.inserted():
        signer = TokenSigner(holder.key())
    holder.personalize("another")
    with holder.inserted():
        assert refusal(lambda: signer.sign(DATA)) == "key-changed"
    holder.slot = first
    with holder.inserted():
        assert_signs(signer)


@pytest.mark.pcsc
def test_a_wrong_pin_costs_the_card_one_attempt_however_often_it_is_asked(holder):
    holder.personalize()
    holder.pin_file.write_bytes(b"000000")
    with holder.inserted():
        assert refusal(lambda: TokenSigner(holder.key())) == "pin-wrong"
        for _ in range(5):
            assert refusal(lambda: TokenSigner(holder.key())) in ("pin-wrong", "pin-doubtful")
        assert holder.attempts_remaining() == 2


@pytest.mark.pcsc
def test_a_locked_pin_is_told(holder):
    holder.personalize()
    with holder.inserted():
        for _ in range(3):
            command = [
                "pkcs11-tool",
                "--module",
                holder.module,
                "--login",
                "--pin",
                "000000",
                "--list-objects",
            ]
            assert subprocess.run(command, capture_output=True, check=False).returncode != 0
        assert holder.attempts_remaining() == 0
        assert refusal(lambda: TokenSigner(holder.key())) == "pin-locked"


@pytest.mark.pcsc
def test_a_key_that_wants_the_pin_for_every_signature_is_refused(holder):
    holder.personalize()
    with holder.inserted():
        assert refusal(lambda: TokenSigner(holder.key("SIGN key"))) == "key-always-authenticate"
