"""The first tables: clients, sessions, interactions, codes, access tokens, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from runtime.database import UtcDateTime
from runtime.first_tables import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    create_runtime_tables()
    op.create_table(
        "access_token",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.String(length=43), nullable=False),
        sa.Column("sub", sa.String(length=43), nullable=False),
        sa.Column("scopes", sa.String(length=500), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_digest"),
    )
    op.create_index(op.f("ix_access_token_code_digest"), "access_token", ["code_digest"], unique=False)
    op.create_index(op.f("ix_access_token_expires_at"), "access_token", ["expires_at"], unique=False)
    op.create_table(
        "authorization_code",
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2000), nullable=False),
        sa.Column("code_challenge", sa.String(length=43), nullable=False),
        sa.Column("nonce", sa.String(length=512), nullable=False),
        sa.Column("scopes", sa.String(length=500), nullable=False),
        sa.Column("sub", sa.String(length=43), nullable=False),
        sa.Column("session_id", sa.String(length=43), nullable=False),
        sa.Column("acr", sa.String(length=100), nullable=False),
        sa.Column("amr", sa.String(length=100), nullable=False),
        sa.Column("auth_time", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("used", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code_digest"),
    )
    op.create_index(
        op.f("ix_authorization_code_expires_at"), "authorization_code", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_authorization_code_session_id"), "authorization_code", ["session_id"], unique=False
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.String(length=20), nullable=False),
        sa.Column("authentication", sa.String(length=30), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=True),
        sa.Column("jwks", sa.Text(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False),
        sa.Column("scopes", sa.String(length=500), nullable=False),
        sa.Column("sector_identifier", sa.String(length=255), nullable=False),
        sa.Column("id_token_algorithm", sa.String(length=10), nullable=False),
        sa.Column("client_uri", sa.String(length=2000), nullable=False),
        sa.Column("registered_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("client_id"),
        sa.UniqueConstraint("name_key"),
    )
    op.create_table(
        "interaction",
        sa.Column("interaction_id", sa.String(length=43), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id"),
    )
    op.create_index(op.f("ix_interaction_expires_at"), "interaction", ["expires_at"], unique=False)
    op.create_table(
        "login_challenge",
        sa.Column("interaction_id", sa.String(length=43), nullable=False),
        sa.Column("nonce", sa.String(length=128), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id"),
    )
    op.create_index(op.f("ix_login_challenge_expires_at"), "login_challenge", ["expires_at"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("session_id", sa.String(length=43), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("enterprise_name", sa.String(length=200), nullable=True),
        sa.Column("enterprise_uscc", sa.String(length=18), nullable=True),
        sa.Column("officer_certificate", sa.String(length=64), nullable=True),
        sa.Column("certificate_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("acr", sa.String(length=100), nullable=False),
        sa.Column("amr", sa.String(length=100), nullable=False),
        sa.Column("auth_time", UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("session_id"),
        sa.UniqueConstraint("secret_digest"),
    )
    op.create_index(
        op.f("ix_login_session_certificate_fingerprint"),
        "login_session",
        ["certificate_fingerprint"],
        unique=False,
    )
    op.create_index(op.f("ix_login_session_person_id"), "login_session", ["person_id"], unique=False)
    op.create_index(op.f("ix_login_session_started_at"), "login_session", ["started_at"], unique=False)
    op.create_table(
        "used_assertion",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("jti_digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti_digest"),
    )
    op.create_index(op.f("ix_used_assertion_expires_at"), "used_assertion", ["expires_at"], unique=False)
