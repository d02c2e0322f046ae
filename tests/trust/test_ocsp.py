"""OCSP answers: every check of the verifier broken once, by name."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.authorities import (
    AT,
    DAY,
    authority,
    issue,
    make_crl,
    make_ocsp,
    new_key,
    ocsp_responder,
    root,
)
from trust import ocsp_response
from trust.encoding import der
from trust.errors import TrustError
from trust.ocsp import OCSPChecks, OCSPError, parse_ocsp_response, verify_ocsp_response
from trust.path import RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.public_key import parse_key_info
from trust.status import CertStatus, CRLReason

TOP = root()
LEAF = issue("Leaf", TOP)
OTHER = issue("Other", TOP)
RESPONDER = ocsp_responder(TOP)
# The same authority with another key, and with the same one certified anew.
SIBLING = authority("Root", TOP)
RENEWED = authority("Root", TOP, key=TOP.key)
NONCE = bytes(range(32))
NAME = ocsp.OCSPResponderEncoding.NAME
REVOKED, UNKNOWN = ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


def verify(response: bytes, **changes):
    changes.setdefault("issuer", TOP.ours)
    issuer = changes.pop("issuer")
    return verify_ocsp_response(parse_ocsp_response(response), LEAF.ours, issuer, AT, **changes)


def refusal(response: bytes, **changes) -> str:
    with pytest.raises(TrustError) as caught:
        verify(response, **changes)
    return caught.value.code


@pytest.mark.parametrize(
    "response",
    [
        make_ocsp(LEAF, TOP),
        make_ocsp(LEAF, TOP, encoding=NAME),
        make_ocsp(LEAF, TOP, responder=RESPONDER),
        make_ocsp(LEAF, TOP, responder=RESPONDER, encoding=NAME),
        make_ocsp(LEAF, TOP, algorithm=hashes.SHA256()),
        make_ocsp(LEAF, TOP, algorithm=hashes.SHA384()),
        make_ocsp(LEAF, TOP, responder=ocsp_responder(RENEWED)),
        make_ocsp(LEAF, TOP, responder=ocsp_responder(TOP, subject="Root"), encoding=NAME),
    ],
    ids=[
        "issuer by key",
        "issuer by name",
        "responder by key",
        "responder by name",
        "sha256 certID",
        "sha384 certID",
        "responder by the renewed authority of the same key",
        "responder of the issuer's name",
    ],
)
def test_good(response):
    answer = verify(response)
    assert answer.status is CertStatus.GOOD
    assert answer.this_update == AT - timedelta(seconds=30)


def test_revoked_with_reason():
    answer = verify(make_ocsp(LEAF, TOP, status=REVOKED, reason=x509.ReasonFlags.key_compromise))
    assert (answer.status, answer.reason) == (CertStatus.REVOKED, CRLReason.KEY_COMPROMISE)
    assert answer.revoked_at == AT - 2 * DAY


def test_certificate_that_was_never_issued_counts_as_revoked():
    """RFC 6960 2.2 and 4.4.8: revoked since 1970, on hold."""
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    answer = verify(
        make_ocsp(
            LEAF,
            TOP,
            status=REVOKED,
            revoked_at=beginning,
            reason=x509.ReasonFlags.certificate_hold,
            extensions=[
                (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.9"), b"\5\0"), False)
            ],
        )
    )
    assert answer.status is CertStatus.REVOKED
    assert answer.revoked_at == beginning


def archive_cutoff(moment):
    def change(data):
        data["responses"][0]["single_extensions"] = [
            {
                "extn_id": "archive_cutoff",
                "critical": False,
                "extn_value": core.GeneralizedTime(moment),
            }
        ]

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (archive_cutoff(AT - 30 * DAY), None),
        (archive_cutoff(AT - 5 * DAY), "ocsp-certificate-expired"),
        (None, "ocsp-certificate-expired"),
    ],
    ids=["kept", "kept not long enough", "not said"],
)
def test_good_answer_about_a_certificate_that_had_expired(change, code):
    expired = issue("Leaf", TOP, not_after=AT - 10 * DAY)
    response = parse_ocsp_response(make_ocsp(expired, TOP, change=change))
    past = OCSPChecks(past=AT - 20 * DAY)
    if code is None:
        answer = verify_ocsp_response(response, expired.ours, TOP.ours, AT, checks=past)
        assert answer.status is CertStatus.GOOD
        return
    with pytest.raises(OCSPError) as caught:
        verify_ocsp_response(response, expired.ours, TOP.ours, AT, checks=past)
    assert caught.value.code == code


def invalid_since(moment):
    def change(data):
        data["responses"][0]["single_extensions"] = [
            {"extn_id": "invalidity_date", "critical": False, "extn_value": core.GeneralizedTime(moment)}
        ]

    return change


def test_revocation_counts_from_its_time_or_from_the_invalidity_date():
    revoked = {"status": REVOKED, "revoked_at": AT - 2 * DAY, "reason": x509.ReasonFlags.key_compromise}
    plain = make_ocsp(LEAF, TOP, **revoked)
    suspected = make_ocsp(LEAF, TOP, **revoked, change=invalid_since(AT - 6 * DAY))
    for response, days, status in (
        (plain, 1, CertStatus.REVOKED),
        (plain, 3, CertStatus.GOOD),
        (suspected, 3, CertStatus.REVOKED),
        (suspected, 7, CertStatus.GOOD),
    ):
        assert verify(response, checks=OCSPChecks(past=AT - days * DAY)).status is status


def test_unknown_is_told():
    assert verify(make_ocsp(LEAF, TOP, status=UNKNOWN)).status is CertStatus.UNKNOWN


def test_nonce():
    with_nonce = make_ocsp(LEAF, TOP, nonce=NONCE)
    assert verify(with_nonce, nonce=NONCE).status is CertStatus.GOOD
    assert verify(with_nonce).status is CertStatus.GOOD
    assert refusal(with_nonce, nonce=b"x" * 32) == "ocsp-nonce"
    assert refusal(make_ocsp(LEAF, TOP), nonce=NONCE) == "ocsp-nonce"
    lenient = OCSPChecks(nonce_required=False)
    assert verify(make_ocsp(LEAF, TOP), nonce=NONCE, checks=lenient).status is CertStatus.GOOD
    assert refusal(with_nonce, nonce=b"x" * 32, checks=lenient) == "ocsp-nonce"


def contradict(data):
    revoked = data["responses"][0].copy()
    revoked["cert_status"] = asn1_ocsp.CertStatus("revoked", {"revocation_time": AT - DAY})
    data["responses"].append(revoked)


def contradict_by_another_digest(data):
    """A second answer, revoked, whose CertID is made with SHA-256."""
    revoked = data["responses"][0].copy()
    revoked["cert_status"] = asn1_ocsp.CertStatus("revoked", {"revocation_time": AT - DAY})
    cert_id = revoked["cert_id"]
    cert_id["hash_algorithm"] = {"algorithm": "sha256"}
    cert_id["issuer_name_hash"] = hashlib.sha256(TOP.ours.subject).digest()
    cert_id["issuer_key_hash"] = hashlib.sha256(parse_key_info(TOP.ours.public_key).key).digest()
    data["responses"].append(revoked)


def nonce_of(size):
    value = core.OctetString(bytes(size)).dump()
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.2"), value), False)]


def critical_response_extension(data):
    data["response_extensions"] = [{"extn_id": "1.2.3.4", "critical": True, "extn_value": core.Null().dump()}]


def critical_single_extension(data):
    data["responses"][0]["single_extensions"] = [
        {"extn_id": "1.2.3.4", "critical": True, "extn_value": core.Null().dump()}
    ]


def other_issuer_key(data):
    data["responses"][0]["cert_id"]["issuer_key_hash"] = b"\0" * 20


def other_issuer_name(data):
    data["responses"][0]["cert_id"]["issuer_name_hash"] = b"\0" * 20


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"about": OTHER}, "ocsp-other-certificate"),
        ({"change": other_issuer_key}, "ocsp-other-certificate"),
        ({"change": other_issuer_name}, "ocsp-other-certificate"),
        ({"change": contradict}, "ocsp-contradiction"),
        ({"change": contradict_by_another_digest}, "ocsp-contradiction"),
        ({"extensions": nonce_of(0)}, "ocsp-malformed"),
        ({"extensions": nonce_of(129)}, "ocsp-malformed"),
        ({"change": critical_response_extension}, "ocsp-critical-extension"),
        ({"change": critical_single_extension}, "ocsp-critical-extension"),
        ({"key": new_key()}, "signature-invalid"),
        ({"responder": RESPONDER, "embed": False}, "ocsp-responder"),
        ({"responder": ocsp_responder(root("Else"))}, "ocsp-responder"),
        ({"responder": ocsp_responder(root())}, "signature-invalid"),
        ({"responder": ocsp_responder(TOP, purposes=())}, "ocsp-responder"),
        ({"responder": ocsp_responder(TOP, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])}, "ocsp-responder"),
        (
            {"responder": ocsp_responder(TOP, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])},
            "ocsp-responder",
        ),
        ({"responder": ocsp_responder(TOP, not_after=AT - DAY)}, "ocsp-responder"),
        ({"responder": ocsp_responder(TOP, not_before=AT + DAY)}, "ocsp-responder"),
        (
            {
                "responder": ocsp_responder(TOP, not_before=AT - timedelta(minutes=1)),
                "produced_at": AT - timedelta(minutes=2),
                "this_update": AT - timedelta(minutes=2),
            },
            "ocsp-responder",
        ),
        ({"responder": ocsp_responder(SIBLING)}, "signature-invalid"),
        ({"responder": ocsp_responder(TOP, usage=("key_encipherment",))}, "ocsp-responder"),
        ({"responder": ocsp_responder(TOP, no_check=False, crl_url="http://va/1.crl")}, "ocsp-responder"),
        ({"responder": ocsp_responder(authority("Sub", TOP))}, "ocsp-responder"),
        ({"responder": LEAF}, "ocsp-responder"),
        (
            {"this_update": AT + timedelta(minutes=6), "produced_at": AT + timedelta(minutes=6)},
            "ocsp-not-yet-valid",
        ),
        ({"produced_at": AT + timedelta(minutes=6)}, "ocsp-not-yet-valid"),
        ({"produced_at": AT - DAY}, "ocsp-time"),
        (
            {"next_update": AT - timedelta(minutes=6), "this_update": AT - DAY, "produced_at": AT - DAY},
            "ocsp-expired",
        ),
        ({"produced_at": AT, "next_update": AT - SECOND}, "ocsp-expired"),
        ({"next_update": None}, "ocsp-no-next-update"),
    ],
    ids=[
        "another certificate",
        "another issuer key",
        "another issuer name",
        "good and revoked",
        "good and revoked by another digest",
        "empty nonce",
        "nonce of 129 octets",
        "critical extension",
        "critical single extension",
        "another key",
        "responder not sent along",
        "responder of another authority",
        "responder of an authority of the same name",
        "responder without purpose",
        "responder for logins",
        "responder for anything",
        "expired responder",
        "future responder",
        "responder whose certificate is younger than the answer",
        "responder of the authority's other key",
        "responder that may not sign",
        "responder whose status nobody knows",
        "responder of a sub-authority",
        "the certificate about itself",
        "answer of the future",
        "produced in the future",
        "younger than its signature",
        "newer answer due",
        "signed after its end",
        "no end",
    ],
)
def test_named_bad_answers(changes, code):
    assert refusal(make_ocsp(LEAF, TOP, **changes)) == code


def test_maximum_age():
    response = make_ocsp(LEAF, TOP, next_update=None)
    assert verify(response, maximum_age=timedelta(seconds=60)).status is CertStatus.GOOD
    assert refusal(response, maximum_age=timedelta(seconds=20)) == "ocsp-too-old"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ocsp.OCSPResponseStatus.TRY_LATER, "ocsp-try-later"),
        (ocsp.OCSPResponseStatus.UNAUTHORIZED, "ocsp-unauthorized"),
        (ocsp.OCSPResponseStatus.MALFORMED_REQUEST, "ocsp-malformed-request"),
    ],
)
def test_responder_that_does_not_answer(status, code):
    response = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    from cryptography.hazmat.primitives.serialization import Encoding

    assert refusal(response.public_bytes(Encoding.DER)) == code


def judged_by(responder, *crls: bytes) -> list[str]:
    """The verdict on LEAF by this responder's answer and CRLs that say nothing of LEAF."""
    response = make_ocsp(LEAF, TOP, responder=responder)
    inputs = ValidationInputs((TOP.ours,), revocation=RevocationEvidence(crls, (response,)))
    return [rejection.code for rejection in validate_path(LEAF.ours, inputs, AT).rejections]


