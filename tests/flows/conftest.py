"""One running town for all flows: xdist keeps the group in one worker, so it is started once."""

from __future__ import annotations

import pytest

from tests.town_process import running_town


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    """A running town."""
    with running_town(tmp_path_factory.mktemp("town")) as running:
        yield running
