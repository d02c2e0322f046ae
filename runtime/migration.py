"""Schema changes by Alembic, one history a service: `migrate` applies them, `pending` lists them.

A service's folder `migrations/` holds `env.py`, two lines that call `run`, and `versions/`, whose
revision ids count up from 0001 so that newer and older can be told apart without asking Alembic.
"""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory

from runtime.database import Database, schema_revision
from runtime.errors import SchemaError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_CONNECTION = "connection"


def run(metadata: sa.MetaData) -> None:
    """Run the migrations of one service; called by its `migrations/env.py`."""
    connection: Connection = context.config.attributes[_CONNECTION]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate(database: Database, package: str) -> list[str]:
    """Bring the database to the newest revision in `package`.migrations; return the revisions applied."""
    revisions = pending(database, package)
    if revisions:
        config = _config(package)
        with database.engine.begin() as connection:
            config.attributes[_CONNECTION] = connection
            command.upgrade(config, "head")
    return revisions


def pending(database: Database, package: str) -> list[str]:
    """List the revisions not yet applied, oldest first; refuse a schema this program does not know."""
    known = [script.revision for script in ScriptDirectory.from_config(_config(package)).walk_revisions()][
        ::-1
    ]
    current = schema_revision(database)
    if current is None:
        return known
    if current not in known:
        raise SchemaError(
            f"the database is at schema {current}, which this program does not know: upgrade the program",
            code="schema-newer",
        )
    return known[known.index(current) + 1 :]


def _config(package: str) -> Config:
    """Point Alembic at the package's migrations; no ini file."""
    config = Config()
    folder = importlib.resources.files(package) / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
