"""The documents everybody may read, made once: metadata and keys."""

from __future__ import annotations

from http import HTTPStatus

from idp.discovery import DISCOVERY_PATH, JWKS_PATH, discovery_document, jwks_document
from idp.endpoints.wsgi import Answer, Environ, endpoint
from idp.provider import Provider
from runtime.web import WsgiCallable

_READ = frozenset({"GET", "HEAD"})
# Sites may keep these an hour: a new key is published long before it signs. Any page may read them.
_HEADERS = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}


def document_endpoints(provider: Provider) -> dict[str, WsgiCallable]:
    """Return the endpoints of the metadata (OIDC Discovery 4) and of the keys."""
    documents = {
        DISCOVERY_PATH: discovery_document(provider.issuer),
        JWKS_PATH: jwks_document(provider.keys.published),
    }
    return {path: _document_endpoint(path, content) for path, content in documents.items()}


def _document_endpoint(path: str, content: bytes) -> WsgiCallable:
    """Serve one constant document."""
    answer = Answer(HTTPStatus.OK, content, _HEADERS)

    def handle(_environ: Environ) -> Answer:
        return answer

    return endpoint(path, _READ, handle)
