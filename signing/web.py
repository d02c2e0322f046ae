"""The filing service over HTTP: pages in Chinese and English, JSON for the pages' scripts and for programs.

`create_app` assembles it: login through the provider, the pages of filings (`filing.web`), the public
validation page (`validation_web`), errors as page or problem+json in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol

import flask

from runtime import clock
from runtime.database import Database, check_schema
from runtime.jobs import Job
from runtime.relying_party import RelyingParty
from runtime.web import create_flask, gettext
from runtime.web.hot_path import WsgiCallable
from runtime.web.problem import respond
from signing import errors
from signing.components import Components, build_components
from signing.filing.submitter import CARD_LOGIN
from signing.filing.web import filing_pages
from signing.formats.limits import too_large
from signing.models import SCHEMA_REVISION
from signing.settings import SigningSettings
from signing.validation_web import validation_pages

SERVICE: Final = "signing"
# The most specific class of an error decides.
_STATUSES: Final[dict[type[errors.SigningError], HTTPStatus]] = {
    errors.SigningError: HTTPStatus.BAD_REQUEST,
    errors.DocumentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DocumentTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.CertificateRefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SignatureMismatchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ReceiptError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PreparedSessionError: HTTPStatus.CONFLICT,
    errors.FilingError: HTTPStatus.CONFLICT,
    errors.FilingNotFoundError: HTTPStatus.NOT_FOUND,
    errors.UnauthorizedFilingError: HTTPStatus.FORBIDDEN,
    errors.TimestampError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Login(Protocol):
    """Logs people in (`runtime.relying_party.RelyingParty`)."""

    def register(self, app: flask.Flask) -> None:
        """Add /login, /callback and /logout."""
        ...


def create_app(
    settings: SigningSettings,
    now: Callable[[], datetime] = clock.now,
    *,
    components: Components | None = None,
    login: Login | None = None,
) -> WsgiCallable:
    """Make the filing service's application; tests bring their own parts and their own login."""
    if components is None:
        components = build_components(settings, _open_database(settings))
    database = components.database
    app = create_flask(
        SERVICE,
        settings,
        package="signing",
        title="Online filing",
        csp={"connect-src": [settings.agent_url], "frame-src": ["'self'"], "object-src": ["'self'"]},
        health_checks=[lambda: check_schema(database, SCHEMA_REVISION)],
        now=now,
    )
    (login or _relying_party(settings)).register(app)
    app.register_blueprint(filing_pages(components.filings, settings))
    app.register_blueprint(validation_pages(components.trust, settings))
    _install_errors(app, settings)
    return app


def jobs(settings: SigningSettings) -> Sequence[Job]:
    """Background work: filings whose judgement had to wait, and what has served its purpose."""
    components = build_components(settings, _open_database(settings))
    return (
        Job("judge-signed-filings", timedelta(seconds=20), components.acceptance.decide_pending),
        Job("remove-what-is-over", timedelta(minutes=10), components.cleaning.run),
    )


def _open_database(settings: SigningSettings) -> Database:
    """Open the database; refuse a schema this program does not know."""
    database = Database(settings.effective_database_url(SERVICE))
    check_schema(database, SCHEMA_REVISION)
    return database


def _relying_party(settings: SigningSettings) -> Login:
    """Return the login through the provider."""
    return RelyingParty.from_settings(settings, required_acr=CARD_LOGIN)


def _install_errors(app: flask.Flask, settings: SigningSettings) -> None:
    """Answer our own errors in the reader's language, and an oversized body with our own sentence."""

    @app.errorhandler(errors.SigningError)
    def signing_error(error: errors.SigningError) -> flask.Response:
        status = next(_STATUSES[cls] for cls in type(error).__mro__ if cls in _STATUSES)
        return respond(status, error.code, gettext(error.template, **error.values))

    @app.errorhandler(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    def body_too_large(error: Exception) -> flask.Response:  # noqa: ARG001 - the framework's
        return signing_error(too_large(settings.maximum_document_bytes))
