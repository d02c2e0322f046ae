"""Fetching evidence: asked for conditionally, once for all, refreshed in the background, left alone after
failures; issuers searched for within a budget. Real HTTP throughout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID

from runtime import metrics
from runtime.cache import Fresh, FreshCache
from runtime.evidence.backoff import Backoff, BackoffPolicy
from runtime.evidence.policy import EVIDENCE_POLICIES, EvidencePurpose, IssuerBudget
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher
from tests.runtime.authority import Authority
from tests.runtime.responder import DER, LOOPBACK, PURPOSE, World, read
from trust.certificate import Certificate
from trust.profile_policy import CertificateKind

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THOUSAND = 1000


def counted(kind: str, outcome: str) -> float:
    return (
        metrics.REGISTRY.get_sample_value("tongxing_fetches_total", {"kind": kind, "outcome": outcome}) or 0
    )


@contextmanager
def small_threads() -> Iterator[None]:
    """A thousand threads need not have eight megabytes of stack each."""
    before = threading.stack_size(256 * 1024)
    try:
        yield
    finally:
        threading.stack_size(before)


def all_at_once(number: int, work: Callable[[int], object]) -> list[object]:
    """What the work returned, or raised, in so many threads that begin together."""
    outcomes: list[object] = [None] * number
    start = threading.Barrier(number)

    def run(index: int) -> None:
        start.wait(30)
        try:
            outcomes[index] = work(index)
        except Exception as error:
            outcomes[index] = error

    with small_threads():
        threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


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


# --- conditional requests ---


@pytest.mark.parametrize(
    ("validator", "condition"),
    [
        (("ETag", '"v1"'), ("If-None-Match", '"v1"')),
        (("ETag", 'W/"v1"'), ("If-None-Match", 'W/"v1"')),
        (
            ("Last-Modified", "Sun, 22 Nov 2026 08:00:00 GMT"),
            ("If-Modified-Since", "Sun, 22 Nov 2026 08:00:00 GMT"),
        ),
    ],
)
def test_a_list_at_hand_is_asked_for_conditionally_and_kept_on_304(
    world: World, validator: tuple[str, str], condition: tuple[str, str]
) -> None:
    world.responder.headers = dict([validator])
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    not_modified = counted("crl", "not-modified")
    first = fetcher.evidence_for([card], world.now).crls[0]
    for minutes in (6, 12, 18):
        assert fetcher.evidence_for([card], world.now + minutes * MINUTE).crls[0] is first
    assert [request.get(condition[0]) for request in world.responder.requests] == [
        None,
        condition[1],
        condition[1],
        condition[1],
    ]
    assert counted("crl", "not-modified") - not_modified == 3


def test_a_changed_list_comes_with_its_new_validator(world: World) -> None:
    world.responder.headers = {"ETag": '"v1"'}
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    assert world.codes(fetcher, card) == []
    world.responder.revoked.add(card.serial_number)
    world.responder.at = world.now + timedelta(minutes=11)
    world.responder.headers = {"ETag": '"v2"'}
    assert "certificate-revoked" in world.codes(fetcher, card, world.now + timedelta(minutes=11))
    fetcher.evidence_for([card], world.now + timedelta(minutes=22))
    assert world.responder.requests[-1]["If-None-Match"] == '"v2"'


@pytest.mark.parametrize("etag", ['"', "no quotes", '"two""', '"' + "x" * 300 + '"', '"sp ace"'])
def test_a_validator_that_is_none_is_not_sent_back(world: World, etag: str) -> None:
    world.responder.headers = {"ETag": etag, "Last-Modified": "yesterday"}
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    for minutes in (0, 11):
        fetcher.evidence_for([card], world.now + minutes * MINUTE)
    assert world.responder.count("crl") == 2
    assert not any("If-None-Match" in request for request in world.responder.requests)
    assert not any("If-Modified-Since" in request for request in world.responder.requests)


def test_not_modified_without_having_asked_is_no_list(world: World) -> None:
    world.responder.crl_status = 304
    assert world.fetcher().evidence_for([world.issue(ocsp="")], world.now).crls == ()


def test_an_older_list_does_not_take_the_place_of_a_newer_one(world: World) -> None:
    """An attacker on the way, or a cache gone astray, brings a list without the revocation."""
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    before = world.responder.crl("issuing")
    world.responder.at = world.now + MINUTE
    world.responder.revoked.add(card.serial_number)
    assert "certificate-revoked" in world.codes(fetcher, card, world.now + MINUTE)
    world.responder.crl_body = before
    assert "certificate-revoked" in world.codes(fetcher, card, world.now + timedelta(minutes=20))
    assert world.responder.count("crl") >= 2


# --- how long ---


@pytest.mark.parametrize(
    ("control", "fresh_for"),
    [
        ("max-age=60", timedelta(seconds=60)),
        ('public, MAX-AGE="60"', timedelta(seconds=60)),
        ("max-age=86400", timedelta(minutes=5)),
        ("no-store", timedelta(seconds=5)),
        ("no-cache, max-age=60", timedelta(seconds=5)),
        ("max-age=0", timedelta(seconds=5)),
        ("max-age=soon", timedelta(minutes=5)),
        ("", timedelta(minutes=5)),
    ],
)
def test_a_server_may_shorten_the_refresh_within_policy_and_never_lengthen_it(
    world: World, control: str, fresh_for: timedelta
) -> None:
    world.responder.headers = {"Cache-Control": control}
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    fetcher.evidence_for([card], world.now)
    fetcher.evidence_for([card], world.now + fresh_for - timedelta(seconds=1))
    assert world.responder.count("crl") == 1
    fetcher.evidence_for([card], world.now + fresh_for)
    assert world.responder.count("crl") == 2


def test_the_age_of_an_answer_counts_as_time_passed(world: World) -> None:
    world.responder.headers = {"Cache-Control": "max-age=120", "Age": "60"}
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    fetcher.evidence_for([card], world.now)
    fetcher.evidence_for([card], world.now + MINUTE)
    assert world.responder.count("crl") == 2


def test_an_old_list_serves_at_once_while_one_request_fetches_the_next(world: World) -> None:
    fetcher, card = world.fetcher(threads=True), world.issue(ocsp="")
    first = fetcher.evidence_for([card], world.now).crls[0]
    later = world.now + 6 * MINUTE
    world.responder.at = later
    world.responder.wait = threading.Event()
    served = all_at_once(20, lambda _: fetcher.evidence_for([card], later).crls[0])
    assert all(crl is first for crl in served)
    world.responder.wait.set()
    assert wait_until(lambda: fetcher.evidence_for([card], later).crls[0] is not first)
    assert world.responder.count("crl") == 2


def test_a_list_of_an_issuer_whose_clock_is_somewhat_ahead_serves_through_an_outage(world: World) -> None:
    world.responder.at = world.now + timedelta(seconds=90)
    fetcher, card = (
        world.fetcher(crl_refresh=timedelta(seconds=10), crl_stale=timedelta(0)),
        world.issue(ocsp=""),
    )
    first = fetcher.evidence_for([card], world.now).crls[0]
    world.responder.crl_status = 503
    assert fetcher.evidence_for([card], world.now + timedelta(seconds=30)).crls == (first,)


def test_beyond_its_time_nobody_is_served_the_old_list_before_the_fetch_has_failed(world: World) -> None:
    fetcher, card = world.fetcher(threads=True), world.issue(ocsp="")
    first = fetcher.evidence_for([card], world.now).crls[0]
    much_later = world.now + 10 * MINUTE
    world.responder.at = much_later
    assert fetcher.evidence_for([card], much_later).crls[0] is not first


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


def test_an_expired_list_is_not_asked_for_at_every_login(world: World) -> None:
    world.responder.crl_lifetime = timedelta(minutes=-1)
    world.responder.at = world.now - timedelta(hours=1)
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    for _ in range(5):
        assert "revocation-unknown" in world.codes(fetcher, card)
    assert world.responder.count("crl") == 2, "the issuing CA's list and the root's, once each"


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether a thread at work brings the condition about."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(500))


def test_every_purpose_has_a_policy_and_logins_take_answers_of_a_minute_at_most() -> None:
    assert set(EVIDENCE_POLICIES) == set(EvidencePurpose)
    for purpose in (EvidencePurpose.LOGIN, EvidencePurpose.FILING):
        policy = EVIDENCE_POLICIES[purpose]
        assert policy.maximum_ocsp_age <= timedelta(seconds=60)
        assert policy.responder_alone
    assert all(policy.issuers is None for policy in EVIDENCE_POLICIES.values()), "strangers' addresses"


# --- after failures ---


def test_pauses_double_up_to_the_longest_and_chance_takes_up_to_half() -> None:
    policy = BackoffPolicy(first=timedelta(seconds=2), longest=timedelta(seconds=60))
    longest = [policy.pause(failures, 1.0).total_seconds() for failures in range(1, 9)]
    assert longest == [2, 4, 8, 16, 32, 60, 60, 60]
    assert [policy.pause(failures, 0.0).total_seconds() for failures in (1, 2, 6)] == [1, 2, 30]
    assert policy.pause(10**6, 1.0) == timedelta(seconds=60)


def test_failures_that_were_on_their_way_together_count_once() -> None:
    backoff = Backoff(BackoffPolicy(), lambda: 1.0)
    ends = {backoff.failed("host", AT) for _ in range(100)}
    assert ends == {AT + timedelta(seconds=2)}


def test_after_a_pause_one_attempt_goes_out_and_its_failure_lengthens_the_pause() -> None:
    backoff = Backoff(BackoffPolicy(), lambda: 1.0)
    backoff.failed("host", AT)
    later = AT + timedelta(seconds=2)
    assert backoff.admit(["host"], later) is None
    assert backoff.admit(["host"], later) is not None, "the others wait for the one"
    assert backoff.failed("host", later) == later + timedelta(seconds=4)
    backoff.succeeded("host")
    assert backoff.admit(["host"], later) is None
    assert backoff.failed("host", later) == later + timedelta(seconds=2), "a success forgets"


def test_a_server_may_ask_for_a_longer_pause_up_to_the_longest() -> None:
    policy = BackoffPolicy()
    backoff = Backoff(policy, lambda: 1.0)
    assert backoff.failed("a", AT, timedelta(seconds=30)) == AT + timedelta(seconds=30)
    assert backoff.failed("b", AT, timedelta(days=300)) == AT + policy.longest


def test_a_pause_from_before_the_clock_was_set_back_does_not_hold() -> None:
    backoff = Backoff(BackoffPolicy(), lambda: 1.0)
    backoff.failed("host", AT + timedelta(days=1))
    assert backoff.admit(["host"], AT) is None


def test_an_attempt_that_is_not_made_uses_nothing_up() -> None:
    """The host's pause is over, the address's is not: the next address on the host may be tried at once."""
    backoff = Backoff(BackoffPolicy(), lambda: 1.0)
    backoff.failed("host", AT)
    later = AT + timedelta(seconds=2)
    backoff.failed("address", later)
    assert backoff.admit(["host", "address"], later) == later + timedelta(seconds=2)
    assert backoff.admit(["host", "another address"], later) is None


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


# --- issuers ---


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


# --- indirect lists ---


def test_the_list_of_another_issuer_is_fetched_from_its_distribution_point(world: World) -> None:
    """RFC 5280 4.2.1.13, cRLIssuer; whether it counts is the validation's to judge."""
    name = x509.UniformResourceIdentifier(f"{world.url}/crl/root")
    other = x509.DirectoryName(world.authority.root.subject)
    points = x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, [other])])
    kind = CertificateKind.CITIZEN_AUTHENTICATION
    card = read(world.authority.issue(kind, PURPOSE, extensions=[(points, False)]))
    evidence = world.fetcher().evidence_for([card], world.now)
    assert len(evidence.crls) == 1
    assert world.responder.count("crl") == 1


