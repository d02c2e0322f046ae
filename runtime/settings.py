"""Settings enter here: one TOML file, then the environment; checked once, then frozen.

A service describes its settings as a frozen dataclass whose fields are made by `setting()`. The TOML
file has one table per service (`[idp]`, `[ca]`, …); a key may be overridden by an environment variable
named `TONGXING_<SERVICE>_<KEY>` in capitals. `load_settings` reports every mistake at once. A relative
path means: from the folder of the settings file, so that a state directory can be moved as a whole.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from runtime.errors import SettingsError
from runtime.key_location import KeyLocation, TokenKey, parse_key_location

SettingsType = TypeVar("SettingsType")

_ENVIRONMENT_PREFIX = "TONGXING"
_LAST_PORT = 65_535
_REQUIRED: Any = dataclasses.MISSING
_WORDS_FOR_TRUE = frozenset({"1", "true", "yes", "on"})
_WORDS_FOR_FALSE = frozenset({"0", "false", "no", "off"})


def check_port(value: int) -> None:
    """A TCP port, or 0 for none."""
    if not 0 <= value <= _LAST_PORT:
        raise ValueError(f"expected a port, 0 to {_LAST_PORT}, got {value}")


def check_web_address(value: str) -> None:
    """An http or https address with a host."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected an address like https://host, got {value!r}")


def setting(
    default: Any = _REQUIRED,
    *,
    help: str,  # noqa: A002 - reads as --help
    example: str = "",
    check: Callable[[Any], None] | None = None,
) -> Any:
    """Describe one settings key: its default (none: it must be given), its meaning, a check of its value."""
    metadata = {"help": help, "example": example, "check": check}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, list | dict):
        raise TypeError("settings are frozen: use a tuple as default")
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every server process is told, whichever service it is."""

    state_directory: Path = setting(
        help="Folder of this service: its database file, its keys, its documents."
    )
    host: str = setting("127.0.0.1", help="Address the public listener binds.")
    port: int = setting(help="Port of the public listener.", check=check_port)
    public_url: str = setting(
        help="Address under which people and other programs reach this service.", check=check_web_address
    )
    database_url: str = setting(
        "",
        help="SQLAlchemy URL; empty: an SQLite file in the state directory. Production: postgresql+psycopg://…",
    )
    trust_anchors: Path = setting(help="PEM file with the root certificates this service trusts.")
    intermediates: Path = setting(help="PEM file with the issuing CAs' certificates.")
    tls_certificate: Path | None = setting(None, help="PEM chain for the public listener; none: plain http.")
    tls_key: Path | None = setting(
        None, help="Key of tls_certificate, PKCS#8, encrypted with the key passphrase."
    )
    internal_host: str = setting("127.0.0.1", help="Address the listener for other services binds.")
    internal_port: int = setting(
        0, help="Port of the listener for other services (mutual TLS); 0: none.", check=check_port
    )
    internal_proxy: str = setting(
        "",
        help="Address from which the service 'proxy' may pass on its clients' certificates; empty: none.",
    )
    internal_certificate: Path | None = setting(
        None, help="PEM chain the listener for other services shows (profile tls-server)."
    )
    internal_key: Path | None = setting(None, help="Key of internal_certificate, encrypted PKCS#8.")
    service_certificate: Path | None = setting(
        None, help="PEM chain this service shows when it calls others (profile tls-client)."
    )
    service_key: Path | None = setting(None, help="Key of service_certificate, encrypted PKCS#8.")
    key_passphrase_file: Path = setting(
        help="File with the passphrase of this service's private keys, mode 0600."
    )
    data_key_file: Path = setting(help="File with the key that encrypts personal data at rest, mode 0600.")
    session_key_file: Path = setting(help="File with the key that signs browser sessions, mode 0600.")
    policy_arc: str = setting(
        "1.3.6.1.4.1.32473.1",
        help="Arc of the city's certificate policies. The default is a documentation number.",
    )
    allow_private_addresses: tuple[str, ...] = setting(
        (), help="Networks (CIDR) outside the public Internet that outgoing requests may reach."
    )
    clock_tolerance_milliseconds: int = setting(
        1500, help="How far the machine's clock may be set at once before this service stops dating things."
    )
    language: str = setting("zh", help="Language of pages when the reader asks for none: zh or en.")
    log_level: str = setting("INFO", help="DEBUG, INFO, WARNING or ERROR.")
    trusted_proxies: tuple[str, ...] = setting(
        (), help="Addresses of reverse proxies whose X-Forwarded-* headers are believed."
    )

    @property
    def clock_tolerance(self) -> timedelta:
        """How far the machine's clock may be set at once."""
        return timedelta(milliseconds=self.clock_tolerance_milliseconds)

    def effective_database_url(self, service: str) -> str:
        """Return `database_url`, or the SQLite file of the state directory when none is set."""
        return self.database_url or f"sqlite:///{self.state_directory / (service + '.sqlite')}"


