"""Confirming a live session: single sign-on lasts only as long as the card that began it."""

from __future__ import annotations

import logging
from datetime import datetime

from idp.errors import CardStatusUnknownError, LoginError, SessionEndedError, SessionUncheckedError
from idp.provider import Provider
from idp.service.audit_actions import PROVIDER, Action, person
from idp.service.sessions import end_session
from idp.session import LoginSession

_LOG = logging.getLogger(__name__)


def confirm_session(provider: Provider, session: LoginSession, at: datetime) -> None:
    """Confirm, by the rules of the login, that the session's card is still in force.

    A card that would not be let in any more ends its session: SessionEndedError. When the status cannot be
    had nothing is granted, but the session lives on: SessionUncheckedError.
    """
    try:
        provider.card_door.check_certificate(session.certificate, at)
    except CardStatusUnknownError as error:
        _LOG.warning("the card of a live session cannot be checked: %s", error.cause)
        raise SessionUncheckedError(
            "Your card cannot be checked at the moment. You stay logged in: reload this page in a minute.",
            code="session-unchecked",
        ) from None
    except LoginError as error:
        _LOG.warning("session ended: %s %s", error.code, error.cause)
        _end(provider, session, error, at)
        raise SessionEndedError(error.message, code=error.code) from None


def _end(provider: Provider, session: LoginSession, reason: LoginError, at: datetime) -> None:
    """End the session with all that hangs on it; on record once, however many tabs came upon it."""
    with provider.database.session() as database_session:
        if not end_session(database_session, session.session_id, at):
            return
        provider.audit.append(
            database_session,
            at=at,
            actor=PROVIDER,
            action=Action.SESSION_ENDED,
            subject=session.certificate_fingerprint,
            details={
                "session": session.session_id,
                "person": person(session.end_user.person_id),
                "code": reason.code,
                "cause": reason.cause,
            },
        )
