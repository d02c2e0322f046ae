from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runtime.database import Database, UtcDateTime, check_schema, schema_revision
from runtime.errors import DatabaseFileError, SchemaError


class Base(DeclarativeBase):
    pass


class Moment(Base):
    __tablename__ = "moment"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@pytest.fixture
def moments(database):
    Base.metadata.create_all(database.engine)
    return database


def test_times_come_back_aware_and_in_utc(moments):
    given = datetime(2026, 11, 22, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    with moments.session() as session:
        session.add(Moment(id=1, at=given))
    with moments.session() as session:
        found = session.get(Moment, 1).at
    assert found == given
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(moments):
    with pytest.raises(StatementError, match="without a zone"), moments.session() as session:
        session.add(Moment(id=1, at=datetime(2026, 11, 22)))  # noqa: DTZ001
        session.flush()


def test_a_transaction_that_raises_leaves_nothing(moments):
    with pytest.raises(RuntimeError, match="interrupted"), moments.session() as session:
        session.add(Moment(id=1, at=datetime(2026, 1, 1, tzinfo=UTC)))
        session.flush()
        raise RuntimeError("interrupted")
    with moments.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Moment)) == 0


def _set_revision(database, revision):
    with database.session() as session:
        session.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(sa.text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})


@pytest.mark.parametrize(
    ("revision", "code"), [(None, "schema-missing"), ("0002", "schema-newer"), ("0000", "schema-older")]
)
def test_a_schema_this_program_does_not_know_is_refused(database, revision, code):
    if revision:
        _set_revision(database, revision)
    with pytest.raises(SchemaError) as caught:
        check_schema(database, "0001")
    assert caught.value.code == code


def test_the_known_schema_is_accepted(database):
    _set_revision(database, "0001")
    check_schema(database, "0001")
    assert schema_revision(database) == "0001"


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "ca.sqlite"
    path.write_bytes(b"not a database, but long enough to be one" * 100)
    database = Database(f"sqlite:///{path}")
    with (
        pytest.raises(DatabaseFileError, match=r"ca\.sqlite: the database cannot be used") as refused,
        database.read(),
    ):
        pass
    assert refused.value.code == "database-unusable"
    database.dispose()
