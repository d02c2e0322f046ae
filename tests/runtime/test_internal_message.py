"""The internal listener's HTTP: strict messages, time for each part, room for those already connected."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runtime.internal import serve_internal
from runtime.internal.listener import InternalListener, Limits
from runtime.internal.message import Timeouts
from runtime.internal.tls import client_context, server_context
from tests.runtime.authority import Authority, Issued, free_port
from tests.runtime.internal_api import application, send
from trust.profile_policy import CertificateKind

CLIENT = CertificateKind.TLS_CLIENT
SERVER = CertificateKind.TLS_SERVER
QUICK = Timeouts(handshake=0.5, idle=5.0, head=0.5, body=0.5, answer=2.0)


@pytest.fixture(scope="module")
def listener(authority: Authority) -> Iterator[InternalListener]:
    issued = authority.service("ca", SERVER)
    settings = authority.settings(
        internal_port=free_port(), internal_certificate=issued.certificate_file, internal_key=issued.key_file
    )
    listener = serve_internal(application(settings).wsgi_app, settings)
    yield listener
    listener.stop()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /internal/who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET /internal/who HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /internal/who HTTP/1.0\r\n\r\n", 200),
        (b"GET /internal/who HTTP/2.0\r\n\r\n", 400),
        (b"get /internal/who HTTP/1.1\r\n\r\n", 400),
        (b"GET http://ca/internal/who HTTP/1.1\r\n\r\n", 400),
        (b"GET  /internal/who HTTP/1.1\r\n\r\n", 400),
        (b"GET /internal/\x00who HTTP/1.1\r\n\r\n", 400),
        (b"GET /internal/who HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /internal/who HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET /internal/who HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400),
        (b"GET /internal/who HTTP/1.1\r\nX_A: b\r\n\r\n", 400),
        (b"GET /internal/who HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n", 400),
        (b"POST /internal/prepare HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", 400),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: 9999999999999999999999\r\n\r\n", 413),
        (b"POST /internal/prepare HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n", 413),
        (b"POST /internal/prepare HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET /internal/who HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(100)) + b"\r\n", 431),
        (b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_messages_are_read_strictly(
    request_bytes: bytes, status: int, authority: Authority, listener: InternalListener
) -> None:
    answer = send(authority, listener.port, authority.service("ra", CLIENT), request_bytes)
    assert int(answer.split()[1]) == status
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_process_environment_does_not_reach_the_application(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PROCESS", "x")
    seen: list[dict[str, object]] = []

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(dict(environ))
        start_response("200 OK", [])
        return []

    with serving(authority, app) as port:
        send(authority, port, authority.service("ra", CLIENT), b"GET /%E6%9D%8E?a=%20b HTTP/1.0\r\n\r\n")
    assert "SECRET_OF_THE_PROCESS" not in seen[0]
    assert seen[0]["PATH_INFO"] == "/李".encode().decode("latin-1")
    assert seen[0]["QUERY_STRING"] == "a=%20b"


@contextmanager
def serving(
    authority: Authority, app: object, *, timeouts: Timeouts = QUICK, limits: Limits | None = None
) -> Iterator[int]:
    """The listener with this application and no gate."""
    issued = authority.service("ca", SERVER)
    files = (authority.anchors_file, authority.intermediates_file)
    context = server_context(issued.certificate_file, issued.key_file, authority.passphrase_file, files)
    listener = InternalListener(app, context, ("127.0.0.1", 0), timeouts=timeouts, limits=limits)  # type: ignore[arg-type]
    listener.start()
    try:
        yield listener.port
    finally:
        listener.stop()


@contextmanager
def connected(context: ssl.SSLContext, port: int) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to the listener."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        yield secured


def hello(_environ, start_response):  # type: ignore[no-untyped-def]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'"hello"']


def get(authority: Authority, port: int, issued: Issued) -> bytes:
    """The answer to one request."""
    return send(authority, port, issued, b"GET / HTTP/1.0\r\n\r\n")


def broken(_environ, _start_response):  # type: ignore[no-untyped-def]
    raise ZeroDivisionError


def splitting(_environ, start_response):  # type: ignore[no-untyped-def]
    start_response("200 OK", [("X-Name", "a\r\nSet-Cookie: b=c")])
    return []


@pytest.mark.parametrize("app", [broken, splitting])
def test_an_application_that_fails_answers_500_and_tells_the_log(
    app: object, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(authority, app) as port:
        answer = send(authority, port, authority.service("ra", CLIENT), b"GET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"ZeroDivision" not in answer
    assert b"Set-Cookie" not in answer
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HT", b"TP/1.1\r\n", *[b"A%d: b\r\n" % n for n in range(30)], b"\r\n"],
        [b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 30],
    ],
)
def test_a_request_that_drips_in_ends_with_408(pieces: list[bytes], authority: Authority) -> None:
    issued = authority.service("ra", CLIENT)
    context = client_context(
        issued.certificate_file, issued.key_file, authority.passphrase_file, [authority.anchors_file]
    )
    with serving(authority, hello) as port, connected(context, port) as secured:
        begin = time.monotonic()
        try:
            for piece in pieces:
                secured.sendall(piece)
                time.sleep(0.05)
        except OSError:
            pass
        assert secured.recv(100).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begin < 10.0


def test_strangers_cannot_keep_out_a_service_that_is_connected(authority: Authority) -> None:
    """Thirty connections that never finish their handshake, where two may try at a time."""
    strangers: list[socket.socket] = []
    logging.getLogger("runtime.internal.listener").setLevel(logging.ERROR)
    patient = dataclasses.replace(QUICK, handshake=30.0)
    with serving(authority, hello, timeouts=patient, limits=Limits(handshakes=2, connections=4)) as port:
        ra = authority.service("ra", CLIENT)
        context = client_context(
            ra.certificate_file, ra.key_file, authority.passphrase_file, [authority.anchors_file]
        )
        with connected(context, port) as secured:
            for _ in range(30):
                strangers.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            for _ in range(5):
                secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b'"hello"' in secured.recv(1000)
        for stranger in strangers:
            stranger.close()


def test_silent_strangers_are_dropped_and_make_room(authority: Authority) -> None:
    with serving(authority, hello, limits=Limits(handshakes=2, connections=4)) as port:
        strangers = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(4)]
        answer = send(authority, port, authority.service("ra", CLIENT), b"GET / HTTP/1.0\r\n\r\n")
        assert answer.endswith(b'"hello"')
        for stranger in strangers:
            stranger.close()


def test_no_more_connections_than_there_is_room_for(authority: Authority) -> None:
    entered, release = threading.Semaphore(0), threading.Event()

    def waiting(environ, start_response):  # type: ignore[no-untyped-def]
        entered.release()
        release.wait(10)
        return hello(environ, start_response)

    ra = authority.service("ra", CLIENT)
    answers: list[bytes] = []
    with serving(authority, waiting, limits=Limits(handshakes=4, connections=2)) as port:
        threads = [
            threading.Thread(
                target=lambda: answers.append(send(authority, port, ra, b"GET / HTTP/1.0\r\n\r\n"))
            )
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert entered.acquire(timeout=5)
        with contextlib.suppress(OSError):
            assert get(authority, port, ra) == b""
        release.set()
        for thread in threads:
            thread.join(5)
    assert [answer.endswith(b'"hello"') for answer in answers] == [True, True]
