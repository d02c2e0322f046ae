from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response

from runtime.audit import AuditLog
from runtime.database import Database
from runtime.errors import ClockError
from runtime.key_file import load_private_key
from signing.tsa.models import AuditRecord
from signing.tsa_web import PATH, QUERY_TYPE, REPLY_TYPE, create_app
from tests.databases import BOTH_KINDS, fresh_database_url
from tests.signing.pki import AT
from tests.signing.services import PASSPHRASE, timestamp_settings
from tests.softhsm import SoftHSM


class Clock:
    def __init__(self) -> None:
        self.at = AT
        self.believed = True

    def __call__(self):
        if not self.believed:
            raise ClockError("stepped")
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BOTH_KINDS)
def tsa(request, tmp_path, town, clock):
    """The application's call: (body, headers) → (status, headers, body)."""
    with fresh_database_url(request.param, tmp_path) as url:
        settings = timestamp_settings(tmp_path / "tsa", town, database_url=url)
        database = Database(url)
        call = _caller(create_app(settings, clock, database))
        call.database = database
        yield call
        database.dispose()


def _caller(app):
    def call(body=b"", *, method="POST", path=PATH, content_type=QUERY_TYPE, length=None):
        answer = {}

        def start_response(status, headers, exc_info=None):
            answer["status"], answer["headers"] = int(status.split()[0]), dict(headers)

        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_TYPE": content_type,
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8406",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if length is not False:
            environ["CONTENT_LENGTH"] = str(len(body)) if length is None else length
        return answer, b"".join(app(environ, start_response))

    return call


def _request(data: bytes = b"a filing", *, nonce: bool = True, certificates: bool = True, **more):
    return TimestampRequestBuilder(
        data=data, hash_algorithm=HashAlgorithm.SHA256, nonce=nonce, cert_req=certificates, **more
    ).build()


def _actions(tsa) -> list[str]:
    with tsa.database.session() as session:
        assert AuditLog(AuditRecord).verify(session).intact
        return [record.action for record in session.query(AuditRecord).order_by(AuditRecord.sequence)]


def test_an_independent_client_accepts_the_token(tsa, town):
    request = _request()
    answer, body = tsa(request.as_bytes())
    assert answer["status"] == 200
    assert answer["headers"]["Content-Type"] == REPLY_TYPE
    response = decode_timestamp_response(body)
    leaf = town.leaf("timestamping").certificate
    verifier = (
        VerifierBuilder.from_request(request)
        .tsa_certificate(leaf)
        .add_root_certificate(town.root.certificate)
        .add_intermediate_certificate(town.issuing.certificate)
        .build()
    )
    verifier.verify_message(response, b"a filing")
    info = response.tst_info
    assert info.nonce == request.nonce
    assert info.gen_time == AT
    assert info.policy.dotted_string == "1.3.6.1.4.1.32473.1.5.1"
    assert info.serial_number.bit_length() >= 127
    assert _actions(tsa) == ["timestamp-issued"]


def test_serial_numbers_are_random(tsa):
    serials = {
        decode_timestamp_response(tsa(_request().as_bytes())[1]).tst_info.serial_number for _ in range(20)
    }
    assert len(serials) == 20


def test_no_certificates_unless_asked_for(tsa, town):
    with_certificates = tsa(_request(certificates=True).as_bytes())[1]
    without = tsa(_request(certificates=False).as_bytes())[1]
    assert town.leaf("timestamping").der in with_certificates
    assert town.leaf("timestamping").der not in without


def _failure(body: bytes) -> tuple[str, set[str]]:
    """Status and failure bits, read by asn1crypto's own types (its TimeStampResp cannot hold a rejection)."""
    from asn1crypto import core, tsp

    (status,) = (core.SequenceOf.load(body, spec=core.Any),)
    information = tsp.PKIStatusInfo.load(status[0].dump())
    return information["status"].native, set(information["fail_info"].native or ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sha1", "bad_alg"),
        ("garbage", "bad_data_format"),
        ("wrong-length", "bad_data_format"),
        ("version", "bad_request"),
        ("policy", "unaccepted_policy"),
        ("extensions", "unaccepted_extensions"),
    ],
)
def test_rejections_per_rfc_3161(tsa, name, expected):
    from asn1crypto import algos, tsp

    def imprint(algorithm="sha256", length=32):
        return tsp.MessageImprint(
            {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}),
                "hashed_message": bytes(length),
            }
        )

    body = {
        "sha1": lambda: tsp.TimeStampReq({"version": 1, "message_imprint": imprint("sha1", 20)}).dump(),
        "garbage": lambda: b"\x30\x03abc",
        "wrong-length": lambda: tsp.TimeStampReq(
            {"version": 1, "message_imprint": imprint(length=31)}
        ).dump(),
        "version": lambda: tsp.TimeStampReq({"version": 2, "message_imprint": imprint()}).dump(),
        "policy": lambda: tsp.TimeStampReq(
            {"version": 1, "message_imprint": imprint(), "req_policy": "1.2.3.4"}
        ).dump(),
        "extensions": lambda: tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": imprint(),
                "extensions": [{"extn_id": "1.2.3", "critical": True, "extn_value": b"\x05\x00"}],
            }
        ).dump(),
    }[name]()
    answer, response = tsa(body)
    assert answer["status"] == 200
    assert _failure(response) == ("rejection", {expected})
    assert _actions(tsa) == ["timestamp-refused"]


