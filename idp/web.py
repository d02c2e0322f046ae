"""The provider's HTTP face: raw endpoints for programs, pages for people, background jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import flask
import sqlalchemy as sa

from idp import browser
from idp.discovery import TOKEN_PATH, USERINFO_PATH
from idp.endpoints import authorize, logout
from idp.endpoints.documents import document_endpoints
from idp.endpoints.token import token_endpoint
from idp.endpoints.userinfo import userinfo_endpoint
from idp.errors import InteractionError, SessionUncheckedError, UntrustedRequestError
from idp.login import pages
from idp.login.card import CardValidator
from idp.login.people import Register
from idp.models import SCHEMA_REVISION
from idp.provider import CardDoor, Provider, open_database
from idp.service.cleanup import delete_expired
from idp.service.setup import load_keys
from idp.settings import SERVICE, IdpSettings
from runtime import clock
from runtime.database import Database, check_schema
from runtime.jobs import Job
from runtime.revocation import EVIDENCE_POLICIES, EvidencePurpose, RevocationFetcher
from runtime.web import WsgiCallable, create_flask, hot_paths
from trust.certificate import load_pem_certificates

_CLEANUP_INTERVAL = timedelta(minutes=5)


def create_app(settings: IdpSettings, now: Callable[[], datetime] = clock.now) -> WsgiCallable:
    """Make the provider's WSGI application; refuse to start on a schema or keys that do not fit."""
    return assemble(load_provider(settings, now=now))


def load_provider(
    settings: IdpSettings, *, card_door: CardDoor | None = None, now: Callable[[], datetime] = clock.now
) -> Provider:
    """Load database, keys and doors."""
    database = open_database(settings)
    check_schema(database, SCHEMA_REVISION)
    keys, pairwise_secret = load_keys(settings)
    return Provider(settings, database, keys, pairwise_secret, card_door or _card_door(settings), now)


def assemble(provider: Provider) -> WsgiCallable:
    """Put the raw endpoints ahead of the pages."""
    callables = {
        **document_endpoints(provider),
        TOKEN_PATH: token_endpoint(provider),
        USERINFO_PATH: userinfo_endpoint(provider),
    }
    return hot_paths(_create_pages(provider).wsgi_app, callables)


def jobs(settings: IdpSettings) -> list[Job]:
    """Return the provider's background jobs."""

    def clean(at: datetime) -> None:
        database = open_database(settings)
        try:
            delete_expired(database, settings, at)
        finally:
            database.dispose()

    return [Job("delete-expired", _CLEANUP_INTERVAL, clean)]


def _create_pages(provider: Provider) -> flask.Flask:
    """Make the Flask application of the pages."""
    app = create_flask(
        SERVICE,
        provider.settings,
        package="idp",
        title="City login",
        errors={UntrustedRequestError: 400, InteractionError: 400, SessionUncheckedError: 503},
        health_checks=[lambda: _check_database(provider.database)],
        now=provider.now,
    )
    browser.install(app, provider)
    for blueprint in (authorize.blueprint, logout.blueprint, pages.blueprint):
        app.register_blueprint(blueprint)

    @app.get("/")
    def home() -> str:
        return flask.render_template("home.html", session=browser.current_session())

    return app


def _check_database(database: Database) -> None:
    """Raise when the database does not answer."""
    with database.read() as connection:
        connection.execute(sa.select(1))


def _card_door(settings: IdpSettings) -> CardValidator:
    """Make the real card door: the city's authorities, revocation by OCSP and CRL, the register."""
    policy = replace(
        EVIDENCE_POLICIES[EvidencePurpose.LOGIN],
        maximum_ocsp_age=timedelta(seconds=settings.revocation_seconds),
    )
    return CardValidator(
        settings,
        anchors=tuple(load_pem_certificates(settings.trust_anchors.read_bytes())),
        intermediates=tuple(load_pem_certificates(settings.intermediates.read_bytes())),
        evidence=RevocationFetcher.from_settings(settings, policy),
        people=Register(settings),
    )
