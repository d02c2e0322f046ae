from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from runtime.audit import GENESIS_DIGEST, AuditLog
from runtime.errors import AuditError

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture
def log(audit_model):
    return AuditLog(audit_model)


def write(database, log, count):
    for number in range(count):
        with database.session() as session:
            log.append(
                session,
                at=AT,
                actor="officer",
                action="issue",
                subject=f"cert-{number}",
                details={"n": number},
            )


def test_an_untouched_chain_verifies(database, log):
    write(database, log, 5)
    with database.session() as session:
        verdict = log.verify(session)
    assert verdict.intact
    assert verdict.records == 5


def test_an_empty_log_is_intact(database, log):
    with database.session() as session:
        verdict = log.verify(session)
    assert (verdict.intact, verdict.records, verdict.last_digest) == (True, 0, GENESIS_DIGEST)


@pytest.mark.parametrize(
    ("tampering", "broken_at"),
    [
        ("UPDATE audit_record SET actor = 'nobody' WHERE sequence = 3", 3),
        ("UPDATE audit_record SET details = '{}' WHERE sequence = 2", 2),
        ("DELETE FROM audit_record WHERE sequence = 2", 3),
        ("UPDATE audit_record SET previous_digest = '00' WHERE sequence = 4", 4),
    ],
)
def test_tampering_is_found_where_it_is(database, log, tampering, broken_at):
    write(database, log, 5)
    with database.session() as session:
        session.execute(sa.text(tampering))
    with database.session() as session:
        verdict = log.verify(session)
    assert not verdict.intact
    assert verdict.broken_at == broken_at


def test_a_rolled_back_act_leaves_no_record(database, log):
    with pytest.raises(RuntimeError), database.session() as session:
        log.append(session, at=AT, actor="a", action="b", subject="c")
        raise RuntimeError("the act failed")
    with database.session() as session:
        assert log.verify(session).records == 0


def test_details_are_bounded(database, log):
    with pytest.raises(AuditError, match="exceed"), database.session() as session:
        log.append(session, at=AT, actor="a", action="b", subject="c", details={"x": "y" * 20_000})


def test_concurrent_writers_make_one_chain(database, log):
    threads = [threading.Thread(target=write, args=(database, log, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.session() as session:
        verdict = log.verify(session)
    assert (verdict.intact, verdict.records) == (True, 20)


def test_tells_when_the_last_record_was_written(database, audit_model):
    log = AuditLog(audit_model)
    with database.session() as session:
        assert log.last_time(session) is None
        for minutes in (0, 5):
            at = AT + timedelta(minutes=minutes)
            log.append(session, at=at, actor="a", action="b", subject="c")
        assert log.last_time(session) == AT + timedelta(minutes=5)
