"""An application and its states, without a database.

identified ──submit──▶ prepared ──approve──▶ issued
    │  ▲                  │ │
    │  └──────expired─────┘ │
    └────────refuse─────────┴──▶ refused
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ca.errors import ApplicationError
from ca.profiles import SubjectShape


class ApplicationState(StrEnum):
    """Where an application stands."""

    IDENTIFIED = "identified"
    PREPARED = "prepared"
    ISSUED = "issued"
    REFUSED = "refused"


class ApplicationVerb(StrEnum):
    """What is done with an application."""

    SUBMIT = "submit"
    APPROVE = "approve"
    REFUSE = "refuse"


_ALLOWED = {
    ApplicationVerb.SUBMIT: (ApplicationState.IDENTIFIED, ApplicationState.PREPARED),
    ApplicationVerb.APPROVE: (ApplicationState.PREPARED,),
    ApplicationVerb.REFUSE: (ApplicationState.IDENTIFIED, ApplicationState.PREPARED),
}


@dataclass(frozen=True)
class ApplicantClaim:
    """What an applicant says: who they are, and for which enterprise the card is, if for one."""

    shape: SubjectShape
    name: str
    identity_number: str = field(repr=False)
    enterprise_name: str = ""
    uscc: str = ""


@dataclass(frozen=True)
class ApplicationCertificateView:
    """One certificate of an application; `tbs` once prepared, `certificate` once issued."""

    profile: str
    request: bytes
    tbs: bytes | None
    certificate: bytes | None


@dataclass(frozen=True)
class ApplicationView:
    """An application as the desk sees it; the identity number is masked."""

    application_id: str
    state: ApplicationState
    shape: SubjectShape
    subject_number: str
    name: str
    masked_identity_number: str
    enterprise_name: str
    uscc: str
    requester: str
    created_at: datetime
    changed_at: datetime
    statement: bytes | None
    expires_at: datetime | None
    refusal: str
    certificates: tuple[ApplicationCertificateView, ...] = ()

    def is_expired(self, at: datetime) -> bool:
        """Whether it was prepared and nobody approved it in time."""
        expired = self.expires_at is not None and self.expires_at <= at
        return self.state is ApplicationState.PREPARED and expired


def check_verb(state: ApplicationState, verb: ApplicationVerb) -> None:
    """Check that the state allows the verb."""
    if state not in _ALLOWED[verb]:
        raise ApplicationError(
            f"the application is {state.value}; it cannot be {_PAST[verb]} any more",
            code="application-state",
        )


_PAST = {
    ApplicationVerb.SUBMIT: "submitted",
    ApplicationVerb.APPROVE: "approved",
    ApplicationVerb.REFUSE: "refused",
}
