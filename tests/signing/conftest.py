from __future__ import annotations

import pytest

from tests.signing.pki import Pki


@pytest.fixture(scope="session")
def town() -> Pki:
    """The trusted PKI; tests that revoke make their own leaves (`number=`)."""
    return Pki("town")


@pytest.fixture(scope="session")
def stranger() -> Pki:
    """A PKI nobody here trusts."""
    return Pki("stranger")
