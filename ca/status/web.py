"""The status process over HTTP: /ocsp, /crl and /ca ahead of Flask; Flask for health and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ca.errors import StatusSourceError
from ca.settings import StatusSettings
from ca.status.crl import CERTIFICATE_PATH, CRL_PATH, certificate_endpoint, crl_endpoint
from ca.status.feed import HttpFeed
from ca.status.models import SCHEMA_REVISION
from ca.status.ocsp import PATH, ocsp_endpoint
from ca.status.responder import OCSPResponder
from ca.status.service import StatusService
from runtime import clock
from runtime.database import Database, check_schema
from runtime.internal import InternalClient
from runtime.jobs import Job
from runtime.keys import load_signer
from runtime.web import WsgiCallable, create_flask, hot_paths
from trust.certificate import Certificate, load_pem_certificates

SERVICE = "va"
AUTHORITY = "ca"


def create_app(settings: StatusSettings, now: Callable[[], datetime] = clock.now) -> WsgiCallable:
    """Make the public WSGI application of the status process."""
    service = open_service(settings)
    maximum_age = timedelta(seconds=settings.maximum_feed_age_seconds)

    def check_feed() -> None:
        complete_at = service.look_up(()).complete_at
        if complete_at is None or now() - complete_at > maximum_age:
            raise StatusSourceError("no recent word from the issuing process", code="feed-old")

    app = create_flask(
        SERVICE,
        settings,
        package="ca.status",
        title="Certificate status",
        health_checks=[check_feed],
        now=now,
    )
    return hot_paths(
        app.wsgi_app,
        {
            PATH: ocsp_endpoint(open_responder(settings), service, maximum_age, now),
            CRL_PATH: crl_endpoint(service, now),
            CERTIFICATE_PATH: certificate_endpoint(service),
        },
    )


def jobs(settings: StatusSettings) -> list[Job]:
    """The one job: follow the issuing process."""
    service = open_service(settings)
    feed = HttpFeed(InternalClient(settings.authority_url, settings, service=AUTHORITY))

    def follow(at: datetime) -> None:
        service.follow(feed, at)

    return [Job("status-feed", timedelta(milliseconds=settings.poll_milliseconds), follow)]


def open_service(settings: StatusSettings) -> StatusService:
    """Open the database, refusing an unknown schema, and read the authorities' certificates."""
    database = Database(settings.effective_database_url(SERVICE))
    check_schema(database, SCHEMA_REVISION)
    return StatusService(database, authorities(settings))


def open_responder(settings: StatusSettings) -> OCSPResponder:
    """Load the responder's key and certificate."""
    certificate = load_pem_certificates(settings.responder_certificate.read_text("ascii"))[0]
    issuer = next((each for each in authorities(settings) if each.subject == certificate.issuer), None)
    if issuer is None:
        raise StatusSourceError(
            "intermediates do not hold the CA that issued the responder's certificate",
            code="responder-issuer",
        )
    signer = load_signer(settings.responder_key, settings.key_passphrase_file)
    return OCSPResponder(issuer, certificate, signer, timedelta(seconds=settings.answer_lifetime_seconds))


def authorities(settings: StatusSettings) -> Sequence[Certificate]:
    """Root and issuing certificates."""
    return [
        certificate
        for path in (settings.intermediates, settings.trust_anchors)
        for certificate in load_pem_certificates(path.read_text("ascii"))
    ]