def one_reason(*revoked: int) -> bytes:
    """A CRL for keyCompromise alone, which settles no certificate that it does not list."""
    reasons = frozenset({x509.ReasonFlags.key_compromise})
    scope = x509.IssuingDistributionPoint(None, None, False, False, reasons, False, False)
    return make_crl(TOP, revoked, extensions=[(scope, True)])


def test_a_responder_that_says_where_its_status_is_told_must_be_good_there():
    responder = ocsp_responder(TOP, no_check=False, crl_url="http://va/1.crl")
    assert judged_by(responder) == ["revocation-unknown"]
    assert judged_by(responder, one_reason()) == ["revocation-unknown"]
    assert judged_by(responder, make_crl(TOP)) == []


def test_a_responder_that_says_nothing_is_believed_unless_a_crl_lists_it():
    """RFC 6960 4.2.2.2.1 leaves it to local policy."""
    responder = ocsp_responder(TOP, no_check=False)
    assert judged_by(responder) == []
    assert judged_by(responder, one_reason()) == []
    assert judged_by(responder, one_reason(responder.serial)) == ["revocation-unknown"]


def test_unknown_answer_fails_closed():
    response = make_ocsp(LEAF, TOP, status=UNKNOWN)
    inputs = ValidationInputs((TOP.ours,), revocation=RevocationEvidence(ocsp=(response,)))
    report = validate_path(LEAF.ours, inputs, AT)
    assert [r.code for r in report.rejections] == ["revocation-unknown"]
    assert "ocsp-unknown" in report.rejections[0].message_en
    assert RevocationPolicy.HARD_FAIL is inputs.revocation_policy