class Document(dict[str, Any]):
    """The tables of a settings file, and the folder from which its relative paths are meant."""

    folder = Path()


def read_document(path: Path) -> Document:
    """Read the TOML settings file; raise SettingsError when it is missing or malformed."""
    try:
        document = Document(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(
            [f"{path}: cannot be read ({error.strerror}); name another file with --settings"]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: not valid TOML: {error}"]) from None
    document.folder = path.absolute().parent
    return document


def process_environment() -> Mapping[str, str]:
    """Return the process's environment: the only place that reads it."""
    return os.environ  # noqa: TID251 - this is the door


def load_settings(
    cls: type[SettingsType],
    section: str,
    document: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
) -> SettingsType:
    """Build the settings `cls` from table `section` of the document, then the environment.

    Raises SettingsError naming every unknown key, missing key and value of the wrong type at once.
    """
    values, mistakes = read_values(cls, section, document, environ)
    if mistakes:
        raise SettingsError(mistakes)
    return _construct(cls, section, values)


def read_values(
    cls: type[Any], section: str, document: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The values of a table that are right, and every mistake among the others."""
    environ = process_environment() if environ is None else environ
    table = document.get(section, {})
    if not isinstance(table, Mapping):
        return {}, [f"[{section}]: must be a table"]
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    mistakes = [f"[{section}] {key}: no such key" for key in table if key not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        raw = environ.get(
            f"{_ENVIRONMENT_PREFIX}_{section}_{name}".upper().replace("-", "_"), table.get(name)
        )
        if raw is None:
            if field.default is dataclasses.MISSING:
                mistakes.append(f"[{section}] {name}: missing ({field.metadata['help']})")
            continue
        try:
            value = _convert(raw, hints[name])
            if check := field.metadata.get("check"):
                check(value)
            values[name] = _located(value, document)
        except ValueError as error:
            mistakes.append(f"[{section}] {name}: {error}")
    return values, mistakes


def _located(value: Any, document: Mapping[str, Any]) -> Any:
    """Resolve a relative path against the folder of the settings file."""
    if not isinstance(document, Document):
        return value
    if isinstance(value, TokenKey):
        return value.located(document.folder)
    return document.folder / value if isinstance(value, Path) else value


def _construct(cls: type[SettingsType], section: str, values: dict[str, Any]) -> SettingsType:
    """Call the class; a settings class may refuse combinations in __post_init__ with ValueError."""
    try:
        return cls(**values)
    except ValueError as error:
        raise SettingsError([f"[{section}] {error}"]) from None


def _convert(raw: Any, hint: Any) -> Any:
    """Convert a TOML or environment value to the annotated type; ValueError says what was expected."""
    if hint == KeyLocation and isinstance(raw, str):
        return parse_key_location(raw)
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
        if raw == "":
            return None
    if typing.get_origin(hint) is tuple:
        return _convert_list(raw, typing.get_args(hint)[0])
    if hint is bool:
        return _convert_bool(raw)
    if hint is int:
        return _convert_int(raw)
    if not isinstance(raw, str):
        raise ValueError(f"expected text, got {raw!r}")  # noqa: TRY004 - one error kind for the caller
    return Path(raw) if hint is Path else raw


def _convert_list(raw: Any, item_hint: Any) -> tuple[Any, ...]:
    """Convert a TOML array, or comma-separated text from the environment."""
    items = (
        [item for item in (part.strip() for part in raw.split(",")) if item] if isinstance(raw, str) else raw
    )
    if not isinstance(items, list):
        raise ValueError(f"expected a list, got {raw!r}")  # noqa: TRY004
    return tuple(_convert(item, item_hint) for item in items)


def _convert_bool(raw: Any) -> bool:
    """Convert true/false, or the usual words for them."""
    word = str(raw).lower()
    if word in _WORDS_FOR_TRUE:
        return True
    if word in _WORDS_FOR_FALSE:
        return False
    raise ValueError(f"expected true or false, got {raw!r}")


def _convert_int(raw: Any) -> int:
    """Convert a whole number; a boolean is not one."""
    if isinstance(raw, bool):
        raise ValueError(f"expected a whole number, got {raw!r}")  # noqa: TRY004
    try:
        return int(raw)
    except (TypeError, ValueError):
        raise ValueError(f"expected a whole number, got {raw!r}") from None
