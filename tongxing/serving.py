"""One service in one process: its public application, and beside it its jobs and its internal listener.

In production jobs run by `tongxing work SERVICE` and `[serve] jobs = false`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from runtime import clock, metrics, server
from runtime.jobs import JobRunner
from runtime.settings import ServiceSettings, setting
from tongxing.services import Service

Now = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How a process serves: the table [serve], the same for every service of the file."""

    workers: int = setting(1, help="Worker processes of a service; more than one needs PostgreSQL.")
    threads: int = setting(4, help="Requests a worker handles at once.")
    jobs: bool = setting(True, help="Run background jobs inside the server; false: by `tongxing work`.")


def serve(service: Service, settings: ServiceSettings, options: ServeSettings) -> None:
    """Serve until asked to stop."""
    load = partial(_make_application, service, settings, options)
    server.serve(load, settings, workers=options.workers, threads=options.threads)


def run_jobs_forever(
    service: Service, settings: ServiceSettings, stop: threading.Event, now: Now | None = None
) -> None:
    """Run the service's jobs until `stop` is set: what `tongxing work` does."""
    _job_runner(service, settings).run_forever(now or service.watched_clock(settings), stop)


def _job_runner(service: Service, settings: ServiceSettings) -> JobRunner:
    """Make the runner of the service's jobs."""
    return JobRunner(service.database(settings), service.models().JobLease, service.jobs(settings))


def _report_job_lag(service: Service, settings: ServiceSettings) -> None:
    """Let /metrics tell the jobs' lag by the database: it is true also when no worker lives to tell it."""
    runner = _job_runner(service, settings)

    def refresh() -> None:
        for job, lag in runner.lag(clock.now()).items():
            metrics.observe_job_lag(service.name, job, lag)

    metrics.refresh_by(refresh)


def _make_application(
    service: Service, settings: ServiceSettings, options: ServeSettings
) -> Callable[..., Any]:
    """Make the application in the worker, and start what runs beside it."""
    # One watch over the clock for everything in this process that dates something.
    now = service.watched_clock(settings)
    app = service.create_app(settings, now)
    if settings.internal_port and service.has_internal:
        _start_internal(service, settings, now)
    if service.has_jobs:
        _report_job_lag(service, settings)
    if options.jobs and service.has_jobs:
        server.run_beside(f"{service.name}-jobs", partial(run_jobs_forever, service, settings, now=now))
    return app


def _start_internal(service: Service, settings: ServiceSettings, now: Now) -> None:
    """Listen for other services; a port or key that cannot be used is an error at start."""
    from runtime.internal import serve_internal

    listener = serve_internal(
        service.create_internal_app(settings, now),
        settings,
        revocation=service.revocation_of_callers(settings),
    )

    def stop_with(stop: threading.Event) -> None:
        stop.wait()
        listener.stop()

    server.run_beside(f"{service.name}-internal", stop_with)
