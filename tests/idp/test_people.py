"""Asking the register who a subject number stands for."""

from __future__ import annotations

import pytest

from idp.errors import LoginError, RegisterUnavailableError
from idp.login.people import Register, read_subject
from runtime.internal import RemoteProblemError
from runtime.internal.errors import AnswerError, IdentityError, UnreachableError
from trust.profile_policy import CertificateKind

CITIZEN = CertificateKind.CITIZEN_AUTHENTICATION
ENTERPRISE = CertificateKind.ENTERPRISE_AUTHENTICATION
OFFICER = CertificateKind.OFFICER_AUTHENTICATION
ANSWER = {
    "subject_number": "TX",
    "kind": "citizen",
    "person_id": "p",
    "name": "王",
    "enterprise": None,
    "active": True,
}
COMPANY = {**ANSWER, "kind": "enterprise", "enterprise": {"name": "企业", "uscc": "91350100M000100Y43"}}


class Client:
    """The internal client, as what it answers or raises."""

    def __init__(self, outcome) -> None:
        self.outcome, self.paths = outcome, []

    def get_json(self, path: str):
        self.paths.append(path)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def register(outcome) -> Register:
    found = Register.__new__(Register)
    found._client = Client(outcome)
    return found


def test_person_is_read():
    person = register(ANSWER).end_user("TX", CITIZEN, "f")
    assert (person.person_id, person.name, person.enterprise, person.officer_certificate) == (
        "p",
        "王",
        None,
        None,
    )


def test_enterprise_is_read():
    assert register(COMPANY).end_user("TX", ENTERPRISE, "f").enterprise.uscc == "91350100M000100Y43"


def test_officer_carries_the_certificate():
    assert register({**ANSWER, "kind": "officer"}).end_user("TX", OFFICER, "f").officer_certificate == "f"


def test_subject_number_is_one_path_segment():
    found = register(ANSWER)
    found.end_user("../clients?x=y#z", CITIZEN, "f")
    assert found._client.paths == ["/internal/subjects/..%2Fclients%3Fx%3Dy%23z"]


def test_unknown_subject_is_refused():
    error = RemoteProblemError("no", code="subject-unknown", status=404)
    with pytest.raises(LoginError) as caught:
        register(error).end_user("TX", CITIZEN, "f")
    assert caught.value.code == "person-unknown"


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("x", code="service-unreachable"),
        IdentityError("x", code="service-tls"),
        AnswerError("x", code="service-answer-malformed"),
        RemoteProblemError("x", code="caller-refused", status=403),
        RemoteProblemError("x", code="internal-error", status=500),
    ],
    ids=lambda error: error.code,
)
def test_register_that_does_not_answer_fails_closed(error):
    with pytest.raises(RegisterUnavailableError):
        register(error).end_user("TX", CITIZEN, "f")


@pytest.mark.parametrize(
    "answer",
    [None, [], "x", {}, {**ANSWER, "active": "true"}, {**ANSWER, "active": 1}, {**ANSWER, "person_id": ""},
     {**ANSWER, "person_id": 7}, {**ANSWER, "name": None}, {"active": True, "kind": "citizen"},
     {**ANSWER, "kind": None}],
    ids=range(11),
)  # fmt: skip
def test_answers_that_are_not_as_agreed_let_nobody_in(answer):
    with pytest.raises((LoginError, RegisterUnavailableError)):
        read_subject(answer, CITIZEN, "f")


@pytest.mark.parametrize("enterprise", [None, {}, {"name": "x"}, "x", []])
def test_enterprise_card_without_an_enterprise_lets_nobody_in(enterprise):
    with pytest.raises((LoginError, RegisterUnavailableError)):
        read_subject({**COMPANY, "enterprise": enterprise}, ENTERPRISE, "f")


def test_citizen_card_never_acts_for_an_enterprise():
    person = read_subject({**ANSWER, "enterprise": COMPANY["enterprise"]}, CITIZEN, "f")
    assert person.enterprise is None


@pytest.mark.parametrize("kind", [kind for kind in CertificateKind if not kind.is_authentication])
def test_other_kinds_are_nobody(kind):
    with pytest.raises(LoginError):
        read_subject(ANSWER, kind, "f")
