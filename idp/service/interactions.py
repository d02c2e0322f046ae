"""A request that waits for its person: bound to one browser, with a nonce, gone when answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from idp.authorization.request import AuthorizationRequest
from idp.client import digest_secret
from idp.errors import InteractionError, LoginError
from idp.models import ChallengeRecord, InteractionRecord
from idp.provider import Provider, new_secret

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True)
class Interaction:
    """A waiting request, and whether its person has authenticated for it."""

    interaction_id: str
    request: AuthorizationRequest
    authenticated: bool


def begin_interaction(provider: Provider, request: AuthorizationRequest, browser: str, at: datetime) -> str:
    """Keep the request until its person has logged in; return its identifier."""
    interaction_id = new_secret()
    with provider.database.session() as session:
        session.add(
            InteractionRecord(
                interaction_id=interaction_id,
                browser_digest=digest_secret(browser),
                request=request.to_json(),
                authenticated=False,
                expires_at=at + timedelta(minutes=provider.settings.interaction_minutes),
            )
        )
    return interaction_id


def find_interaction(provider: Provider, interaction_id: str, browser: str, at: datetime) -> Interaction:
    """Find a waiting request of this browser; raise InteractionError when it is over or another's."""
    wanted = sa.select(InteractionRecord.__table__).where(
        InteractionRecord.interaction_id == (interaction_id if _IDENTIFIER.match(interaction_id) else ""),
        InteractionRecord.browser_digest == digest_secret(browser),
        InteractionRecord.expires_at > at,
    )
    with provider.database.read() as connection:
        row = connection.execute(wanted).first()
    if row is None:
        raise InteractionError(
            "This login is over, or was begun in another browser. Go back to the site and log in again.",
            code="login-over",
        )
    return Interaction(row.interaction_id, AuthorizationRequest.from_json(row.request), row.authenticated)


def finish_interaction(provider: Provider, interaction_id: str) -> bool:
    """Remove a request that is about to be answered; False when somebody was faster."""
    with provider.database.session() as session:
        session.execute(sa.delete(ChallengeRecord).where(ChallengeRecord.interaction_id == interaction_id))
        removed = session.execute(
            sa.delete(InteractionRecord)
            .where(InteractionRecord.interaction_id == interaction_id)
            .returning(InteractionRecord.interaction_id)
        ).first()
    return removed is not None


def issue_nonce(provider: Provider, interaction: Interaction, at: datetime) -> str:
    """Make the nonce a card must sign for this request; the one before it is void."""
    nonce = new_secret() + new_secret()[:1]
    with provider.database.session() as session:
        session.execute(
            sa.delete(ChallengeRecord).where(ChallengeRecord.interaction_id == interaction.interaction_id)
        )
        session.add(
            ChallengeRecord(
                interaction_id=interaction.interaction_id,
                nonce=nonce,
                expires_at=at + timedelta(seconds=provider.settings.nonce_seconds),
            )
        )
    return nonce


def take_nonce(provider: Provider, interaction: Interaction, at: datetime) -> str:
    """Take the nonce, so that nobody takes it again; raise LoginError when there is none, or it is stale."""
    with provider.database.session() as session:
        row = session.execute(
            sa.delete(ChallengeRecord)
            .where(ChallengeRecord.interaction_id == interaction.interaction_id)
            .returning(ChallengeRecord.nonce, ChallengeRecord.expires_at)
        ).first()
    if row is None:
        raise LoginError("This card answer was used already. Please log in again.", code="nonce-used")
    if row.expires_at <= at:
        raise LoginError("The card took too long to answer. Please log in again.", code="nonce-expired")
    return str(row.nonce)
