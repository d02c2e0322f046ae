"""Keys on a real token: SoftHSM, and `pkcs11-tool` for what our own code does not put there."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa
from pkcs11 import KeyType, MechanismFlag

from runtime.errors import KeyFileError, KeyTokenError
from runtime.keys import KeyAlgorithm, KeySigner, generate_private_key, key_exists, load_signer, make_signer
from runtime.pkcs11.module import module_at
from runtime.pkcs11.signer import TokenSigner
from tests.bounds import BUSY_SECOND
from tests.softhsm import PIN, SoftHSM, run
from trust.algorithms import parse_algorithm, verify_signature
from trust.errors import TrustError
from trust.signer import Signer

pytestmark = pytest.mark.softhsm

DATA = b"what is signed" * 1000
NOT_ON_TOKENS = [KeyAlgorithm.ML_DSA_65, KeyAlgorithm.SM2]
ON_TOKENS = [algorithm for algorithm in KeyAlgorithm if algorithm not in NOT_ON_TOKENS]


@pytest.fixture
def hsm(tmp_path, monkeypatch):
    return SoftHSM(tmp_path / "hsm", monkeypatch)


@pytest.fixture
def signer(hsm):
    return make_signer(hsm.key(), KeyAlgorithm.P256, hsm.pin_file)


def assert_signs(signer, data=DATA):
    verify_signature(signer.public_key, signer.algorithm, signer.sign(data), data)


def refusal(key):
    begin = time.process_time()
    with pytest.raises(KeyTokenError) as caught:
        TokenSigner(key)
    assert time.process_time() - begin < BUSY_SECOND
    return caught.value


def public_der(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


# --- making, finding, signing ----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ON_TOKENS)
def test_a_key_made_on_the_token_signs_and_is_found_again(hsm, algorithm):
    made = make_signer(hsm.key(), algorithm, hsm.pin_file)
    assert isinstance(made, Signer)
    found = load_signer(hsm.key(), hsm.pin_file)
    assert found.public_key == made.public_key
    assert_signs(made)
    assert_signs(found)


def test_a_made_key_can_sign_and_do_nothing_else_nor_leave_the_token(hsm, signer):
    private = hsm.tool("--list-objects", "--type", "privkey")
    assert "Usage:      sign\n" in private
    assert "sensitive, always sensitive, never extract" in private
    assert "Usage:      verify\n" in hsm.tool("--list-objects", "--type", "pubkey")


@pytest.mark.parametrize("bits", [2048, 3072])
@pytest.mark.parametrize("pss", [False, True])
def test_rsa_signs_by_either_padding(hsm, bits, pss):
    hsm.make_pair(f"RSA:{bits}", "rsa", "01", "--usage-sign")
    signer = load_signer(hsm.key("rsa"), hsm.pin_file, pss=pss)
    assert parse_algorithm(signer.algorithm).scheme.value == ("RSASSA-PSS" if pss else "RSASSA-PKCS1-v1_5")
    assert_signs(signer)


def test_an_imported_key_has_the_public_key_it_had(hsm):
    key = generate_private_key(KeyAlgorithm.P384)
    hsm.import_key(key, "imported", "0a")
    signer = TokenSigner(hsm.key("imported"))
    assert signer.public_key == public_der(key)
    assert_signs(signer)


def test_a_key_is_named_by_its_id_and_a_token_by_its_serial_number(hsm, signer):
    hsm.make_pair("EC:prime256v1", "issuing", "0b0c", "--usage-sign")
    other = TokenSigner(hsm.key("", id="\x0b\x0c"))
    assert other.public_key != signer.public_key
    assert_signs(TokenSigner(hsm.key(id="\x0b\x0c")))
    slots = run("pkcs11-tool", "--module", hsm.module, "--list-token-slots")
    serial = slots.split("serial num         :")[1].split()[0]
    assert TokenSigner(hsm.key(token="", serial=serial, id="\x0b\x0c")).public_key == other.public_key


def test_names_may_be_chinese(tmp_path, monkeypatch):
    hsm = SoftHSM(tmp_path / "hsm", monkeypatch, label="通行市")
    assert_signs(make_signer(hsm.key("签发 证书;1"), KeyAlgorithm.P256, hsm.pin_file))


def test_the_public_key_may_come_from_a_certificate(hsm, signer):
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run(
        *request,
        "-subj",
        "/CN=x",
        "-keyout",
        hsm.folder / "k.pem",
        "-outform",
        "DER",
        "-out",
        hsm.folder / "c.der",
    )
    key = serialization.load_pem_private_key((hsm.folder / "k.pem").read_bytes(), None)
    hsm.import_key(key, "certified", "0d")
    hsm.tool("--delete-object", "--type", "pubkey", "--id", "0d")
    assert refusal(hsm.key("certified")).code == "key-public-missing"
    hsm.tool("--write-object", hsm.folder / "c.der", "--type", "cert", "--id", "0d")
    certified = TokenSigner(hsm.key("certified"))
    assert certified.public_key == public_der(key)
    assert_signs(certified)


def test_an_existing_key_is_not_made_over(hsm, signer):
    assert key_exists(hsm.key())
    assert not key_exists(hsm.key("another"))
    with pytest.raises(KeyTokenError) as caught:
        make_signer(hsm.key(), KeyAlgorithm.P256, hsm.pin_file)
    assert caught.value.code == "key-exists"
    assert_signs(signer)


@pytest.mark.parametrize("algorithm", NOT_ON_TOKENS)
def test_a_kind_of_key_no_token_makes_is_refused(hsm, algorithm):
    with pytest.raises(KeyTokenError) as caught:
        make_signer(hsm.key(), algorithm, hsm.pin_file)
    assert caught.value.code == "key-algorithm"


# --- threads and processes -------------------------------------------------------------------------------


def test_eight_threads_sign_two_hundred_times_each(hsm, signer):
    def sign(number):
        data = number.to_bytes(4, "big") * 50
        return signer.sign(data), data

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(sign, range(8 * 200)))
    assert len({signature for signature, _ in outcomes}) == 8 * 200
    for signature, data in outcomes:
        verify_signature(signer.public_key, signer.algorithm, signature, data)


def test_two_keys_on_one_token_share_its_session(hsm, signer):
    other = make_signer(hsm.key("other"), KeyAlgorithm.P384, hsm.pin_file)
    for _ in range(3):
        assert_signs(signer)
        assert_signs(other)


def in_child(work):
    """Fork, do the work in the child, and return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def code_in_child(key):
    """The code with which a process of its own, that has no session yet, refuses the key."""
    reader, writer = os.pipe()

    def load():
        with pytest.raises((KeyTokenError, KeyFileError)) as caught:
            TokenSigner(key)
        os.write(writer, caught.value.code.encode())

    assert in_child(load) == 0
    os.close(writer)
    with os.fdopen(reader) as answer:
        return answer.read()


