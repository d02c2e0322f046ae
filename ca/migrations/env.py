"""Entry point of Alembic for this database."""

from ca.models import Base
from runtime import migration

migration.run(Base.metadata)