SAMPLES = [make_ocsp(LEAF, TOP, responder=RESPONDER, nonce=NONCE), make_ocsp(LEAF, TOP, status=REVOKED)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        SAMPLES[0][:-1],
        SAMPLES[0] + b"\0",
        b"\x30\x03\x0a\x01\x00",
        b"\x30\x03\x0a\x01\x63",
    ],
    ids=[
        "empty",
        "one octet",
        "nothing",
        "cut",
        "trailing",
        "successful without bytes",
        "unknown status",
    ],
)
def test_bad_inputs(data):
    with pytest.raises(OCSPError) as caught:
        parse_ocsp_response(data)
    assert caught.value.code == "ocsp-malformed"


def wrapped(basic: bytes, padded: int | None = None) -> bytes:
    """An OCSPResponse around BasicOCSPResponse's content; the header of that level is one octet too long."""
    befores = (b"", b"", bytes.fromhex("06092b0601050507300101"), b"", bytes.fromhex("0a0100"))
    data = basic
    for level, (tag, before) in enumerate(zip((0x30, 0x04, 0x30, 0xA0, 0x30), befores, strict=True)):
        content = before + data
        header = der.tlv(tag, content)[: -len(content)]
        if level == padded:
            header = header[:1] + bytes((header[1] + 1,)) + b"\0" + header[2:]
        data = header + content
    return data


