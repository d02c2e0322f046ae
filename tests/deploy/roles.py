"""The roles of deploy/database under other names: roles are the whole server's, and tests run in parallel."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tongxing.services import SERVICES

SQL = Path(__file__).parents[2] / "deploy" / "database"
_PREFIX = "tongxing_"


class Roles:
    """Runs the scripts in one database, with another prefix before the names of its roles."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"tongxing{secrets.token_hex(4)}_"

    def run(self, script: str) -> None:
        """Run a script as the superuser."""
        text = (SQL / script).read_text(encoding="utf-8").replace(_PREFIX, self._prefix)
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(text.encode())

    def renamed(self, text: str) -> str:
        """Put the names of this database's roles in place of the real ones."""
        return text.replace(_PREFIX, self._prefix)

    def url_as(self, role: str) -> str:
        """The database's address for a role."""
        return self.url.replace("//postgres@", f"//{self.renamed(role)}@")

    def drop(self) -> None:
        """Remove the roles from the server."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            for service in SERVICES:
                for role in (f"tongxing_{service.name}", f"tongxing_{service.name}_owner"):
                    name = self.renamed(role)
                    connection.execute(f"DROP OWNED BY {name} CASCADE".encode())
                    connection.execute(f"DROP ROLE {name}".encode())


@contextmanager
def made(url: str) -> Iterator[Roles]:
    """The roles and schemas in this database, for as long as the block lasts."""
    roles = Roles(url)
    try:
        for _ in range(2):  # it may be run again
            roles.run("roles.sql")
        yield roles
    finally:
        roles.drop()
