"""The provider's tables. Codes, access tokens and session secrets are stored as SHA-256 digests only."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import UtcDateTime
from runtime.models import AuditRecordMixin, JobLeaseMixin

SCHEMA_REVISION = "0001"
_DIGEST = 64


class Base(DeclarativeBase):
    """Tables of the provider."""


class ClientRecord(Base):
    """A registered relying site; lists are JSON texts."""

    __tablename__ = "client"

    client_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    name_key: Mapped[str] = mapped_column(sa.String(200), unique=True)
    profile: Mapped[str] = mapped_column(sa.String(20))
    authentication: Mapped[str] = mapped_column(sa.String(30))
    secret_digest: Mapped[str | None] = mapped_column(sa.String(_DIGEST))
    jwks: Mapped[str] = mapped_column(sa.Text)
    redirect_uris: Mapped[str] = mapped_column(sa.Text)
    post_logout_redirect_uris: Mapped[str] = mapped_column(sa.Text)
    scopes: Mapped[str] = mapped_column(sa.String(500))
    sector_identifier: Mapped[str] = mapped_column(sa.String(255))
    id_token_algorithm: Mapped[str] = mapped_column(sa.String(10))
    client_uri: Mapped[str] = mapped_column(sa.String(2000))
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SessionRecord(Base):
    """A login session; the browser holds the secret whose digest is here."""

    __tablename__ = "login_session"

    session_id: Mapped[str] = mapped_column(sa.String(43), primary_key=True)
    secret_digest: Mapped[str] = mapped_column(sa.String(_DIGEST), unique=True)
    person_id: Mapped[str] = mapped_column(sa.String(100), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    enterprise_name: Mapped[str | None] = mapped_column(sa.String(200))
    enterprise_uscc: Mapped[str | None] = mapped_column(sa.String(18))
    officer_certificate: Mapped[str | None] = mapped_column(sa.String(_DIGEST))
    certificate_fingerprint: Mapped[str] = mapped_column(sa.String(_DIGEST), index=True)
    certificate: Mapped[bytes] = mapped_column(sa.LargeBinary)
    acr: Mapped[str] = mapped_column(sa.String(100))
    amr: Mapped[str] = mapped_column(sa.String(100))
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class InteractionRecord(Base):
    """An authentication request waiting for its person, in one browser."""

    __tablename__ = "interaction"

    interaction_id: Mapped[str] = mapped_column(sa.String(43), primary_key=True)
    browser_digest: Mapped[str] = mapped_column(sa.String(_DIGEST))
    request: Mapped[str] = mapped_column(sa.Text)
    authenticated: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ChallengeRecord(Base):
    """The nonce a card must sign for one interaction; the row goes the moment it is read."""

    __tablename__ = "login_challenge"

    interaction_id: Mapped[str] = mapped_column(sa.String(43), primary_key=True)
    nonce: Mapped[str] = mapped_column(sa.String(128))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class CodeState(IntEnum):
    """What became of a code."""

    UNUSED = 0
    REDEEMED = 1
    WITHDRAWN = 2


class CodeRecord(Base):
    """An authorization code: what it was issued for, and whether it was redeemed."""

    __tablename__ = "authorization_code"

    code_digest: Mapped[str] = mapped_column(sa.String(_DIGEST), primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.String(40))
    redirect_uri: Mapped[str] = mapped_column(sa.String(2000))
    code_challenge: Mapped[str] = mapped_column(sa.String(43))
    nonce: Mapped[str] = mapped_column(sa.String(512))
    scopes: Mapped[str] = mapped_column(sa.String(500))
    sub: Mapped[str] = mapped_column(sa.String(43))
    session_id: Mapped[str] = mapped_column(sa.String(43), index=True)
    acr: Mapped[str] = mapped_column(sa.String(100))
    amr: Mapped[str] = mapped_column(sa.String(100))
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used: Mapped[int] = mapped_column(sa.SmallInteger, default=CodeState.UNUSED)


class AccessTokenRecord(Base):
    """An access token for /userinfo; good while its session lives."""

    __tablename__ = "access_token"

    token_digest: Mapped[str] = mapped_column(sa.String(_DIGEST), primary_key=True)
    code_digest: Mapped[str] = mapped_column(sa.String(_DIGEST), index=True)
    client_id: Mapped[str] = mapped_column(sa.String(40))
    session_id: Mapped[str] = mapped_column(sa.String(43))
    sub: Mapped[str] = mapped_column(sa.String(43))
    scopes: Mapped[str] = mapped_column(sa.String(500))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UsedAssertionRecord(Base):
    """The identifier of a client assertion that was accepted: it is not accepted again (RFC 7523 3)."""

    __tablename__ = "used_assertion"

    client_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    jti_digest: Mapped[str] = mapped_column(sa.String(_DIGEST), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AuditRecord(AuditRecordMixin, Base):
    """The provider's audit log."""


class JobLease(JobLeaseMixin, Base):
    """Leases of the provider's background jobs."""
