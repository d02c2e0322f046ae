"""Calls between services over real TLS on 127.0.0.1: who may call, who may answer, who is refused."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from runtime.errors import KeyFileError, SettingsError
from runtime.internal import (
    InternalClient,
    InternalError,
    RemoteProblemError,
    serve_internal,
)
from runtime.internal.listener import InternalListener
from runtime.internal.message import Timeouts
from runtime.internal.tls import server_context
from runtime.settings import ServiceSettings
from tests.runtime.authority import PASSPHRASE, Authority, Issued, free_port, with_client
from tests.runtime.internal_api import application, client, send
from trust.profile_policy import CertificateKind, service_uri

CLIENT = CertificateKind.TLS_CLIENT
SERVER = CertificateKind.TLS_SERVER
QUICK = Timeouts(handshake=0.5, idle=5.0, head=0.5, body=0.5, answer=2.0)


@pytest.fixture(scope="module")
def ca_settings(authority: Authority) -> ServiceSettings:
    issued = authority.service("ca", SERVER)
    return authority.settings(
        internal_port=free_port(), internal_certificate=issued.certificate_file, internal_key=issued.key_file
    )


@pytest.fixture(scope="module")
def listener(ca_settings: ServiceSettings) -> Iterator[InternalListener]:
    listener = serve_internal(application(ca_settings).wsgi_app, ca_settings)
    yield listener
    listener.stop()


def code_of(calling: InternalClient, path: str = "/internal/who") -> str:
    with pytest.raises(InternalError) as caught:
        calling.get_json(path)
    return caught.value.code


# --- who may call ---


def test_a_service_is_known_by_its_certificate(authority: Authority, listener: InternalListener) -> None:
    with client(authority, listener.port, authority.service("ra", CLIENT)) as ra:
        assert ra.get_json("/internal/who?after=7&name=%E6%9D%8E") == {
            "caller": "ra",
            "query": {"after": "7", "name": "李"},
        }
        body = {"name": "李四", "large": "x" * 300_000}
        assert ra.post_json("/internal/prepare", body) == {"got": body}


def test_only_the_named_services_may_call_a_view(authority: Authority, listener: InternalListener) -> None:
    with client(authority, listener.port, authority.service("va", CLIENT)) as va:
        assert va.get_json("/internal/who")["caller"] == "va"
        with pytest.raises(RemoteProblemError) as caught:
            va.post_json("/internal/prepare", {})
    assert (caught.value.status, caught.value.code) == (403, "caller-not-allowed")


def test_a_citizens_card_is_not_a_service(authority: Authority, listener: InternalListener) -> None:
    """Its certificate is of our CA and good for TLS clients; not even the SAN of a service would help."""
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    for uris in ([], [service_uri("ra")]):
        citizen = authority.issue(CertificateKind.CITIZEN_AUTHENTICATION, purpose, uris=uris)
        with client(authority, listener.port, citizen) as calling:
            assert code_of(calling) == "certificate-wrong-kind"
            assert code_of(calling, "/internal/unguarded") == "certificate-wrong-kind"


@pytest.mark.parametrize("uris", [[], [service_uri("ra"), service_uri("ca")], ["urn:tongxing:service:"]])
def test_a_certificate_that_names_no_or_two_services_is_refused(
    authority: Authority, listener: InternalListener, uris: list[str]
) -> None:
    issued = authority.issue(CLIENT, ExtendedKeyUsageOID.CLIENT_AUTH, uris=uris, dns=["localhost"])
    with client(authority, listener.port, issued) as calling:
        assert code_of(calling) == "certificate-names-no-service"


def test_a_server_certificate_is_not_a_callers(authority: Authority, listener: InternalListener) -> None:
    with client(authority, listener.port, authority.service("ra", SERVER)) as calling:
        assert code_of(calling) in {"service-tls", "service-unreachable"}


def test_an_expired_client_certificate_is_refused(authority: Authority, listener: InternalListener) -> None:
    now = datetime.now(UTC)
    expired = authority.service(
        "ra", CLIENT, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
    )
    with client(authority, listener.port, expired) as calling:
        assert code_of(calling) in {"service-tls", "service-unreachable"}


def test_a_certificate_that_expires_while_connected_is_refused(authority: Authority) -> None:
    """The handshake is long past; the gate looks at the time of each request."""
    times = [datetime.now(UTC)]
    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(), internal_certificate=issued.certificate_file, internal_key=issued.key_file
    )
    listener = serve_internal(application(settings).wsgi_app, settings, now=lambda: times[-1])
    try:
        ra = authority.service("ra", CLIENT, not_after=times[0] + timedelta(minutes=5))
        with client(authority, listener.port, ra) as calling:
            assert calling.get_json("/internal/who")["caller"] == "ra"
            times.append(times[0] + timedelta(minutes=6))
            assert code_of(calling) == "certificate-not-accepted"
    finally:
        listener.stop()


def test_a_client_of_another_authority_is_refused(
    authority: Authority, listener: InternalListener, tmp_path_factory: pytest.TempPathFactory
) -> None:
    foreign = Authority(tmp_path_factory.mktemp("foreign"), "Foreign")
    with client(authority, listener.port, foreign.service("ra", CLIENT)) as calling:
        assert code_of(calling) in {"service-tls", "service-unreachable"}


def test_a_client_without_a_certificate_is_refused(authority: Authority, listener: InternalListener) -> None:
    context = ssl.create_default_context(cafile=authority.anchors_file)
    with (
        socket.create_connection(("127.0.0.1", listener.port), timeout=5) as plain,
        pytest.raises((ssl.SSLError, OSError)),  # TLS 1.3 tells after the handshake
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET /internal/unguarded HTTP/1.1\r\nHost: x\r\n\r\n")
        if not secured.recv(1):
            raise ssl.SSLError("closed without an answer")


def test_old_tls_is_refused(authority: Authority, listener: InternalListener) -> None:
    issued = authority.service("ra", CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=authority.anchors_file)
    context.load_cert_chain(issued.certificate_file, issued.key_file, password=PASSPHRASE)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this side would not even try
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", listener.port), timeout=5) as plain,
        pytest.raises(ssl.SSLError, match="alert protocol version"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


# --- revocation ---


def test_a_revoked_client_is_refused_where_revocation_is_asked(authority: Authority) -> None:
    from trust.path import RevocationEvidence

    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(), internal_certificate=issued.certificate_file, internal_key=issued.key_file
    )
    listener = serve_internal(
        application(settings).wsgi_app, settings, revocation=lambda _certificates, _at: RevocationEvidence()
    )
    try:
        with client(authority, listener.port, authority.service("ra", CLIENT)) as calling:
            assert code_of(calling) == "certificate-not-accepted", "unknown fails closed"
    finally:
        listener.stop()


# --- through a proxy ---


@pytest.fixture(scope="module")
def proxied(authority: Authority) -> Iterator[InternalListener]:
    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(),
        internal_certificate=issued.certificate_file,
        internal_key=issued.key_file,
        internal_proxy="127.0.0.1",
    )
    listener = serve_internal(application(settings).wsgi_app, settings)
    yield listener
    listener.stop()


def escaped(issued: Issued) -> str:
    """As nginx writes $ssl_client_escaped_cert."""
    return quote(issued.certificate.public_bytes(serialization.Encoding.PEM).decode(), safe="")


def ask(authority: Authority, port: int, issued: Issued, *fields: str) -> tuple[int, dict[str, object]]:
    head = "".join(f"{field}\r\n" for field in fields)
    request = f"GET /internal/who HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n{head}\r\n"
    answer = send(authority, port, issued, request.encode("latin-1"))
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    return int(head_bytes.split()[1]), json.loads(body)


def test_the_proxy_may_speak_for_its_clients(authority: Authority, proxied: InternalListener) -> None:
    proxy, ra = authority.service("proxy", CLIENT), authority.service("ra", CLIENT)
    header = f"X-Tongxing-Client-Certificate: {escaped(ra)}"
    assert ask(authority, proxied.port, proxy, header) == (200, {"caller": "ra", "query": {}})


def test_the_certificate_a_proxy_passes_on_is_validated(
    authority: Authority, proxied: InternalListener, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proxy = authority.service("proxy", CLIENT)
    foreign = Authority(tmp_path_factory.mktemp("foreign"), "Foreign").service("ra", CLIENT)
    citizen = authority.issue(CertificateKind.CITIZEN_AUTHENTICATION, ExtendedKeyUsageOID.CLIENT_AUTH)
    for header, code in (
        (escaped(foreign), "certificate-not-accepted"),
        (escaped(citizen), "certificate-wrong-kind"),
        ("", "certificate-not-passed-on"),
        ("%00", "certificate-not-passed-on"),
        ("-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----", "certificate-not-accepted"),
    ):
        status, body = ask(authority, proxied.port, proxy, f"X-Tongxing-Client-Certificate: {header}")
        assert (status, body["code"]) == (403, code)
    status, body = ask(authority, proxied.port, proxy)
    assert (status, body["code"]) == (403, "certificate-not-passed-on")


def test_nobody_but_the_proxy_may_pass_a_certificate_on(
    authority: Authority, listener: InternalListener, proxied: InternalListener
) -> None:
    va, ra, proxy = (authority.service(name, CLIENT) for name in ("va", "ra", "proxy"))
    header = f"X-Tongxing-Client-Certificate: {escaped(ra)}"
    for port in (listener.port, proxied.port):
        assert ask(authority, port, va, header)[1]["caller"] == "va", "the header is not even read"
    status, body = ask(authority, listener.port, proxy, header)
    assert (status, body["code"]) == (403, "caller-not-allowed"), "no proxy address is configured here"


def test_a_proxy_at_another_address_is_not_believed(authority: Authority) -> None:
    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(),
        internal_certificate=issued.certificate_file,
        internal_key=issued.key_file,
        internal_proxy="10.0.0.1",
    )
    listener = serve_internal(application(settings).wsgi_app, settings)
    try:
        header = f"X-Tongxing-Client-Certificate: {escaped(authority.service('ra', CLIENT))}"
        status, body = ask(authority, listener.port, authority.service("proxy", CLIENT), header)
        assert (status, body["code"]) == (403, "caller-not-allowed")
    finally:
        listener.stop()


# --- who may answer ---


@contextmanager
def impostor(authority: Authority, issued: Issued, requests: list[bytes]) -> Iterator[int]:
    """A TLS server with this certificate that answers anything and keeps what it was sent."""

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        requests.append(environ["PATH_INFO"].encode())
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate_file, issued.key_file, password=PASSPHRASE)
    listener = InternalListener(app, context, ("127.0.0.1", 0)).start()
    try:
        yield listener.port
    finally:
        listener.stop()


def test_the_server_must_be_the_service_we_mean(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    now = datetime.now(UTC)
    foreign = Authority(tmp_path_factory.mktemp("foreign"), "Foreign")
    expired = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)}
    unnamed = authority.issue(SERVER, ExtendedKeyUsageOID.SERVER_AUTH, dns=["localhost"])
    citizen = authority.issue(
        CertificateKind.CITIZEN_AUTHENTICATION, ExtendedKeyUsageOID.SERVER_AUTH, uris=[service_uri("ca")]
    )
    for issued, code in (
        (authority.service("va", SERVER), "server-wrong-service"),
        (unnamed, "certificate-names-no-service"),
        (citizen, "certificate-wrong-kind"),
        (foreign.service("ca", SERVER), "service-tls"),
        (authority.service("ca", SERVER, **expired), "service-tls"),
        (authority.service("ca", CLIENT), "service-tls"),
    ):
        requests: list[bytes] = []
        ra = authority.service("ra", CLIENT)
        with impostor(authority, issued, requests) as port, client(authority, port, ra) as calling:
            assert code_of(calling) == code
        assert requests == [], "nothing is sent before the server is known"


def test_says_what_kept_an_answer_away(authority: Authority, listener: InternalListener) -> None:
    ra = authority.service("ra", CLIENT)
    with client(authority, free_port(), ra) as calling:
        assert code_of(calling) == "service-unreachable"
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        client(authority, silent.getsockname()[1], ra, timeout=0.3) as calling,
    ):
        assert code_of(calling) == "service-timeout"
    with client(authority, listener.port, ra) as calling:
        assert code_of(calling, "/internal/page") == "service-answer-malformed"
        with pytest.raises(RemoteProblemError) as caught:
            calling.post_json("/internal/refuse", {})
        assert (caught.value.status, caught.value.code) == (409, "approval-expired")
        assert "ask for a new one" in str(caught.value)
        with pytest.raises(RemoteProblemError) as caught:
            calling.get_json("/internal/nowhere")
        assert caught.value.status == 404


def test_connections_are_kept_and_renewed(authority: Authority) -> None:
    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(), internal_certificate=issued.certificate_file, internal_key=issued.key_file
    )
    app = application(settings)
    with client(authority, settings.internal_port, authority.service("ra", CLIENT)) as ra:
        for _round in range(2):  # the service starts again at the same address
            listener = serve_internal(app.wsgi_app, settings)
            for _ in range(20):
                assert ra.get_json("/internal/who")["caller"] == "ra"
            assert len(listener._open) == 1
            listener.stop()


def test_wrong_settings_are_told(authority: Authority) -> None:
    issued = authority.service("ra", CLIENT)
    settings = with_client(authority.settings(), issued)
    with pytest.raises(SettingsError):
        InternalClient("http://localhost:1", settings, service="ca")
    with pytest.raises(SettingsError):
        InternalClient("https://localhost:1", authority.settings(), service="ca")
    with pytest.raises(SettingsError):
        serve_internal(lambda _e, _s: [], authority.settings(internal_port=1))
    wrong = authority.folder / "wrong"
    wrong.write_bytes(b"not the passphrase\n")
    wrong.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        InternalClient(
            "https://localhost:1", dataclasses.replace(settings, key_passphrase_file=wrong), service="ca"
        )
    assert caught.value.code == "tls-key-unusable"
    with pytest.raises(KeyFileError):
        server_context(issued.certificate_file, authority.service("x", SERVER).key_file, wrong, [])


def test_a_view_outside_the_listener_knows_no_caller(ca_settings: ServiceSettings) -> None:
    forged = {"tongxing.caller": "ra"}
    browser = application(ca_settings).test_client()
    assert browser.get("/internal/who").status_code == 403
    assert browser.get("/internal/who", headers={"Tongxing.Caller": "ra"}).status_code == 403
    assert browser.get("/internal/who", environ_overrides=forged).status_code == 200, "only code may say so"
