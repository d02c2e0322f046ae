"""Entry point of Alembic for this database."""

from ca.status.models import Base
from runtime import migration

migration.run(Base.metadata)
