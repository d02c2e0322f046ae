"""Revocation evidence over real HTTP: OCSP first, CRL where there is none, "unknown" where neither is."""

from __future__ import annotations

import base64
import ipaddress
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from runtime.cache import Fresh, FreshCache
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher, RevocationFetchPolicy
from tests.runtime.authority import Authority, Issued
from trust.certificate import Certificate
from trust.path import Freshness, RevocationPolicy, ValidationInputs, validate_path
from trust.profile_policy import CertificateKind

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
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

    def crl(self, name: str) -> bytes:
        root = name == "root"
        issuer = self.authority.root if root else self.authority.issuing
        key = self.authority.root_key if root else self.authority.issuing_key
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
        for serial_number in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(self.at).build())
        return builder.sign(key, hashes.SHA256()).public_bytes(DER)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, path.split("/")[1]))
        if self.wait is not None:
            self.wait.wait(5)
        if path.startswith("/crl/"):
            return self.crl_status, self.crl_body or self.crl(path.removeprefix("/crl/"))
        request = body if method == "POST" else base64.b64decode(unquote(path.removeprefix("/ocsp/")))
        return self.ocsp_status, self.ocsp_body or self.ocsp(request)

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

    def fetcher(self, **policy: object) -> RevocationFetcher:
        """A revocation fetcher that may reach 127.0.0.1 and knows the authority."""
        fetch = Fetcher(FetchPolicy(allowed_networks=(LOOPBACK,), timeout=3.0))
        return RevocationFetcher(fetch, self.chain, RevocationFetchPolicy(**policy))  # type: ignore[arg-type]

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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    holder: list[Responder] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, answer = holder[0].answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        authority = PointingAuthority(tmp_path / "authority", url)
        holder.append(Responder(authority))
        yield World(authority, holder[0], url)
        server.shutdown()
        thread.join()


def test_a_good_certificate_is_good_by_ocsp(world: World) -> None:
    assert world.codes(world.fetcher(), world.issue()) == []
    assert world.responder.asked == [("GET", "ocsp"), ("GET", "crl")], (
        "OCSP for the leaf, the root's CRL for its CA"
    )


def test_a_revoked_certificate_is_revoked_by_ocsp(world: World) -> None:
    card = world.issue()
    world.responder.revoked.add(card.serial_number)
    assert world.codes(world.fetcher(), card) == ["certificate-revoked"]


def test_a_revoked_authority_is_revoked_by_the_roots_crl(world: World) -> None:
    world.responder.revoked.add(world.authority.issuing.serial_number)
    assert world.codes(world.fetcher(), world.issue()) == ["certificate-revoked"]


def test_an_answer_is_used_for_sixty_seconds_and_no_longer(world: World) -> None:
    fetcher, card = world.fetcher(), world.issue()
    for seconds in (0, 30, 59):
        assert world.codes(fetcher, card, world.now + timedelta(seconds=seconds)) == []
    assert world.responder.count("ocsp") == 1
    later = world.now + timedelta(seconds=60)
    world.responder.at = later
    world.responder.revoked.add(card.serial_number)
    assert world.codes(fetcher, card, later) == ["certificate-revoked"]
    assert world.responder.count("ocsp") == 2


def tries_later(responder: Responder) -> None:
    builder = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    responder.ocsp_body = builder.public_bytes(DER)


def answers_about_another(responder: Responder) -> None:
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(b"x" * 20, b"y" * 20, 7, hashes.SHA1())  # noqa: S303
    responder.ocsp_body = responder.ocsp(request.build().public_bytes(DER))


def set_to(**values: object) -> Callable[[Responder], None]:
    def change(responder: Responder) -> None:
        for name, value in values.items():
            setattr(responder, name, value)

    return change


UNUSABLE = {
    "error": set_to(ocsp_status=500),
    "redirect": set_to(ocsp_status=302),
    "garbage": set_to(ocsp_body=b"<html>"),
    "try later": tries_later,
    "another certificate": answers_about_another,
    "stale": set_to(answer_age=timedelta(minutes=2)),
    "of the future": set_to(answer_age=timedelta(minutes=-10)),
}


@pytest.mark.parametrize("failure", UNUSABLE.values(), ids=list(UNUSABLE))
def test_the_crl_serves_where_the_responder_does_not(
    world: World, failure: Callable[[Responder], None]
) -> None:
    failure(world.responder)
    good, revoked = world.issue(), world.issue()
    world.responder.revoked.add(revoked.serial_number)
    fetcher = world.fetcher()
    assert world.codes(fetcher, good) == []
    assert world.codes(fetcher, revoked) == ["certificate-revoked"]
    evidence = fetcher.evidence_for([good], world.now)
    assert (len(evidence.ocsp), len(evidence.crls)) == (0, 1)


def test_no_crl_stands_in_for_a_silenced_responder_where_it_counts_alone(world: World) -> None:
    set_to(ocsp_status=503)(world.responder)
    fetcher, card = world.fetcher(responder_alone=True), world.issue()
    assert world.codes(fetcher, card) == ["revocation-unknown"]
    # The authority above it, and a certificate that names no responder, are judged by CRLs as ever.
    assert world.codes(fetcher, world.issue(ocsp="")) == []


