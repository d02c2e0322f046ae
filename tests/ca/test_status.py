"""The status process: following the feed, OCSP and CRLs over WSGI."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from ca.errors import StatusSourceError
from ca.settings import StatusSettings
from ca.standing import FeedEntry, FeedPage
from ca.status import web
from ca.status.service import StatusService
from runtime.database import Database
from runtime.errors import ClockError
from runtime.migration import migrate
from tests.ca.desk import AT, HOUR, VA_URL, secrets_in
from tests.databases import BOTH_KINDS, fresh_database_url
from trust.status import CRLReason

CA_ISSUERS = x509.AuthorityInformationAccessOID.CA_ISSUERS
SHA1 = hashes.SHA1()  # noqa: S303 - the digest of a CertID, not of a signature
NOW = AT + HOUR + timedelta(seconds=1)


class DirectFeed:
    """The authority in this process."""

    def __init__(self, authority):
        self.authority = authority

    def changes(self, after):
        return self.authority.feed_page(after)

    def crls(self):
        return self.authority.publisher.current()


class Status:
    """A status process over an authority, with a clock of its own."""

    def __init__(self, desk, url=""):
        self.desk, self.now = desk, NOW
        state = desk.state
        self.settings = StatusSettings(
            state_directory=state / "va",
            port=8403,
            public_url=VA_URL,
            database_url=url,
            trust_anchors=state / "trust" / "root.pem",
            intermediates=state / "trust" / "issuing.pem",
            authority_url="https://localhost:8452",
            responder_certificate=state / "va" / "keys" / "ocsp-responder.pem",
            responder_key=state / "va" / "keys" / "ocsp-responder.p8",
            **secrets_in(state / "va"),
        )
        self.database = Database(self.settings.effective_database_url("va"))
        migrate(self.database, "ca.status")
        self.service = StatusService(self.database, web.authorities(self.settings))

    @functools.cached_property
    def app(self):
        return web.create_app(self.settings, self.tell)

    def tell(self):
        if self.now is None:
            raise ClockError("stepped")
        return self.now

    def follow(self, feed=None):
        return self.service.follow(feed or DirectFeed(self.desk.authority), self.now)

    def call(self, method, path, body=b"", content_type="application/ocsp-request"):
        answer = {}

        def start_response(status, headers, exc_info=None):
            answer.update(status=int(status.split()[0]), headers=dict(headers))

        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8403",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer["body"] = b"".join(self.app(environ, start_response))
        return answer

    def ask(self, serial, nonce=None, digest=None, method="POST"):
        request = self.request(serial, nonce, digest)
        if method == "POST":
            answer = self.call("POST", "/ocsp", request)
        else:
            answer = self.call("GET", "/ocsp/" + base64.b64encode(request).decode())
        assert answer["status"] == 200
        assert answer["headers"]["Content-Type"] == "application/ocsp-response"
        return ocsp.load_der_ocsp_response(answer["body"]), answer["headers"]

    def request(self, serial, nonce=None, digest=None):
        issuer = x509.load_der_x509_certificate(self.desk.authority.context.issuer.certificate.der)
        algorithm = digest or SHA1
        name, key = hashes.Hash(algorithm), hashes.Hash(algorithm)
        name.update(issuer.subject.public_bytes())
        key.update(issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            name.finalize(), key.finalize(), serial, algorithm
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.build().public_bytes(Encoding.DER)


@pytest.fixture
def status(desk):
    status = Status(desk)
    status.follow()
    yield status
    status.database.dispose()


@pytest.fixture
def serial(desk, status):
    _card, issued = desk.issue()
    status.follow()
    return x509.load_der_x509_certificate(issued.certificates[0]).serial_number


def code(call):
    with pytest.raises(StatusSourceError) as caught:
        call()
    return caught.value.code


# --- OCSP --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("digest", [SHA1, hashes.SHA256()], ids=["sha1", "sha256"])
def test_a_good_certificate(status, serial, method, digest):
    response, _headers = status.ask(serial, digest=digest, method=method)
    assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert response.serial_number == serial
    assert response.this_update_utc == NOW.replace(microsecond=0)
    assert response.next_update_utc > response.this_update_utc
    (responder,) = response.certificates
    responder.public_key().verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


def test_the_nonce_comes_back(status, serial):
    for nonce in (b"n", b"0123456789abcdef", b"x" * 128):
        response, headers = status.ask(serial, nonce=nonce)
        assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
        assert headers["Cache-Control"] == "no-store"


def test_a_get_may_be_cached_for_a_moment(status, serial):
    _response, headers = status.ask(serial, method="GET")
    assert headers["Cache-Control"].startswith("max-age=5,")
    assert {"ETag", "Expires", "Last-Modified"} <= headers.keys()


def test_a_revoked_certificate(status, desk, serial):
    desk.authority.standing.revoke(
        format(serial, "x"), CRLReason.KEY_COMPROMISE, actor="t", at=NOW - timedelta(minutes=1)
    )
    assert status.ask(serial)[0].certificate_status is ocsp.OCSPCertStatus.GOOD
    status.follow()
    response, _headers = status.ask(serial)
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.key_compromise
    assert response.revocation_time_utc == NOW - timedelta(minutes=1)


def test_a_suspended_certificate_is_released(status, desk, serial):
    text = format(serial, "x")
    desk.authority.standing.suspend(text, actor="t", at=NOW)
    status.follow()
    assert status.ask(serial)[0].revocation_reason is x509.ReasonFlags.certificate_hold
    desk.authority.standing.release(text, actor="t", at=NOW)
    status.follow()
    assert status.ask(serial)[0].certificate_status is ocsp.OCSPCertStatus.GOOD


def test_what_was_never_issued_is_unknown(status):
    assert status.ask(123456789)[0].certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_another_authority_is_not_answered_for(status):
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(b"n" * 20, b"k" * 20, 1, SHA1)
    answer = status.call("POST", "/ocsp", builder.build().public_bytes(Encoding.DER))
    response = ocsp.load_der_ocsp_response(answer["body"])
    assert response.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize("body", [b"", b"hello", b"\x30\x00", b"\x30\x80", b"0" * 70_000])
def test_a_malformed_request(status, body):
    answer = status.call("POST", "/ocsp", body)
    response = ocsp.load_der_ocsp_response(answer["body"])
    assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/", "/ocsp/%%%", "/ocsp/AAAA"])
def test_a_malformed_get(status, path):
    response = ocsp.load_der_ocsp_response(status.call("GET", path)["body"])
    assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_other_methods_are_not_allowed(status):
    assert status.call("DELETE", "/ocsp")["status"] == 405
    assert status.call("POST", "/crl/x.crl")["status"] == 405


def test_without_recent_word_it_says_try_later_and_not_good(status, serial):
    status.now = NOW + timedelta(seconds=status.settings.maximum_feed_age_seconds + 1)
    answer = status.call("POST", "/ocsp", status.request(serial))
    assert ocsp.load_der_ocsp_response(answer["body"]).response_status is ocsp.OCSPResponseStatus.TRY_LATER
    assert status.call("GET", "/healthz")["status"] == 503
    status.follow()
    assert status.call("GET", "/healthz")["status"] == 200


def test_an_answer_is_as_old_as_what_it_knows(status, serial):
    status.now = NOW + timedelta(seconds=90)
    response, _headers = status.ask(serial)
    assert response.this_update_utc == NOW.replace(microsecond=0)
    assert response.produced_at_utc == status.now.replace(microsecond=0)


# --- CRLs and certificates ---------------------------------------------------------------------


def test_crls_and_certificates_are_where_certificates_point(status, desk):
    _card, issued = desk.issue()
    certificate = x509.load_der_x509_certificate(issued.certificates[0])
    point = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    answer = status.call("GET", point.full_name[0].value.removeprefix(VA_URL))
    assert answer["headers"]["Content-Type"] == "application/pkix-crl"
    crl = x509.load_der_x509_crl(answer["body"])
    issuer = x509.load_der_x509_certificate(desk.authority.context.issuer.certificate.der)
    assert crl.is_signature_valid(issuer.public_key())
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    address = next(each for each in access if each.access_method == CA_ISSUERS)
    answer = status.call("GET", address.access_location.value.removeprefix(VA_URL))
    assert answer["body"] == desk.authority.context.issuer.certificate.der
    point = issuer.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    answer = status.call("GET", point.full_name[0].value.removeprefix(VA_URL))
    root = x509.load_der_x509_certificate(desk.authority.context.root.der)
    assert x509.load_der_x509_crl(answer["body"]).is_signature_valid(root.public_key())


def test_a_new_crl_takes_the_place_of_the_old(status, desk, serial):
    path = f"/crl/{desk.authority.context.issuer.key_id}.crl"
    before = x509.load_der_x509_crl(status.call("GET", path)["body"])
    desk.authority.standing.revoke(format(serial, "x"), CRLReason.SUPERSEDED, actor="t", at=NOW)
    desk.authority.publisher.publish_when_due(NOW)
    status.follow()
    after = x509.load_der_x509_crl(status.call("GET", path)["body"])
    assert before.get_revoked_certificate_by_serial_number(serial) is None
    assert after.get_revoked_certificate_by_serial_number(serial) is not None
    number = [
        each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in (before, after)
    ]
    assert number[1] == number[0] + 1


@pytest.mark.parametrize("path", ["/crl/", "/crl/zz.crl", "/crl/0000.crl", "/ca/00.cer", "/ca/x"])
def test_what_is_not_published_is_not_found(status, path):
    assert status.call("GET", path)["status"] == 404


def test_head_tells_the_length(status, desk):
    path = f"/crl/{desk.authority.context.issuer.key_id}.crl"
    got, head = status.call("GET", path), status.call("HEAD", path)
    assert head["body"] == b""
    assert head["headers"]["Content-Length"] == str(len(got["body"]))


# --- the feed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_the_cursor_is_durable_and_repeats_do_no_harm(kind, desk, tmp_path):
    with fresh_database_url(kind, tmp_path) as url:
        status = Status(desk, url)
        assert status.follow() == desk.authority.standing.last_sequence()
        assert status.follow() == 0
        again = StatusService(Database(url), web.authorities(status.settings))
        desk.issue()
        assert again.follow(DirectFeed(desk.authority), NOW) == 2
        again._database.dispose()
        status.database.dispose()


class Bent:
    """A feed that lies."""

    def __init__(self, page, crls=()):
        self.page, self._crls = page, crls

    def changes(self, after):
        return self.page

    def crls(self):
        return self._crls


def entry(sequence):
    return FeedEntry(sequence, NOW, format(sequence, "x"), "issued", None)


def test_a_feed_that_went_back_is_refused(status):
    assert code(lambda: status.follow(Bent(FeedPage([], 1, {})))) == "feed-went-back"


def test_a_feed_with_a_gap_is_refused(status, desk):
    last = desk.authority.standing.last_sequence()
    assert code(lambda: status.follow(Bent(FeedPage([entry(last + 2)], last + 2, {})))) == "feed-gap"
    assert code(lambda: status.follow(Bent(FeedPage([], last + 2, {})))) == "feed-gap"


def test_a_forged_crl_is_not_published(status, desk):
    current = desk.authority.publisher.current()[0]
    forged = dataclasses.replace(current, number=99, der=current.der[:-1] + bytes([current.der[-1] ^ 1]))
    last = desk.authority.standing.last_sequence()
    page = FeedPage([], last, {current.issuer_key_id: 99})
    assert code(lambda: status.follow(Bent(page, [forged]))) == "crl-refused"
    stranger = dataclasses.replace(current, number=99, issuer_key_id="00")
    page = FeedPage([], last, {"00": 99})
    assert code(lambda: status.follow(Bent(page, [stranger]))) == "crl-issuer-unknown"


def test_a_responder_with_the_wrong_certificate_is_refused(status, desk):
    settings = dataclasses.replace(
        status.settings,
        responder_certificate=desk.state / "tsa/keys/timestamping.pem",
        responder_key=desk.state / "tsa/keys/timestamping.p8",
    )
    assert code(lambda: web.open_responder(settings)) == "responder-usage"
    settings = dataclasses.replace(status.settings, responder_key=desk.state / "va/keys/tls-client.p8")
    assert code(lambda: web.open_responder(settings)) == "responder-key"


def test_while_the_clock_is_not_believed_no_answer_is_dated_and_lists_are_not_kept(status, serial):
    key_id = status.desk.authority.context.issuer.key_id
    status.now = None
    for method in ("POST", "GET"):
        response, headers = status.ask(serial, method=method)
        assert response.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        assert headers["Cache-Control"] == "no-store"
    answer = status.call("GET", f"/crl/{key_id}.crl")
    assert (answer["status"], answer["headers"]["Cache-Control"]) == (200, "public, max-age=0")
    assert status.call("GET", "/healthz")["status"] == 503
