"""Whether the clock is believed: by readings that are given, and on this machine's real clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runtime import clock, metrics
from runtime.clock import Reading
from runtime.clock_watch import ClockHealth, ClockPolicy, WatchedClock, judge_clock
from runtime.errors import ClockError
from tests.clocks import Machine

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
START = Reading(AT, timedelta(hours=5))
POLICY = ClockPolicy(tolerance=timedelta(seconds=1), settling=timedelta(seconds=60))
SECOND = timedelta(seconds=1)


def after(running: timedelta, step: timedelta = timedelta(0)) -> Reading:
    """A reading so much later, with the clock set by so much in between."""
    return Reading(AT + running + step, START.running + running)


def health(reading: Reading, **given: object) -> ClockHealth:
    return judge_clock(START, reading, POLICY, **given).health  # type: ignore[arg-type]


def code_of(watched: WatchedClock) -> str:
    try:
        watched()
    except ClockError as error:
        return error.code
    return "healthy"


# --- the decision ---


@pytest.mark.parametrize("later", [timedelta(0), SECOND, timedelta(days=400)])
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (timedelta(0), ClockHealth.HEALTHY),
        (SECOND, ClockHealth.HEALTHY),
        (-SECOND, ClockHealth.HEALTHY),
        (timedelta(seconds=1, microseconds=1), ClockHealth.STEPPED),
        (timedelta(seconds=-1, microseconds=-1), ClockHealth.STEPPED),
        (timedelta(days=365), ClockHealth.STEPPED),
        (timedelta(days=-365), ClockHealth.STEPPED),
    ],
)
def test_a_step_beyond_the_tolerance_is_seen_in_either_direction(
    later: timedelta, step: timedelta, expected: ClockHealth
) -> None:
    assert health(after(later, step)) is expected
    assert judge_clock(START, after(later, step), POLICY).step == step


def test_a_sleep_of_the_machine_is_no_step() -> None:
    """CLOCK_BOOTTIME ran on."""
    assert health(after(timedelta(hours=9))) is ClockHealth.HEALTHY


def test_a_running_clock_that_stood_still_shows_as_a_step() -> None:
    frozen = Reading(AT + timedelta(hours=1), START.running)
    assert health(frozen) is ClockHealth.STEPPED


def test_many_small_steps_add_up() -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, read=machine.read)
    seen = []
    for _ in range(4):
        machine.passes(timedelta(minutes=1))
        machine.is_set(timedelta(milliseconds=300))
        seen.append(code_of(watched))
    assert seen == ["healthy", "healthy", "healthy", "clock-stepped"]


def test_what_was_read_apart_is_given_the_doubt() -> None:
    """The process was interrupted between its two readings; that is no step."""
    apart = Reading(AT + 3 * SECOND, START.running, uncertainty=3 * SECOND)
    assert health(apart) is ClockHealth.HEALTHY
    assert health(Reading(AT + 5 * SECOND, START.running, uncertainty=3 * SECOND)) is ClockHealth.STEPPED


def test_a_clock_behind_the_newest_record_is_seen_at_once() -> None:
    allowed = POLICY.record_tolerance
    assert health(START, newest_record=AT + allowed) is ClockHealth.HEALTHY
    ahead = AT + allowed + timedelta(microseconds=1)
    assert health(START, newest_record=ahead) is ClockHealth.BEHIND
    assert health(after(SECOND), newest_record=ahead) is ClockHealth.HEALTHY, "the time has come"


def test_after_a_step_that_was_taken_back_the_clock_must_agree_for_the_settling_time() -> None:
    disagreed = START.running + timedelta(minutes=10)
    soon = after(timedelta(minutes=10, seconds=59))
    assert health(soon, disagreed_at=disagreed) is ClockHealth.SETTLING
    assert health(after(timedelta(minutes=11)), disagreed_at=disagreed) is ClockHealth.HEALTHY


# --- the watched clock ---


def test_tells_the_time_while_the_clock_is_right() -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, AT, machine.read)
    for _ in range(3):
        assert watched() == machine.wall
        machine.passes(timedelta(days=30))


def test_a_clock_that_stays_set_is_never_believed_by_the_same_process() -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, read=machine.read)
    machine.is_set(timedelta(minutes=5))
    for _ in range(3):
        machine.passes(timedelta(days=1))
        assert code_of(watched) == "clock-stepped"
    assert code_of(WatchedClock(POLICY, read=machine.read)) == "healthy", (
        "an operator looked and restarted it"
    )


def test_a_step_that_is_taken_back_heals_after_the_settling_time() -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, read=machine.read)
    machine.is_set(timedelta(hours=1))
    assert code_of(watched) == "clock-stepped"
    machine.is_set(timedelta(hours=-1))
    assert code_of(watched) == "clock-settling"
    machine.passes(timedelta(seconds=59))
    assert code_of(watched) == "clock-settling"
    machine.passes(SECOND)
    assert code_of(watched) == "healthy"


def test_begins_behind_its_records_and_goes_on_when_the_time_has_come() -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, AT + timedelta(hours=1), machine.read)
    assert code_of(watched) == "clock-behind"
    machine.passes(timedelta(hours=1))
    assert code_of(watched) == "healthy"


def test_the_log_and_the_figures_tell_a_change_once(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(AT)
    watched = WatchedClock(POLICY, read=machine.read)
    assert metrics.REGISTRY.get_sample_value("tongxing_clock_healthy") == 1
    machine.is_set(timedelta(seconds=-90))
    for _ in range(3):
        assert code_of(watched) == "clock-stepped"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "-90.000 s" in caplog.text
    assert metrics.REGISTRY.get_sample_value("tongxing_clock_healthy") == 0
    assert metrics.REGISTRY.get_sample_value("tongxing_clock_step_seconds") == -90


# --- this machine ---


def test_both_clocks_of_this_machine_are_read_close_together() -> None:
    first, second = clock.read(), clock.read()
    assert first.wall.tzinfo is UTC
    assert first.running <= second.running
    assert timedelta(0) <= first.uncertainty < timedelta(seconds=1)
    assert judge_clock(first, second, ClockPolicy()).health is ClockHealth.HEALTHY


def test_this_machines_clock_is_believed() -> None:
    watched = WatchedClock()
    assert abs(watched() - clock.now()) < timedelta(minutes=1)
