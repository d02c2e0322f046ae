"""Settings, databases and applications of the services under test."""

from __future__ import annotations

from pathlib import Path

from runtime.database import Database
from runtime.encryption import DataKey
from runtime.migration import migrate
from runtime.secret_file import write_secret
from signing.settings import SigningSettings, TimestampSettings
from tests.signing.pki import Holder, Pki

PASSPHRASE = b"correct horse"


def _common(folder: Path, pki: Pki, database_url: str) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.pem").write_bytes(pki.root.pem)
    (folder / "issuing.pem").write_bytes(pki.issuing.pem)
    write_secret(folder / "passphrase", PASSPHRASE + b"\n")
    write_secret(folder / "session.key", b"k" * 64)
    DataKey.create(folder / "data.key")
    return {
        "state_directory": folder,
        "database_url": database_url,
        "trust_anchors": folder / "root.pem",
        "intermediates": folder / "issuing.pem",
        "key_passphrase_file": folder / "passphrase",
        "data_key_file": folder / "data.key",
        "session_key_file": folder / "session.key",
        "allow_private_addresses": ("127.0.0.0/8",),
    }


def _migrate(url: str, package: str) -> None:
    database = Database(url)
    migrate(database, package)
    database.dispose()


def write_key_pair(folder: Path, name: str, holder: Holder, pki: Pki) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.p8"
    certificate.write_bytes(holder.pem + pki.issuing.pem)
    holder.save_key(key, PASSPHRASE)
    return certificate, key


def timestamp_settings(
    folder: Path, pki: Pki, *, port: int = 8406, database_url: str = "", holder: Holder | None = None, **more
) -> TimestampSettings:
    common = _common(folder, pki, database_url)
    certificate, key = write_key_pair(folder, "tsa", holder or pki.leaf("timestamping"), pki)
    settings = TimestampSettings(
        **common,
        port=port,
        public_url=f"http://localhost:{port}",
        timestamp_certificate=certificate,
        timestamp_key=key,
        **more,
    )
    _migrate(settings.effective_database_url("tsa"), "signing.tsa")
    return settings


def signing_settings(
    folder: Path, pki: Pki, *, port: int = 8405, database_url: str = "", timestamp_url: str = "", **more
) -> SigningSettings:
    common = _common(folder, pki, database_url)
    certificate, key = write_key_pair(folder, "seal", pki.leaf("service-seal"), pki)
    write_secret(folder / "client.secret", b"client secret\n")
    settings = SigningSettings(
        **common,
        port=port,
        public_url=f"http://localhost:{port}",
        seal_certificate=certificate,
        seal_key=key,
        timestamp_url=timestamp_url or "http://localhost:8406/timestamp",
        issuer="http://localhost:8404",
        client_secret_file=folder / "client.secret",
        **more,
    )
    _migrate(settings.effective_database_url("signing"), "signing")
    return settings
