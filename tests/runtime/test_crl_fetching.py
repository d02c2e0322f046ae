"""Lists over HTTP: asked for conditionally, refreshed within policy; deltas, indirect and forged ones."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.runtime.authority import Authority
from tests.runtime.crowd import all_at_once, counted, wait_until
from tests.runtime.responder import PURPOSE, World, read
from trust.profile_policy import CertificateKind

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THOUSAND = 1000


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


def test_an_expired_list_is_not_asked_for_at_every_login(world: World) -> None:
    world.responder.crl_lifetime = timedelta(minutes=-1)
    world.responder.at = world.now - timedelta(hours=1)
    fetcher, card = world.fetcher(), world.issue(ocsp="")
    for _ in range(5):
        assert "revocation-unknown" in world.codes(fetcher, card)
    assert world.responder.count("crl") == 2, "the issuing CA's list and the root's, once each"


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