def test_of_the_addresses_of_one_point_the_first_that_has_a_good_list_is_enough(world: World) -> None:
    """RFC 5280 4.2.1.13: several names of one distribution point lead to the same list."""
    urls = [f"http://127.0.0.1:1/{number}.crl" for number in range(2)]
    urls += [f"{world.url}/crl/issuing", f"{world.url}/crl/issuing-again"]
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    points = x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
    kind = CertificateKind.CITIZEN_AUTHENTICATION
    card = read(world.authority.issue(kind, PURPOSE, extensions=[(points, False)]))
    assert len(world.fetcher().evidence_for([card], world.now).crls) == 1
    assert world.responder.count("crl") == 1


# --- delta lists ---


def _freshest(url: str) -> x509.FreshestCRL:
    name = x509.UniformResourceIdentifier(url)
    return x509.FreshestCRL([x509.DistributionPoint([name], None, None, None)])


def _publish_delta(world: World, revoked: int) -> None:
    """A minute after the complete list, a delta that revokes (RFC 5280 5.2.4)."""
    responder = world.responder
    base_number = int(responder.at.timestamp())
    responder.crl_body = responder.crl("issuing")
    before = responder.crl_extensions
    responder.at += MINUTE
    responder.revoked.add(revoked)
    responder.crl_extensions = [x509.DeltaCRLIndicator(base_number)]
    responder.files["/delta/issuing"] = responder.crl("issuing")
    responder.crl_extensions = before


