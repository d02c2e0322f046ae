"""The first tables: audit log, job leases."""

from __future__ import annotations

from alembic import op

from runtime.first_tables import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    create_runtime_tables()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("job_lease", "audit_record"):
        op.drop_table(table)
