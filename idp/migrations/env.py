"""Alembic's entry point for the provider's schema."""

from idp.models import Base
from runtime import migration

migration.run(Base.metadata)