def test_the_delta_that_a_list_points_to_is_fetched_and_counts(world: World) -> None:
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    world.responder.crl_extensions = [_freshest(f"{world.url}/delta/issuing")]
    _publish_delta(world, card.serial_number)
    evidence = fetcher.evidence_for([card], world.responder.at)
    assert [crl.is_delta for crl in evidence.crls] == [False, True]
    world.responder.files["/crl/root"] = world.responder.crl("root")
    assert "certificate-revoked" in world.codes(fetcher, card, world.responder.at)


def test_the_delta_that_a_certificate_points_to_is_fetched(world: World) -> None:
    pointers = [
        (_points(f"{world.url}/crl/issuing"), False),
        (_freshest(f"{world.url}/delta/issuing"), False),
    ]
    kind = CertificateKind.CITIZEN_AUTHENTICATION
    card = read(world.authority.issue(kind, PURPOSE, extensions=pointers))
    _publish_delta(world, card.serial_number)
    evidence = world.fetcher().evidence_for([card], world.responder.at)
    assert [crl.is_delta for crl in evidence.crls] == [False, True]
    assert (world.responder.count("crl"), world.responder.count("delta")) == (1, 1)


def _points(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


# --- what comes over an open line ---


def test_the_pointers_of_a_forged_list_are_not_followed(world: World, tmp_path: Path) -> None:
    """Lists come by plain HTTP: who can change them on the way must not choose where we fetch next."""
    world.responder.crl_extensions = [_freshest(f"{world.url}/delta/issuing")]
    forged = world.responder.crl("issuing", Authority(tmp_path / "stranger"))
    world.responder.crl_body = forged
    world.fetcher().evidence_for([world.issue(ocsp="")], world.now)
    assert world.responder.count("crl") == 1
    assert world.responder.count("delta") == 0


def test_a_forged_list_does_not_take_the_place_of_a_good_one(world: World, tmp_path: Path) -> None:
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    first = fetcher.evidence_for([card], world.now).crls[0]
    world.responder.at = later = world.now + timedelta(minutes=20)
    world.responder.crl_body = world.responder.crl("issuing", Authority(tmp_path / "stranger"))
    assert fetcher.evidence_for([card], later).crls[0] is first
    world.responder.crl_body = None
    after_the_pause = later + MINUTE
    assert fetcher.evidence_for([card], after_the_pause + MINUTE).crls[0] is not None
    assert world.codes(fetcher, card, after_the_pause + MINUTE) == []


def test_a_forged_list_from_the_future_does_not_keep_the_good_one_out(world: World, tmp_path: Path) -> None:
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    world.responder.crl_lifetime = timedelta(days=3650)
    world.responder.crl_body = world.responder.crl("issuing", Authority(tmp_path / "stranger"))
    assert world.codes(fetcher, card) != []
    world.responder.crl_lifetime, world.responder.crl_body = timedelta(hours=1), None
    assert world.codes(fetcher, card, world.now + timedelta(minutes=11)) == []


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
