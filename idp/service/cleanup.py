"""Deleting what is over, so that the tables stay as small as the day's work."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from idp.models import (
    AccessTokenRecord,
    ChallengeRecord,
    CodeRecord,
    InteractionRecord,
    SessionRecord,
    UsedAssertionRecord,
)
from idp.settings import IdpSettings
from runtime.database import Database

# A spent code is remembered beyond its life, so that a late replay still revokes what it was redeemed for.
_CODE_MEMORY = timedelta(hours=1)


def delete_expired(database: Database, settings: IdpSettings, at: datetime) -> int:
    """Delete expired rows; return how many."""
    kept = at - timedelta(days=settings.retention_days)
    memory = max(_CODE_MEMORY, timedelta(seconds=settings.access_token_seconds))
    statements = (
        sa.delete(ChallengeRecord).where(ChallengeRecord.expires_at < at),
        sa.delete(InteractionRecord).where(InteractionRecord.expires_at < at),
        sa.delete(CodeRecord).where(CodeRecord.expires_at < at - memory),
        sa.delete(AccessTokenRecord).where(AccessTokenRecord.expires_at < at),
        sa.delete(UsedAssertionRecord).where(UsedAssertionRecord.expires_at < at),
        sa.delete(SessionRecord).where(SessionRecord.ended_at < kept),
        sa.delete(SessionRecord).where(
            SessionRecord.started_at < at - settings.session_limits.absolute - (at - kept)
        ),
    )
    deleted = 0
    with database.session() as session:
        for statement in statements:
            result = session.execute(statement.execution_options(synchronize_session=False))
            deleted += result.rowcount  # type: ignore[attr-defined]
    return deleted
