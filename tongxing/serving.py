"""One service in one process: its WSGI application on granian, its jobs and its internal listener beside it.

granian binds the port and forks one worker, which makes the application; the worker dies with its
parent. In production jobs run by `tongxing work SERVICE` and `[serve] jobs = false`.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import util
from typing import Any

from runtime import clock
from runtime.jobs import JobRunner
from runtime.settings import ServiceSettings, setting
from tongxing.process import die_with_parent
from tongxing.services import Service

_LOG = logging.getLogger(__name__)
_JOB_STOP_SECONDS = 2.0
_KILL_TIMEOUT_SECONDS = 3
_HEADER_TIMEOUT_MS = 15_000


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How a process serves: the table [serve], the same for every service of the file."""

    workers: int = setting(1, help="Worker processes of a service; more than one needs PostgreSQL.")
    threads: int = setting(4, help="Requests a worker handles at once.")
    jobs: bool = setting(True, help="Run background jobs inside the server; false: by `tongxing work`.")


def serve(service: Service, settings: ServiceSettings, options: ServeSettings) -> None:
    """Serve until asked to stop."""
    parent = os.getpid()

    def load() -> Callable[..., Any]:
        die_with_parent(parent, signal.SIGKILL)
        return _make_application(service, settings, options)

    serve_wsgi(load, settings, options)


def serve_wsgi(load: Callable[[], Callable[..., Any]], settings: Any, options: ServeSettings) -> None:
    """Serve the WSGI application that `load` makes, at the address the settings name."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)
    server = Granian(
        target="",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
        workers=options.workers,
        blocking_threads=options.threads,
        workers_kill_timeout=_KILL_TIMEOUT_SECONDS,
        websockets=False,
        log_enabled=False,
        ssl_cert=settings.tls_certificate,
        ssl_key=settings.tls_key,
        ssl_key_password=_key_password(settings),
    )
    server.serve(target_loader=lambda: _loaded(load), wrap_loader=False)


def run_jobs_forever(service: Service, settings: ServiceSettings, stop: threading.Event) -> None:
    """Run the service's jobs until `stop` is set: what `tongxing work` does."""
    runner = JobRunner(service.database(settings), service.models().JobLease, service.jobs(settings))
    runner.run_forever(clock.now, stop)


def _make_application(
    service: Service, settings: ServiceSettings, options: ServeSettings
) -> Callable[..., Any]:
    """Make the application in the worker, and start what runs beside it."""
    app = service.create_app(settings)
    if settings.internal_port and service.has_internal:
        from runtime.internal import serve_internal

        serve_internal(service.create_internal_app(settings), settings)
    if options.jobs and service.has_jobs:
        _start_jobs(service, settings)
    return app


def _start_jobs(service: Service, settings: ServiceSettings) -> None:
    """Run the jobs in a thread; when the worker ends, the job at hand is let finish."""
    stop = threading.Event()
    thread = threading.Thread(
        target=run_jobs_forever, args=(service, settings, stop), name=f"{service.name}-jobs", daemon=True
    )

    def finish() -> None:
        stop.set()
        thread.join(_JOB_STOP_SECONDS)

    util.Finalize(None, finish, exitpriority=1)
    thread.start()


def _loaded(load: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """Make the application; an error that says what to do ends the process with that line alone."""
    try:
        return load()
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            raise
        print(f"error ({code}): {error}", file=sys.stderr, flush=True)  # noqa: T201 - the process's last word
        os._exit(1)


def _key_password(settings: Any) -> str | None:
    """Return the passphrase of the TLS key, when there is one."""
    if settings.tls_key is None:
        return None
    from runtime.keys import read_passphrase

    return read_passphrase(settings.key_passphrase_file).decode()
