"""The officers' desk: queue, application, exactly what will be signed, approval with the card.

Who may see what is asked of the issuing process's list of officers, by the certificate the officer logged
in with; what is done is checked again by the issuing process, which believes no page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar, cast

import flask
from werkzeug.wrappers import Response

from ca.certification_request import MAXIMUM_REQUEST_BYTES, decode_pem_request
from ca.errors import CertificationRequestError, RegisterError
from ca.officers import OfficerRole, OfficerView
from ca.personalization import CardRequests
from ca.presentation import facts_of
from ca.profiles import SubjectShape
from ca.registration.application import ApplicantClaim, ApplicationState, ApplicationView
from ca.registration.service import RegistrationService
from runtime.relying_party import current_user, login_required
from runtime.web import abort_with, at, body_limit, rate_limit
from trust.certificate import Certificate

View = TypeVar("View", bound=Callable[..., Any])

_LOOK_UPS_PER_MINUTE = 30
_MAXIMUM_UPLOAD_BYTES = 4 * MAXIMUM_REQUEST_BYTES
_STATE_TEXTS = {
    ApplicationState.IDENTIFIED: "identity checked",
    ApplicationState.PREPARED: "waiting for approval",
    ApplicationState.ISSUED: "issued",
    ApplicationState.REFUSED: "refused",
}
_KIND_TEXTS = {
    SubjectShape.CITIZEN: "citizen card",
    SubjectShape.ENTERPRISE: "enterprise card",
    SubjectShape.OFFICER: "officer card",
}
_NOT_AN_OFFICER = "This desk is for officers of the authority. You are logged in, but not as an officer."
_NOT_YOUR_ROLE = "Your role does not allow this."


def desk_pages(service: RegistrationService) -> flask.Blueprint:
    """The pages of the desk."""
    blueprint = flask.Blueprint("desk", __name__)
    blueprint.context_processor(lambda: {"state_texts": _STATE_TEXTS, "kind_texts": _KIND_TEXTS})
    for add in (_add_reading, _add_registering, _add_deciding):
        add(blueprint, service)
    return blueprint


def officer_required(service: RegistrationService, *roles: OfficerRole) -> Callable[[View], View]:
    """Let officers with one of the roles (none given: any) see a view; `flask.g.officer` is who."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **keywords: Any) -> Any:
            officer = _officer(service)
            if officer is None:
                abort_with(403, "not-an-officer", _NOT_AN_OFFICER)
            if roles and not officer.roles & set(roles):
                abort_with(403, "role-missing", _NOT_YOUR_ROLE)
            flask.g.officer = officer
            return view(*arguments, **keywords)

        return login_required(cast("View", guarded))

    return decorate


def _officer(service: RegistrationService) -> OfficerView | None:
    """The officer who is logged in: by the certificate the provider saw, among the authority's officers."""
    claim = (current_user() or {}).get("officer") or {}
    fingerprint = claim.get("certificate_sha256")
    for officer in service.gateway.officers():
        if officer.active and officer.authentication_fingerprint == fingerprint:
            return officer
    return None


def _add_reading(blueprint: flask.Blueprint, service: RegistrationService) -> None:
    """Start page, queue, application."""

    @blueprint.get("/")
    def home() -> Response | str:
        if current_user() is None:
            return flask.render_template("desk_home.html")
        return flask.redirect(flask.url_for("desk.queue"), 303)

    @blueprint.get("/applications")
    @officer_required(service)
    def queue() -> str:
        asked = flask.request.args.get("state", "")
        state = ApplicationState(asked) if asked in list(ApplicationState) else None
        return flask.render_template(
            "queue.html",
            applications=service.applications(state),
            states=list(ApplicationState),
            chosen=state,
        )

    @blueprint.get("/applications/<application_id>")
    @officer_required(service)
    @rate_limit("application", per_minute=_LOOK_UPS_PER_MINUTE)
    def application(application_id: str) -> str:
        view = service.application(application_id, actor=_actor(), at=at())
        return _render(view, _name_of(service, view.requester))

    @blueprint.get("/applications/<application_id>/certificates.pem")
    @officer_required(service)
    def certificates(application_id: str) -> flask.Response:
        view = service.application(application_id, actor=_actor(), at=at())
        issued = [Certificate.parse(each.certificate).pem for each in view.certificates if each.certificate]
        if not issued:
            abort_with(404, "not-issued", "This application has no certificates yet.")
        headers = {"Content-Disposition": f'attachment; filename="{application_id}.pem"'}
        return flask.Response("".join(issued), content_type="application/x-pem-file", headers=headers)


