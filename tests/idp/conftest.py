from __future__ import annotations

import shutil

import pytest

from idp.provider import open_database
from runtime.migration import migrate
from tests.databases import BOTH_KINDS, fresh_database_url
from tests.idp.harness import CARDS, OP, Clock, Desk, make_op


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """One initialised provider a session (RSA keys are slow to make); tests work on copies of its state."""
    folder = tmp_path_factory.mktemp("made") / "idp"
    op = make_op(folder)
    op.provider.database.dispose()
    return op


@pytest.fixture
def op(made, tmp_path):
    """A provider on SQLite."""
    found = copy_of(made, tmp_path)
    yield found
    found.provider.database.dispose()


@pytest.fixture(params=BOTH_KINDS)
def any_op(request, made, tmp_path):
    """A provider on either database."""
    if request.param == "sqlite":
        found = copy_of(made, tmp_path)
        yield found
        found.provider.database.dispose()
        return
    with fresh_database_url(request.param, tmp_path) as url:
        found = copy_of(made, tmp_path, database_url=url)
        migrate(found.provider.database, "idp")
        yield found
        found.provider.database.dispose()


@pytest.fixture
def site(op):
    """A registered site."""
    return op.site()


@pytest.fixture
def visitor(op):
    """A browser."""
    return op.visitor()


def copy_of(made, folder, **changes) -> OP:
    """Copy an initialised provider's state and load it."""
    import dataclasses

    state = folder / "idp"
    shutil.copytree(made.settings.state_directory, state)
    moved = {
        field.name: state / value.relative_to(made.settings.state_directory)
        for field in dataclasses.fields(made.settings)
        if hasattr(value := getattr(made.settings, field.name), "relative_to")
    }
    settings = dataclasses.replace(made.settings, **moved, **changes)
    clock, desk = Clock(), Desk(dict(CARDS))
    # The keys were loaded once for the session: an RSA key takes a tenth of a second to check.
    provider = dataclasses.replace(
        made.provider, settings=settings, database=open_database(settings), card_door=desk, now=clock
    )
    return OP(provider, clock, desk, settings)
