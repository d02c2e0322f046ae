"""`create_flask`: one Flask application as every service of the city has it."""

from __future__ import annotations

import importlib.resources
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import flask
import jinja2

from runtime import clock, metrics
from runtime.errors import ClockError
from runtime.secret_file import read_secret
from runtime.settings import ServiceSettings
from runtime.web import csrf, locale, policy, problem, rate_limit, request, session, wording

_LOG = logging.getLogger(__name__)
_DEFAULT_BODY_BYTES = 1024 * 1024
_STATIC_MAX_AGE_SECONDS = 3600

HealthCheck = Callable[[], object]


def create_flask(
    service: str,
    settings: ServiceSettings,
    *,
    package: str,
    title: str,
    csp: Mapping[str, Sequence[str]] | None = None,
    errors: Mapping[type[Exception], int] | None = None,
    health_checks: Sequence[HealthCheck] = (),
    now: Callable[[], datetime] = clock.now,
) -> flask.Flask:
    """Make the service's Flask application.

    `package` holds its `templates/`, `static/` (served under /static/app/) and `translations/`; `title` is
    the English name shown on pages; `csp` adds sources to the policy's directives; `errors` maps the
    package's error classes to HTTP statuses (their `.code` and message become the problem); a health
    check raises when the service cannot do its work.
    """
    folder = _folder(package)
    app = flask.Flask(
        package, root_path=str(folder), static_folder=str(folder / "static"), static_url_path="/static/app"
    )
    app.config.update(
        SERVICE=service,
        TITLE=title,
        SETTINGS=settings,
        NOW=now,
        MAX_CONTENT_LENGTH=_DEFAULT_BODY_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=_STATIC_MAX_AGE_SECONDS,
        SECRET_KEY=read_secret(settings.session_key_file).strip(),
    )
    app.jinja_loader = jinja2.ChoiceLoader(
        [
            jinja2.FileSystemLoader(folder / "templates"),
            jinja2.FileSystemLoader(_folder("runtime.web") / "templates"),
        ]
    )
    app.jinja_options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    request.install(app, settings)
    policy.install(app, settings, csp or {})
    session.install(app, settings)
    csrf.install(app)
    rate_limit.install(app)
    locale.install(app, settings, [_folder("runtime.web"), folder])
    wording.install(app)
    problem.install(app, {ClockError: 503, **(errors or {})})
    # The clock first: what follows may depend on it.
    _add_common_routes(app, service, (now, *health_checks))
    return app


def _folder(package: str) -> Path:
    """Return the folder a package lies in."""
    return Path(str(importlib.resources.files(package)))


def _add_common_routes(app: flask.Flask, service: str, health_checks: Sequence[HealthCheck]) -> None:
    """Add the health check, the metrics and the shared static files."""
    shared = _folder("runtime.web") / "static"

    @app.get("/healthz")
    @request.quiet
    def healthz() -> flask.Response:
        for check in health_checks:
            try:
                check()
            except Exception as error:  # noqa: BLE001 - any failure means: not healthy
                _LOG.error("health check failed: %s", error)
                return problem.problem(503, "unhealthy", "a health check failed; see the service's log")
        return flask.jsonify(status="ok", service=service)

    @app.get("/metrics")
    @request.quiet
    def exposition() -> flask.Response:
        return flask.Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)

    @app.get("/static/<path:filename>")
    def shared_static(filename: str) -> flask.Response:
        return flask.send_from_directory(shared, filename)
