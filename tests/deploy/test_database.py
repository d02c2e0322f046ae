"""The database roles on a real PostgreSQL: each sees its own schema and only adds to its audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from runtime.audit import AuditLog
from runtime.database import Database, check_schema, schema_revision
from runtime.migration import migrate
from tongxing.services import SERVICES, service_named

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("database-roles")]

SQL = Path(__file__).parents[2] / "deploy" / "database"
AT = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = [service.name for service in SERVICES]


@pytest.fixture
def roles(postgres_url: str) -> Iterator[str]:
    """A database with the roles and schemas, and the tables of `idp`; the roles are dropped afterwards."""
    administration = postgres_url.replace("+psycopg", "")
    with psycopg.connect(administration, autocommit=True) as connection:
        for _ in range(2):  # it may be run again
            connection.execute((SQL / "roles.sql").read_bytes())
    owner = Database(as_role(postgres_url, "tongxing_idp_owner"))
    assert migrate(owner, service_named("idp").schema_package)
    owner.dispose()
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute((SQL / "append-only.sql").read_bytes())
    yield postgres_url
    with psycopg.connect(administration, autocommit=True) as connection:
        for name in NAMES:
            for role in (f"tongxing_{name}", f"tongxing_{name}_owner"):
                connection.execute(f"DROP OWNED BY {role} CASCADE")  # type: ignore[call-overload] # constants
                connection.execute(f"DROP ROLE {role}")  # type: ignore[call-overload]


def as_role(url: str, role: str) -> str:
    return url.replace("//postgres@", f"//{role}@")


@pytest.fixture
def runner(roles: str) -> Iterator[Database]:
    """The database as `tongxing serve idp` sees it."""
    database = Database(as_role(roles, "tongxing_idp"))
    yield database
    database.dispose()


def refused(database: Database, statement: str) -> str:
    """Run a statement that PostgreSQL must refuse; return its reason."""
    with pytest.raises(sa.exc.ProgrammingError) as caught, database.session() as session:
        session.execute(sa.text(statement))
    return str(caught.value.orig)


def test_a_process_works_with_its_tables(runner: Database) -> None:
    models = service_named("idp").models()
    check_schema(runner, models.SCHEMA_REVISION)
    log = AuditLog(models.AuditRecord)
    for number in range(3):
        with runner.session() as session:
            log.append(session, at=AT, actor="test", action="try", subject=str(number), details={})
    with runner.session() as session:
        assert log.verify(session).intact


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET actor = 'nobody'",
        "DELETE FROM audit_record",
        "TRUNCATE audit_record",
        "DROP TABLE audit_record",
        "ALTER TABLE audit_record ADD COLUMN x int",
        "ALTER TABLE audit_record DISABLE TRIGGER ALL",
        "UPDATE alembic_version SET version_num = '9999'",
        "CREATE TABLE mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
        "SET ROLE tongxing_idp_owner",
        "SET ROLE tongxing_ca",
        "CREATE TABLE ca.mine (x int)",
        "SELECT * FROM pg_authid",
    ],
)
def test_a_process_cannot_rewrite_what_was_written(statement: str, runner: Database) -> None:
    assert "permission denied" in refused(runner, statement) or "must be owner" in refused(runner, statement)


def test_no_process_sees_another_ones_schema(roles: str) -> None:
    for name in NAMES:
        if name == "idp":
            continue
        for role in (f"tongxing_{name}", f"tongxing_{name}_owner"):
            other = Database(as_role(roles, role))
            assert "permission denied for schema idp" in refused(other, "SELECT * FROM idp.audit_record")
            assert schema_revision(other) is None, "its own schema is empty"
            other.dispose()
