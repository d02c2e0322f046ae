"""The site's settings: one table of a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """What the site is told."""

    port: int
    public_url: str
    title: str
    issuer: str
    client_id: str
    client_secret_file: Path
    session_key_file: Path
    host: str = "127.0.0.1"
    trust_anchors: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    key_passphrase_file: Path | None = None

    @property
    def client_secret(self) -> str:
        """The secret the provider gave at registration."""
        return self.client_secret_file.read_text(encoding="ascii").strip()

    @property
    def session_key(self) -> bytes:
        """The key that signs this site's cookies."""
        return self.session_key_file.read_bytes().strip()

    @property
    def secure(self) -> bool:
        """Whether people reach the site by https."""
        return self.public_url.startswith("https:")


def load_settings(path: Path, table: str) -> SiteSettings:
    """Read one table of the file; relative paths count from the file's folder."""
    with path.open("rb") as file:
        values = tomllib.load(file)[table]
    for field in fields(SiteSettings):
        if "Path" in str(field.type) and values.get(field.name):
            values[field.name] = path.parent / values[field.name]
        elif "None" in str(field.type):
            values[field.name] = values.get(field.name) or None
    return SiteSettings(**values)
