"""Web origins (RFC 6454): the site that asks, as the browser names it and never as the page does."""

from __future__ import annotations

from urllib.parse import urlsplit

MAXIMUM_ORIGIN = 255
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def normalize_origin(text: str) -> str:
    """The serialised origin: `https://host[:port]`, or http on loopback. ValueError for anything else."""
    if len(text) > MAXIMUM_ORIGIN or not text.isascii() or any(character.isspace() for character in text):
        raise ValueError("an origin has at most 255 ASCII characters")
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
        raise ValueError(f"{text!r} is not an origin such as https://example.cn")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} has more than scheme, host and port")
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ValueError(f"{text!r}: plain http is for this machine only; use https")
    bracketed = f"[{host}]" if ":" in host else host
    port = parts.port
    suffix = "" if port is None or port == _DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{bracketed}{suffix}"
