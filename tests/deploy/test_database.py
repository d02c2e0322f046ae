"""The database roles on a real PostgreSQL: each sees its own schema and only adds to its audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from runtime.audit import AuditLog
from runtime.database import Database, check_schema, schema_revision
from runtime.migration import migrate
from tests.deploy.roles import Roles, made
from tongxing.services import SERVICES, service_named

pytestmark = pytest.mark.postgres

AT = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = [service.name for service in SERVICES]


@pytest.fixture
def roles(postgres_url: str) -> Iterator[Roles]:
    """A database with the roles and schemas, and the tables of `idp`."""
    with made(postgres_url) as roles:
        owner = Database(roles.url_as("tongxing_idp_owner"))
        assert migrate(owner, service_named("idp").schema_package)
        owner.dispose()
        roles.run("append-only.sql")
        yield roles


@pytest.fixture
def runner(roles: Roles) -> Iterator[Database]:
    """The database as `tongxing serve idp` sees it."""
    database = Database(roles.url_as("tongxing_idp"))
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
def test_a_process_cannot_rewrite_what_was_written(statement: str, runner: Database, roles: Roles) -> None:
    reason = refused(runner, roles.renamed(statement))
    assert "permission denied" in reason or "must be owner" in reason


def test_no_process_sees_another_ones_schema(roles: Roles) -> None:
    for name in NAMES:
        if name == "idp":
            continue
        for role in (f"tongxing_{name}", f"tongxing_{name}_owner"):
            other = Database(roles.url_as(role))
            assert "permission denied for schema idp" in refused(other, "SELECT * FROM idp.audit_record")
            assert schema_revision(other) is None, "its own schema is empty"
            other.dispose()
