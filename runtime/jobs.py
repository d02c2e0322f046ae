"""Background work: named jobs that run every so often, each in one process at a time.

A job's lease is a row in the service's database, so any number of workers may run and exactly one
executes a job; a worker that dies loses its lease by time. Errors are kept in the row, logged and
counted, and the job comes round again: a job must therefore be safe to repeat.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from runtime.database import Database
from runtime.errors import ClockError
from runtime.models import JobLeaseMixin

_LOG = logging.getLogger(__name__)
_LEASE = timedelta(minutes=5)
_MAXIMUM_ERROR_TEXT = 500
_SHORTEST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """One job: its name, how often it is due, and what it does at a given time."""

    name: str
    every: timedelta
    run: Callable[[datetime], None]


class JobRunner:
    """Runs a service's jobs when they are due and nobody else is running them."""

    def __init__(self, database: Database, model: type[JobLeaseMixin], jobs: Sequence[Job]) -> None:
        self._database = database
        self._model = model
        self._jobs = tuple(jobs)
        self._holder = secrets.token_hex(8)

    def run_forever(self, clock: Callable[[], datetime], stop: threading.Event) -> None:
        """Run what is due until `stop` is set, waiting no longer than the most frequent job's interval."""
        if not self._jobs:
            return
        shortest = min(job.every.total_seconds() for job in self._jobs)
        wait = max(_SHORTEST_WAIT_SECONDS, min(shortest / 2, _LONGEST_WAIT_SECONDS))
        while not stop.is_set():
            try:
                self.run_due(clock())
            except ClockError:  # the clock's watch has told the log
                _LOG.debug("background jobs wait for the clock")
            except Exception:  # noqa: BLE001
                # A database that is away for a while must not end the worker.
                _LOG.exception("background jobs could not run; trying again")
            stop.wait(wait)

    def run_due(self, at: datetime) -> list[str]:
        """Run every job that is due at the given time; return the names of those run."""
        return [job.name for job in self._jobs if self._take(job, at) and self._run(job, at)]

    def lag(self, at: datetime) -> dict[str, timedelta]:
        """Tell how far each job is behind its time (never negative)."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(self._model.name, self._model.due_at))
            due = {row.name: row.due_at for row in rows}
        return {job.name: max(at - due.get(job.name, at), timedelta(0)) for job in self._jobs}

    def _take(self, job: Job, at: datetime) -> bool:
        """Take the job's lease if it is due and free."""
        model = self._model
        with self._database.session() as session:
            self._ensure_row(session, job, at)
            free = sa.or_(model.holder.is_(None), model.expires_at < at)
            taken = session.execute(
                sa.update(model)
                .where(model.name == job.name, model.due_at <= at, free)
                .values(holder=self._holder, expires_at=at + _LEASE)
                .execution_options(synchronize_session=False)
            )
            return taken.rowcount == 1  # type: ignore[attr-defined, no-any-return]

    def _ensure_row(self, session: Session, job: Job, at: datetime) -> None:
        """Add the job's row the first time it is seen."""
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        session.execute(insert(self._model).values(name=job.name, due_at=at).on_conflict_do_nothing())

    def _run(self, job: Job, at: datetime) -> bool:
        """Run a job whose lease we hold, and give the lease back with the outcome."""
        error: str | None = None
        try:
            job.run(at)
        except Exception as raised:  # noqa: BLE001 - a job may fail in any way
            _LOG.exception("job %s failed", job.name)
            error = f"{type(raised).__name__}: {raised}"[:_MAXIMUM_ERROR_TEXT]
        values: dict[str, object] = {
            "holder": None,
            "expires_at": None,
            "due_at": at + job.every,
            "last_error": error,
        }
        if error is None:
            values["last_success_at"] = at
        with self._database.session() as session:
            mine = sa.and_(self._model.name == job.name, self._model.holder == self._holder)
            session.execute(sa.update(self._model).where(mine).values(**values))
        return error is None