def _add_registering(blueprint: flask.Blueprint, service: RegistrationService) -> None:
    """Opening an application, and handing in the card's requests."""

    @blueprint.get("/applications/new")
    @officer_required(service, OfficerRole.REGISTRATION)
    def new() -> str:
        return flask.render_template("new.html", shapes=_shapes(), typed={}, failure="")

    @blueprint.post("/applications")
    @officer_required(service, OfficerRole.REGISTRATION)
    @rate_limit("apply", per_minute=_LOOK_UPS_PER_MINUTE)
    def apply() -> Response | tuple[str, int]:
        form = flask.request.form
        kind = form.get("kind", "")
        if kind not in _shapes():
            abort_with(400, "kind-unknown", "Choose whose card it is.")
        claim = ApplicantClaim(
            SubjectShape(kind),
            form.get("name", ""),
            form.get("identity_number", ""),
            form.get("enterprise_name", ""),
            form.get("uscc", ""),
        )
        try:
            view = service.apply(claim, requester=flask.g.officer.subject_number, at=at())
        except RegisterError as error:
            # The officer corrects what was typed, instead of typing all of it again.
            page = flask.render_template("new.html", shapes=_shapes(), typed=form, failure=str(error))
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        return _to(view.application_id)

    @blueprint.post("/applications/<application_id>/requests")
    @officer_required(service, OfficerRole.REGISTRATION)
    @body_limit(_MAXIMUM_UPLOAD_BYTES)
    def submit(application_id: str) -> Response:
        service.submit(
            application_id,
            CardRequests(_uploaded("authentication"), _uploaded("signature")),
            requester=_actor(),
            at=at(),
        )
        return _to(application_id)


def _add_deciding(blueprint: flask.Blueprint, service: RegistrationService) -> None:
    """Approving with the card, and refusing."""

    @blueprint.post("/applications/<application_id>/approval")
    @officer_required(service, OfficerRole.APPROVING)
    def approve(application_id: str) -> Response:
        try:
            approval = base64.b64decode(flask.request.form.get("approval", ""), validate=True)
        except (binascii.Error, ValueError):
            abort_with(400, "approval-malformed", "The card's approval did not arrive. Please try again.")
        service.complete(application_id, approval, actor=_actor(), at=at())
        return _to(application_id)

    @blueprint.post("/applications/<application_id>/refusal")
    @officer_required(service, OfficerRole.REGISTRATION, OfficerRole.APPROVING)
    def refuse(application_id: str) -> Response:
        service.refuse(application_id, flask.request.form.get("reason", ""), actor=_actor(), at=at())
        return _to(application_id)


def _render(view: ApplicationView, requester_name: str) -> str:
    """The page of one application, with what the officer who looks may do."""
    officer: OfficerView = flask.g.officer
    pending = view.state is ApplicationState.PREPARED and not view.is_expired(at())
    return flask.render_template(
        "application.html",
        application=view,
        requester_name=requester_name,
        expired=view.is_expired(at()),
        facts=[(each.profile, facts_of(each.tbs)) for each in view.certificates if each.tbs],
        issued=[Certificate.parse(each.certificate) for each in view.certificates if each.certificate],
        statement=base64.b64encode(view.statement or b"").decode("ascii"),
        own=officer.subject_number == view.requester,
        may_submit=OfficerRole.REGISTRATION in officer.roles
        and (view.state is ApplicationState.IDENTIFIED or view.is_expired(at())),
        may_approve=OfficerRole.APPROVING in officer.roles and pending,
        may_refuse=OfficerRole.AUDITOR not in officer.roles
        and view.state in (ApplicationState.IDENTIFIED, ApplicationState.PREPARED),
    )


def _name_of(service: RegistrationService, subject_number: str) -> str:
    """The name of an officer, or an empty text."""
    names = {officer.subject_number: officer.name for officer in service.gateway.officers()}
    return names.get(subject_number, "")


def _uploaded(name: str) -> bytes:
    """A certification request that was uploaded, PEM or DER."""
    file = flask.request.files.get(name)
    if file is None:
        raise CertificationRequestError("a certification request is missing", code="request-missing")
    return decode_pem_request(file.read(MAXIMUM_REQUEST_BYTES * 2))


def _shapes() -> list[str]:
    """Whose cards the desk issues."""
    return [SubjectShape.CITIZEN.value, SubjectShape.ENTERPRISE.value, SubjectShape.OFFICER.value]


def _actor() -> str:
    """How the audit names the officer who is logged in."""
    officer: OfficerView = flask.g.officer
    return officer.subject_number


def _to(application_id: str) -> Response:
    """Back to the application's page."""
    return flask.redirect(flask.url_for("desk.application", application_id=application_id), 303)
