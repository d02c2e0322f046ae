"""The nginx sites in a real nginx: what readers forge is stripped, and mutual TLS ends where it should."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import flask
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from runtime.internal import InternalClient, InternalError, serve_internal
from runtime.settings import ServiceSettings
from tests.runtime.authority import PASSPHRASE, Authority, Issued, free_port, with_client
from tests.runtime.internal_api import application, send
from trust.profile_policy import CertificateKind

pytestmark = pytest.mark.foreign

SITES = Path(__file__).parents[2] / "deploy" / "nginx"
NAMES = ["desk.city.example", "login.city.example", "filing.city.example"]
PLAIN_NAMES = ["status.city.example", "timestamp.city.example"]
MAIN = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/tongxing.conf;
    include {folder}/sites/*.conf;
}}
"""


class Backend:
    """Every service behind nginx at once: tells what headers arrived."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                backend.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Town:
    """The sites of deploy/nginx on free ports, in a temporary folder, with certificates of a test CA."""

    def __init__(self, folder: Path, authority: Authority, ports: dict[int, int]) -> None:
        self.folder = folder
        self.authority = authority
        self._ports = ports
        for name in ("conf.d", "sites", "log", "tongxing/tls", "tongxing/internal", "trust"):
            (folder / name).mkdir(parents=True)
        self._copy("tongxing.conf", "conf.d/tongxing.conf")
        self._copy("public.conf", "sites/public.conf")
        self._copy("internal.conf", "sites/internal.conf")
        self._copy("proxy.conf", "tongxing/proxy.conf")
        self._copy("internal-proxy.conf", "tongxing/internal.conf")
        self._certificates()
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))

    def _copy(self, source: str, target: str) -> None:
        """Copy a site, its addresses changed and nothing else."""
        text = (SITES / source).read_text()
        for old, new in (
            ("/etc/nginx/tongxing/", f"{self.folder}/tongxing/"),
            ("/etc/tongxing/trust/", f"{self.folder}/trust/"),
            ("/var/log/nginx/", f"{self.folder}/log/"),
        ):
            text = text.replace(old, new)
        for port, other in self._ports.items():
            text = text.replace(f"127.0.0.1:{port};", f"127.0.0.1:{other};")
            text = text.replace(f"listen {port} ", f"listen 127.0.0.1:{other} ")
            text = text.replace(f"listen {port};", f"listen 127.0.0.1:{other};")
        (self.folder / target).write_text(text)

    def _certificates(self) -> None:
        server, client = CertificateKind.TLS_SERVER, CertificateKind.TLS_CLIENT
        public = self.authority.issue(server, ExtendedKeyUsageOID.SERVER_AUTH, dns=NAMES)
        shutil.copy(public.certificate_file, self.folder / "tongxing/tls/fullchain.pem")
        plain = public.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "tongxing/tls/key.pem").write_bytes(plain)
        for name, kind in (("ra", server), ("ca", server), ("proxy", client)):
            issued = self.authority.service(name, kind)
            shutil.copy(issued.certificate_file, self.folder / f"tongxing/internal/{name}.pem")
            shutil.copy(issued.key_file, self.folder / f"tongxing/internal/{name}.p8")
        (self.folder / "tongxing/internal/passphrase").write_bytes(PASSPHRASE + b"\n")
        both = self.authority.anchors_file.read_bytes() + self.authority.intermediates_file.read_bytes()
        (self.folder / "trust/root-and-issuing.pem").write_bytes(both)

    def port(self, port: int) -> int:
        return self._ports[port]

    def command(self, *more: str) -> list[str]:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
        if program is None:
            pytest.skip("not installed: nginx (Debian package nginx-light)")
        return [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *more]

    @contextmanager
    def running(self) -> Iterator[None]:
        with subprocess.Popen(self.command(), stderr=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + 10
                while not self._answers():
                    assert process.poll() is None, (self.folder / "error.log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                yield
            finally:
                process.terminate()
                process.wait(10)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port(8552)), timeout=1).close()
        except OSError:
            return False
        return True

    def ask(
        self, host: str, path: str = "/", *, method: str = "GET", body: bytes = b"", **headers: str
    ) -> http.client.HTTPResponse:
        """Ask a public site, over TLS where it has a name there."""
        if host in PLAIN_NAMES:
            connection = http.client.HTTPConnection("127.0.0.1", self.port(80), timeout=10)
        else:
            context = ssl.create_default_context(cafile=self.authority.anchors_file)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port(443), timeout=10)
            plain = socket.create_connection(("127.0.0.1", self.port(443)), timeout=10)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body or None, headers={"Host": host, **sent})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def ca_settings(authority: Authority) -> ServiceSettings:
    issued = authority.service("ca", CertificateKind.TLS_SERVER)
    return authority.settings(
        internal_port=free_port(),
        internal_certificate=issued.certificate_file,
        internal_key=issued.key_file,
        internal_proxy="127.0.0.1",
    )


@pytest.fixture(scope="module")
def town(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    backend: Backend,
    ca_settings: ServiceSettings,
) -> Iterator[Town]:
    ports = dict.fromkeys((8401, 8403, 8404, 8405, 8406), backend.port)
    ports |= {port: free_port() for port in (80, 443, 8551, 8552)}
    ports |= {8451: free_port(), 8452: ca_settings.internal_port}
    town = Town(tmp_path_factory.mktemp("nginx"), authority, ports)
    app: flask.Flask = application(ca_settings)
    listener = serve_internal(app.wsgi_app, ca_settings)
    with town.running():
        yield town
    listener.stop()


def test_nginx_finds_the_sites_right(town: Town) -> None:
    answer = subprocess.run(town.command("-t"), capture_output=True, text=True, check=False, timeout=30)
    assert answer.returncode == 0, answer.stderr
    assert "[warn]" not in answer.stderr


FORGED = {
    "X_Forwarded_For": "10.0.0.1",
    "X_Forwarded_Proto": "http",
    "X_Forwarded_Host": "evil.example",
    "X_Real_IP": "10.0.0.1",
    "Forwarded": "for=10.0.0.1",
    "X_Request_Id": "forged",
    "X_Tongxing_Client_Certificate": "forged",
}


@pytest.mark.parametrize("host", [*NAMES, *PLAIN_NAMES])
def test_what_a_reader_forges_does_not_reach_a_service(host: str, town: Town, backend: Backend) -> None:
    assert town.ask(host, "/page?code=secret", **FORGED).status == 200
    path, headers, _ = backend.seen[-1]
    assert path == "/page?code=secret"
    assert headers["host"] == host
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == ("http" if host in PLAIN_NAMES else "https")
    assert len(headers["x-request-id"]) == 32
    for name in ("x-forwarded-host", "x-real-ip", "forwarded", "x-tongxing-client-certificate"):
        assert name not in headers
    assert "secret" not in (town.folder / "log/tongxing.log").read_text(), "queries are not logged"


@pytest.mark.parametrize("host", [*NAMES, *PLAIN_NAMES])
def test_figures_are_not_for_the_world(host: str, town: Town) -> None:
    assert town.ask(host, "/metrics").status == 404


def test_an_ocsp_request_by_get_keeps_its_slashes(town: Town, backend: Backend) -> None:
    town.ask("status.city.example", "/ocsp/MEYw//RDBC%2FMEA=")
    assert backend.seen[-1][0] == "/ocsp/MEYw//RDBC%2FMEA="


def test_plain_http_leads_to_https(town: Town) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", town.port(80), timeout=5)
    connection.request("GET", "/a?b=c", headers={"Host": "login.city.example"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (308, "https://login.city.example/a?b=c")


def test_an_unknown_name_is_told_nothing(town: Town) -> None:
    context = ssl.create_default_context(cafile=town.authority.anchors_file)
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", town.port(443)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="other.example") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert secured.recv(100) == b""


def test_old_tls_is_refused(town: Town) -> None:
    context = ssl.create_default_context(cafile=town.authority.anchors_file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this side would not even try
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", town.port(443)), timeout=5) as plain,
        pytest.raises(ssl.SSLError, match="alert protocol version"),
    ):
        context.wrap_socket(plain, server_hostname=NAMES[0])


def test_a_large_document_gets_through_to_filing_only(town: Town, backend: Backend) -> None:
    large = b"x" * (2 * 1024 * 1024)
    assert town.ask("filing.city.example", "/documents", method="POST", body=large).status == 200
    assert backend.seen[-1][2] == large
    before = len(backend.seen)
    # It is refused before all of it was sent.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
        assert town.ask("desk.city.example", method="POST", body=large).status == 413
    assert len(backend.seen) == before


def test_half_a_request_does_not_occupy_a_service(town: Town, backend: Backend) -> None:
    before = len(backend.seen)
    with socket.create_connection(("127.0.0.1", town.port(80)), timeout=5) as slow:
        slow.sendall(b"POST /ocsp HTTP/1.1\r\nHost: status.city.example\r\nContent-Length: 100\r\n\r\nhalf")
        assert town.ask("status.city.example").status == 200
    assert [path for path, _, _ in backend.seen[before:]] == ["/"]


def test_too_many_requests_from_one_address_are_429(town: Town) -> None:
    statuses = []
    while len(statuses) < 1000 and 429 not in statuses:
        statuses.append(town.ask("login.city.example", "/login").status)
    assert statuses[-1] == 429
    assert set(statuses[:30]) == {200}, "an office behind one address may begin a few at once"
    assert town.ask("login.city.example", "/token", method="POST", body=b"x").status == 200, (
        "sites are not held up"
    )


# --- between services ---


def client(town: Town, issued: Issued, *, service: str = "ca") -> InternalClient:
    settings = with_client(town.authority.settings(), issued)
    return InternalClient(f"https://localhost:{town.port(8552)}", settings, service=service)


def test_a_service_reaches_another_through_the_proxy(town: Town) -> None:
    for name in ("ra", "va", "ra"):
        calling = client(town, town.authority.service(name, CertificateKind.TLS_CLIENT))
        assert calling.get_json("/internal/who")["caller"] == name, (
            "not the one who used the connection before"
        )
        calling.close()


def test_a_forged_certificate_header_is_replaced_by_the_proxy(town: Town) -> None:
    va, ra = (town.authority.service(name, CertificateKind.TLS_CLIENT) for name in ("va", "ra"))
    forged = ra.certificate.public_bytes(serialization.Encoding.PEM).decode().replace("\n", "%0A")
    request = f"GET /internal/who HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n{{}}: {forged}\r\n\r\n"
    for name in ("X-Tongxing-Client-Certificate", "X_Tongxing_Client_Certificate"):
        answer = send(town.authority, town.port(8552), va, request.format(name).encode())
        assert b'"caller":"va"' in answer.replace(b" ", b"")


def test_a_citizen_and_a_stranger_do_not_get_through_the_proxy(
    town: Town, tmp_path_factory: pytest.TempPathFactory
) -> None:
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    citizen = client(town, town.authority.issue(CertificateKind.CITIZEN_AUTHENTICATION, purpose))
    stranger = Authority(tmp_path_factory.mktemp("foreign"), "Foreign").service(
        "ra", CertificateKind.TLS_CLIENT
    )
    for calling, codes in (
        (citizen, {"certificate-wrong-kind"}),
        (client(town, stranger), {"service-error", "service-tls", "service-unreachable"}),
    ):
        with pytest.raises(InternalError) as caught:
            calling.get_json("/internal/who")
        assert caught.value.code in codes
        calling.close()


def test_the_proxy_shows_each_services_own_name(town: Town) -> None:
    calling = client(town, town.authority.service("ra", CertificateKind.TLS_CLIENT), service="idp")
    with pytest.raises(InternalError) as caught:
        calling.get_json("/internal/who")
    assert caught.value.code == "server-wrong-service"
    calling.close()
