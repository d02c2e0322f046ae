"""A login session of the provider: who, how, since when; and when it is good enough for a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from idp.claims import EndUser
from idp.vocabulary import Acr

# How sure each context is; a session satisfies a request for its own level and for those below.
_LEVELS = {Acr.CARD_AND_PIN: 3}
# Writing "last seen" more often than this would cost a write for every login of every site.
SEEN_GRANULARITY = timedelta(minutes=1)


@dataclass(frozen=True)
class SessionLimits:
    """When sessions end by themselves."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True)
class LoginSession:
    """One login of one person in one browser."""

    session_id: str
    end_user: EndUser
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    started_at: datetime
    seen_at: datetime
    certificate_fingerprint: str
    certificate: bytes = field(repr=False)

    def is_over(self, limits: SessionLimits, at: datetime) -> bool:
        """Whether the session has been idle too long, or is too old."""
        return at - self.seen_at > limits.idle or at - self.started_at > limits.absolute

    def is_fresh(self, max_age: int | None, at: datetime) -> bool:
        """Whether the person authenticated recently enough (OIDC Core 3.1.2.1, `max_age`)."""
        return max_age is None or at - self.auth_time <= timedelta(seconds=max_age)


def satisfies(acr: str, wanted: Sequence[str]) -> bool:
    """Whether a context meets one of the wanted ones; a voluntary wish for unknown ones binds nobody."""
    known = [Acr(value) for value in wanted if value in _LEVELS]
    return not known or any(_LEVELS[Acr(acr)] >= _LEVELS[value] for value in known)
