"""Entry point of Alembic for this database."""

from runtime import migration
from signing.models import Base

migration.run(Base.metadata)
