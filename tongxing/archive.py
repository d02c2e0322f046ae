"""Backup and restore: the whole state in one archive.

A backup may be made while the town runs: each SQLite database is copied by SQLite's online backup. Key
files go in as they are, encrypted PKCS#8; what opens them (passphrases, data keys, virtual cards) is
sealed by AES-256-GCM under a key that scrypt derives from the backup's passphrase. A manifest names
every file with its SHA-256 and is itself sealed against change under that key: who can write to the shelf
the backups lie on must not be able to add an officer or a root. A database on PostgreSQL is pg_dump's to
save, and the manifest says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tongxing.errors import ArchiveError
from tongxing.layout import STATE_VERSION, TownLayout

MANIFEST = "manifest.json"
SEAL = "manifest.seal"
FORMAT_VERSION = 1
MINIMUM_PASSPHRASE_BYTES = 12
_SALT_BYTES = 16
_NONCE_BYTES = 12
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_DATABASE_SUFFIX = ".sqlite"
_WRAPPED_SUFFIX = ".p8"
_SKIPPED_SUFFIXES = ("-wal", "-shm", "-journal")
_SKIPPED_FOLDERS = frozenset({"logs"})
_SKIPPED_NAMES = frozenset({".lock"})
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAXIMUM_MANIFEST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveReport:
    """What was written or would be: the files, their size together, and what the archive leaves out."""

    files: tuple[str, ...]
    size: int
    notes: tuple[str, ...] = field(default=())


def back_up(
    layout: TownLayout, document: Mapping[str, Any], target: Path, passphrase: bytes, at: datetime
) -> ArchiveReport:
    """Write the archive; an existing file is never overwritten."""
    if not layout.is_complete():
        raise ArchiveError(f"{layout.root}: no complete town to back up", code="nothing-to-back-up")
    if len(passphrase) < MINIMUM_PASSPHRASE_BYTES:
        raise ArchiveError(
            f"the passphrase needs at least {MINIMUM_PASSPHRASE_BYTES} bytes", code="passphrase-too-short"
        )
    salt = os.urandom(_SALT_BYTES)
    cipher = _cipher(passphrase, salt)
    entries: dict[str, dict[str, Any]] = {}
    notes = tuple(_foreign_databases(document))
    partial = target.with_name(target.name + ".partial")
    try:
        with tarfile.open(_create(partial, target), mode="w:gz") as archive:
            for name, path in _files(layout.root):
                entries[name] = _add_file(archive, name, path, cipher)
            manifest = {
                "format": FORMAT_VERSION,
                "state": STATE_VERSION,
                "made_at": at.isoformat(),
                "salt": salt.hex(),
                "files": entries,
                "notes": notes,
            }
            content = json.dumps(manifest, indent=1, sort_keys=True).encode()
            _add(archive, MANIFEST, content)
            nonce = os.urandom(_NONCE_BYTES)
            _add(archive, SEAL, nonce + cipher.encrypt(nonce, b"", content))
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return ArchiveReport(tuple(entries), sum(entry["size"] for entry in entries.values()), notes)


def restore(source: Path, layout: TownLayout, passphrase: bytes, *, dry_run: bool = False) -> ArchiveReport:
    """Check every file of the archive against the manifest, then write the state; never over a state."""
    if layout.root.exists() and any(layout.root.iterdir()):
        raise ArchiveError(
            f"{layout.root}: not empty; a restore never overwrites, name another folder with --state",
            code="state-exists",
        )
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            content = _read_small(archive, MANIFEST)
            manifest = _read_manifest(content)
            cipher = _cipher(passphrase, bytes.fromhex(manifest["salt"]))
            _check_seal(_read_small(archive, SEAL), content, cipher)
            contents = dict(_opened(archive, manifest["files"], cipher, keep=False))
            if not dry_run:
                layout.root.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
                layout.initialising_marker.touch()
                for name, content in _opened(archive, manifest["files"], cipher, keep=True):
                    _write(layout.root / name, content)
                layout.initialising_marker.unlink()
    except (OSError, tarfile.TarError, EOFError) as error:
        raise ArchiveError(
            f"{source}: cannot be read as a backup ({error})", code="archive-unreadable"
        ) from None
    size = sum(manifest["files"][name]["size"] for name in contents)
    return ArchiveReport(tuple(contents), size, tuple(manifest.get("notes", ())))


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """List the files of the state, in order; logs, locks and SQLite's side files stay out."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        skipped = relative.parts[0] in _SKIPPED_FOLDERS or path.name in _SKIPPED_NAMES
        if (
            path.is_file()
            and not path.is_symlink()
            and not skipped
            and not path.name.endswith(_SKIPPED_SUFFIXES)
        ):
            yield relative.as_posix(), path