def basic_content(response: bytes) -> bytes:
    return asn1_ocsp.OCSPResponse.load(response)["response_bytes"]["response"].parsed.contents


@pytest.mark.parametrize("level", range(5))
def test_length_that_is_not_minimal(level):
    sample = make_ocsp(LEAF, TOP)
    content = basic_content(sample)
    assert wrapped(content) == sample
    with pytest.raises(OCSPError) as caught:
        parse_ocsp_response(wrapped(content, level))
    assert caught.value.code == "ocsp-malformed"


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])  # noqa: S303
@pytest.mark.parametrize("next_update", [None, AT + DAY], ids=["no end", "end"])
def test_each_changed_octet_of_an_answer_is_judged_as_the_ordinary_reader_does(algorithm, next_update):
    response = make_ocsp(LEAF, TOP, algorithm=algorithm, next_update=next_update)
    sample = asn1_ocsp.OCSPResponse.load(response)["response_bytes"]["response"].parsed
    sample = sample["tbs_response_data"]["responses"][0].dump()

    def quick(data):
        [element] = der.read_elements(data, 0, len(data))
        return ocsp_response._read_usual_answer(data, element)

    def ordinary(data):
        [element] = der.read_elements(data, 0, len(data))
        return ocsp_response._read_answer(data, element)

    assert quick(sample) == ordinary(sample)
    [(_, _, start, _)] = der.read_elements(sample, 0, len(sample))
    for position in range(start, len(sample)):
        for value in range(256):
            changed = sample[:position] + bytes((value,)) + sample[position + 1 :]
            try:
                found = quick(changed)
            except TrustError:
                with pytest.raises(TrustError):
                    ordinary(changed)
                continue
            assert found is None or found == ordinary(changed)


