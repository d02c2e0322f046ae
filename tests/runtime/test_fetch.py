"""Outgoing HTTP against hostile names, addresses and servers, on real sockets."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runtime.address import is_allowed
from runtime.fetch import Fetcher, FetchError, FetchLimits, FetchPolicy
from tests.runtime.authority import PASSPHRASE, Authority
from trust.profile_policy import CertificateKind

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
Behaviour = Callable[[socket.socket, bytes], None]


class Server:
    """A server on 127.0.0.1 that behaves as a test says and keeps what it was sent."""

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self._behaviour = behaviour
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.requests: list[bytes] = []
        self.ended = threading.Event()
        self.sni: str | None = None
        if context is not None:
            context.sni_callback = lambda _socket, name, _context: setattr(self, "sni", name)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                connection.settimeout(10)
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                data = b""
                while b"\r\n\r\n" not in data and (chunk := connection.recv(65536)):
                    data += chunk
                if b"Content-Length: 2\r\n" in data:
                    while not data.endswith(b"\x30\x00"):
                        data += connection.recv(65536)
                self.requests.append(data)
                self._behaviour(connection, data)
            except OSError:
                pass
            finally:
                connection.close()

    def close(self) -> None:
        self.ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@contextmanager
def serving(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(behaviour, context)
    try:
        yield server
    finally:
        server.close()


def answering(status: str = "200 OK", body: bytes = b"hello", *headers: str) -> Behaviour:
    fields = "".join(f"{header}\r\n" for header in headers)

    def answer(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(
            f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
        )

    return answer


def fetcher(**policy: object) -> Fetcher:
    return Fetcher(FetchPolicy(**{"allowed_networks": LOOPBACK, "timeout": 5.0, **policy}))  # type: ignore[arg-type]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value.code


def test_fetches_what_policy_allows() -> None:
    with serving(answering("200 OK", b"list", "Content-Type: application/pkix-crl")) as server:
        fetched = fetcher().get(f"http://localhost:{server.port}/root.crl?x=1")
    assert (fetched.status, fetched.body) == (200, b"list")
    assert fetched.headers["content-type"] == "application/pkix-crl"
    assert server.requests[0].startswith(b"GET /root.crl?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{server.port}\r\n".encode() in server.requests[0]


def test_posts_a_body() -> None:
    with serving(answering("404 Not Found", b"no")) as server:
        fetched = fetcher().post(f"http://127.0.0.1:{server.port}", b"\x30\x00", "application/ocsp-request")
    assert (fetched.status, fetched.body) == (404, b"no"), "an error status is the caller's to judge"
    assert b"Content-Type: application/ocsp-request\r\n" in server.requests[0]
    assert server.requests[0].endswith(b"\x30\x00")


# RFC 6890 and its successors in the IANA registries, and the IPv6 forms that carry such an IPv4 address.
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255",  # noqa: S104
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "::ffff:0.0.0.0", "::ffff:192.168.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::",
        "2002:c0a8:1::1", "2002::", "::10.0.0.1", "fec0::1", "fe80::1%eth0", "ff0e::1", "3fff::1", "5f00::1",
        "2001:10::1", "2001:20::1", "192.88.99.1", "0.1.2.3", "169.254.0.1", "198.19.255.255",
        "100.127.255.255",
    ],
)  # fmt: skip
def test_refuses_addresses_that_are_not_public(address: str) -> None:
    strict = Fetcher(FetchPolicy(timeout=2.0), resolver=lambda _host, _port: [address])
    assert not is_allowed(ipaddress.ip_address(address.partition("%")[0]))
    assert code_of(lambda: strict.get("http://example.com/")) == "fetch-address"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_accepts_public_addresses(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost.",
        "0", "0.0.0.0", "0x7f000001", "017700000001", "127.0.0.1.", "127.0.1", "LOCALHOST",  # noqa: S104
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[::]",
    ],
)  # fmt: skip
def test_refuses_every_spelling_of_loopback(host: str) -> None:
    code = code_of(lambda: Fetcher(FetchPolicy(timeout=3.0)).get(f"http://{host}:80/"))
    assert code in {"fetch-address", "fetch-unresolved"}


def test_a_name_that_changes_its_address_is_resolved_once() -> None:
    """DNS rebinding: the second answer would lead inside; nobody asks for it."""
    answers = iter([["127.0.0.1"], ["127.0.0.99"], ["169.254.169.254"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    only_one = FetchPolicy(allowed_networks=(ipaddress.ip_network("127.0.0.1/32"),), timeout=3.0)
    with serving(answering()) as server:
        url = f"http://rebind.example:{server.port}/"
        assert Fetcher(only_one, resolver=rebinding).get(url).body == b"hello"
        assert asked == ["rebind.example"]
        assert f"Host: rebind.example:{server.port}\r\n".encode() in server.requests[0]
        assert code_of(lambda: Fetcher(only_one, resolver=rebinding).get(url)) == "fetch-address"
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "host", ["%6c%6fcalhost", "127.0.0.1%00", "①②⑦.⓪.⓪.①", "127。0。0。1", "a@127.0.0.1", "[::1%25lo]"]
)
def test_refuses_hosts_written_to_be_read_in_two_ways(host: str) -> None:
    assert code_of(lambda: fetcher().get(f"http://{host}/")) == "fetch-url"


def test_not_modified_is_an_answer_and_no_redirect() -> None:
    with serving(answering("304 Not Modified", b"", "Location: http://127.0.0.1:1/", 'ETag: "v"')) as server:
        fetched = fetcher().get(f"http://127.0.0.1:{server.port}/", {"If-None-Match": '"v"'})
    assert (fetched.status, fetched.body, fetched.headers["etag"]) == (304, b"", '"v"')
    assert b'If-None-Match: "v"\r\n' in server.requests[0]


def test_a_fetch_may_be_bounded_more_closely_than_the_policy() -> None:
    with serving(answering("200 OK", b"x" * 1000)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert code_of(lambda: fetcher().get(url, limits=FetchLimits(999, 5.0))) == "fetch-too-large"
        assert len(fetcher().get(url, limits=FetchLimits(1000, 5.0)).body) == 1000


def test_private_addresses_among_public_ones_are_not_tried() -> None:
    with serving(answering()) as server:
        mixed = fetcher(allowed_networks=(ipaddress.ip_network("127.0.0.2/32"),))
        mixed._resolver = lambda _host, _port: ["127.0.0.1"]
        assert code_of(lambda: mixed.get(f"http://mixed.example:{server.port}/")) == "fetch-address"
    assert server.requests == []


@pytest.mark.parametrize(
    "status",
    [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ],
)
def test_does_not_follow_redirects(status: str) -> None:
    with (
        serving(answering()) as inner,
        serving(answering(status, b"", f"Location: http://127.0.0.1:{inner.port}/")) as outer,
    ):
        assert code_of(lambda: fetcher().get(f"http://127.0.0.1:{outer.port}/")) == "fetch-redirect"
    assert inner.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x", "file:///etc/passwd", "gopher://example.com/", "ldap://example.com/",
        "//example.com/", "example.com", "http://", "http:///x", "http://user:secret@example.com/",
        "http://user@example.com/", "http://exam ple.com/", "http://example.com:0/",
        "http://example.com:99999/", "http://example.com:x/", "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nX: y", "http://例子.example/", "http://example.com/" + "x" * 3000,
        "http://[::1", "http://exa_mple!.com/",
    ],
)  # fmt: skip
def test_refuses_addresses_that_are_not_plain(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetcher().get(url)
    assert caught.value.code == "fetch-url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("announced", [True, False])
def test_stops_at_the_size_limit(announced: bool) -> None:
    def flood(connection: socket.socket, _request: bytes) -> None:
        length = "Content-Length: 1000000000\r\n" if announced else ""
        connection.sendall(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        while True:
            connection.sendall(b"x" * 65536)

    with serving(flood) as server:
        small = fetcher(maximum_bytes=100_000)
        assert code_of(lambda: small.get(f"http://127.0.0.1:{server.port}/")) == "fetch-too-large"


def test_does_not_unpack_compressed_answers() -> None:
    import gzip

    bomb = gzip.compress(b"\0" * 10_000_000)
    with serving(answering("200 OK", bomb, "Content-Encoding: gzip")) as server:
        fetched = fetcher(maximum_bytes=100_000).get(f"http://127.0.0.1:{server.port}/")
    assert fetched.body == bomb
    assert b"Accept-Encoding: identity\r\n" in server.requests[0]


def drip_body(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_head(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        connection.sendall(f"X-{number}: y\r\n".encode())
        time.sleep(0.05)


def say_nothing(connection: socket.socket, _request: bytes) -> None:
    connection.recv(1)


@pytest.mark.parametrize("behaviour", [drip_body, drip_head, say_nothing])
@pytest.mark.parametrize("secure", [False, True])
def test_total_time_is_bounded_against_slow_servers(
    behaviour: Behaviour, secure: bool, authority: Authority
) -> None:
    context = server_context(authority) if secure else None
    with serving(behaviour, context) as server:
        impatient = fetcher(timeout=0.6, trust_anchors=authority.anchors_file)
        begin = time.monotonic()
        scheme = "https" if secure else "http"
        assert code_of(lambda: impatient.get(f"{scheme}://localhost:{server.port}/")) == "fetch-timeout"
        assert time.monotonic() - begin < 8.0


def test_a_resolver_that_hangs_costs_no_more_than_the_time_allowed() -> None:
    release = threading.Event()

    def hanging(_host: str, _port: int) -> list[str]:
        release.wait(10)
        return []

    begin = time.monotonic()
    slow = Fetcher(FetchPolicy(timeout=0.3), resolver=hanging)
    assert code_of(lambda: slow.get("http://example.com/")) == "fetch-timeout"
    assert time.monotonic() - begin < 8.0
    release.set()


def test_tells_an_unknown_name_from_a_closed_port_and_a_broken_answer() -> None:
    assert code_of(lambda: fetcher().get("http://nobody.invalid/")) == "fetch-unresolved"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert code_of(lambda: fetcher().get(f"http://127.0.0.1:{port}/")) == "fetch-unreachable"
    with serving(lambda connection, _request: connection.sendall(b"nonsense\r\n\r\n")) as server:
        assert code_of(lambda: fetcher().get(f"http://127.0.0.1:{server.port}/")) == "fetch-broken"
    cut_short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    with serving(lambda connection, _request: connection.sendall(cut_short)) as server:
        assert code_of(lambda: fetcher().get(f"http://127.0.0.1:{server.port}/")) == "fetch-broken"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("200 OK", b"direct")) as server, serving(answering("200 OK", b"proxy")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetcher().get(f"http://127.0.0.1:{server.port}/").body == b"direct"
    assert proxy.requests == []


def server_context(authority: Authority, **names: list[str]) -> ssl.SSLContext:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = names or {"dns": ["localhost"], "ips": ["127.0.0.1"]}
    issued = authority.issue(CertificateKind.TLS_SERVER, ExtendedKeyUsageOID.SERVER_AUTH, **names)  # type: ignore[arg-type]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate_file, issued.key_file, password=PASSPHRASE)
    return context


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_https_checks_the_name_of_the_url_not_the_address(host: str, authority: Authority) -> None:
    with serving(answering(), server_context(authority)) as server:
        trusting = fetcher(trust_anchors=authority.anchors_file)
        assert trusting.get(f"https://{host}:{server.port}/").body == b"hello"
        assert server.sni == ("localhost" if host == "localhost" else None)
        assert code_of(lambda: fetcher().get(f"https://localhost:{server.port}/")) == "fetch-tls"


def test_https_refuses_a_certificate_of_another_name(authority: Authority) -> None:
    with serving(answering(), server_context(authority, dns=["other.example"])) as server:
        trusting = fetcher(trust_anchors=authority.anchors_file)
        assert code_of(lambda: trusting.get(f"https://localhost:{server.port}/")) == "fetch-tls"
        assert server.requests == []
