"""CRLs and CA certificates over HTTP (RFC 5280 4.2.1.13, 4.2.2.1; RFC 2585), as raw WSGI ahead of Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from ca.publication import CrlView
from ca.status.service import StatusService
from runtime.errors import ClockError
from runtime.web import WsgiCallable

CRL_PATH = "/crl"
CERTIFICATE_PATH = "/ca"
_CRL_SUFFIX = ".crl"
_CERTIFICATE_SUFFIX = ".cer"
_CRL_CACHE_SECONDS = 60
_CERTIFICATE_CACHE_SECONDS = 86_400

StartResponse = Callable[..., Any]


def crl_endpoint(service: StatusService, now: Callable[[], datetime]) -> WsgiCallable:
    """The WSGI callable for /crl/<issuer key identifier>.crl."""
    kept: dict[str, CrlView] = {}

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not _is_reading(environ):
            return _not_allowed(start_response)
        key_id = _key_id(environ, CRL_PATH, _CRL_SUFFIX)
        number = service.crl_number(key_id) if key_id else None
        if number is None:
            return _not_found(start_response)
        crl = kept.get(key_id)
        if crl is None or crl.number != number:
            # A megabyte is read from the database once a CRL, not once a request.
            crl = service.crl(key_id)
            if crl is None:
                return _not_found(start_response)
            kept[key_id] = crl
        return _send(environ, start_response, crl.der, _crl_headers(crl, now))

    return answer


def certificate_endpoint(service: StatusService) -> WsgiCallable:
    """The WSGI callable for /ca/<key identifier>.cer."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not _is_reading(environ):
            return _not_allowed(start_response)
        certificate = service.authority(_key_id(environ, CERTIFICATE_PATH, _CERTIFICATE_SUFFIX))
        if certificate is None:
            return _not_found(start_response)
        headers = [
            ("Content-Type", "application/pkix-cert"),
            ("Cache-Control", f"public, max-age={_CERTIFICATE_CACHE_SECONDS}"),
        ]
        return _send(environ, start_response, certificate.der, headers)

    return answer


def _crl_headers(crl: CrlView, now: Callable[[], datetime]) -> list[tuple[str, str]]:
    """Type and cache headers of a CRL: kept for a minute, never beyond nextUpdate."""
    try:
        remaining = int((crl.next_update - now()).total_seconds())
    except ClockError:  # the list is right whatever our clock says, but nobody is told to keep it
        remaining = 0
    return [
        ("Content-Type", "application/pkix-crl"),
        ("Cache-Control", f"public, max-age={max(0, min(_CRL_CACHE_SECONDS, remaining))}"),
        ("Last-Modified", format_datetime(crl.this_update, usegmt=True)),
        ("ETag", f'"{crl.issuer_key_id}-{crl.number}"'),
    ]


def _key_id(environ: dict[str, Any], prefix: str, suffix: str) -> str:
    """The key identifier in the path, or an empty text."""
    name = environ.get("PATH_INFO", "")[len(prefix) + 1 :]
    return name.removesuffix(suffix).lower() if name.endswith(suffix) else ""


def _is_reading(environ: dict[str, Any]) -> bool:
    """Whether the method is GET or HEAD."""
    return environ["REQUEST_METHOD"] in ("GET", "HEAD")


def _send(
    environ: dict[str, Any], start_response: StartResponse, body: bytes, headers: list[tuple[str, str]]
) -> Iterable[bytes]:
    """Send a body, or for HEAD its length."""
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _not_found(start_response: StartResponse) -> Iterable[bytes]:
    """404."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


def _not_allowed(start_response: StartResponse) -> Iterable[bytes]:
    """405."""
    start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
    return [b""]
