"""How long what failed is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runtime.evidence.backoff import Backoff, BackoffPolicy

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THOUSAND = 1000


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
