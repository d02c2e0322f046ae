"""Figures for Prometheus: requests, background jobs and outgoing fetches of this process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_LOG = logging.getLogger(__name__)
_REFRESHERS: list[Callable[[], None]] = []

# A registry of our own: the library's default one collects from whatever else is loaded.
REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "tongxing_requests", "Requests answered", ["service", "method", "route", "status"], registry=REGISTRY
)
_SECONDS = Histogram(
    "tongxing_request_seconds", "Time to answer a request", ["service", "route"], registry=REGISTRY
)
_JOB_LAG = Gauge(
    "tongxing_job_lag_seconds",
    "How far a background job is behind its time",
    ["service", "job"],
    registry=REGISTRY,
)
_FETCHES = Counter(
    "tongxing_fetches",
    "Revocation evidence and issuers asked for: fetched, not-modified, refused, failed, resting",
    ["kind", "outcome"],
    registry=REGISTRY,
)
_FETCH_SECONDS = Histogram("tongxing_fetch_seconds", "Time to fetch, or to fail", ["kind"], registry=REGISTRY)
_STALE = Counter(
    "tongxing_stale_evidence",
    "Times evidence past its refreshing served, within policy, while it was asked for anew",
    ["kind"],
    registry=REGISTRY,
)

_CLOCK_HEALTHY = Gauge(
    "tongxing_clock_healthy", "1 while the machine's clock is believed, else 0", registry=REGISTRY
)
_CLOCK_STEP = Gauge(
    "tongxing_clock_step_seconds", "By how much the clock was set since the process began", registry=REGISTRY
)


def observe_request(service: str, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is the rule, not the address, so that labels stay few."""
    _REQUESTS.labels(service, method, route, str(status)).inc()
    _SECONDS.labels(service, route).observe(seconds)


def observe_job_lag(service: str, job: str, lag: timedelta) -> None:
    """Record how late a background job is."""
    _JOB_LAG.labels(service, job).set(lag.total_seconds())


def observe_fetch(kind: str, outcome: str) -> None:
    """Count one attempt to fetch evidence of a kind (ocsp, crl, issuer)."""
    _FETCHES.labels(kind, outcome).inc()


def observe_fetch_seconds(kind: str, seconds: float) -> None:
    """Record how long one fetch took."""
    _FETCH_SECONDS.labels(kind).observe(seconds)


def observe_stale(kind: str) -> None:
    """Count one use of evidence that is being refreshed."""
    _STALE.labels(kind).inc()


def observe_clock(*, healthy: bool, step: timedelta) -> None:
    """Record what is thought of the machine's clock."""
    _CLOCK_HEALTHY.set(1 if healthy else 0)
    _CLOCK_STEP.set(step.total_seconds())


def refresh_by(refresher: Callable[[], None]) -> None:
    """Have figures that are true only at the moment of asking set anew before each exposition."""
    _REFRESHERS.append(refresher)


def exposition() -> bytes:
    """Return every figure in Prometheus's text format."""
    for refresher in _REFRESHERS:
        try:
            refresher()
        except Exception:  # noqa: BLE001 - the other figures are wanted all the more
            _LOG.exception("a figure could not be brought up to date")
    return generate_latest(REGISTRY)
