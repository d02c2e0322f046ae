"""Timestamps: tokens verified by openssl and rfc3161-client; requests of both read, bad ones refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import rfc3161_client
from asn1crypto import tsp
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, openssl, party
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.encoding.timestamp import (
    PKIFailureInfo,
    TimestampRequestError,
    encode_timestamp_rejection,
    encode_timestamp_request,
    encode_timestamp_response,
    encode_timestamp_token,
    encode_tst_info,
    parse_timestamp_request,
)
from trust.errors import EncodingError, TrustError

POLICY = "1.3.6.1.4.1.32473.1.4.3"
CONTENT = b"a filing"
DIGEST = hashlib.sha256(CONTENT).digest()
SHA256 = DigestAlgorithm.SHA256


def token_for(request_der, kind="p256", **changes):
    tsa = party(kind, "timestamp")
    given_arguments = {
        "signer": tsa.signer,
        "certificate": tsa.der,
        "chain": tsa.chain_der,
        "policy": POLICY,
        "serial_number": 2**100 + 7,
        "gen_time": AT,
        "accuracy": timedelta(seconds=1, milliseconds=250),
        **changes,
    }
    return encode_timestamp_token(parse_timestamp_request(request_der), **given_arguments)


@pytest.mark.foreign
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_openssl_verifies_our_token(tmp_path, kind, digest):
    content = tmp_path / "content"
    content.write_bytes(CONTENT)
    query = tmp_path / "query.tsq"
    openssl("ts", "-query", "-data", content, f"-{digest}", "-cert", "-tspolicy", POLICY, "-out", query)
    response = tmp_path / "response.tsr"
    response.write_bytes(encode_timestamp_response(token_for(query.read_bytes(), kind)))
    root = authority().write(tmp_path / "root.pem")
    verify = ["ts", "-verify", "-in", response, "-CAfile", root, "-attime", int(AT.timestamp()) + 60]
    assert "Verification: OK" in openssl(*verify, "-queryfile", query).stdout
    assert "Verification: OK" in openssl(*verify, "-data", content).stdout
    text = openssl("ts", "-reply", "-in", response, "-text").stdout
    assert "Status: Granted." in text
    assert "Nov 22 12:00:00 2026 GMT" in text
    assert "0x01 seconds, 0xFA millis" in text
    content.write_bytes(CONTENT + b"!")
    assert openssl(*verify, "-data", content, check=False).returncode != 0


@pytest.mark.foreign
def test_openssl_verifies_a_token_without_certificates(tmp_path):
    tsa = party("p256", "timestamp")
    query, response = tmp_path / "query.tsq", tmp_path / "response.tsr"
    query.write_bytes(encode_timestamp_request(SHA256, DIGEST, nonce=5, certificate_requested=False))
    token = token_for(query.read_bytes())
    assert tsa.der not in token
    response.write_bytes(encode_timestamp_response(token))
    root = authority().write(tmp_path / "root.pem")
    certificate = tsa.write(tmp_path / "tsa.pem")
    verify = ["ts", "-verify", "-in", response, "-CAfile", root, "-attime", int(AT.timestamp()) + 60]
    assert openssl(*verify, "-queryfile", query, check=False).returncode != 0
    assert "OK" in openssl(*verify, "-queryfile", query, "-untrusted", certificate).stdout


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_another_client_verifies_our_response(kind):
    request = rfc3161_client.TimestampRequestBuilder().data(CONTENT).nonce(nonce=True).build()
    encoded = encode_timestamp_response(token_for(request.as_bytes(), kind))
    response = rfc3161_client.decode_timestamp_response(encoded)
    tsa = party(kind, "timestamp")
    verifier = (
        rfc3161_client.VerifierBuilder.from_request(request)
        .add_root_certificate(authority().certificate)
        .tsa_certificate(tsa.certificate)
        .policy_id(x509.ObjectIdentifier(POLICY))
        .build()
    )
    assert verifier.verify_message(response, CONTENT)
    assert response.tst_info.gen_time == AT
    assert response.tst_info.serial_number == 2**100 + 7
    assert response.tst_info.nonce == request.nonce
    with pytest.raises(rfc3161_client.VerificationError):
        verifier.verify_message(response, CONTENT + b"!")


def test_the_request_of_another_client_is_read():
    request = rfc3161_client.TimestampRequestBuilder().data(CONTENT).build()
    read = parse_timestamp_request(request.as_bytes())
    assert read.digest == hashlib.sha512(CONTENT).digest()
    assert read.digest_algorithm is DigestAlgorithm.SHA512
    assert read.nonce == request.nonce
    assert read.certificate_requested is True


def test_our_request_comes_back_and_openssl_reads_it(tmp_path):
    encoded = encode_timestamp_request(SHA256, DIGEST, policy=POLICY, nonce=2**63)
    read = parse_timestamp_request(encoded)
    assert (read.digest, read.policy, read.nonce) == (DIGEST, POLICY, 2**63)
    (tmp_path / "q").write_bytes(encoded)
    text = openssl("ts", "-query", "-in", tmp_path / "q", "-text").stdout
    assert "Hash Algorithm: sha256" in text
    assert "Certificate required: yes" in text


@pytest.mark.parametrize("failure", list(PKIFailureInfo))
def test_rejections_are_read_by_openssl(tmp_path, failure):
    path = tmp_path / "rejection"
    path.write_bytes(encode_timestamp_rejection(failure, "摘要算法不被接受"))
    result = openssl("ts", "-reply", "-in", path, "-text")
    assert "Status: Rejected." in result.stdout
    assert "Failure info: unspecified" not in result.stdout
    assert "TST info:" not in result.stdout or "Not included" in result.stdout


def imprint(oid="2.16.840.1.101.3.4.2.1", digest=DIGEST):
    return der.sequence(der.sequence(der.oid(oid), der.null()), der.octet_string(digest))


BAD_REQUESTS = {
    "empty": (b"", "badDataFormat"),
    "not DER": (b"0\x80\x00\x00", "badDataFormat"),
    "trailing data": (encode_timestamp_request(SHA256, DIGEST) + b"\0", "badDataFormat"),
    "too large": (der.sequence(der.octet_string(bytes(20000))), "badDataFormat"),
    "version 2": (der.sequence(der.integer(2), imprint()), "badRequest"),
    "sha1": (der.sequence(der.integer(1), imprint("1.3.14.3.2.26", bytes(20))), "badAlg"),
    "md5": (der.sequence(der.integer(1), imprint("1.2.840.113549.2.5", bytes(16))), "badAlg"),
    "unknown digest": (der.sequence(der.integer(1), imprint("1.2.3.4")), "badAlg"),
    "short digest": (der.sequence(der.integer(1), imprint(digest=bytes(31))), "badDataFormat"),
    "extension": (
        der.sequence(der.integer(1), imprint(), der.implicit(0, b"", constructed=True)),
        "unacceptedExtension",
    ),
    "bad boolean": (der.sequence(der.integer(1), imprint(), b"\x01\x01\x01"), "badDataFormat"),
    "fields out of order": (
        der.sequence(der.integer(1), imprint(), der.boolean(True), der.integer(7)),
        "badDataFormat",
    ),
}


@pytest.mark.parametrize(("data", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_requests_say_how_they_are_rejected(data, code):
    with pytest.raises(TimestampRequestError) as caught:
        parse_timestamp_request(data)
    assert caught.value.code == code
    name = caught.value.failure.name.replace("_", "").lower()
    assert name == code.lower()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from([DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512]),
    st.none() | st.integers(0, 2**160),
    st.integers(0, 2**160 - 1),
    # The other encoder does not pad the years before 1000.
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - made aware in the test
    st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=3)),
)
def test_the_information_signed_is_that_of_another_encoder(digest, nonce, serial_number, moment, accuracy):
    moment = moment.replace(tzinfo=UTC)
    request = parse_timestamp_request(encode_timestamp_request(digest, digest.digest(CONTENT), nonce=nonce))
    ours = encode_tst_info(
        request, policy=POLICY, serial_number=serial_number, gen_time=moment, accuracy=accuracy
    )
    expected = {
        "version": 1,
        "policy": POLICY,
        "message_imprint": tsp.MessageImprint.load(request.message_imprint),
        "serial_number": serial_number,
        "gen_time": moment.replace(microsecond=0),
    }
    if accuracy is not None:
        parts = {
            "seconds": accuracy // timedelta(seconds=1),
            "millis": accuracy.microseconds // 1000,
            "micros": accuracy.microseconds % 1000,
        }
        expected["accuracy"] = {part: value for part, value in parts.items() if value}
    if nonce is not None:
        expected["nonce"] = nonce
    assert ours == tsp.TSTInfo(expected).dump()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"accuracy": timedelta(0)}, "timestamp-accuracy"),
        ({"accuracy": timedelta(seconds=-1)}, "timestamp-accuracy"),
        ({"serial_number": -1}, "timestamp-serial-number"),
        ({"serial_number": 2**160}, "timestamp-serial-number"),
        ({"gen_time": AT.replace(tzinfo=None)}, "der-time"),
        ({"policy": "1"}, "der-oid"),
    ],
)
def test_what_the_standard_forbids_is_not_written(changes, code):
    with pytest.raises(EncodingError) as caught:
        token_for(encode_timestamp_request(SHA256, DIGEST), **changes)
    assert caught.value.code == code


@settings(max_examples=300)
@given(st.data())
def test_only_trust_errors_escape(data):
    good = encode_timestamp_request(SHA256, DIGEST, policy=POLICY, nonce=77)
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    for candidate in (bytes(changed), data.draw(st.binary(max_size=80))):
        try:
            parse_timestamp_request(candidate)
        except TrustError:
            continue
