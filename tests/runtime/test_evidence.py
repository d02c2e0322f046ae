"""Fetching evidence over real HTTP: once for all who ask, as fresh as its purpose needs, nobody hammered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.cache import Fresh, FreshCache
from runtime.evidence.policy import EVIDENCE_POLICIES, EvidencePurpose
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher
from tests.runtime.authority import Authority
from tests.runtime.crowd import all_at_once, counted
from tests.runtime.responder import DER, LOOPBACK, World

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THOUSAND = 1000


# --- one fetch for all ---


def test_a_thousand_logins_at_once_with_one_certificate_ask_once(world: World) -> None:
    fetcher, card = world.fetcher(threads=True), world.issue()
    found = all_at_once(THOUSAND, lambda _: len(fetcher.evidence_for([card], world.now).ocsp))
    assert found == [1] * THOUSAND
    assert world.responder.count("ocsp") == 1


def test_a_thousand_logins_at_once_with_different_cards_fetch_one_crl(world: World) -> None:
    fetcher = world.fetcher(threads=True)
    cards = [world.issue(ocsp="") for _ in range(8)]
    found = all_at_once(THOUSAND, lambda i: len(fetcher.evidence_for([cards[i % 8]], world.now).crls))
    assert found == [1] * THOUSAND
    assert world.responder.count("crl") == 1


def test_a_failure_reaches_all_who_wait_and_is_caused_once(world: World) -> None:
    world.responder.ocsp_status = 500
    fetcher, card = world.fetcher(threads=True, responder_alone=True), world.issue()
    found = all_at_once(THOUSAND, lambda _: len(fetcher.evidence_for([card], world.now).ocsp))
    assert found == [0] * THOUSAND
    assert world.responder.count("ocsp") == 1


def test_what_a_fetch_raises_is_raised_to_all_who_wait() -> None:
    cache: FreshCache[int] = FreshCache(3)
    calls: list[int] = []
    everybody_waits = threading.Event()

    def fail() -> Fresh[int]:
        calls.append(1)
        everybody_waits.wait(10)
        raise ZeroDivisionError

    def ask(index: int) -> int:
        if index == 0:
            threading.Timer(0.3, everybody_waits.set).start()
        return cache.get("key", AT, fail)

    outcomes = all_at_once(50, ask)
    assert all(isinstance(outcome, ZeroDivisionError) for outcome in outcomes)
    assert len(calls) == 1


# --- how fresh ---


def test_every_purpose_has_a_policy_and_logins_take_answers_of_a_minute_at_most() -> None:
    assert set(EVIDENCE_POLICIES) == set(EvidencePurpose)
    for purpose in (EvidencePurpose.LOGIN, EvidencePurpose.FILING):
        policy = EVIDENCE_POLICIES[purpose]
        assert policy.maximum_ocsp_age <= timedelta(seconds=60)
        assert policy.responder_alone
    assert all(policy.issuers is None for policy in EVIDENCE_POLICIES.values()), "strangers' addresses"


def test_an_answer_is_refreshed_before_its_time_is_over_where_policy_says_so(world: World) -> None:
    fetcher, card = world.fetcher(refresh_share=0.75), world.issue()
    first = fetcher.evidence_for([card], world.now).ocsp[0]
    almost = world.now + timedelta(seconds=45)
    world.responder.at = almost
    assert fetcher.evidence_for([card], almost - timedelta(seconds=1)).ocsp[0] is first
    assert world.responder.count("ocsp") == 1
    assert fetcher.evidence_for([card], almost).ocsp[0] is first, "it serves while the next one is asked for"
    assert fetcher.evidence_for([card], almost).ocsp[0] is not first
    assert world.responder.count("ocsp") == 2


def test_an_answer_never_serves_beyond_its_greatest_age(world: World) -> None:
    fetcher, card = world.fetcher(refresh_share=0.75, responder_alone=True), world.issue()
    fetcher.evidence_for([card], world.now)
    world.responder.ocsp_status = 503
    assert world.codes(fetcher, card, world.now + timedelta(seconds=50)) == []
    assert world.codes(fetcher, card, world.now + timedelta(seconds=59)) == []
    assert world.codes(fetcher, card, world.now + timedelta(seconds=60)) == ["revocation-unknown"]


def test_a_forged_answer_is_not_kept_and_displaces_nothing(world: World, tmp_path: Path) -> None:
    fetcher, card = world.fetcher(refresh_share=0.5, responder_alone=True), world.issue()
    good = fetcher.evidence_for([card], world.now).ocsp[0]
    later = world.now + timedelta(seconds=40)
    world.responder.at = later
    stranger = Authority(tmp_path / "stranger")
    world.authority.issuing_key, ours = stranger.issuing_key, world.authority.issuing_key
    for seconds in (40, 45, 59):
        assert fetcher.evidence_for([card], world.now + timedelta(seconds=seconds)).ocsp[0] is good
    assert fetcher.evidence_for([card], world.now + timedelta(seconds=61)).ocsp == ()
    world.authority.issuing_key = ours
    world.responder.at = world.now + timedelta(minutes=5)
    assert len(fetcher.evidence_for([card], world.responder.at).ocsp) == 1


# --- after failures ---


def test_retry_after_is_heeded(world: World) -> None:
    world.responder.crl_status = 503
    world.responder.headers = {"Retry-After": "30"}
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    for seconds in (0, 10, 29):
        fetcher.evidence_for([card], world.now + timedelta(seconds=seconds))
    assert world.responder.count("crl") == 1
    fetcher.evidence_for([card], world.now + timedelta(seconds=30))
    assert world.responder.count("crl") == 2


def test_a_host_that_cannot_be_reached_is_left_alone_as_a_whole(world: World) -> None:
    asked: list[str] = []

    def nobody(host: str, _port: int) -> list[str]:
        asked.append(host)
        raise OSError("no such host")

    fetcher = RevocationFetcher(
        Fetcher(FetchPolicy(allowed_networks=(LOOPBACK,), timeout=3.0), nobody), world.chain
    )
    cards = [
        world.issue(ocsp="http://dead.example/ocsp", crl=f"http://dead.example/{number}.crl")
        for number in range(5)
    ]
    resting = counted("crl", "resting")
    evidence = fetcher.evidence_for(cards, world.now)
    assert (evidence.crls, evidence.ocsp) == ((), ())
    assert asked == ["dead.example"], "ten addresses, one attempt"
    assert counted("crl", "resting") - resting == 5


def test_a_responder_that_says_try_later_rests_for_every_certificate(world: World) -> None:
    from cryptography.x509 import ocsp

    builder = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    world.responder.ocsp_body = builder.public_bytes(DER)
    fetcher = world.fetcher(responder_alone=True)
    fetcher.evidence_for([world.issue() for _ in range(5)], world.now)
    assert world.responder.count("ocsp") == 1


# --- the cache itself ---


def test_a_refresh_that_fails_leaves_what_is_kept_and_is_tried_again() -> None:
    cache: FreshCache[int] = FreshCache(3, in_background=lambda work: work())
    cache.get("key", AT, lambda: Fresh(1, AT + MINUTE, AT + 3 * MINUTE))

    def fail() -> Fresh[int]:
        raise ZeroDivisionError

    assert cache.get("key", AT + 2 * MINUTE, fail) == 1
    assert cache.get("key", AT + 2 * MINUTE, lambda: Fresh(2, AT + 9 * MINUTE)) == 1
    assert cache.get("key", AT + 2 * MINUTE, fail) == 2
    with pytest.raises(ZeroDivisionError):
        cache.get("key", AT + 9 * MINUTE, fail)


def test_refreshes_in_the_background_are_bounded_and_the_old_value_still_serves() -> None:
    waiting: list[Callable[[], None]] = []
    cache: FreshCache[int] = FreshCache(100, in_background=waiting.append)
    for key in range(50):
        cache.get(key, AT, lambda: Fresh(1, AT, AT + MINUTE))
    assert [cache.get(key, AT, lambda: Fresh(2, AT + MINUTE)) for key in range(50)] == [1] * 50
    under_way = list(waiting)
    assert 0 < len(under_way) < 50
    for work in under_way:
        work()
    assert [cache.get(key, AT, lambda: Fresh(3, AT)) for key in range(50)].count(2) == len(under_way)


def test_where_no_thread_can_be_started_the_caller_refreshes() -> None:
    def no_thread(_work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    cache: FreshCache[int] = FreshCache(3, in_background=no_thread)
    cache.get("key", AT, lambda: Fresh(1, AT, AT + MINUTE))
    assert cache.get("key", AT, lambda: Fresh(2, AT + MINUTE)) == 1
    assert cache.get("key", AT, lambda: Fresh(3, AT)) == 2
