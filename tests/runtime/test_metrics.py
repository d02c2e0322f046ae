"""Figures for Prometheus."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import metrics


def figures() -> dict[tuple[str, str], float]:
    """Every sample of this process, by name and the values of its labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = (sample for family in families for sample in family.samples)
    return {(s.name, " ".join(s.labels.values())): s.value for s in samples}


def test_requests_are_counted_and_timed_by_route_and_status() -> None:
    before = figures().get(("tongxing_requests_total", "GET /<id> ra 200"), 0)
    for status in (200, 200, 404):
        metrics.observe_request("ra", "GET", "/<id>", status, 0.25)
    after = figures()
    assert after["tongxing_requests_total", "GET /<id> ra 200"] - before == 2
    assert after["tongxing_requests_total", "GET /<id> ra 404"] >= 1
    assert after["tongxing_request_seconds_sum", "/<id> ra"] >= 0.75


def test_figures_of_the_moment_are_refreshed_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics, "_REFRESHERS", [])
    lags = iter((timedelta(seconds=3), timedelta(seconds=90)))

    def broken() -> None:
        raise ConnectionError("the database is away")

    metrics.refresh_by(broken)
    metrics.refresh_by(lambda: metrics.observe_job_lag("ca", "crl", next(lags)))
    assert figures()["tongxing_job_lag_seconds", "crl ca"] == 3
    assert figures()["tongxing_job_lag_seconds", "crl ca"] == 90
    assert "could not be brought up to date" in caplog.text
