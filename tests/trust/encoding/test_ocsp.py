"""OCSP: responses read by `cryptography` and by openssl; requests of both are read, bad ones refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, name, openssl, party
from trust.encoding import der
from trust.encoding.extensions import Extension, encode_extensions, key_identifier
from trust.encoding.ocsp import (
    MAXIMUM_CERT_IDS,
    OCSPRequestError,
    OCSPResponseStatus,
    OCSPResponseWriter,
    SingleAnswer,
    encode_cert_id,
    encode_ocsp_error,
    encode_ocsp_request,
    parse_ocsp_request,
    responder_by_key,
)
from trust.errors import EncodingError, TrustError
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtensionOID

LATER = AT + timedelta(hours=1)


def cert_id(certificate, digest="sha1"):
    root = authority()
    return encode_cert_id(
        root.certificate.subject.public_bytes(), root.signer.public_key, certificate.serial_number, digest
    )


def writer(responder):
    responder_id = responder_by_key(responder.signer.public_key)
    return OCSPResponseWriter(responder.signer, responder_id, [responder.der])


def respond(answers, responder=None, nonce=None):
    return writer(responder or party("p256", "ocsp")).write(answers, produced_at=AT, nonce=nonce)


NAIVE = AT.replace(tzinfo=None)
GOOD, REVOKED, UNKNOWN = (
    lambda cid: SingleAnswer(cid, CertStatus.GOOD, AT, LATER),
    lambda cid: SingleAnswer(cid, CertStatus.REVOKED, AT, LATER, AT, CRLReason.KEY_COMPROMISE),
    lambda cid: SingleAnswer(cid, CertStatus.UNKNOWN, AT, LATER),
)


@pytest.mark.parametrize("kind", ["rsa", "p256"])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (GOOD, ocsp.OCSPCertStatus.GOOD, None),
        (REVOKED, ocsp.OCSPCertStatus.REVOKED, x509.ReasonFlags.key_compromise),
        (UNKNOWN, ocsp.OCSPCertStatus.UNKNOWN, None),
    ],
)
def test_one_answer_is_the_librarys_byte_for_byte(kind, digest, answer, status, reason):
    responder, subject, root = party(kind, "ocsp"), party("p256"), authority()
    ours = respond([answer(cert_id(subject.certificate, digest))], responder, nonce=bytes(range(32)))
    expected = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            subject.certificate,
            root.certificate,
            hashes.SHA1() if digest == "sha1" else hashes.SHA256(),  # noqa: S303 - the usual CertID
            status,
            AT,
            LATER,
            AT if status is ocsp.OCSPCertStatus.REVOKED else None,
            reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
        .add_extension(x509.OCSPNonce(bytes(range(32))), False)
        .sign(responder.signer.key, responder.signer.digest)
    )
    loaded = ocsp.load_der_ocsp_response(ours)
    # The library takes the time of the machine for producedAt; all else is the same.
    theirs = expected.tbs_response_bytes.replace(
        expected.produced_at_utc.strftime("%Y%m%d%H%M%SZ").encode(), AT.strftime("%Y%m%d%H%M%SZ").encode(), 1
    )
    assert loaded.tbs_response_bytes == theirs
    assert loaded.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == bytes(range(32))
    assert loaded.certificates == [responder.certificate]


def test_several_answers_under_one_signature():
    subjects = [party("p256"), party("rsa"), party("p384")]
    answers = [
        make(cert_id(subject.certificate))
        for make, subject in zip((GOOD, REVOKED, UNKNOWN), subjects, strict=True)
    ]
    loaded = ocsp.load_der_ocsp_response(respond(answers))
    read = list(loaded.responses)
    assert [single.certificate_status.name for single in read] == ["GOOD", "REVOKED", "UNKNOWN"]
    assert [single.serial_number for single in read] == [s.certificate.serial_number for s in subjects]
    assert read[1].revocation_reason is x509.ReasonFlags.key_compromise


@pytest.mark.foreign
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_openssl_verifies_our_response(tmp_path, kind):
    root = authority()
    subjects = {"good": party("p256"), "revoked": party("rsa"), "unknown": party("p384")}
    root_path = root.write(tmp_path / "root.pem")
    ask = ["ocsp", "-issuer", root_path, "-reqout", tmp_path / "req.der"]
    for label, subject in subjects.items():
        ask += ["-cert", subject.write(tmp_path / f"{label}.pem")]
    openssl(*ask)
    # What openssl asks is read, and echoed.
    request = parse_ocsp_request((tmp_path / "req.der").read_bytes())
    assert [c.serial_number for c in request.cert_ids] == [
        subject.certificate.serial_number for subject in subjects.values()
    ]
    assert request.nonce is not None
    answers = [
        make(asked.raw) for make, asked in zip((GOOD, REVOKED, UNKNOWN), request.cert_ids, strict=True)
    ]
    response = tmp_path / "resp.der"
    response.write_bytes(respond(answers, party(kind, "ocsp"), nonce=request.nonce))
    check = ["ocsp", "-respin", response, "-reqin", tmp_path / "req.der", "-CAfile", root_path]
    moment = int(AT.timestamp()) + 60
    result = openssl(*check, "-issuer", root_path, "-attime", moment, "-resp_text", "-validity_period", 10**9)
    assert "Response verify OK" in result.stderr
    for status in ("Cert Status: good", "Cert Status: revoked", "Cert Status: unknown"):
        assert status in result.stdout
    # A flipped octet of the signature does not pass.
    spoiled = bytearray(response.read_bytes())
    spoiled[spoiled.index(key_identifier(party(kind, "ocsp").signer.public_key))] ^= 1
    response.write_bytes(spoiled)
    result = openssl(*check, "-issuer", root_path, "-attime", moment, check=False)
    assert "Response verify OK" not in result.stderr


@pytest.mark.parametrize("status", [s for s in OCSPResponseStatus if s])
def test_errors_are_read_by_the_library(status):
    loaded = ocsp.load_der_ocsp_response(encode_ocsp_error(status))
    assert loaded.response_status.value == status


@pytest.mark.parametrize("status", [0, 4, 7, -1])
def test_what_is_no_error_status_is_refused(status):
    with pytest.raises(EncodingError):
        encode_ocsp_error(status)


@pytest.mark.parametrize(
    ("answers", "nonce", "code"),
    [
        ([], None, "ocsp-empty"),
        ([SingleAnswer(b"0\0", CertStatus.REVOKED, AT, LATER)], None, "ocsp-revoked"),
        ([SingleAnswer(b"0\0", CertStatus.GOOD, LATER, AT)], None, "ocsp-update-order"),
        ([SingleAnswer(b"0\0", CertStatus.GOOD, NAIVE, LATER)], None, "der-time"),
        ([SingleAnswer(b"0\0", CertStatus.GOOD, AT, NAIVE)], None, "der-time"),
        ([SingleAnswer(b"0\0", CertStatus.REVOKED, AT, LATER, NAIVE)], None, "der-time"),
        ([SingleAnswer(b"0\0", CertStatus.GOOD, AT, LATER)], b"", "ocsp-nonce"),
        ([SingleAnswer(b"0\0", CertStatus.GOOD, AT, LATER)], bytes(129), "ocsp-nonce"),
    ],
)
def test_bad_answers_are_not_written(answers, nonce, code):
    with pytest.raises(EncodingError) as caught:
        writer(party("p256", "ocsp")).write(answers, produced_at=AT, nonce=nonce)
    assert caught.value.code == code


def test_an_answer_produced_at_no_known_moment_is_not_written():
    with pytest.raises(EncodingError) as caught:
        writer(party("p256", "ocsp")).write([GOOD(b"0\0")], produced_at=NAIVE)
    assert caught.value.code == "der-time"


@pytest.mark.parametrize(
    ("cert_ids", "nonce", "code"),
    [([], None, "ocsp-empty"), ([b"0\0"], b"", "ocsp-nonce"), ([b"0\0"], bytes(129), "ocsp-nonce")],
)
def test_bad_requests_are_not_written(cert_ids, nonce, code):
    with pytest.raises(EncodingError) as caught:
        encode_ocsp_request(cert_ids, nonce)
    assert caught.value.code == code


def test_a_request_of_the_library_is_read_and_ours_is_the_same():
    subject, root = party("p256"), authority()
    theirs = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(subject.certificate, root.certificate, hashes.SHA256())
        .add_extension(x509.OCSPNonce(b"n" * 32), False)
        .build()
        .public_bytes(serialization.Encoding.DER)
    )
    request = parse_ocsp_request(theirs)
    (asked,) = request.cert_ids
    assert asked.raw == cert_id(subject.certificate, "sha256")
    assert asked.hash_algorithm == "2.16.840.1.101.3.4.2.1"
    assert asked.serial_number == subject.certificate.serial_number
    assert asked.issuer_key_digest == hashes_of(root)[1]
    assert asked.issuer_name_digest == hashes_of(root)[0]
    assert request.nonce == b"n" * 32
    assert encode_ocsp_request([asked.raw], b"n" * 32) == theirs


def hashes_of(root):
    loaded = ocsp.load_der_ocsp_request(
        ocsp.OCSPRequestBuilder()
        .add_certificate(root.certificate, root.certificate, hashes.SHA256())
        .build()
        .public_bytes(serialization.Encoding.DER)
    )
    return loaded.issuer_name_hash, loaded.issuer_key_hash


ID = cert_id(party("p256").certificate)
ONE = der.sequence(ID)


def extensions(*items):
    return encode_extensions([Extension(*item) for item in items])


BAD_REQUESTS = {
    "empty": b"",
    "not DER": b"0\x80\x00\x00",
    "trailing data": encode_ocsp_request([ID]) + b"\0",
    "nothing asked": der.sequence(der.sequence(der.sequence())),
    "explicit default version": der.sequence(
        der.sequence(der.explicit(0, der.integer(0)), der.sequence(ONE))
    ),
    "version 2": der.sequence(der.sequence(der.explicit(0, der.integer(1)), der.sequence(ONE))),
    "unknown critical extension": der.sequence(
        der.sequence(der.sequence(ONE), der.explicit(2, extensions(("1.2.3", True, b""))))
    ),
    "unknown critical single extension": der.sequence(
        der.sequence(der.sequence(der.sequence(ID, der.explicit(0, extensions(("1.2.3", True, b""))))))
    ),
    "nonce not wrapped": der.sequence(
        der.sequence(der.sequence(ONE), der.explicit(2, extensions((ExtensionOID.OCSP_NONCE, False, b"abc"))))
    ),
    "nonce empty": der.sequence(
        der.sequence(
            der.sequence(ONE), der.explicit(2, extensions((ExtensionOID.OCSP_NONCE, False, b"\x04\x00")))
        )
    ),
    "nonce too long": der.sequence(
        der.sequence(
            der.sequence(ONE),
            der.explicit(2, extensions((ExtensionOID.OCSP_NONCE, False, der.octet_string(bytes(129))))),
        )
    ),
    "too many": encode_ocsp_request([ID] * (MAXIMUM_CERT_IDS + 1)),
    "too large": encode_ocsp_request([ID] * 5000),
    "short digest": encode_ocsp_request(
        [
            der.sequence(
                der.sequence(der.oid("1.3.14.3.2.26"), der.null()),
                der.octet_string(b"short"),
                der.octet_string(bytes(20)),
                der.integer(1),
            )
        ]
    ),
}


@pytest.mark.parametrize("data", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_requests_are_malformed(data):
    with pytest.raises(OCSPRequestError) as caught:
        parse_ocsp_request(data)
    assert caught.value.code == "malformedRequest"


def test_a_cert_id_is_made_with_known_digests_only():
    with pytest.raises(EncodingError):
        encode_cert_id(name("x").public_bytes(), authority().signer.public_key, 1, "md5")


@settings(max_examples=300)
@given(st.data())
def test_only_trust_errors_escape(data):
    good = encode_ocsp_request([ID, ID], b"nonce")
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    for candidate in (bytes(changed), data.draw(st.binary(max_size=80))):
        try:
            parse_ocsp_request(candidate)
        except TrustError:
            continue