def _add_file(archive: tarfile.TarFile, name: str, path: Path, cipher: AESGCM) -> dict[str, Any]:
    """Add one file, sealed when it is a secret, and return its line of the manifest."""
    content = _copy_database(path) if path.suffix == _DATABASE_SUFFIX else path.read_bytes()
    sealed = _is_secret(path)
    digest = hashlib.sha256(content).hexdigest()
    stored = content
    if sealed:
        nonce = os.urandom(_NONCE_BYTES)
        stored = nonce + cipher.encrypt(nonce, content, name.encode())
        # The digest of a short secret would let it be guessed: the seal itself proves its content.
        digest = hashlib.sha256(stored).hexdigest()
    _add(archive, name, stored)
    return {"sha256": digest, "size": len(content), "sealed": sealed}


def _is_secret(path: Path) -> bool:
    """A file only its owner may read is a secret, unless it is encrypted already or a database."""
    private = not path.stat().st_mode & _OTHERS
    return private and path.suffix not in (_DATABASE_SUFFIX, _WRAPPED_SUFFIX)


def _copy_database(path: Path) -> bytes:
    """Copy a live SQLite database by its online backup."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            # One file, no side files: the restored database begins its own write-ahead log.
            target.execute("PRAGMA journal_mode=DELETE")
        return copy.read_bytes()


def _foreign_databases(document: Mapping[str, Any]) -> Iterator[str]:
    """Say which services keep their database elsewhere."""
    for section, table in sorted(document.items()):
        url = table.get("database_url", "") if isinstance(table, Mapping) else ""
        if url and not url.startswith("sqlite"):
            yield f"{section}: its database is on PostgreSQL; pg_dump saves it and pg_restore brings it back"


def _opened(
    archive: tarfile.TarFile, files: Mapping[str, Mapping[str, Any]], cipher: AESGCM, *, keep: bool
) -> Iterator[tuple[str, bytes]]:
    """Read, check and open each file of the manifest; contents are given only when kept."""
    for name, entry in files.items():
        _check_name(name)
        try:
            member = archive.extractfile(name)
        except KeyError:
            member = None
        if member is None:
            raise ArchiveError(f"{name}: missing from the archive", code="archive-incomplete")
        content = member.read()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ArchiveError(f"{name}: altered since the backup was made", code="archive-altered")
        if entry["sealed"]:
            content = _unseal(name, content, cipher)
        yield name, content if keep else b""


def _unseal(name: str, sealed: bytes, cipher: AESGCM) -> bytes:
    """Open one sealed file."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
    except InvalidTag:
        raise ArchiveError(
            "the passphrase does not open this archive, or a secret in it was altered",
            code="passphrase-wrong",
        ) from None


def _check_name(name: str) -> None:
    """Refuse a name that would lead out of the state directory."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveError(f"{name!r}: not a name inside the state directory", code="archive-unsafe")


def _read_small(archive: tarfile.TarFile, name: str) -> bytes:
    """Read the manifest or its seal; nothing when it is not there."""
    try:
        member = archive.extractfile(name)
    except KeyError:
        return b""
    return member.read(_MAXIMUM_MANIFEST_BYTES) if member else b""


def _check_seal(seal: bytes, manifest: bytes, cipher: AESGCM) -> None:
    """Refuse a manifest that was not written under this passphrase, or was changed since."""
    try:
        cipher.decrypt(seal[:_NONCE_BYTES], seal[_NONCE_BYTES:], manifest)
    except (InvalidTag, ValueError):
        raise ArchiveError(
            "the passphrase does not open this archive, or its list of files was altered",
            code="passphrase-wrong",
        ) from None


def _read_manifest(content: bytes) -> dict[str, Any]:
    """Read the manifest; refuse an archive of a newer version."""
    try:
        manifest: dict[str, Any] = json.loads(content or b"{}")
        versions = manifest["format"], manifest["state"]
        bytes.fromhex(manifest["salt"])
    except (KeyError, ValueError, TypeError):
        raise ArchiveError("the archive has no readable manifest", code="archive-unreadable") from None
    if versions > (FORMAT_VERSION, STATE_VERSION):
        raise ArchiveError("the archive is of a newer version; upgrade the program", code="archive-newer")
    return manifest


def _cipher(passphrase: bytes, salt: bytes) -> AESGCM:
    """Derive the sealing key from the passphrase (RFC 7914)."""
    return AESGCM(Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P).derive(passphrase))


def _create(partial: Path, target: Path) -> Path:
    """Make the file private and refuse to replace one."""
    if target.exists():
        raise ArchiveError(f"{target}: exists already and is not overwritten", code="archive-exists")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE))
    except OSError as error:
        raise ArchiveError(
            f"{target}: cannot be written ({error.strerror})", code="archive-unwritable"
        ) from None
    return partial


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add bytes as a file of the archive, without owner and time of this machine."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = _FILE_MODE
    archive.addfile(info, io.BytesIO(content))


def _write(path: Path, content: bytes) -> None:
    """Write a restored file, private to its owner."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
