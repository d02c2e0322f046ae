"""Issuers' certificates that were not brought along: found within a budget, and only where policy says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID

from runtime.evidence.policy import IssuerBudget
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher
from tests.runtime.authority import Authority
from tests.runtime.responder import DER, LOOPBACK, PURPOSE, World, read
from trust.certificate import Certificate
from trust.profile_policy import CertificateKind

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THOUSAND = 1000


class Tower:
    """A root we know, and authorities below it that we do not: each points to its issuer's certificate."""

    def __init__(self, world: World, folder: Path, publish: Callable[[x509.Certificate], bytes]) -> None:
        self.world = world
        self.authority = PointingToIssuers(folder, world.url)
        world.responder.files = {"/issuer/issuing": publish(self.authority.issuing)}

    def leaf(self, **pointers: str) -> Certificate:
        address = pointers.get("issuer", f"{self.world.url}/issuer/issuing")
        pairs = [(AuthorityInformationAccessOID.CA_ISSUERS, address)]
        pairs += [(AuthorityInformationAccessOID.OCSP, url) for url in pointers.get("ocsp", "").split()]
        return read(
            self.authority.issue(
                CertificateKind.CITIZEN_AUTHENTICATION, PURPOSE, extensions=[(_access(*pairs), False)]
            )
        )

    def fetcher(
        self,
        budget: IssuerBudget | None = IssuerBudget(),  # noqa: B008 - frozen
        known: Authority | None = None,
        **changes: object,
    ) -> RevocationFetcher:
        policy = {"allowed_networks": (LOOPBACK,), "timeout": 3.0, **changes}
        root = (known or self.authority).root
        return RevocationFetcher(
            Fetcher(FetchPolicy(**policy)),  # type: ignore[arg-type]
            (Certificate.parse(root.public_bytes(DER)),),
            replace_issuers(budget),
        )

    @property
    def issuing(self) -> Certificate:
        return Certificate.parse(self.authority.issuing.public_bytes(DER))


class PointingToIssuers(Authority):
    def __init__(self, folder: Path, url: str) -> None:
        address = (AuthorityInformationAccessOID.CA_ISSUERS, f"{url}/issuer/root")
        self.issuing_extensions = (_access(address),)
        super().__init__(folder)


def replace_issuers(budget: IssuerBudget | None):
    from dataclasses import replace

    from runtime.revocation import RevocationFetchPolicy

    return replace(RevocationFetchPolicy(), issuers=budget)


def _access(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in pairs]
    )


def as_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(DER)


def as_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def as_cms(certificate: x509.Certificate) -> bytes:
    return pkcs7.serialize_certificates([certificate], DER)


@pytest.mark.parametrize("publish", [as_der, as_pem, as_cms])
def test_a_missing_issuer_is_found_in_every_form(
    world: World, tmp_path: Path, publish: Callable[[x509.Certificate], bytes]
) -> None:
    tower = Tower(world, tmp_path / "tower", publish)
    fetcher = tower.fetcher()
    for _ in range(3):
        assert fetcher.issuers_of([tower.leaf()], world.now) == (tower.issuing,)
    assert world.responder.count("issuer") == 1


def test_issuers_that_were_brought_along_are_not_searched_for(world: World, tmp_path: Path) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    assert tower.fetcher().issuers_of([tower.leaf(), tower.issuing], world.now) == ()
    assert world.responder.asked == []


def test_issuers_are_not_searched_for_unless_policy_says_so(world: World, tmp_path: Path) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    assert tower.fetcher(budget=None).issuers_of([tower.leaf()], world.now) == ()
    assert world.responder.asked == []


def test_what_leads_to_no_known_authority_is_not_kept_nor_asked_about(world: World, tmp_path: Path) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    world.responder.files["/issuer/root"] = as_der(tower.authority.root)
    fetcher = tower.fetcher(known=world.authority)
    leaf = tower.leaf(ocsp=f"{world.url}/ocsp")
    assert fetcher.issuers_of([leaf], world.now) == ()
    assert fetcher.evidence_for([leaf], world.now).ocsp == ()
    assert world.responder.count("ocsp") == 0
    assert world.responder.count("issuer") == 2


def test_evidence_is_fetched_through_an_issuer_that_was_found(world: World, tmp_path: Path) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    world.responder.authority = tower.authority
    evidence = tower.fetcher().evidence_for([tower.leaf(ocsp=f"{world.url}/ocsp")], world.now)
    assert len(evidence.ocsp) == 1


def test_a_certificate_of_the_right_name_with_another_key_is_not_the_issuer(
    world: World, tmp_path: Path
) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    impostor = Authority(tmp_path / "impostor")
    world.responder.files["/issuer/issuing"] = as_der(impostor.issuing)
    assert impostor.issuing.subject == tower.authority.issuing.subject
    assert tower.fetcher().issuers_of([tower.leaf()], world.now) == ()


@pytest.mark.parametrize(
    "budget", [IssuerBudget(maximum_hops=0), IssuerBudget(maximum_addresses=0)], ids=["hops", "addresses"]
)
def test_the_search_stays_within_its_budget(world: World, tmp_path: Path, budget: IssuerBudget) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    assert tower.fetcher(budget).issuers_of([tower.leaf()], world.now) == ()
    assert world.responder.asked == []


def test_all_certificates_of_a_question_share_one_budget(world: World, tmp_path: Path) -> None:
    """A document may bring a hundred certificates, each with an address of its author's choice."""
    tower = Tower(world, tmp_path / "tower", as_der)
    leaves = [tower.leaf(issuer=f"{world.url}/issuer/{number}") for number in range(20)]
    world.responder.files |= {f"/issuer/{number}": b"nothing" for number in range(20)}
    assert tower.fetcher().issuers_of(leaves, world.now) == ()
    assert world.responder.count("issuer") == IssuerBudget().maximum_addresses


def test_addresses_in_a_circle_are_asked_once(world: World, tmp_path: Path) -> None:
    """The stranger's issuing CA points to itself for its issuer."""
    tower = Tower(world, tmp_path / "tower", as_der)
    world.responder.files["/issuer/root"] = as_der(tower.authority.issuing)
    fetcher = tower.fetcher(IssuerBudget(maximum_hops=50, maximum_addresses=50), known=world.authority)
    assert fetcher.issuers_of([tower.leaf()], world.now) == ()
    assert world.responder.count("issuer") == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"\x30", b"<html>", b"\x30\x80\x06", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"],
)
def test_what_is_no_certificate_is_no_issuer(world: World, tmp_path: Path, body: bytes) -> None:
    tower = Tower(world, tmp_path / "tower", lambda _certificate: body)
    fetcher = tower.fetcher()
    for _ in range(3):
        assert fetcher.issuers_of([tower.leaf()], world.now) == ()
    assert world.responder.count("issuer") == 1, "it rests after a failure"


def test_issuers_are_fetched_under_the_same_guards(world: World, tmp_path: Path) -> None:
    tower = Tower(world, tmp_path / "tower", as_der)
    assert tower.fetcher(allowed_networks=()).issuers_of([tower.leaf()], world.now) == ()
    assert world.responder.asked == []
    huge = Tower(world, tmp_path / "huge", lambda _certificate: b"\x30" * (1024 * 1024))
    assert huge.fetcher().issuers_of([huge.leaf()], world.now) == ()
    assert world.responder.count("issuer") == 1
    elsewhere = tower.leaf(issuer="ldap://127.0.0.1/cn=issuer")
    assert tower.fetcher().issuers_of([elsewhere], world.now) == ()
