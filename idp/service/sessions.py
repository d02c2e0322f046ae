"""Login sessions: begin, find, end. The browser keeps a secret, the database its digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from idp.claims import EndUser, Enterprise
from idp.client import digest_secret
from idp.models import AccessTokenRecord, CodeRecord, CodeState, InteractionRecord, SessionRecord
from idp.provider import CardLogin, Provider, new_secret
from idp.service.audit_actions import Action, person
from idp.session import SEEN_GRANULARITY, LoginSession
from idp.vocabulary import CARD_LOGIN_METHODS, Acr


def find_session(provider: Provider, secret: str | None, at: datetime) -> LoginSession | None:
    """Find the live session of a browser."""
    if not secret:
        return None
    wanted = sa.select(SessionRecord.__table__).where(
        SessionRecord.secret_digest == digest_secret(secret), SessionRecord.ended_at.is_(None)
    )
    with provider.database.read() as connection:
        row = connection.execute(wanted).first()
    session = None if row is None else to_session(row)
    return None if session is None or session.is_over(provider.settings.session_limits, at) else session


def touch_session(database_session: Session, session: LoginSession, at: datetime) -> None:
    """Remember that the session is in use, once a minute at most."""
    if at - session.seen_at < SEEN_GRANULARITY:
        return
    database_session.execute(
        sa.update(SessionRecord).where(SessionRecord.session_id == session.session_id).values(seen_at=at)
    )


def log_in(
    provider: Provider, login: CardLogin, former: LoginSession | None, interaction_id: str, at: datetime
) -> str:
    """Begin a session, or renew the same person's; return the new secret for the browser.

    The secret changes at every login, so that one planted beforehand is worth nothing. Another person, or
    another card, ends the former session with all that hangs on it. The request that asked for the card is
    marked as answered by a fresh login.
    """
    secret = new_secret()
    with provider.database.session() as session:
        same = former is not None and former.certificate_fingerprint == login.certificate_fingerprint
        if former and same:
            session_id = _renew(session, former, secret, login, at)
        else:
            session_id = _begin(session, former, secret, login, at)
        session.execute(
            sa.update(InteractionRecord)
            .where(InteractionRecord.interaction_id == interaction_id)
            .values(authenticated=True)
        )
        provider.audit.append(
            session,
            at=at,
            actor=person(login.end_user.person_id),
            action=Action.LOGIN_SUCCEEDED,
            subject=login.certificate_fingerprint,
            details={"session": session_id, "acr": Acr.CARD_AND_PIN},
        )
    return secret


def _renew(session: Session, former: LoginSession, secret: str, login: CardLogin, at: datetime) -> str:
    """Carry a session on under a new secret; what the register says of the person may have changed."""
    session.execute(
        sa.update(SessionRecord)
        .where(SessionRecord.session_id == former.session_id)
        .values(secret_digest=digest_secret(secret), auth_time=at, seen_at=at, **_person(login.end_user))
    )
    return former.session_id


def _begin(session: Session, former: LoginSession | None, secret: str, login: CardLogin, at: datetime) -> str:
    """Begin a session; the one before it in this browser ends."""
    if former:
        end_session(session, former.session_id, at)
    session_id = new_secret()
    session.add(_new_record(session_id, secret, login, at))
    return session_id


def log_out(provider: Provider, session: LoginSession, at: datetime) -> None:
    """End a session at its person's wish."""
    with provider.database.session() as database_session:
        end_session(database_session, session.session_id, at)
        provider.audit.append(
            database_session,
            at=at,
            actor=person(session.end_user.person_id),
            action=Action.LOGGED_OUT,
            subject=session.certificate_fingerprint,
            details={"session": session.session_id},
        )


def end_session(database_session: Session, session_id: str, at: datetime) -> bool:
    """End a session, withdraw its codes and revoke its access tokens; False when it had ended before."""
    ended = database_session.execute(
        sa.update(SessionRecord)
        .where(SessionRecord.session_id == session_id, SessionRecord.ended_at.is_(None))
        .values(ended_at=at)
        .returning(SessionRecord.session_id)
        .execution_options(synchronize_session=False)
    ).first()
    for statement in (
        sa.update(CodeRecord)
        .where(CodeRecord.session_id == session_id, CodeRecord.used == CodeState.UNUSED)
        .values(used=CodeState.WITHDRAWN),
        sa.update(AccessTokenRecord)
        .where(AccessTokenRecord.session_id == session_id, AccessTokenRecord.revoked_at.is_(None))
        .values(revoked_at=at),
    ):
        database_session.execute(statement.execution_options(synchronize_session=False))
    return ended is not None


def _new_record(session_id: str, secret: str, login: CardLogin, at: datetime) -> SessionRecord:
    """Build the row of a new session."""
    return SessionRecord(
        session_id=session_id,
        secret_digest=digest_secret(secret),
        certificate_fingerprint=login.certificate_fingerprint,
        certificate=login.certificate,
        acr=Acr.CARD_AND_PIN,
        amr=" ".join(CARD_LOGIN_METHODS),
        auth_time=at,
        started_at=at,
        seen_at=at,
        **_person(login.end_user),
    )


def _person(end_user: EndUser) -> dict[str, Any]:
    """Return the columns that describe the person."""
    enterprise = end_user.enterprise
    return {
        "person_id": end_user.person_id,
        "name": end_user.name,
        "enterprise_name": enterprise.name if enterprise else None,
        "enterprise_uscc": enterprise.uscc if enterprise else None,
        "officer_certificate": end_user.officer_certificate,
    }


def to_end_user(row: Any) -> EndUser:
    """Build the person from a session's row."""
    enterprise = Enterprise(row.enterprise_name, row.enterprise_uscc) if row.enterprise_uscc else None
    return EndUser(row.person_id, row.name, enterprise, row.officer_certificate)


def to_session(row: Any) -> LoginSession:
    """Build the session from its row."""
    return LoginSession(
        session_id=row.session_id,
        end_user=to_end_user(row),
        acr=row.acr,
        amr=tuple(row.amr.split()),
        auth_time=row.auth_time,
        started_at=row.started_at,
        seen_at=row.seen_at,
        certificate_fingerprint=row.certificate_fingerprint,
        certificate=row.certificate,
    )
