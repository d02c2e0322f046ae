"""Key files: every kind that signs, and everything that must not be loaded, each refused with its reason."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import time
from collections import Counter

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519

from runtime.errors import KeyFileError
from runtime.key_file import load_private_key, save_private_key
from runtime.keys import KeyAlgorithm, KeySigner, generate_private_key, load_signer, make_signer
from runtime.secret_file import read_passphrase, read_secret, write_secret
from tests.bounds import BUSY_SECOND
from trust.algorithms import parse_algorithm, verify_signature
from trust.encoding import der
from trust.signer import Signer

PASSPHRASE = b"correct horse"
PBES2, PBKDF2, SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
HMAC_SHA256, AES_256_CBC = "1.2.840.113549.2.9", "2.16.840.1.101.3.4.1.42"
PBE_SHA1_3DES = "1.2.840.113549.1.12.1.3"


@pytest.fixture
def passphrase_file(tmp_path):
    write_secret(tmp_path / "passphrase", PASSPHRASE + b"\n")
    return tmp_path / "passphrase"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "key.p8"


def refusal(path, passphrase=PASSPHRASE):
    """What loading raises; nothing here may take long, whatever the file asks for."""
    begin = time.process_time()
    with pytest.raises(KeyFileError) as caught:
        load_private_key(path, passphrase)
    assert time.process_time() - begin < BUSY_SECOND
    assert str(path) in str(caught.value)
    assert PASSPHRASE.decode() not in str(caught.value)
    return caught.value


def encrypted(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSPHRASE),
    )


def pem(content):
    encoded = base64.b64encode(content) + b"\n"
    label = b"ENCRYPTED PRIVATE KEY-----\n"
    return b"-----BEGIN " + label + encoded + b"-----END " + label


def sealed_as(scheme, *parameters):
    """EncryptedPrivateKeyInfo (RFC 5958 3) by that scheme."""
    return pem(der.sequence(der.sequence(der.oid(scheme), *parameters), der.octet_string(bytes(160))))


def pbes2(derivation, *parameters):
    """PBES2 (RFC 8018 A.4) with that key derivation function."""
    function = der.sequence(der.oid(derivation), der.sequence(der.octet_string(bytes(16)), *parameters))
    cipher = der.sequence(der.oid(AES_256_CBC), der.octet_string(bytes(16)))
    return sealed_as(PBES2, der.sequence(function, cipher))


# --- keys that sign --------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_made_key_signs_and_does_so_again_after_loading(path, passphrase_file, algorithm):
    made = make_signer(path, algorithm, passphrase_file)
    loaded = load_signer(path, passphrase_file)
    assert isinstance(loaded, Signer)
    assert loaded.public_key == made.public_key
    for signer in (made, loaded):
        verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (KeyAlgorithm.P256, "ECDSA with sha256"),
        (KeyAlgorithm.P384, "ECDSA with sha384"),
        (KeyAlgorithm.P521, "ECDSA with sha512"),
        (KeyAlgorithm.RSA3072, "RSASSA-PKCS1-v1_5 with sha256"),
        (KeyAlgorithm.ED25519, "Ed25519"),
        (KeyAlgorithm.SM2, "SM2 with sm3"),
    ],
)
def test_a_key_signs_by_the_algorithm_of_its_strength(algorithm, name):
    assert parse_algorithm(KeySigner(generate_private_key(algorithm)).algorithm).name == name


def test_an_rsa_key_signs_by_pss_when_asked_to(path, passphrase_file):
    make_signer(path, KeyAlgorithm.RSA3072, passphrase_file)
    signer = load_signer(path, passphrase_file, pss=True)
    algorithm = parse_algorithm(signer.algorithm)
    assert (algorithm.name, algorithm.salt_length) == ("RSASSA-PSS with sha256", 32)
    verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")


def test_an_rsa_key_of_2048_bits_that_exists_is_used(path):
    path.write_bytes(encrypted(rsa.generate_private_key(65537, 2048)))
    path.chmod(0o640)
    signer = KeySigner(load_private_key(path, PASSPHRASE))
    verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")


@pytest.mark.parametrize(
    "option", [["-v2", "aes-256-cbc"], ["-v2", "aes-128-cbc", "-iter", "600000"], ["-scrypt"]]
)
def test_a_key_that_openssl_encrypted_is_read(tmp_path, path, option):
    plain = tmp_path / "plain.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", plain],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", *option, "-in", plain, "-out", path, "-passout", "pass:correct horse"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert isinstance(load_private_key(path, PASSPHRASE), ec.EllipticCurvePrivateKey)


@pytest.mark.parametrize("cipher", ["sm4-cbc", "aes-256-cbc"])
def test_an_sm2_key_that_openssl_encrypted_is_read_only_with_the_passphrase(tmp_path, path, cipher):
    plain = tmp_path / "plain.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "SM2", "-out", plain], check=True, capture_output=True
    )
    subprocess.run(
        [
            *("openssl", "pkcs8", "-topk8", "-v2", cipher, "-in", plain, "-out", path),
            *("-passout", "pass:correct horse"),
        ],
        check=True,
        capture_output=True,
    )
    signer = KeySigner(load_private_key(path, PASSPHRASE))
    verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")
    assert refusal(path, b"wrong").code == "key-unreadable"


def test_openssl_reads_the_key_file_only_with_the_passphrase(path):
    save_private_key(generate_private_key(), path, PASSPHRASE)
    command = ["openssl", "pkey", "-in", path, "-noout", "-passin"]
    assert subprocess.run([*command, "pass:correct horse"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, "pass:wrong"], capture_output=True, check=False).returncode != 0
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()


def test_openssl_and_we_read_each_others_sm2_keys(tmp_path, path):
    """Also a key on a curve that nobody here knows is told from a wrong passphrase."""
    plain, theirs, unknown = tmp_path / "plain.pem", tmp_path / "theirs.p8", tmp_path / "unknown.p8"
    secret = "pass:" + PASSPHRASE.decode()
    save_private_key(generate_private_key(KeyAlgorithm.SM2), path, PASSPHRASE)
    subprocess.run(["openssl", "pkey", "-in", path, "-passin", secret, "-out", plain], check=True)
    encrypt = ["openssl", "pkcs8", "-topk8", "-passout", secret, "-in"]
    subprocess.run([*encrypt, plain, "-out", theirs], check=True)
    signer = KeySigner(load_private_key(theirs, PASSPHRASE))
    assert signer.public_key == KeySigner(load_private_key(path, PASSPHRASE)).public_key
    verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")
    assert refusal(path, b"wrong").code == "key-unreadable"
    assert refusal(plain).code == "key-not-encrypted"
    subprocess.run(["openssl", "ecparam", "-name", "secp112r1", "-genkey", "-out", plain], check=True)
    subprocess.run([*encrypt, plain, "-out", unknown], check=True)
    assert refusal(unknown).code == "key-unsupported"


@pytest.mark.parametrize(
    "algorithm", [KeyAlgorithm.P256, KeyAlgorithm.ED25519, KeyAlgorithm.ML_DSA_65, KeyAlgorithm.SM2]
)
def test_a_signer_shows_nothing_of_its_key(algorithm):
    key = generate_private_key(algorithm)
    shown = repr(KeySigner(key))
    assert shown == f"<KeySigner {type(key).__name__}>"
    assert len(shown) < 40


# --- keys that are refused -------------------------------------------------------------------------------


def test_a_wrong_passphrase_is_refused(path):
    save_private_key(generate_private_key(), path, PASSPHRASE)
    assert refusal(path, b"wrong").code == "key-unreadable"


@pytest.mark.parametrize(
    "kind", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_a_key_that_is_not_encrypted_is_refused(path, kind):
    plain = generate_private_key().private_bytes(
        serialization.Encoding.PEM, kind, serialization.NoEncryption()
    )
    write_secret(path, plain)
    assert refusal(path).code == "key-not-encrypted"


def test_the_encryption_of_old_pem_files_is_refused(path):
    """Proc-Type: 4,ENCRYPTED (RFC 1421) digests the passphrase by MD5, once."""
    key = generate_private_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(PASSPHRASE),
    )
    assert b"Proc-Type: 4,ENCRYPTED" in key
    write_secret(path, key)
    assert refusal(path).code == "key-unreadable"


@pytest.mark.parametrize(
    "make",
    [
        lambda: dsa.generate_private_key(1024),  # noqa: S505 - made to be refused
        x25519.X25519PrivateKey.generate,
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - made to be refused
    ],
    ids=["DSA", "X25519", "secp256k1", "RSA-1024"],
)
def test_a_key_that_must_not_sign_is_refused(path, make):
    write_secret(path, encrypted(make()))
    assert refusal(path).code == "key-unsupported"


def test_an_rsa_key_of_512_bits_is_refused(tmp_path, path):
    """The library makes none so short, and reads none; openssl does both."""
    plain = tmp_path / "plain.pem"
    subprocess.run(["openssl", "genrsa", "-out", plain, "512"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", plain, "-out", path, "-passout", "pass:correct horse"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert refusal(path).code in ("key-unsupported", "key-unreadable")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_key_that_others_may_read_or_its_group_may_change_is_refused(path, mode):
    save_private_key(generate_private_key(), path, PASSPHRASE)
    path.chmod(mode)
    assert refusal(path).code == "key-exposed"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_the_group_of_its_process_may_read_an_encrypted_key(path, mode):
    save_private_key(generate_private_key(), path, PASSPHRASE)
    path.chmod(mode)
    load_private_key(path, PASSPHRASE)


def test_a_truncated_or_damaged_file_is_refused_wherever_it_ends(path):
    whole = encrypted(generate_private_key())
    for end in range(0, len(whole) - 2, 7):
        path.write_bytes(whole[:end])
        path.chmod(0o600)
        assert refusal(path).code == "key-unreadable"
    for damaged in (whole.replace(b"M", b"*", 1), pem(b"\x30\x80"), pem(b""), pem(bytes(1000))):
        path.write_bytes(damaged)
        assert refusal(path).code in ("key-unreadable", "key-encryption")


def test_what_is_no_file_is_refused(tmp_path, path):
    assert refusal(path).code == "secret-missing"
    assert refusal(tmp_path).code == "secret-not-a-file"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").code == "secret-not-a-file"
    (tmp_path / "loop").symlink_to(tmp_path / "pool")
    (tmp_path / "pool").symlink_to(tmp_path / "loop")
    assert refusal(tmp_path / "loop").code == "secret-missing"
    assert refusal(path / "below").code == "secret-missing"


def test_a_huge_file_is_refused_without_being_read(path):
    with path.open("wb") as file:
        file.truncate(10**10)
    path.chmod(0o600)
    assert refusal(path).code == "secret-too-large"


@pytest.mark.parametrize(
    "content",
    [
        pbes2(PBKDF2, der.integer(10**9)),
        pbes2(PBKDF2, der.integer(10**9), der.integer(32), der.sequence(der.oid(HMAC_SHA256), der.null())),
        pbes2(PBKDF2, der.integer(2**64)),
        pbes2(PBKDF2, der.integer(0)),
        pbes2(PBKDF2, der.integer(-1)),
        pbes2(PBKDF2, der.integer(2048), der.integer(10**9)),
        pbes2(SCRYPT, der.integer(2**30), der.integer(8), der.integer(1)),
        pbes2(SCRYPT, der.integer(2**14), der.integer(2**20), der.integer(1)),
        pbes2(SCRYPT, der.integer(2**14), der.integer(8), der.integer(2**20)),
        pbes2(SCRYPT, der.integer(2**14), der.integer(8), der.integer(0)),
        pbes2(SCRYPT, der.integer(2**14), der.integer(-8), der.integer(-1)),
        pbes2(SCRYPT, der.integer(2**14 + 1), der.integer(8), der.integer(1)),
        pbes2(SCRYPT, der.integer(1), der.integer(8), der.integer(1)),
        pbes2(SCRYPT, der.integer(2**16), der.integer(1), der.integer(1)),
        pbes2("1.2.3.4", der.integer(1)),
        sealed_as(PBE_SHA1_3DES, der.sequence(der.octet_string(bytes(8)), der.integer(10**9))),
        sealed_as(PBES2),
        sealed_as("1.2.3.4", der.null()),
    ],
)
def test_encryption_that_asks_for_absurd_work_is_refused_before_it_begins(path, content):
    write_secret(path, content)
    assert refusal(path).code == "key-encryption"


def test_a_file_changed_at_random_is_refused_by_our_own_errors_alone(tmp_path, path):
    plain = tmp_path / "plain.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", plain], check=True)
    seeds = []
    for options in (["-v2", "aes-256-cbc", "-iter", "1"], ["-scrypt", "-scrypt_N", "16"], ["-v2", "sm4-cbc"]):
        command = ["openssl", "pkcs8", "-topk8", *options, "-in", plain, "-outform", "DER"]
        command += ["-passout", "pass:correct horse"]
        seeds.append(subprocess.run(command, check=True, capture_output=True).stdout)
    choice = random.Random(7914)
    outcomes = Counter()
    for _ in range(600):
        changed = bytearray(choice.choice(seeds))
        for _ in range(choice.randint(1, 3)):
            position = choice.randrange(choice.choice((40, 120, len(changed))))
            changed[position] ^= 1 << choice.randrange(8)
        if choice.randrange(4) == 0:
            changed[position : position + choice.randrange(2)] = choice.randbytes(choice.randrange(3))
        path.write_bytes(pem(bytes(changed)))
        path.chmod(0o600)
        try:
            load_private_key(path, PASSPHRASE)
            outcomes["read"] += 1
        except KeyFileError as error:
            outcomes[error.code] += 1
    assert {"key-encryption", "key-unreadable"} <= set(outcomes), "changes reached every stage"
    assert outcomes["read"] < 60


# --- secrets ---------------------------------------------------------------------------------------------


def test_a_secret_is_for_its_owner_only_and_never_overwritten(tmp_path):
    path = tmp_path / "deep" / "secret"
    write_secret(path, b"one\n")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="not overwritten"):
        write_secret(path, b"two\n")
    assert read_passphrase(path) == b"one"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "secret"
    write_secret(path, b"one\n")
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_secret(path)


def test_a_credential_of_systemd_is_accepted_as_it_lies(tmp_path, monkeypatch):
    """Its access control list shows in the mode as if the group could read it."""
    credentials, elsewhere = tmp_path / "credentials", tmp_path / "elsewhere"
    for folder in (credentials, elsewhere):
        folder.mkdir()
        (folder / "passphrase").write_bytes(b"secret\n")
        (folder / "passphrase").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert read_passphrase(credentials / "passphrase") == b"secret"
    (credentials / "link").symlink_to(elsewhere / "passphrase")
    for path in (elsewhere / "passphrase", credentials / "link", credentials / "../elsewhere/passphrase"):
        with pytest.raises(KeyFileError, match="chmod 600"):
            read_passphrase(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond line\n"])
def test_an_empty_passphrase_is_refused(tmp_path, content):
    write_secret(tmp_path / "empty", content)
    with pytest.raises(KeyFileError, match="empty"):
        read_passphrase(tmp_path / "empty")
