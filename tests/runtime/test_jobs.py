from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from runtime.errors import ClockError
from runtime.jobs import Job, JobRunner

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_job_runs_when_due_and_not_before(database, lease_model):
    ran = []
    runner = JobRunner(database, lease_model, [Job("crl", MINUTE, ran.append)])
    assert runner.run_due(AT) == ["crl"]
    assert runner.run_due(AT + MINUTE / 2) == []
    assert runner.run_due(AT + MINUTE) == ["crl"]
    assert ran == [AT, AT + MINUTE]


def test_of_two_workers_one_runs_the_job(database, lease_model):
    started, finish, ran = threading.Event(), threading.Event(), []

    def slow(at):
        started.set()
        finish.wait(10)
        ran.append("slow")

    first = JobRunner(database, lease_model, [Job("crl", MINUTE, slow)])
    second = JobRunner(database, lease_model, [Job("crl", MINUTE, lambda at: ran.append("second"))])
    thread = threading.Thread(target=first.run_due, args=(AT,))
    thread.start()
    assert started.wait(10)
    assert second.run_due(AT) == []
    finish.set()
    thread.join()
    assert ran == ["slow"]


def test_a_dead_workers_lease_runs_out(database, lease_model):
    class DiedError(BaseException):
        pass

    def die(at):
        raise DiedError

    dead = JobRunner(database, lease_model, [Job("crl", MINUTE, die)])
    with pytest.raises(DiedError):
        dead.run_due(AT)
    ran = []
    other = JobRunner(database, lease_model, [Job("crl", MINUTE, ran.append)])
    assert other.run_due(AT + MINUTE) == []
    assert other.run_due(AT + timedelta(hours=1)) == ["crl"]


def test_a_failing_job_is_recorded_and_comes_round_again(database, lease_model):
    outcomes = iter([ValueError("no space"), None])

    def sometimes(at):
        if error := next(outcomes):
            raise error

    runner = JobRunner(database, lease_model, [Job("crl", MINUTE, sometimes)])
    assert runner.run_due(AT) == []
    with database.session() as session:
        lease = session.get(lease_model, "crl")
        assert lease.last_error == "ValueError: no space"
        assert lease.last_success_at is None
    assert runner.run_due(AT + MINUTE) == ["crl"]
    with database.session() as session:
        assert session.get(lease_model, "crl").last_error is None


def test_lag_tells_how_late_a_job_is(database, lease_model):
    runner = JobRunner(database, lease_model, [Job("crl", MINUTE, lambda at: None)])
    runner.run_due(AT)
    assert runner.lag(AT) == {"crl": timedelta(0)}
    assert runner.lag(AT + MINUTE * 4) == {"crl": MINUTE * 3}


def test_no_job_runs_while_the_clock_is_not_believed(database, lease_model, caplog):
    ran, asked, stop = [], [], threading.Event()

    def clock():
        asked.append(1)
        if len(asked) < 3:
            raise ClockError("stepped")
        return AT

    def run(at):
        ran.append((at, len(asked)))
        stop.set()

    JobRunner(database, lease_model, [Job("crl", timedelta(seconds=0.1), run)]).run_forever(clock, stop)
    assert ran == [(AT, 3)]
    assert caplog.records == [], "the clock's watch has told the log, once"
