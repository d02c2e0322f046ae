"""Revocation evidence over real HTTP: OCSP first, CRL where there is none, "unknown" where neither is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from runtime.cache import Fresh, FreshCache
from runtime.revocation import RevocationFetcher
from tests.runtime.authority import Authority
from tests.runtime.responder import DER, PURPOSE, Responder, World, read
from trust.profile_policy import CertificateKind

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


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
    evidence = fetcher.evidence_for([card], world.now)
    first = evidence.crls[0]
    assert fetcher.evidence_for([card], world.now + timedelta(minutes=4)) is evidence
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
