"""Entry point of Alembic for this database."""

from runtime import migration
from signing.tsa.models import Base

migration.run(Base.metadata)
