"""The fixture `pcscd`, one private pcscd a session: named in `pytest_plugins`, never imported."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.pcscd import SOCKET_NAME_VARIABLE, Pcscd, private_pcscd


@pytest.fixture(scope="session")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pcscd]:
    """The session's pcscd; this process and its children use it."""
    with private_pcscd(tmp_path_factory.mktemp("pcscd")) as service:
        os.environ[SOCKET_NAME_VARIABLE] = service.socket_name
        yield service
