"""The database of one service: engine, transactions, time columns, and the schema check at start.

SQLite is the embedded default (one writing process, write-ahead log, full synchronisation: a row that
was committed survives a power cut); PostgreSQL is production. Verbs use `session()`, one transaction
each; hot look-ups use `read()`, which holds no transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker

from runtime.errors import DatabaseFileError, SchemaError

_SQLITE_BUSY_TIMEOUT_MS = 10_000
_VERSION_TABLE = "alembic_version"


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A timezone-aware UTC time; naive times are refused on the way in."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Check that the time has a zone and convert it to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite forgets zones: what comes back is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One service's database, by SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Run one transaction: committed when the block ends, rolled back when it raises."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection without a transaction, for single look-ups on hot paths."""
        with self._reader.connect() as connection:
            yield connection

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded default is in use."""
        return self.engine.dialect.name == "sqlite"

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _create_engine(url: str) -> Engine:
    """Make the engine; SQLite gets its pragmas and begins write transactions at once."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": _SQLITE_BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: BEGIN IMMEDIATE below takes the write
        # lock at the start, so that a read followed by a write never fails half-way with "locked".
        dbapi_connection.isolation_level = None
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                dbapi_connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise DatabaseFileError(
                f"{engine.url.database}: the database cannot be used ({error}); see that the file is whole, "
                "that its folder can be written, and that the disk has room",
                code="database-unusable",
            ) from error

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def schema_revision(database: Database) -> str | None:
    """Return the revision the database's schema is at; None for an empty database."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table(_VERSION_TABLE):
            return None
        version: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608 - a constant
        return version


def check_schema(database: Database, revision: str) -> None:
    """Refuse to start on a schema that is not exactly the one this program knows."""
    found = schema_revision(database)
    if found == revision:
        return
    if found is None:
        raise SchemaError("the database is empty: run `tongxing migrate` first", code="schema-missing")
    if found > revision:
        raise SchemaError(
            f"the database is at schema {found}, newer than {revision} of this program: upgrade the program",
            code="schema-newer",
        )
    raise SchemaError(
        f"the database is at schema {found}, this program needs {revision}: run `tongxing migrate`",
        code="schema-older",
    )