def test_parent_and_child_both_sign_after_a_fork(hsm, signer):
    assert in_child(lambda: assert_signs(signer)) == 0
    assert_signs(signer)
    assert in_child(lambda: assert_signs(TokenSigner(hsm.key()))) == 0


def test_a_fork_in_the_middle_of_a_signature_leaves_no_lock_behind(hsm, signer):
    stop = threading.Event()

    def keep_signing():
        while not stop.is_set():
            signer.sign(DATA)

    threads = [threading.Thread(target=keep_signing) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert [in_child(lambda: assert_signs(signer)) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# --- the token goes and comes back -----------------------------------------------------------------------


def test_a_token_taken_out_and_put_back_signs_again_without_a_restart(hsm, signer):
    hsm.take_out()
    for _ in range(3):
        with pytest.raises(KeyTokenError) as caught:
            signer.sign(DATA)
        assert caught.value.code == "token-away"
    hsm.put_back()
    assert_signs(signer)


def test_a_token_put_back_between_two_signatures_is_not_noticed(hsm, signer):
    hsm.take_out()
    with pytest.raises(KeyTokenError):
        TokenSigner(hsm.key("another"))
    hsm.put_back()
    assert_signs(signer)


def test_every_key_of_the_token_comes_back(hsm, signer):
    other = make_signer(hsm.key("other"), KeyAlgorithm.P256, hsm.pin_file)
    hsm.take_out()
    for each in (signer, other):
        with pytest.raises(KeyTokenError):
            each.sign(DATA)
    hsm.put_back()
    for each in (other, signer, other):
        assert_signs(each)


def test_another_token_of_the_same_name_is_not_taken_for_ours(hsm, signer):
    hsm.take_out()
    hsm.tokens.mkdir()
    hsm.add_token(hsm.label)
    hsm.make_pair("EC:prime256v1", "issuing", "01", "--usage-sign")
    with pytest.raises(KeyTokenError) as caught:
        signer.sign(DATA)
    assert caught.value.code == "key-changed"
    shutil.rmtree(hsm.tokens)
    hsm.put_back()
    assert_signs(signer)


def test_a_key_deleted_meanwhile_is_told_as_missing(hsm, signer):
    hsm.tool("--delete-object", "--type", "privkey", "--label", "issuing")
    with pytest.raises(KeyTokenError) as caught:
        signer.sign(DATA)
    assert caught.value.code == "key-missing"


def test_losing_and_reopening_the_token_costs_no_memory_nor_time_nor_others_their_libcrypto(hsm, signer):
    """SoftHSM and our SM2 share the system's libcrypto in this process."""
    sm2 = KeySigner(generate_private_key(KeyAlgorithm.SM2))

    def rounds():
        for _ in range(20):
            hsm.take_out()
            with pytest.raises(KeyTokenError):
                signer.sign(DATA)
            hsm.put_back()
            assert_signs(signer)
            assert_signs(sm2)

    rounds()
    before, begin = resident_bytes(), time.process_time()
    rounds()
    rounds()
    assert time.process_time() - begin < 40
    assert resident_bytes() - before < 4 * 1024 * 1024


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- the PIN ---------------------------------------------------------------------------------------------


def test_a_wrong_pin_is_told_and_never_tried_again(hsm, signer):
    hsm.pin_file.write_text("wrong pin\n")
    hsm.take_out()
    with pytest.raises(KeyTokenError):
        signer.sign(DATA)
    hsm.put_back()
    for _ in range(2):
        with pytest.raises(KeyTokenError) as caught:
            signer.sign(DATA)
        assert caught.value.code == "pin-wrong"
    # Were it tried again, it would now be right.
    hsm.tool("--change-pin", "--new-pin", "wrong pin")
    with pytest.raises(KeyTokenError, match="not tried again"):
        signer.sign(DATA)


def test_no_process_tries_a_pin_after_a_wrong_one(hsm, signer):
    """A supervisor that restarts the service must not lock the token, attempt by attempt."""
    attempt = subprocess.run(
        ["pkcs11-tool", "--module", hsm.module, "--login", "--pin", "a guess", "--list-objects"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert attempt.returncode != 0
    assert code_in_child(hsm.key()) == "pin-doubtful"
    hsm.tool("--list-objects")
    assert in_child(lambda: assert_signs(TokenSigner(hsm.key()))) == 0


def test_a_pin_is_shown_nowhere(hsm, signer, caplog):
    hsm.pin_file.write_text("a secret PIN\n")
    hsm.take_out()
    with pytest.raises(KeyTokenError):
        signer.sign(DATA)
    hsm.put_back()
    with pytest.raises(KeyTokenError) as caught:
        signer.sign(DATA)
    assert caught.value.code == "pin-wrong"
    assert caught.value.__cause__ is None
    shown = repr(signer) + str(caught.value) + repr(hsm.key()) + str(hsm.key()) + caplog.text
    assert "a secret PIN" not in shown
    assert PIN not in shown
    assert repr(signer) == "<TokenSigner key 'issuing' on token 'city'>"


def test_the_file_of_the_pin_is_guarded_like_every_secret(hsm, signer):
    hsm.pin_file.chmod(0o644)
    assert code_in_child(hsm.key()) == "secret-exposed"
    hsm.pin_file.unlink()
    assert code_in_child(hsm.key()) == "secret-missing"
    hsm.pin_file.write_bytes(b"\xff\xfe\n")
    hsm.pin_file.chmod(0o600)
    assert code_in_child(hsm.key()) == "pin-unreadable"


# --- what cannot be used ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nonexistent/module.so", "module-missing"),
        ("/usr/lib", "module-missing"),
        ("/etc/passwd", "module-unusable"),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", "module-unusable"),
    ],
)
def test_a_module_that_is_none_is_told(hsm, path, code):
    error = refusal(hsm.key(module_path=path))
    assert error.code == code
    assert path in str(error)


def test_a_module_without_its_configuration_is_told(hsm, monkeypatch):
    monkeypatch.setenv("SOFTHSM2_CONF", "/nonexistent")
    assert refusal(hsm.key()).code == "module-unusable"


def test_a_missing_token_and_a_missing_key_are_told(hsm, signer):
    assert refusal(hsm.key(token="another")).code == "token-missing"
    assert refusal(hsm.key("another")).code == "key-missing"
    assert_signs(signer)


def test_a_token_put_in_later_is_found(hsm, signer):
    assert refusal(hsm.key(token="second")).code == "token-missing"
    hsm.add_token("second")
    assert_signs(make_signer(hsm.key(token="second"), KeyAlgorithm.P256, hsm.pin_file))
    assert_signs(signer)


def test_two_tokens_of_one_name_are_not_guessed_between(hsm):
    hsm.add_token(hsm.label)
    assert refusal(hsm.key()).code == "token-ambiguous"


def test_two_keys_of_one_name_are_not_guessed_between(hsm, signer):
    hsm.make_pair("EC:prime256v1", "issuing", "0e", "--usage-sign")
    assert refusal(hsm.key()).code == "key-ambiguous"


def test_a_key_that_may_not_sign_is_refused(hsm):
    def make(session):
        usage = MechanismFlag.DECRYPT | MechanismFlag.ENCRYPT
        session.generate_keypair(KeyType.RSA, 2048, label="decrypts", store=True, capabilities=usage)

    module_at(hsm.module).change(hsm.key(), make)
    assert refusal(hsm.key("decrypts")).code == "key-cannot-sign"


def test_a_key_that_wants_the_pin_each_time_is_refused(hsm):
    hsm.make_pair("EC:prime256v1", "signature", "03", "--usage-sign", "--always-auth")
    assert refusal(hsm.key("signature")).code == "key-always-authenticate"


@pytest.mark.parametrize("kind", ["RSA:1024", "EC:secp256k1"])
def test_a_key_too_weak_or_unknown_is_refused(hsm, kind):
    hsm.make_pair(kind, "weak", "04", "--usage-sign")
    assert refusal(hsm.key("weak")).code == "key-unsupported"


def test_a_kind_of_key_that_signs_nothing_here_is_refused(hsm):
    hsm.import_key(dsa.generate_private_key(2048), "imported", "0a")
    assert refusal(hsm.key("imported")).code == "key-unsupported"


def test_the_public_key_of_another_key_is_noticed_at_once(hsm, signer):
    hsm.make_pair("EC:prime256v1", "confused", "05", "--usage-sign")
    hsm.tool("--delete-object", "--type", "pubkey", "--id", "05")
    path = hsm.folder / "other.der"
    path.write_bytes(signer.public_key)
    hsm.tool("--write-object", path, "--type", "pubkey", "--id", "05", "--label", "confused")
    error = refusal(hsm.key("confused"))
    assert error.code == "key-self-check"
    assert isinstance(error.__cause__, TrustError)
