"""Addresses that others wrote, read strictly: http or https, a host, nothing to be read in two ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from runtime.errors import FetchError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAXIMUM_URL_LENGTH = 2048
# What a host and a path may consist of; anything else must have been percent-encoded or is an attack.
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")
_TARGET = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Target:
    """A URL taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The Host field: as in the URL (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Take a URL apart; raise FetchError for anything but a plain http or https address."""
    if len(url) > _MAXIMUM_URL_LENGTH or not _TARGET.fullmatch(url) or "\\" in url:
        raise _bad_url(url, "too long, or with characters that an address cannot have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad_url(url, "not an address") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _bad_url(url, "only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise _bad_url(url, "an address must not carry credentials")
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host) or port == 0:
        raise _bad_url(url, "the host or the port is malformed")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def _bad_url(url: str, why: str) -> FetchError:
    """Make the error for an address that is not fetched; credentials in it are not repeated."""
    shown = re.sub(r"//[^/@]*@", "//…@", url[:200])
    return FetchError(f"{shown!r} is not fetched: {why}", code="fetch-url")
