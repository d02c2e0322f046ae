"""The issuing process over HTTP: an internal interface for `ra` and `va`, health and figures for everyone.

Errors become problem+json here and nowhere else.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import flask
from prometheus_client import Gauge

from ca import wire
from ca.errors import (
    ApprovalError,
    CaError,
    CertificateStatusError,
    CertificationRequestError,
    LintError,
    OfficerError,
    PreparationError,
    ProfileError,
    PublicationError,
    UnknownCertificateError,
)
from ca.inventory import CertificateQuery, CertificateView
from ca.models import StatusEvent
from ca.preparation import CertificateOrder
from ca.profiles import AlternativeNames, SubjectDescription
from ca.publication import CrlView, issuer_key_id
from ca.service import CertificateAuthority, IssuedView
from ca.settings import AuthoritySettings
from runtime import clock, metrics
from runtime.internal import RevocationSource, callers
from runtime.jobs import Job
from runtime.web import WsgiCallable, at, body_limit, create_flask, quiet
from trust.certificate import Certificate
from trust.path import RevocationEvidence
from trust.status import CRLReason

_LOG = logging.getLogger(__name__)
SERVICE = "ca"
RA, VA = "ra", "va"
_MAXIMUM_BODY_BYTES = 256 * 1024
_SEQUENCE = re.compile(r"[0-9]{1,18}")
_EVENTS = {
    "revoke": StatusEvent.REVOKED,
    "suspend": StatusEvent.SUSPENDED,
    "release": StatusEvent.RELEASED,
}
_CRL_JOB_EVERY = timedelta(seconds=1)
_COMPLETION_JOB_EVERY = timedelta(seconds=30)
_ROOT_CRL_WATCH_EVERY = timedelta(hours=1)

_STATUSES: Mapping[type[Exception], int] = {
    CaError: 400,
    CertificationRequestError: 422,
    ProfileError: 422,
    LintError: 422,
    PreparationError: 409,
    CertificateStatusError: 409,
    UnknownCertificateError: 404,
    ApprovalError: 403,
    OfficerError: 403,
    PublicationError: 500,
}
_CRL_SECONDS_LEFT = Gauge(
    "tongxing_crl_seconds_left", "Time to a CRL's nextUpdate", ["issuer"], registry=metrics.REGISTRY
)


def create_app(settings: AuthoritySettings, now: Callable[[], datetime] = clock.now) -> WsgiCallable:
    """Make the public application: health and figures, nothing else."""
    authority = CertificateAuthority.open(settings)
    app = create_flask(
        SERVICE,
        settings,
        package="ca",
        title="Certificate authority",
        errors=_STATUSES,
        health_checks=[partial(check_crls, authority, now)],
        now=now,
    )
    return app.wsgi_app


def create_internal_app(settings: AuthoritySettings, now: Callable[[], datetime] = clock.now) -> WsgiCallable:
    """Make the application for other services; who calls is proven by mutual TLS."""
    authority = CertificateAuthority.open(settings)
    app = create_flask(
        SERVICE, settings, package="ca", title="Certificate authority", errors=_STATUSES, now=now
    )
    for part in (_issuing, _orders, _look_ups):
        app.register_blueprint(part(authority))
    app.register_blueprint(_for_status(authority))
    return app.wsgi_app


def revocation_of_callers(settings: AuthoritySettings) -> RevocationSource:
    """What is known of the revocation of other services' certificates: our own CRLs, nobody need be asked."""
    authority = CertificateAuthority.open(settings)

    def evidence(_certificates: Sequence[Certificate], _at: datetime) -> RevocationEvidence:
        return RevocationEvidence(crls=tuple(view.der for view in authority.publisher.current()))

    return evidence


def jobs(settings: AuthoritySettings) -> list[Job]:
    """CRLs when due, and the completion of what a dying process left."""
    authority = CertificateAuthority.open(settings)

    def publish(moment: datetime) -> None:
        authority.publisher.publish_when_due(moment)

    def complete(moment: datetime) -> None:
        authority.complete_interrupted(at=moment)

    return [
        Job("crl", _CRL_JOB_EVERY, publish),
        Job("issuance", _COMPLETION_JOB_EVERY, complete),
        Job("root-crl-watch", _ROOT_CRL_WATCH_EVERY, partial(watch_root_crl, authority)),
    ]


