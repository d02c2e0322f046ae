"""A responder of the test authority on 127.0.0.1: OCSP, CRLs and issuers' certificates, as a test says."""

from __future__ import annotations

import base64
import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from runtime.cache import run_in_thread
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher, RevocationFetchPolicy
from tests.runtime.authority import Authority, Issued
from trust.certificate import Certificate
from trust.path import Freshness, RevocationPolicy, ValidationInputs, validate_path
from trust.profile_policy import CertificateKind

DER = serialization.Encoding.DER
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
PURPOSE = ExtendedKeyUsageOID.CLIENT_AUTH


def present() -> datetime:
    """The machine's time, asked anew by each test: the library stamps producedAt of its answers with it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Responder:
    """An OCSP responder and CRL publisher of the test authority that behaves as the test says."""

    authority: Authority
    asked: list[tuple[str, str]] = field(default_factory=list)
    revoked: set[int] = field(default_factory=set)
    at: datetime = field(default_factory=present)
    ocsp_status: int = 200
    crl_status: int = 200
    ocsp_body: bytes | None = None
    crl_body: bytes | None = None
    nonce: bytes | bool | None = True
    answer_age: timedelta = timedelta(0)
    crl_lifetime: timedelta = timedelta(hours=1)
    wait: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Mapping[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    crl_extensions: list[x509.ExtensionType] = field(default_factory=list)

    def ocsp(self, request_der: bytes) -> bytes:
        request = ocsp.load_der_ocsp_request(request_der)
        revoked = request.serial_number in self.revoked
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=request.serial_number,
            algorithm=request.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=self.at - self.answer_age,
            next_update=self.at + timedelta(hours=1),
            revocation_time=self.at - timedelta(days=1) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        for extension in request.extensions:
            if isinstance(extension.value, x509.OCSPNonce) and self.nonce is not None:
                value = extension.value if self.nonce is True else x509.OCSPNonce(bytes(self.nonce))
                builder = builder.add_extension(value, critical=False)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.authority.issuing)
        return builder.sign(self.authority.issuing_key, hashes.SHA256()).public_bytes(DER)

    def crl(self, name: str, authority: Authority | None = None) -> bytes:
        root = name == "root"
        authority = authority or self.authority
        issuer = authority.root if root else authority.issuing
        key = authority.root_key if root else authority.issuing_key
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(self.at)
            .next_update(self.at + self.crl_lifetime)
            .add_extension(x509.CRLNumber(int(self.at.timestamp())), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
        )
        for extension in [] if root else self.crl_extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.DeltaCRLIndicator))
        for serial_number in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(self.at).build())
        return builder.sign(key, hashes.SHA256()).public_bytes(DER)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, path.split("/")[1]))
        self.requests.append(headers)
        if self.wait is not None:
            self.wait.wait(5)
        if path in self.files:
            return 200, self.files[path]
        if path.startswith("/crl/") and self._is_current(headers):
            return 304, b""
        if path.startswith("/crl/"):
            return self.crl_status, self.crl_body or self.crl(path.removeprefix("/crl/"))
        request = body if method == "POST" else base64.b64decode(unquote(path.removeprefix("/ocsp/")))
        return self.ocsp_status, self.ocsp_body or self.ocsp(request)

    def _is_current(self, headers: Mapping[str, str]) -> bool:
        """RFC 9110 13.2.2: If-None-Match decides, If-Modified-Since where it is absent."""
        if "If-None-Match" in headers:
            return headers["If-None-Match"] == self.headers.get("ETag")
        return headers.get("If-Modified-Since") == self.headers.get("Last-Modified", "none")

    def count(self, kind: str) -> int:
        return sum(1 for _method, path in self.asked if path == kind)


@dataclass
class World:
    """The responder at its address, and the authority whose certificates point there."""

    authority: Authority
    responder: Responder
    url: str
    now: datetime = field(default_factory=present)

    def issue(
        self, kind: CertificateKind = CertificateKind.CITIZEN_AUTHENTICATION, **pointers: str
    ) -> Certificate:
        """A certificate that points to the responder and the CRL, unless told otherwise."""
        pointers = {"ocsp": f"{self.url}/ocsp", "crl": f"{self.url}/crl/issuing", **pointers}
        extensions: list[tuple[x509.ExtensionType, bool]] = []
        if pointers["ocsp"]:
            location = x509.UniformResourceIdentifier(pointers["ocsp"])
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
            extensions.append((x509.AuthorityInformationAccess([access]), False))
        if pointers["crl"]:
            extensions.append((_distribution_points(pointers["crl"]), False))
        return read(self.authority.issue(kind, PURPOSE, extensions=extensions))

    def fetcher(self, *, threads: bool = False, **policy: object) -> RevocationFetcher:
        """A revocation fetcher that may reach 127.0.0.1 and knows the authority.

        What it does in the background it does at once, unless `threads` are wanted.
        """
        fetch = Fetcher(FetchPolicy(allowed_networks=(LOOPBACK,), timeout=3.0))
        return RevocationFetcher(
            fetch,
            self.chain,
            RevocationFetchPolicy(**policy),  # type: ignore[arg-type]
            in_background=run_in_thread if threads else _run_at_once,
        )

    @property
    def chain(self) -> tuple[Certificate, Certificate]:
        return tuple(  # type: ignore[return-value]
            Certificate.parse(ca.public_bytes(DER)) for ca in (self.authority.issuing, self.authority.root)
        )

    def codes(
        self, fetcher: RevocationFetcher, certificate: Certificate, at: datetime | None = None
    ) -> list[str]:
        """What a validation with the fetched evidence rejects; nothing: valid."""
        at = at or self.now
        issuing, root = self.chain
        inputs = ValidationInputs(
            anchors=(root,),
            intermediates=(issuing,),
            revocation=fetcher.evidence_for([certificate, issuing, root], at),
            revocation_policy=RevocationPolicy.HARD_FAIL,
            freshness=Freshness(maximum_ocsp_age=timedelta(seconds=60)),
        )
        return [rejection.code for rejection in validate_path(certificate, inputs, at).rejections]


def _run_at_once(work: Callable[[], None]) -> None:
    work()


def read(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def _distribution_points(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


class PointingAuthority(Authority):
    """An authority whose issuing certificate points to the root's CRL."""

    def __init__(self, folder: Path, url: str) -> None:
        self.issuing_extensions = (_distribution_points(f"{url}/crl/root"),)
        super().__init__(folder)


class Listener(ThreadingHTTPServer):
    """Takes a thousand connections at once."""

    request_queue_size = 1024
    daemon_threads = True


@contextmanager
def running_world(folder: Path) -> Iterator[World]:
    """The authority and its responder, answering on 127.0.0.1."""
    holder: list[Responder] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, answer = holder[0].answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in holder[0].headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with Listener(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        authority = PointingAuthority(folder / "authority", url)
        holder.append(Responder(authority))
        yield World(authority, holder[0], url)
        server.shutdown()
        thread.join()
