from __future__ import annotations

import shutil

import pytest

from ca.service import CertificateAuthority
from tests.ca.desk import Desk, authority_settings, hold_ceremony
from tests.databases import BOTH_KINDS, fresh_database_url


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    """One ceremony a session; tests work on copies of its state."""
    desk = hold_ceremony(tmp_path_factory.mktemp("held") / "state")
    desk.authority.context.database.dispose()
    return desk


@pytest.fixture
def desk(held, tmp_path):
    """An authority on SQLite, after its ceremony."""
    state = tmp_path / "state"
    shutil.copytree(held.state, state)
    settings = authority_settings(state)
    desk = Desk(state, settings, CertificateAuthority.open(settings), held.box)
    yield desk
    desk.authority.context.database.dispose()


@pytest.fixture(params=BOTH_KINDS)
def any_desk(request, tmp_path):
    """An authority on either database, with a ceremony of its own."""
    (tmp_path / "state" / "ca").mkdir(parents=True)
    with fresh_database_url(request.param, tmp_path) as url:
        desk = hold_ceremony(tmp_path / "state", url)
        yield desk
        desk.authority.context.database.dispose()
