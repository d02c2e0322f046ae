"""Timestamp tokens: made by `openssl ts`, judged here; then broken by name."""

from __future__ import annotations

import hashlib
import random
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust.authorities import AT, DAY, Party, issue, root
from tests.trust.samples import SampleSigner
from trust.digest import DigestAlgorithm
from trust.encoding.timestamp import (
    PKIFailureInfo,
    encode_timestamp_rejection,
    encode_timestamp_request,
    encode_timestamp_response,
    encode_timestamp_token,
    parse_timestamp_request,
)
from trust.errors import TrustError
from trust.path import RevocationPolicy, ValidationInputs
from trust.timestamp import (
    TimestampError,
    parse_timestamp_response,
    parse_timestamp_token,
    validate_timestamp_path,
    verify_timestamp_token,
)

TOP = root()
PURPOSE = [ExtendedKeyUsageOID.TIME_STAMPING]
AUTHORITY = issue("TSA", TOP, purposes=PURPOSE, purposes_critical=True)
DATA = b"what existed"
DIGEST = hashlib.sha256(DATA).digest()
POLICY = "1.3.6.1.4.1.32473.1.9"
NONCE = 2**100 + 1

CONFIGURATION = """
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = {policy}
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def token_of(authority: Party = AUTHORITY, data: bytes = DIGEST, **changes) -> bytes:
    request = parse_timestamp_request(encode_timestamp_request(DigestAlgorithm.SHA256, data, nonce=NONCE))
    return encode_timestamp_token(
        request,
        signer=SampleSigner(authority.key),
        certificate=authority.der,
        **{"policy": POLICY, "serial_number": 7, "gen_time": AT, "accuracy": timedelta(seconds=1), **changes},
    )


def refusal(token: bytes, digest: bytes = DIGEST, **changes) -> str:
    with pytest.raises(TrustError) as caught:
        verify_timestamp_token(parse_timestamp_token(token), digest, **changes)
    return caught.value.code


@pytest.mark.foreign
def test_token_of_openssl(tmp_path: Path):
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "tsa.pem").write_text(AUTHORITY.ours.pem)
    key = AUTHORITY.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "tsa.key").write_bytes(key)
    (tmp_path / "tsa.cnf").write_text(CONFIGURATION.format(folder=tmp_path, policy=POLICY))
    query = ["openssl", "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query"]
    subprocess.run(query, cwd=tmp_path, check=True, capture_output=True)
    reply = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
    subprocess.run(reply, cwd=tmp_path, check=True, capture_output=True)
    token = parse_timestamp_token(parse_timestamp_response((tmp_path / "reply").read_bytes()))
    facts = verify_timestamp_token(token, DIGEST, policy=POLICY)
    assert facts.certificate == AUTHORITY.ours
    assert facts.accuracy == timedelta(seconds=1, milliseconds=500, microseconds=100)
    nonce = parse_timestamp_request((tmp_path / "query").read_bytes()).nonce
    assert token.info.nonce == nonce
    assert refusal(token.der, hashlib.sha256(b"else").digest()) == "timestamp-imprint"


def test_good():
    facts = verify_timestamp_token(
        parse_timestamp_token(token_of()),
        DIGEST,
        digest_algorithm=DigestAlgorithm.SHA256,
        nonce=NONCE,
        policy=POLICY,
    )
    assert (facts.gen_time, facts.serial_number, facts.policy) == (AT, 7, POLICY)
    assert facts.accuracy == timedelta(seconds=1)
    inputs = ValidationInputs((TOP.ours,), revocation_policy=RevocationPolicy.NOT_CHECKED)
    assert validate_timestamp_path(facts, inputs, AT).valid
    stranger = replace(inputs, anchors=(root("Else").ours,))
    assert not validate_timestamp_path(facts, stranger, AT).valid


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"digest": hashlib.sha256(b"else").digest()}, "timestamp-imprint"),
        ({"digest": b""}, "timestamp-imprint"),
        ({"digest_algorithm": DigestAlgorithm.SHA512}, "timestamp-digest-algorithm"),
        ({"nonce": 5}, "timestamp-nonce"),
        ({"policy": "1.2.3"}, "timestamp-policy"),
    ],
    ids=["another document", "no digest", "another digest algorithm", "nonce", "policy"],
)
def test_not_what_was_asked_for(changes, code):
    assert refusal(token_of(), **changes) == code


@pytest.mark.parametrize(
    ("authority", "code"),
    [
        (issue("TSA", TOP), "timestamp-certificate"),
        (issue("TSA", TOP, purposes=PURPOSE), "timestamp-certificate"),
        (
            issue("TSA", TOP, purposes=[*PURPOSE, ExtendedKeyUsageOID.CLIENT_AUTH], purposes_critical=True),
            "timestamp-certificate",
        ),
        (
            issue("TSA", TOP, purposes=PURPOSE, purposes_critical=True, not_after=AT - DAY),
            "timestamp-certificate-expired",
        ),
    ],
    ids=["no purpose", "purpose not critical", "two purposes", "expired"],
)
def test_certificates_that_are_no_timestamp_authority(authority, code):
    assert refusal(token_of(authority)) == code


def test_flipped_bits_are_refused():
    good = token_of()
    generator = random.Random(3161)
    for _ in range(1500):
        data = bytearray(good)
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        try:
            facts = verify_timestamp_token(
                parse_timestamp_token(bytes(data)), DIGEST, nonce=NONCE, policy=POLICY
            )
        except TrustError:
            continue
        # Not everything in a message is signed; what it says must then be the same.
        assert (facts.gen_time, facts.serial_number) == (AT, 7)


def test_response():
    token = token_of()
    assert parse_timestamp_response(encode_timestamp_response(token)) == token
    with pytest.raises(TimestampError) as caught:
        parse_timestamp_response(encode_timestamp_rejection(PKIFailureInfo.BAD_ALG, "no"))
    assert caught.value.code == "timestamp-refused"


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"text", x509.Name([]).public_bytes()])
def test_bad_inputs(data):
    with pytest.raises(TrustError):
        parse_timestamp_token(data)
    with pytest.raises(TimestampError):
        parse_timestamp_response(data)
