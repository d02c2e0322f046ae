"""Who is calling: every internal request carries the name of a service, or the application never sees it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

import flask

from runtime.internal.errors import IdentityError
from runtime.internal.identity import ServiceIdentity
from runtime.web.csrf import csrf_exempt
from runtime.web.problem import CONTENT_TYPE, abort_with

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

# Keys of the WSGI environment that only the listener and the gate set: no header can reach such a key.
PEER_CERTIFICATE = "tongxing.peer_certificate"
_CALLER = "tongxing.caller"
PROXY_SERVICE = "proxy"
# nginx: proxy_set_header X-Tongxing-Client-Certificate $ssl_client_escaped_cert
_PROXY_FIELD = "HTTP_X_TONGXING_CLIENT_CERTIFICATE"


class Gate:
    """WSGI middleware: turns the peer's certificate into the caller's name, or answers 403.

    The service named `proxy`, from the one address `proxy_address`, may pass on the certificate of the
    client whose TLS it ended. From everyone else that header is dropped unread.
    """

    def __init__(
        self,
        app: WSGIApplication,
        identity: ServiceIdentity,
        now: Callable[[], datetime],
        proxy_address: str = "",
    ) -> None:
        self._app = app
        self._identity = identity
        self._now = now
        self._proxy_address = proxy_address

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Name the caller and pass the request on."""
        forwarded = environ.pop(_PROXY_FIELD, "")
        environ.pop(_CALLER, None)
        try:
            name = self._identity.service_of(environ.get(PEER_CERTIFICATE, b""), self._now())
            if name == PROXY_SERVICE and self._proxy_address == environ.get("REMOTE_ADDR"):
                name = self._identity.service_of(_decode_forwarded(forwarded), self._now())
        except IdentityError as error:
            return _refuse(start_response, error)
        environ[_CALLER] = name
        return self._app(environ, start_response)


def _decode_forwarded(text: str) -> bytes:
    """Return the DER certificate a proxy passed on as URL-encoded PEM."""
    try:
        return ssl.PEM_cert_to_DER_cert(unquote_to_bytes(text).decode("ascii"))
    except ValueError:
        raise IdentityError(
            "the proxy passed on no certificate of the caller", code="certificate-not-passed-on"
        ) from None


def _refuse(start_response: StartResponse, error: IdentityError) -> list[bytes]:
    """Answer 403 in problem+json, without the application."""
    body = {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": error.code,
        "detail": str(error),
    }
    start_response("403 Forbidden", [("Content-Type", CONTENT_TYPE)])
    return [json.dumps(body, ensure_ascii=False).encode()]


def caller(environ: WSGIEnvironment) -> str:
    """Return the name of the service that sent this request, proven by its TLS client certificate."""
    try:
        return str(environ[_CALLER])
    except KeyError:
        raise IdentityError(
            "this request did not come through the internal listener", code="caller-unknown"
        ) from None


def callers(*names: str) -> Callable[[View], View]:
    """Let only these services call a Flask view; everyone else gets 403.

    The view needs no CSRF token: no browser holds a service's key.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **keywords: Any) -> Any:
            try:
                name = caller(flask.request.environ)
            except IdentityError as error:
                abort_with(403, error.code, str(error))
            if name not in names:
                abort_with(403, "caller-not-allowed", f"the service {name} may not call this")
            return view(*arguments, **keywords)

        return csrf_exempt(cast("View", guarded))

    return decorate