def watch_root_crl(authority: CertificateAuthority, at: datetime) -> None:
    """Warn while the root CRL nears its end: only people with the offline key can sign the next one."""
    left = authority.publisher.root_crl_days_left(at)
    if left < authority.context.settings.root_crl_warning_days:
        _LOG.warning("the root CRL has %d days left: sign the next one with `tongxing ca root-crl`", left)


def check_crls(authority: CertificateAuthority, now: Callable[[], datetime]) -> None:
    """Refuse to be healthy with an expired CRL; tell the time that is left to the figures."""
    names = {authority.context.issuer.key_id: "issuing", issuer_key_id(authority.context.root): "root"}
    current = {view.issuer_key_id: view for view in authority.publisher.current()}
    for key_id, name in names.items():
        view = current.get(key_id)
        left = (view.next_update - now()).total_seconds() if view else 0.0
        _CRL_SECONDS_LEFT.labels(name).set(left)
        if left <= 0:
            raise PublicationError(f"the {name} CA has no current CRL", code="crl-late")


def _issuing(authority: CertificateAuthority) -> flask.Blueprint:
    """What `ra` may ask to have issued."""
    blueprint = flask.Blueprint("issuing", __name__)

    @blueprint.post("/internal/prepare")
    @callers(RA)
    @body_limit(_MAXIMUM_BODY_BYTES)
    def prepare() -> dict[str, Any]:
        document = wire.body()
        orders = [_read_order(each) for each in wire.objects(document, "certificates")]
        prepared = authority.prepare(
            wire.text(document, "application_id"), wire.text(document, "requester"), orders, at=at()
        )
        return {
            "preparation_id": prepared.preparation_id,
            "statement": wire.encoded(prepared.statement),
            "tbs": [wire.encoded(tbs) for tbs in prepared.tbs],
            "expires_at": prepared.expires_at.isoformat(),
        }

    @blueprint.post("/internal/issue")
    @callers(RA)
    @body_limit(_MAXIMUM_BODY_BYTES)
    def issue() -> dict[str, Any]:
        document = wire.body()
        issued = authority.issue(
            wire.text(document, "preparation_id"), wire.octets(document, "approval"), at=at()
        )
        return _issued(issued)

    @blueprint.get("/internal/preparations/<preparation_id>")
    @callers(RA)
    def preparation(preparation_id: str) -> dict[str, Any]:
        return _issued(authority.issued(preparation_id))

    # `ra` may ask for a change, but only an officer's card makes one: a broken-in `ra` revokes nobody.

    return blueprint


def _orders(authority: CertificateAuthority) -> flask.Blueprint:
    """What `ra` may bring of officers' orders to revoke, suspend or release."""
    blueprint = flask.Blueprint("orders", __name__)

    @blueprint.post("/internal/orders/<any(revoke, suspend, release):verb>")
    @callers(RA)
    def prepare_order(verb: str) -> dict[str, Any]:
        document = wire.body()
        prepared = authority.orders.prepare(
            wire.text(document, "serial_number"),
            _EVENTS[verb],
            _reason(wire.text(document, "reason")) if verb == "revoke" else None,
            wire.text(document, "requester"),
            at=at(),
        )
        return {
            "preparation_id": prepared.preparation_id,
            "statement": wire.encoded(prepared.statement),
            "expires_at": prepared.expires_at.isoformat(),
        }

    @blueprint.post("/internal/orders")
    @callers(RA)
    @body_limit(_MAXIMUM_BODY_BYTES)
    def carry_out_order() -> dict[str, Any]:
        document = wire.body()
        serial_number = authority.orders.carry_out(
            wire.text(document, "preparation_id"), wire.octets(document, "approval"), at=at()
        )
        return _certificate(authority.inventory.show(serial_number))

    return blueprint


