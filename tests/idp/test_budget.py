"""How much work a request may cost: SQL statements and signatures, counted, so that no clock decides."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from idp.tokens import SigningKey
from tests.idp.harness import OP


@contextmanager
def counted(op):
    """Count the statements sent to the database, transaction control apart."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            statements.append(statement.split("(")[0])

    sa.event.listen(op.provider.database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(op.provider.database.engine, "before_cursor_execute", note)


def test_token_endpoint_costs_three_statements(any_op):
    """The client, the code, the access token."""
    site = any_op.site()
    code = any_op.visitor().authorize(site)["code"]
    with counted(any_op) as statements:
        assert site.redeem(code).status_code == 200
    assert [statement.split()[0] for statement in statements] == ["SELECT", "UPDATE", "INSERT"]


def test_userinfo_costs_one_statement(any_op):
    site, visitor = any_op.site(), any_op.visitor()
    header = {"Authorization": f"Bearer {site.tokens(visitor)['access_token']}"}
    with counted(any_op) as statements:
        assert visitor.get("/userinfo", headers=header).status_code == 200
    assert len(statements) == 1


def test_documents_cost_no_statement(op):
    with counted(op) as statements:
        for path in ("/jwks", "/.well-known/openid-configuration"):
            assert op.visitor().get(path).status_code == 200
    assert statements == []


def test_authorization_on_a_live_session_costs_five_statements(op, site, visitor):
    """The client, the session, the code, the end of the audit chain, the record."""
    visitor.authorize(site)
    with counted(op) as statements:
        visitor.authorize(site, card=None)
    assert [statement.split()[0] for statement in statements] == [
        "SELECT",
        "SELECT",
        "INSERT",
        "SELECT",
        "INSERT",
    ]


def test_token_endpoint_signs_once_and_loads_no_key(op, site, visitor, monkeypatch):
    import cryptography.hazmat.primitives.serialization as serialization

    signatures = []

    class Counting:
        def __init__(self, key) -> None:
            self.key = key

        def sign(self, data: bytes) -> bytes:
            signatures.append(data)
            return self.key.sign(data)

    from jose.backends.base import Key

    counting = type("CountingKey", (Counting, Key), {})
    keys = op.provider.keys
    signing = {
        algorithm: SigningKey(key.verification, counting(key.key)) for algorithm, key in keys.signing.items()
    }
    counted_op = OP(replace(op.provider, keys=replace(keys, signing=signing)), op.clock, op.desk, op.settings)
    site.op = counted_op
    code = counted_op.visitor().authorize(site)["code"]
    for loader in (
        "load_pem_private_key",
        "load_der_private_key",
        "load_pem_public_key",
        "load_der_public_key",
    ):
        monkeypatch.setattr(serialization, loader, lambda *_: pytest.fail("a key was loaded"))
    assert site.redeem(code).status_code == 200
    assert len(signatures) == 1
