"""The first tables: preparations, certificates, status changes, CRLs, officers."""

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
        "authority_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("feed_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ceremony_closed_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "officer",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("authentication_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("subject_number", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
        sa.UniqueConstraint("authentication_fingerprint"),
    )
    op.create_index(op.f("ix_officer_subject_number"), "officer", ["subject_number"], unique=False)
    op.create_table(
        "preparation",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("application_id", sa.String(length=100), nullable=False),
        sa.Column("requester", sa.String(length=100), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("redeemed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("approval", sa.LargeBinary(), nullable=True),
        sa.Column("approver", sa.String(length=64), nullable=True),
        sa.Column("completed_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_preparation_application_id"), "preparation", ["application_id"], unique=False)
    op.create_table(
        "published_crl",
        sa.Column("issuer_key_id", sa.String(length=40), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("this_update", UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_update", UtcDateTime(timezone=True), nullable=False),
        sa.Column("status_sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer_key_id", "number"),
    )
    op.create_table(
        "status_change",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index(op.f("ix_status_change_serial_number"), "status_change", ["serial_number"], unique=False)
    op.create_table(
        "issued_certificate",
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("preparation_id", sa.String(length=100), nullable=False),
        sa.Column("profile", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("subject_number", sa.String(length=100), nullable=True),
        sa.Column("issued_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_valid_before", UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_valid_after", UtcDateTime(timezone=True), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("standing_since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["preparation_id"],
            ["preparation.id"],
        ),
        sa.PrimaryKeyConstraint("serial_number"),
        sa.UniqueConstraint("fingerprint"),
    )
    op.create_index(
        op.f("ix_issued_certificate_preparation_id"), "issued_certificate", ["preparation_id"], unique=False
    )
    op.create_index(op.f("ix_issued_certificate_standing"), "issued_certificate", ["standing"], unique=False)
    op.create_index(
        op.f("ix_issued_certificate_subject_number"), "issued_certificate", ["subject_number"], unique=False
    )
    op.create_table(
        "prepared_certificate",
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("preparation_id", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("tbs", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["preparation_id"],
            ["preparation.id"],
        ),
        sa.PrimaryKeyConstraint("serial_number"),
    )
    op.create_index(
        op.f("ix_prepared_certificate_key_digest"), "prepared_certificate", ["key_digest"], unique=False
    )
    op.create_index(
        op.f("ix_prepared_certificate_preparation_id"),
        "prepared_certificate",
        ["preparation_id"],
        unique=False,
    )