def _look_ups(authority: CertificateAuthority) -> flask.Blueprint:
    """What `ra` may look up."""
    blueprint = flask.Blueprint("look_ups", __name__)

    @blueprint.get("/internal/certificates")
    @callers(RA)
    def certificates() -> dict[str, Any]:
        query = CertificateQuery(
            subject_number=flask.request.args.get("subject_number", ""),
            profile=flask.request.args.get("profile", ""),
            standing=flask.request.args.get("standing", ""),
        )
        return {"certificates": [_certificate(each) for each in authority.inventory.list_certificates(query)]}

    @blueprint.get("/internal/officers")
    @callers(RA)
    def officers() -> dict[str, Any]:
        return {
            "officers": [
                {
                    "fingerprint": officer.fingerprint,
                    "authentication_fingerprint": officer.authentication_fingerprint,
                    "subject_number": officer.subject_number,
                    "name": officer.name,
                    "roles": sorted(officer.roles),
                    "active": officer.active,
                }
                for officer in authority.officers()
            ]
        }

    return blueprint


def _for_status(authority: CertificateAuthority) -> flask.Blueprint:
    """What `va` may ask."""
    blueprint = flask.Blueprint("status", __name__)

    @blueprint.get(wire.CHANGES_PATH)
    @callers(VA)
    @quiet
    def changes() -> dict[str, Any]:
        after = flask.request.args.get("after", "", type=str)
        if not _SEQUENCE.fullmatch(after):
            raise wire.MessageError("after must be a sequence number", code="request-malformed")
        page = authority.feed_page(int(after))
        return {
            "changes": [
                {
                    "sequence": entry.sequence,
                    "at": entry.at.isoformat(),
                    "serial_number": entry.serial_number,
                    "event": entry.event,
                    "reason": entry.reason,
                }
                for entry in page.entries
            ],
            "last_sequence": page.last_sequence,
            "crl_numbers": dict(page.crl_numbers),
        }

    @blueprint.get(wire.CRLS_PATH)
    @callers(VA)
    @quiet
    def crls() -> dict[str, Any]:
        return {"crls": [_crl(view) for view in authority.publisher.current()]}

    return blueprint


def _issued(view: IssuedView | None) -> dict[str, Any]:
    """What was issued, as JSON; empty lists when nothing was."""
    certificates, chain = (view.certificates, view.chain) if view else ((), ())
    return {
        "certificates": [wire.encoded(each) for each in certificates],
        "chain": [wire.encoded(each) for each in chain],
    }


def _read_order(document: Mapping[str, Any]) -> CertificateOrder:
    """One order; TLS names are given only by the ceremony, so none are read here."""
    subject = document.get("subject")
    if not isinstance(subject, dict):
        raise wire.MessageError("subject must be an object", code="request-malformed")
    description = SubjectDescription(
        wire.text(subject, "name"),
        wire.text(subject, "subject_number", ""),
        wire.text(subject, "enterprise_name", ""),
        wire.text(subject, "uscc", ""),
    )
    return CertificateOrder(
        wire.text(document, "profile"), wire.octets(document, "request"), description, AlternativeNames()
    )


def _reason(text: str) -> CRLReason:
    """A revocation reason by its name in RFC 5280."""
    try:
        return CRLReason.from_text(text)
    except ValueError as error:
        raise wire.MessageError(str(error), code="reason-unknown") from None


def _certificate(view: CertificateView) -> dict[str, Any]:
    """A certificate as JSON."""
    return {
        "serial_number": view.serial_number,
        "fingerprint": view.fingerprint,
        "profile": view.profile,
        "subject": view.subject,
        "subject_number": view.subject_number,
        "not_valid_before": view.not_valid_before.isoformat(),
        "not_valid_after": view.not_valid_after.isoformat(),
        "standing": view.standing,
        "standing_since": view.standing_since.isoformat(),
        "reason": CRLReason(view.reason).text if view.reason is not None else None,
        "der": wire.encoded(view.der),
    }


def _crl(view: CrlView) -> dict[str, Any]:
    """A CRL as JSON."""
    return {
        "issuer_key_id": view.issuer_key_id,
        "number": view.number,
        "this_update": view.this_update.isoformat(),
        "next_update": view.next_update.isoformat(),
        "der": wire.encoded(view.der),
    }