def test_refuses_while_the_clock_stands_before_the_last_token(tsa, clock):
    assert decode_timestamp_response(tsa(_request().as_bytes())[1]).status == 0
    clock.at = AT - timedelta(minutes=5)
    for _ in range(2):
        assert _failure(tsa(_request().as_bytes())[1]) == ("rejection", {"time_not_available"})
    clock.at = AT + timedelta(seconds=1)
    assert decode_timestamp_response(tsa(_request().as_bytes())[1]).status == 0
    assert _actions(tsa) == ["timestamp-issued", "clock-stepped", "timestamp-issued"]


def test_refuses_while_the_machines_clock_is_not_believed(tsa, clock):
    """RFC 3161 2.4.2: the TSA's time source is not available (14)."""
    clock.believed = False
    assert _failure(tsa(_request().as_bytes())[1]) == ("rejection", {"time_not_available"})
    assert _actions(tsa) == [], "nothing can be dated"
    clock.believed = True
    assert decode_timestamp_response(tsa(_request().as_bytes())[1]).status == 0
    clock.believed = False
    for _ in range(2):
        assert _failure(tsa(_request().as_bytes())[1]) == ("rejection", {"time_not_available"})
    assert tsa(method="GET", path="/healthz")[0]["status"] == 503
    assert _actions(tsa) == ["timestamp-issued", "clock-stepped"]


@pytest.mark.softhsm
def test_refuses_while_the_token_with_its_key_is_away(tmp_path, town, clock, monkeypatch):
    """RFC 3161 2.4.2: the request cannot be handled due to system failure (25)."""
    hsm = SoftHSM(tmp_path / "hsm", monkeypatch)
    settings = timestamp_settings(tmp_path / "tsa", town)
    hsm.import_key(load_private_key(settings.timestamp_key, PASSPHRASE), "tsa", "01")
    settings = replace(settings, timestamp_key=hsm.key("tsa"))
    database = Database(settings.effective_database_url("tsa"))
    tsa = _caller(create_app(settings, clock, database))
    tsa.database = database
    assert decode_timestamp_response(tsa(_request().as_bytes())[1]).status == 0
    hsm.take_out()
    assert _failure(tsa(_request().as_bytes())[1]) == ("rejection", {"system_failure"})
    hsm.put_back()
    assert decode_timestamp_response(tsa(_request().as_bytes())[1]).status == 0
    assert _actions(tsa) == ["timestamp-issued", "timestamp-refused", "timestamp-issued"]
    database.dispose()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"content_type": "application/octet-stream"}, 415),
        ({"length": False}, 411),
        ({"length": "many"}, 411),
        ({"length": "100000"}, 413),
        ({"path": PATH + "/x"}, 404),
    ],
)
def test_http_refuses_what_is_not_a_query(tsa, changes, status):
    answer, _ = tsa(_request().as_bytes(), **changes)
    assert answer["status"] == status


def test_page_and_health(tsa):
    assert tsa(method="GET", path="/healthz")[0]["status"] == 200
    answer, body = tsa(method="GET", path="/")
    assert answer["status"] == 200
    assert b"/timestamp" in body


def test_a_foreign_key_is_refused_at_start(tmp_path, town, clock):
    from signing.errors import SigningError

    settings = timestamp_settings(tmp_path / "tsa", town)
    settings.timestamp_certificate.write_bytes(town.leaf("timestamping", number=1).pem)
    with pytest.raises(SigningError) as caught:
        create_app(settings, clock)
    assert caught.value.code == "timestamp-key-mismatch"
