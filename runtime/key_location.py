"""Where a private key lies: a file, or a PKCS#11 token named by a URI (RFC 7512).

A URI here names one key on one token, the module that speaks to it, and the file that holds the PIN:

    pkcs11:token=city;object=issuing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=secrets/pin

It never holds the PIN itself: settings are printed, backed up and passed in environments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

_SCHEME = "pkcs11:"
_MAXIMUM_CHARACTERS = 4096
# RFC 7512 section 2.3: unreserved and reserved characters that need no escape, or an escape.
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})*")
_PATH_ATTRIBUTES = frozenset({"token", "serial", "object", "id", "type"})
_QUERY_ATTRIBUTES = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True)
class TokenKey:
    """A key on a PKCS#11 token: by the token's label or serial number, and the key's label or CKA_ID."""

    module_path: Path
    pin_source: Path
    token: str | None = None
    serial: str | None = None
    label: str | None = None
    id: bytes | None = None

    def __str__(self) -> str:
        """The key's name, for messages."""
        token = f"token {self.token!r}" if self.token else f"token with serial number {self.serial}"
        key = f"key {self.label!r}" if self.label else f"key with id {(self.id or b'').hex()}"
        return f"{key} on {token}"

    def located(self, folder: Path) -> TokenKey:
        """The same key; a relative path of the PIN's file is meant from the folder."""
        return replace(self, pin_source=folder / self.pin_source)


KeyLocation = Path | TokenKey


def parse_key_location(text: str) -> KeyLocation:
    """Read a path, or a pkcs11 URI; ValueError says what is wrong with the URI, and never repeats a PIN."""
    if text[: len(_SCHEME)].lower() != _SCHEME:
        return Path(text)
    return parse_pkcs11_uri(text)


def parse_pkcs11_uri(text: str) -> TokenKey:
    """Read a pkcs11 URI (RFC 7512 section 2.3), refusing attributes that would not be heeded."""
    if len(text) > _MAXIMUM_CHARACTERS:
        raise ValueError(f"a pkcs11 URI of more than {_MAXIMUM_CHARACTERS} characters")
    path, _, query = text[len(_SCHEME) :].partition("?")
    names = _attributes(path, ";", _PATH_ATTRIBUTES)
    doors = _attributes(query, "&", _QUERY_ATTRIBUTES)
    if names.get("type", b"private") != b"private":
        raise ValueError("a key to sign with is of type=private")
    if not (names.get("token") or names.get("serial")):
        raise ValueError("a pkcs11 URI needs token= (the token's label) or serial=")
    if not (names.get("object") or names.get("id")):
        raise ValueError("a pkcs11 URI needs object= (the key's label) or id=")
    return TokenKey(
        module_path=_module_path(doors),
        pin_source=_pin_source(doors),
        token=_text(names, "token"),
        serial=_text(names, "serial"),
        label=_text(names, "object"),
        id=names.get("id") or None,
    )


def _attributes(part: str, separator: str, allowed: frozenset[str]) -> dict[str, bytes]:
    """The attributes of one part of the URI, decoded; each at most once (RFC 7512 section 2.3)."""
    attributes: dict[str, bytes] = {}
    for attribute in part.split(separator) if part else ():
        name, equals, value = attribute.partition("=")
        if name == "pin-value":
            raise ValueError("pin-value would show the PIN; write it to a file and name that by pin-source=")
        if name not in allowed or not equals:
            raise ValueError(
                f"a pkcs11 URI has no attribute {name[:40]!r} here, only {', '.join(sorted(allowed))}"
            )
        if name in attributes:
            raise ValueError(f"{name} is given twice")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of {name} has characters that must be percent-encoded (RFC 7512)")
        attributes[name] = unquote_to_bytes(value)
    return attributes


def _text(attributes: Mapping[str, bytes], name: str) -> str | None:
    """An attribute that is a text."""
    try:
        text = attributes.get(name, b"").decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{name} holds a zero byte")
    return text or None


def _module_path(attributes: Mapping[str, bytes]) -> Path:
    """The module's file: always an absolute path, for a name would be looked up by the loader."""
    path = _text(attributes, "module-path")
    if path is None or not path.startswith("/"):
        raise ValueError("a pkcs11 URI needs module-path= with the absolute path of the PKCS#11 module")
    return Path(path)


def _pin_source(attributes: Mapping[str, bytes]) -> Path:
    """The PIN's file: a path or a file: URI of this machine; programs (RFC 7512 section 2.4) are not run."""
    source = _text(attributes, "pin-source")
    if source is None:
        raise ValueError("a pkcs11 URI needs pin-source= with the file that holds the PIN, mode 0600")
    if source.startswith("|"):
        raise ValueError("pin-source names a file here; programs are not run")
    path = source.removeprefix("file:") if source.startswith("file:") else source
    if source.startswith("file://"):
        path = source.removeprefix("file://")
        if not path.startswith("/"):
            raise ValueError("pin-source names a file of another machine")
    if not path:
        raise ValueError("pin-source names no file")
    return Path(path)
