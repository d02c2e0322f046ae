from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from runtime.errors import KeyFileError
from runtime.key_file import save_private_key
from runtime.keys import KeyAlgorithm, KeySigner, generate_private_key, load_signer
from runtime.secret_file import read_passphrase, read_secret, write_secret
from trust.algorithms import verify_signature

PASSPHRASE = b"correct horse"


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_saved_key_signs_after_loading(tmp_path, algorithm):
    key = generate_private_key(algorithm)
    save_private_key(key, tmp_path / "key.p8", PASSPHRASE)
    signer = load_signer(tmp_path / "key.p8", PASSPHRASE)
    verify_signature(signer.public_key, signer.algorithm, signer.sign(b"data"), b"data")


def test_openssl_reads_the_key_file_only_with_the_passphrase(tmp_path):
    save_private_key(generate_private_key(), tmp_path / "key.p8", PASSPHRASE)
    command = ["openssl", "pkey", "-in", tmp_path / "key.p8", "-noout", "-passin"]
    assert subprocess.run([*command, "pass:correct horse"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, "pass:wrong"], capture_output=True, check=False).returncode != 0
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "key.p8").read_bytes()


def test_a_wrong_passphrase_is_a_clear_error(tmp_path):
    save_private_key(generate_private_key(), tmp_path / "key.p8", PASSPHRASE)
    with pytest.raises(KeyFileError) as caught:
        load_signer(tmp_path / "key.p8", b"wrong")
    assert caught.value.code == "key-unreadable"


def test_an_unencrypted_key_is_refused(tmp_path):
    plain = generate_private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(tmp_path / "key.p8", plain)
    with pytest.raises(KeyFileError) as caught:
        load_signer(tmp_path / "key.p8", PASSPHRASE)
    assert caught.value.code == "key-not-encrypted"


def test_a_missing_or_oversized_key_file_is_a_clear_error(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_signer(tmp_path / "none.p8", PASSPHRASE)
    (tmp_path / "big.p8").write_bytes(b"x" * 100_000)
    with pytest.raises(KeyFileError, match="larger than"):
        load_signer(tmp_path / "big.p8", PASSPHRASE)


def test_a_secret_is_for_its_owner_only_and_never_overwritten(tmp_path):
    path = tmp_path / "deep" / "secret"
    write_secret(path, b"one\n")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="not overwritten"):
        write_secret(path, b"two\n")
    assert read_passphrase(path) == b"one"


def test_a_secret_others_can_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    write_secret(path, b"one\n")
    path.chmod(0o644)
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


def test_an_empty_passphrase_is_refused(tmp_path):
    write_secret(tmp_path / "empty", b"\n")
    with pytest.raises(KeyFileError, match="empty"):
        read_passphrase(tmp_path / "empty")


def test_a_signer_shows_nothing_of_its_key():
    assert repr(KeySigner(generate_private_key())) == "<KeySigner ECPrivateKey>"
