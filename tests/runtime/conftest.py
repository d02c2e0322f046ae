from __future__ import annotations

import pytest
from sqlalchemy.orm import DeclarativeBase

from runtime.database import Database
from runtime.models import AuditRecordMixin, JobLeaseMixin
from tests.databases import BOTH_KINDS, fresh_database_url
from tests.runtime.authority import Authority
from tests.runtime.responder import running_world


class Base(DeclarativeBase):
    pass


class AuditRecord(AuditRecordMixin, Base):
    pass


class JobLease(JobLeaseMixin, Base):
    pass


@pytest.fixture(params=BOTH_KINDS)
def database(request, tmp_path):
    with fresh_database_url(request.param, tmp_path) as url:
        database = Database(url)
        Base.metadata.create_all(database.engine)
        yield database
        database.dispose()


@pytest.fixture
def audit_model():
    return AuditRecord


@pytest.fixture
def lease_model():
    return JobLease


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def world(tmp_path):
    with running_world(tmp_path) as world:
        yield world