def test_version_that_is_the_default_is_not_written():
    """RFC 6960 4.2.1: v1 is the default, which DER leaves out."""
    content = basic_content(make_ocsp(LEAF, TOP))
    data = der.read_sequence(der.sequence(content))
    tbs, rest = data.read(0x30), b"".join(data.read_rest())
    with_version = der.sequence(der.explicit(0, der.integer(0)), tbs) + rest
    assert parse_ocsp_response(wrapped(der.sequence(tbs) + rest)).answers
    with pytest.raises(OCSPError) as caught:
        parse_ocsp_response(wrapped(with_version))
    assert caught.value.code == "ocsp-malformed"


@pytest.mark.parametrize("number", [7, 11])
def test_reason_that_is_not_assigned(number):
    data = make_ocsp(LEAF, TOP, status=REVOKED, reason=x509.ReasonFlags.superseded)
    assert data.count(b"\xa0\x03\x0a\x01\x04") == 1
    with pytest.raises(OCSPError):
        parse_ocsp_response(data.replace(b"\xa0\x03\x0a\x01\x04", b"\xa0\x03\x0a\x01" + bytes((number,))))


def test_more_certificates_than_a_responder_needs():
    data = asn1_ocsp.OCSPResponse.load(SAMPLES[0])
    basic = data["response_bytes"]["response"].parsed
    for _ in range(10):
        basic["certs"].append(basic["certs"][0].copy())
    data["response_bytes"]["response"] = basic
    with pytest.raises(OCSPError) as caught:
        parse_ocsp_response(data.dump(force=True))
    assert caught.value.code == "ocsp-malformed"


def test_status_of_four_thousand_octets():
    huge = b"\x30\x82\x0f\x04\x0a\x82\x0f\x00\x7f" + b"\xff" * 3839
    with pytest.raises(OCSPError):
        parse_ocsp_response(huge)


def touch_everything(data: bytes) -> CertStatus | None:
    try:
        return verify(data, nonce=NONCE).status
    except TrustError:
        return None


@given(st.binary(max_size=120))
def test_any_bytes_give_own_errors(data):
    assert touch_everything(data) is None


def test_mutated_answers_give_own_errors_and_never_good():
    generator = random.Random(6960)
    sample = parse_ocsp_response(SAMPLES[0])
    for _ in range(3000):
        data = bytearray(generator.choice(SAMPLES))
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        status = touch_everything(bytes(data))
        # Only what is not signed may change: the other certificates' own octets.
        assert status is None or parse_ocsp_response(bytes(data)).tbs == sample.tbs