def test_unknown_fails_closed(world: World) -> None:
    set_to(ocsp_status=503, crl_status=503)(world.responder)
    assert world.codes(world.fetcher(), world.issue()) == ["revocation-unknown", "revocation-unknown"]
    silent = world.issue(ocsp="", crl="")
    assert "revocation-unknown" in world.codes(world.fetcher(), silent)


def test_a_dead_responder_is_not_asked_again_at_once(world: World) -> None:
    set_to(ocsp_status=503, crl_status=503)(world.responder)
    fetcher, card = world.fetcher(), world.issue()
    for _ in range(5):
        fetcher.evidence_for([card], world.now)
    assert (world.responder.count("ocsp"), world.responder.count("crl")) == (1, 1)
    set_to(ocsp_status=200)(world.responder)
    fetcher.evidence_for([card], world.now + timedelta(seconds=2))
    assert world.responder.count("ocsp") == 2


def test_many_who_ask_at_once_cause_one_request(world: World) -> None:
    fetcher, card = world.fetcher(), world.issue()
    world.responder.wait = threading.Event()
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(fetcher.evidence_for([card], world.now).ocsp)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    world.responder.wait.set()
    for thread in threads:
        thread.join()
    assert found == [1] * 20
    assert world.responder.count("ocsp") == 1


def test_a_strangers_certificate_makes_us_fetch_nothing(world: World, tmp_path: Path) -> None:
    """It names our CA as its issuer, and an address of its own choice; the signature is not ours."""
    stranger = Authority(tmp_path / "stranger")
    access = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{world.url}/ocsp")
    )
    pointer: list[tuple[x509.ExtensionType, bool]] = [(x509.AuthorityInformationAccess([access]), False)]
    forged = read(stranger.issue(CertificateKind.CITIZEN_AUTHENTICATION, PURPOSE, extensions=pointer))
    assert stranger.issuing.subject == world.authority.issuing.subject
    evidence = world.fetcher().evidence_for([forged], world.now)
    assert (evidence.crls, evidence.ocsp) == ((), ())
    assert world.responder.asked == []


def test_addresses_that_are_not_http_are_passed_over(world: World) -> None:
    card = world.issue(ocsp="ldap://127.0.0.1/x", crl="ldap://127.0.0.1/y")
    evidence = world.fetcher().evidence_for([card], world.now)
    assert (evidence.crls, evidence.ocsp) == ((), ())


def test_the_last_crl_serves_until_its_end_when_it_cannot_be_renewed(world: World) -> None:
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    assert world.codes(fetcher, card) == []
    set_to(crl_status=503)(world.responder)
    assert world.codes(fetcher, card, world.now + timedelta(minutes=30)) == []
    assert world.codes(fetcher, card, world.now + timedelta(minutes=61)) != []


def test_a_crl_is_fetched_anew_after_its_time_and_kept_when_unchanged(world: World) -> None:
    fetcher, card = world.fetcher(crl_refresh=timedelta(minutes=5)), world.issue(ocsp="")
    world.responder.crl_body = world.responder.crl("issuing")
    first = fetcher.evidence_for([card], world.now).crls[0]
    assert fetcher.evidence_for([card], world.now + timedelta(minutes=4)).crls[0] is first
    assert world.responder.count("crl") == 1
    assert fetcher.evidence_for([card], world.now + timedelta(minutes=6)).crls[0] is first, (
        "its index is not built twice"
    )
    assert world.responder.count("crl") == 2


@pytest.mark.parametrize(
    ("nonce", "usable"), [(True, True), (None, False), (b"another nonce, replayed", False)]
)
def test_with_the_nonce_policy_only_an_answer_to_our_request_counts(
    world: World, nonce: bytes | bool | None, usable: bool
) -> None:
    world.responder.nonce = nonce
    evidence = world.fetcher(nonce=True).evidence_for([world.issue()], world.now)
    assert bool(evidence.ocsp) is usable
    assert bool(evidence.crls) is not usable
    assert world.responder.asked[0] == ("POST", "ocsp"), "a nonce leaves nothing to caches"


def test_long_addresses_are_asked_by_post(world: World) -> None:
    card = world.issue(ocsp=f"{world.url}/ocsp/{'x' * 200}")
    assert world.codes(world.fetcher(), card) == []
    assert world.responder.asked[0] == ("POST", "ocsp")


def test_from_settings_knows_the_services_authorities(world: World) -> None:
    settings = world.authority.settings(allow_private_addresses=("127.0.0.0/8",))
    fetcher = RevocationFetcher.from_settings(settings)
    assert world.codes(fetcher, world.issue()) == []
    closed = RevocationFetcher.from_settings(world.authority.settings())
    assert "revocation-unknown" in world.codes(closed, world.issue()), "loopback is not allowed by itself"


def test_the_cache_is_bounded() -> None:
    cache: FreshCache[int] = FreshCache(3)
    later = AT + timedelta(minutes=1)
    for number in range(10):
        assert cache.get(number % 5, AT, lambda number=number: Fresh(number, later)) == number  # type: ignore[misc]
        assert len(cache) <= 3


def test_what_fails_in_the_cache_reaches_the_caller_and_is_tried_again() -> None:
    cache: FreshCache[int] = FreshCache(3)

    def fail() -> Fresh[int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("x", AT, fail)
    assert cache.get("x", AT, lambda: Fresh(1, AT)) == 1
    assert cache.get("x", AT, lambda: Fresh(2, AT)) == 2, "fresh until now is not fresh"
