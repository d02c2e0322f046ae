"""The verbs of the registration process: registers, applications, and what a subject number stands for.

Each verb is one transaction with its audit record; a call to the issuing process stands between two of
them, so that nothing is held open while it answers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.errors import (
    ApplicationError,
    AuthorityUnavailableError,
    CaError,
    RegisterError,
    UnknownApplicationError,
)
from ca.personalization import CardOrder, CardRequests
from ca.preparation import CertificateOrder
from ca.profiles import SubjectShape, card_profiles, subject_name
from ca.registration.application import (
    ApplicantClaim,
    ApplicationCertificateView,
    ApplicationState,
    ApplicationVerb,
    ApplicationView,
    check_verb,
)
from ca.registration.gateway import AuthorityGateway
from ca.registration.models import (
    SCHEMA_REVISION,
    Application,
    ApplicationCertificate,
    AuditRecord,
)
from ca.registration.register import Register, SubjectView
from ca.service import IssuedView
from ca.settings import RegistrationSettings
from runtime.audit import AuditLog
from runtime.database import Database, check_schema
from runtime.encryption import DataKey

SERVICE = "ra"
MAXIMUM_LISTED = 200
_APPLICATION_BYTES = 8


class RegistrationService:
    """Registers people and enterprises, and takes applications through their states."""

    def __init__(
        self, database: Database, key: DataKey, gateway: AuthorityGateway | None, authority_name: str
    ) -> None:
        self._database = database
        self._register = Register(key)
        self._gateway = gateway
        self._authority_name = authority_name
        self._audit = AuditLog(AuditRecord)

    @classmethod
    def open(cls, settings: RegistrationSettings, gateway: AuthorityGateway | None) -> RegistrationService:
        """Open the database the settings name; without a gateway only the registers can be used."""
        database = Database(settings.effective_database_url(SERVICE))
        check_schema(database, SCHEMA_REVISION)
        return cls(database, DataKey.load(settings.data_key_file), gateway, settings.authority_name)

    @property
    def gateway(self) -> AuthorityGateway:
        """How the issuing process is reached."""
        if self._gateway is None:
            raise AuthorityUnavailableError(
                "the registers were opened without a way to the authority", code="authority-not-connected"
            )
        return self._gateway

    # --- registers -----------------------------------------------------------------------------

    def add_person(self, name: str, identity_number: str, *, actor: str, at: datetime) -> str:
        """Enter a natural person; return the random `person_id`."""
        with self._database.session() as session:
            person = self._register.add_person(session, name, identity_number, at)
            self._record(session, at, actor, "person.added", person.person_id)
            return person.person_id

    def add_enterprise(self, name: str, uscc: str, *, actor: str, at: datetime) -> str:
        """Enter an enterprise; return its unified social credit code."""
        with self._database.session() as session:
            enterprise = self._register.add_enterprise(session, name, uscc, at)
            self._record(session, at, actor, "enterprise.added", enterprise.uscc)
            return enterprise.uscc

    def import_persons(self, rows: Iterable[tuple[str, str]], *, actor: str, at: datetime) -> int:
        """Enter (name, identity number) rows, all or none; the error tells every bad line."""
        with self._database.session() as session:
            count = _all_or_none(rows, lambda row: self._register.add_person(session, row[0], row[1], at))
            self._record(session, at, actor, "persons.imported", "person", {"count": count})
        return count

    def import_enterprises(self, rows: Iterable[tuple[str, str]], *, actor: str, at: datetime) -> int:
        """Enter (name, code) rows, all or none; the error tells every bad line."""
        with self._database.session() as session:
            count = _all_or_none(rows, lambda row: self._register.add_enterprise(session, row[0], row[1], at))
            self._record(session, at, actor, "enterprises.imported", "enterprise", {"count": count})
        return count

    def set_person_active(self, identity_number: str, active: bool, *, actor: str, at: datetime) -> None:
        """Note that a person died or moved away, or that this was a mistake."""
        with self._database.session() as session:
            person = self._register.any_person(session, identity_number, at)
            person.active = active
            action = "person.activated" if active else "person.deactivated"
            self._record(session, at, actor, action, person.person_id)

    def enrol_officer(self, name: str, identity_number: str, *, actor: str, at: datetime) -> str:
        """Enter an officer as a person, if need be, and return the officer's subject number."""
        with self._database.session() as session:
            try:
                claim = ApplicantClaim(SubjectShape.OFFICER, name, identity_number)
                person, _uscc = self._register.check_claim(session, claim, at)
            except RegisterError as error:
                if error.code != "person-unknown":
                    raise
                person = self._register.add_person(session, name, identity_number, at)
            subject = self._register.subject_of(session, SubjectShape.OFFICER, person.person_id, "", at)
            self._record(session, at, actor, "officer.enrolled", subject.subject_number)
            return subject.subject_number

    def resolve_subject(self, subject_number: str, *, actor: str, at: datetime) -> SubjectView:
        """What a subject number stands for; every look-up of a person is on record."""
        with self._database.session() as session:
            view = self._register.resolve(session, subject_number)
            self._record(session, at, actor, "subject.resolved", subject_number)
            return view

    # --- applications --------------------------------------------------------------------------

    def apply(self, claim: ApplicantClaim, *, requester: str, at: datetime) -> ApplicationView:
        """Check the applicant against the registers and open an application for one card."""
        application_id = f"A-{secrets.token_hex(_APPLICATION_BYTES)}"
        with self._database.session() as session:
            person, uscc = self._register.check_claim(session, claim, at)
            subject = self._register.subject_of(session, claim.shape, person.person_id, uscc, at)
            session.add(
                Application(
                    id=application_id,
                    state=ApplicationState.IDENTIFIED.value,
                    subject_number=subject.subject_number,
                    requester=requester,
                    created_at=at,
                    changed_at=at,
                    refusal="",
                )
            )
            session.flush()
            self._record(
                session, at, requester, "application.opened", application_id, {"kind": claim.shape.value}
            )
            return self._view(session, application_id)

    def card_order(self, application_id: str, card: str) -> CardOrder:
        """What the card of an application has to be told before it makes its requests."""
        with self._database.session() as session:
            view = self._view(session, application_id)
            subject = self._register.resolve(session, view.subject_number)
        name = subject_name(view.shape, subject.description, self._authority_name)
        return CardOrder(card, view.enterprise_name or view.name, view.shape, name)

    def submit(
        self, application_id: str, requests: CardRequests, *, requester: str, at: datetime
    ) -> ApplicationView:
        """Hand the card's requests to the issuing process; it prepares what will be signed.

        Who hands in the keys is the one who asks from now on, and so cannot approve: the officer who opened
        the application has not seen these keys.
        """
        # 1. The application may be submitted, its subject still stands.
        with self._database.session() as session:
            application = _load(session, application_id)
            check_verb(ApplicationState(application.state), ApplicationVerb.SUBMIT)
            subject = self._register.resolve(session, application.subject_number)
        if not subject.active:
            raise RegisterError("the register says this subject is not active", code="subject-inactive")
        # 2. The issuing process checks everything itself.
        profiles = card_profiles(subject.shape)
        pair = (requests.authentication, requests.signature)
        orders = [
            CertificateOrder(profile.name, request, subject.description)
            for profile, request in zip(profiles, pair, strict=True)
        ]
        prepared = self.gateway.prepare(application_id, requester, orders, at=at)
        # 3. What was prepared is stored for the approving officer.
        with self._database.session() as session:
            application = _load(session, application_id)
            check_verb(ApplicationState(application.state), ApplicationVerb.SUBMIT)
            application.state = ApplicationState.PREPARED.value
            application.requester = requester
            application.preparation_id = prepared.preparation_id
            application.statement = prepared.statement
            application.expires_at = prepared.expires_at
            application.changed_at = at
            session.execute(
                sa.delete(ApplicationCertificate).where(
                    ApplicationCertificate.application_id == application_id
                )
            )
            session.add_all(
                ApplicationCertificate(
                    application_id=application_id,
                    position=position,
                    profile=order.profile,
                    request=order.request,
                    tbs=tbs,
                )
                for position, (order, tbs) in enumerate(zip(orders, prepared.tbs, strict=True))
            )
            session.flush()
            self._record(
                session,
                at,
                requester,
                "application.prepared",
                application_id,
                {"preparation": prepared.preparation_id},
            )
            return self._view(session, application_id)

    def complete(self, application_id: str, approval: bytes, *, actor: str, at: datetime) -> IssuedView:
        """Hand a second officer's approval to the issuing process and store what it issued."""
        with self._database.session() as session:
            application = _load(session, application_id)
            check_verb(ApplicationState(application.state), ApplicationVerb.APPROVE)
            preparation_id = application.preparation_id or ""
        issued = self._issue(preparation_id, approval, at)
        with self._database.session() as session:
            application = _load(session, application_id)
            application.state = ApplicationState.ISSUED.value
            application.changed_at = at
            for row, certificate in zip(
                _certificates(session, application_id), issued.certificates, strict=True
            ):
                row.certificate = certificate
            self._record(session, at, actor, "application.issued", application_id)
        return issued

    def _issue(self, preparation_id: str, approval: bytes, at: datetime) -> IssuedView:
        """Have it issued; when the answer of an earlier attempt was lost, fetch what was issued then."""
        try:
            return self.gateway.issue(preparation_id, approval, at=at)
        except CaError as error:
            issued = self.gateway.issued(preparation_id) if error.code == "preparation-redeemed" else None
            if issued is None:
                raise
            return issued

    def refuse(self, application_id: str, reason: str, *, actor: str, at: datetime) -> None:
        """Refuse an application, with the reason the applicant is told."""
        if not reason.strip():
            raise ApplicationError("say why the application is refused", code="refusal-without-reason")
        with self._database.session() as session:
            application = _load(session, application_id)
            check_verb(ApplicationState(application.state), ApplicationVerb.REFUSE)
            application.state = ApplicationState.REFUSED.value
            application.refusal = reason.strip()[:500]
            application.changed_at = at
            self._record(session, at, actor, "application.refused", application_id)

    def application(self, application_id: str, *, actor: str, at: datetime) -> ApplicationView:
        """One application, whole; the look-up is on record, for it shows a person."""
        with self._database.session() as session:
            view = self._view(session, application_id)
            self._record(session, at, actor, "application.viewed", application_id)
            return view

    def applications(self, state: ApplicationState | None = None) -> Sequence[ApplicationView]:
        """Applications, newest first, at most `MAXIMUM_LISTED`."""
        query = sa.select(Application.id).order_by(Application.created_at.desc(), Application.id)
        if state is not None:
            query = query.where(Application.state == state.value)
        with self._database.session() as session:
            return [self._view(session, each) for each in session.scalars(query.limit(MAXIMUM_LISTED)).all()]

    def _view(self, session: Session, application_id: str) -> ApplicationView:
        """An application as a value."""
        row = _load(session, application_id)
        subject = self._register.resolve(session, row.subject_number)
        return ApplicationView(
            application_id=row.id,
            state=ApplicationState(row.state),
            shape=subject.shape,
            subject_number=row.subject_number,
            name=subject.name,
            masked_identity_number=self._register.masked_identity_number(session, subject.person_id),
            enterprise_name=subject.enterprise_name,
            uscc=subject.uscc,
            requester=row.requester,
            created_at=row.created_at,
            changed_at=row.changed_at,
            statement=row.statement,
            expires_at=row.expires_at,
            refusal=row.refusal,
            certificates=tuple(
                ApplicationCertificateView(each.profile, each.request, each.tbs, each.certificate)
                for each in _certificates(session, application_id)
            ),
        )

    def _record(
        self,
        session: Session,
        at: datetime,
        actor: str,
        action: str,
        subject: str,
        details: dict[str, object] | None = None,
    ) -> None:
        """Append to the audit log within the verb's transaction."""
        self._audit.append(session, at=at, actor=actor, action=action, subject=subject, details=details)


def _load(session: Session, application_id: str) -> Application:
    """The application, locked for this transaction."""
    application = session.get(Application, application_id, with_for_update=True)
    if application is None:
        raise UnknownApplicationError("there is no such application", code="application-unknown")
    return application


def _certificates(session: Session, application_id: str) -> Sequence[ApplicationCertificate]:
    """The certificates of an application in order."""
    return session.scalars(
        sa.select(ApplicationCertificate)
        .where(ApplicationCertificate.application_id == application_id)
        .order_by(ApplicationCertificate.position)
    ).all()


def _all_or_none(rows: Iterable[tuple[str, str]], add: Callable[[tuple[str, str]], object]) -> int:
    """Add every row; when lines are bad, raise one error that names them all."""
    count, mistakes = 0, []
    for line, row in enumerate(rows, 1):
        try:
            add(row)
            count += 1
        except CaError as error:
            mistakes.append(f"line {line}: {error}")
    if mistakes:
        raise RegisterError("nothing was imported:\n  " + "\n  ".join(mistakes[:50]), code="import-refused")
    return count
