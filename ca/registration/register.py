"""The person and enterprise registers: entries, checks, and the subject numbers certificates carry.

An identity number is encrypted where it lies and found by a keyed digest; outside this module a person is
a random `person_id`. Every function works within the caller's transaction.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.errors import RegisterError
from ca.profiles import SubjectDescription, SubjectShape
from ca.registration.application import ApplicantClaim
from ca.registration.models import Enterprise, Person, Subject
from runtime.encryption import DataKey
from trust.errors import TrustError
from trust.identifiers import check_resident_identity_number, check_unified_social_credit_code, mask
from trust.subjects import SUBJECT_NUMBER_RANDOM_SIZE, new_subject_number

_PERSON_ID_BYTES = 16
_INDEX_CONTEXT = "person.identity_number"


@dataclass(frozen=True)
class SubjectView:
    """What a subject number stands for."""

    subject_number: str
    shape: SubjectShape
    person_id: str
    name: str
    enterprise_name: str
    uscc: str
    active: bool

    @property
    def description(self) -> SubjectDescription:
        """The subject in the words a profile needs."""
        return SubjectDescription(self.name, self.subject_number, self.enterprise_name, self.uscc)


class Register:
    """The registers of one registration process."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def add_person(self, session: Session, name: str, identity_number: str, at: datetime) -> Person:
        """Enter a natural person; the number is checked (GB 11643) and may be entered once."""
        number = _checked_identity_number(identity_number, at)
        if self._find(session, number) is not None:
            raise RegisterError("this identity number is registered already", code="person-exists")
        person_id = secrets.token_hex(_PERSON_ID_BYTES)
        person = Person(
            person_id=person_id,
            name=clean_name(name),
            identity_number=self._key.seal(number, _seal_context(person_id)),
            identity_index=self._key.index(number, _INDEX_CONTEXT),
            active=True,
            created_at=at,
        )
        session.add(person)
        session.flush()
        return person

    def add_enterprise(self, session: Session, name: str, uscc: str, at: datetime) -> Enterprise:
        """Enter a legal person; the code is checked (GB 32100) and may be entered once."""
        code = _checked_uscc(uscc)
        if session.get(Enterprise, code) is not None:
            raise RegisterError(
                "this unified social credit code is registered already", code="enterprise-exists"
            )
        enterprise = Enterprise(uscc=code, name=clean_name(name), active=True, created_at=at)
        session.add(enterprise)
        session.flush()
        return enterprise

    def find_person(self, session: Session, identity_number: str, at: datetime) -> Person:
        """The person with this number; refused when unknown, deceased or moved away."""
        person = self.any_person(session, identity_number, at)
        if not person.active:
            raise RegisterError("the register says this person is not active", code="person-inactive")
        return person

    def any_person(self, session: Session, identity_number: str, at: datetime) -> Person:
        """The person with this number, active or not."""
        person = self._find(session, _checked_identity_number(identity_number, at))
        if person is None:
            raise RegisterError("no person with this identity number is registered", code="person-unknown")
        return person

    def find_enterprise(self, session: Session, uscc: str) -> Enterprise:
        """The enterprise with this code; refused when unknown or dissolved."""
        enterprise = session.get(Enterprise, _checked_uscc(uscc))
        if enterprise is None:
            raise RegisterError("no enterprise with this code is registered", code="enterprise-unknown")
        if not enterprise.active:
            raise RegisterError("the register says this enterprise is dissolved", code="enterprise-inactive")
        return enterprise

    def check_claim(self, session: Session, claim: ApplicantClaim, at: datetime) -> tuple[Person, str]:
        """Check an applicant against the registers; return the person and the enterprise's code or ''."""
        person = self.find_person(session, claim.identity_number, at)
        if person.name != clean_name(claim.name):
            raise RegisterError("the name is not the one registered for this number", code="name-mismatch")
        if claim.shape is not SubjectShape.ENTERPRISE:
            return person, ""
        enterprise = self.find_enterprise(session, claim.uscc)
        if enterprise.name != clean_name(claim.enterprise_name):
            raise RegisterError(
                "the enterprise's name is not the one registered for this code", code="name-mismatch"
            )
        return person, enterprise.uscc

    def subject_of(
        self, session: Session, shape: SubjectShape, person_id: str, uscc: str, at: datetime
    ) -> Subject:
        """The subject of a person in one capacity; it gets its random number the first time."""
        subject = session.scalars(
            sa.select(Subject).where(
                Subject.kind == shape.value, Subject.person_id == person_id, Subject.uscc == uscc
            )
        ).first()
        if subject is None:
            subject = Subject(
                subject_number=new_subject_number(secrets.token_bytes(SUBJECT_NUMBER_RANDOM_SIZE)),
                kind=shape.value,
                person_id=person_id,
                uscc=uscc,
                active=True,
                created_at=at,
            )
            session.add(subject)
            session.flush()
        return subject

    def resolve(self, session: Session, subject_number: str) -> SubjectView:
        """What a subject number stands for; inactive when the person or the enterprise is."""
        subject = session.get(Subject, subject_number)
        if subject is None:
            raise RegisterError("there is no such subject number", code="subject-unknown")
        person = session.get_one(Person, subject.person_id)
        enterprise = session.get_one(Enterprise, subject.uscc) if subject.uscc else None
        return SubjectView(
            subject.subject_number,
            SubjectShape(subject.kind),
            subject.person_id,
            person.name,
            enterprise.name if enterprise else "",
            subject.uscc,
            subject.active and person.active and (enterprise is None or enterprise.active),
        )

    def masked_identity_number(self, session: Session, person_id: str) -> str:
        """A person's identity number as pages show it."""
        person = session.get_one(Person, person_id)
        return mask(self._key.open(person.identity_number, _seal_context(person_id)))

    def _find(self, session: Session, number: str) -> Person | None:
        """The person by the keyed digest of the number."""
        index = self._key.index(number, _INDEX_CONTEXT)
        return session.scalars(sa.select(Person).where(Person.identity_index == index)).first()


def clean_name(text: str) -> str:
    """A name in one form: normalised, no spaces around it, single ones within."""
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if not name:
        raise RegisterError("a name is missing", code="name-missing")
    return name


def _seal_context(person_id: str) -> str:
    """Binds a sealed number to its row."""
    return f"person.identity_number:{person_id}"


def _checked_identity_number(text: str, at: datetime) -> str:
    """The number in its one form, checked by GB 11643; the error never repeats it."""
    try:
        return check_resident_identity_number(text.strip(), at).text
    except TrustError as error:
        raise RegisterError(error.message, code=error.code) from None


def _checked_uscc(text: str) -> str:
    """The code in its one form, checked by GB 32100."""
    try:
        return check_unified_social_credit_code(text.strip()).text
    except TrustError as error:
        raise RegisterError(error.message, code=error.code) from None
