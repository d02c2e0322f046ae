"""Calls to another service: JSON over mutual TLS, connections kept, the other side's name checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from runtime import clock
from runtime.errors import SettingsError
from runtime.internal.errors import AnswerError, IdentityError, RemoteProblemError, UnreachableError
from runtime.internal.identity import ServiceIdentity, load_certificates
from runtime.internal.tls import client_context
from runtime.log import request_id
from runtime.settings import ServiceSettings
from trust.profile_policy import CertificateKind

_CONNECT_SECONDS = 3.0
_POOL_SECONDS = 5
_DEFAULT_TIMEOUT_SECONDS = 15.0
_MAXIMUM_CONNECTIONS = 8
_MAXIMUM_ANSWER_BYTES = 128 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_FIRST_ERROR_STATUS = 400

# A kept connection may have been closed by the other side in the meantime: a GET is then sent once more.
_RETRIES = urllib3.Retry(
    total=1, connect=0, read=1, redirect=0, status=0, other=0, allowed_methods={"GET"}, backoff_factor=0
)


class InternalClient:
    """Calls one service by its internal address."""

    def __init__(
        self,
        base_url: str,
        settings: ServiceSettings,
        *,
        service: str,
        timeout: float = _DEFAULT_TIMEOUT_SECONDS,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """Prepare calls to `service` at `base_url`, with this service's own certificate."""
        if settings.service_certificate is None or settings.service_key is None:
            raise SettingsError(["calls to other services need service_certificate and service_key"])
        parts = urlsplit(base_url)
        if parts.scheme != "https" or not parts.hostname:
            raise SettingsError([f"{base_url!r} is not an https address of the service {service}"])
        self._service = service
        self._timeout = timeout
        self._now = now
        self._identity = ServiceIdentity(
            CertificateKind.TLS_SERVER,
            load_certificates(settings.trust_anchors),
            load_certificates(settings.intermediates),
            policy_arc=settings.policy_arc,
        )
        context = client_context(
            settings.service_certificate,
            settings.service_key,
            settings.key_passphrase_file,
            (settings.trust_anchors, settings.intermediates),
        )
        self._pool = urllib3.HTTPSConnectionPool(
            parts.hostname,
            parts.port or 443,
            maxsize=_MAXIMUM_CONNECTIONS,
            block=True,
            ssl_context=context,
            assert_hostname=False,
        )
        self._pool.ConnectionCls = _checked_connection(self._check_server)

    def get_json(self, path: str) -> Any:
        """Return the JSON the service answers to a GET of this path (with its query)."""
        return self._call("GET", path, None)

    def post_json(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to this path and return the JSON the service answers."""
        return self._call("POST", path, json.dumps(body).encode())

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()

    def _check_server(self, certificate: bytes) -> None:
        """Refuse a server that is not the service we mean, before anything is sent to it."""
        name = self._identity.service_of(certificate, self._now())
        if name != self._service:
            raise IdentityError(
                f"the server at {self._pool.host}:{self._pool.port} is {name}, not {self._service}; "
                "check the address in the settings",
                code="server-wrong-service",
            )

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        """Send one request and read its answer, all within the time-out."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if request_id.get():
            headers["X-Request-Id"] = request_id.get()
        deadline = time.monotonic() + self._timeout
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers=headers,
                retries=_RETRIES,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, self._timeout), read=self._timeout),
                pool_timeout=_POOL_SECONDS,
            )
            content = self._read(response, deadline)
        except HTTPError as error:
            raise self._unreachable(error) from error
        return self._decode(response.status, content)

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        """Read the whole answer, bounded in bytes and in time."""
        content = bytearray()
        try:
            for chunk in response.stream(_CHUNK_BYTES):
                content += chunk
                if len(content) > _MAXIMUM_ANSWER_BYTES or time.monotonic() > deadline:
                    raise AnswerError(
                        f"{self._service} answered too much or too slowly", code="service-answer-too-large"
                    )
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return bytes(content)

    def _unreachable(self, error: HTTPError) -> UnreachableError | IdentityError:
        """Say what kept us from an answer."""
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, SSLError) or isinstance(error, SSLError):
            return IdentityError(
                f"{self._service} and we do not accept each other's certificates ({reason}); "
                "check service_certificate, trust_anchors and intermediates on both sides",
                code="service-tls",
            )
        # The library counts a refused connection among the time-outs.
        slow = isinstance(reason, PoolTimeoutError) and not isinstance(reason, NewConnectionError)
        code = "service-timeout" if slow else "service-unreachable"
        return UnreachableError(f"no answer from {self._service} ({reason}); try again later", code=code)

    def _decode(self, status: int, content: bytes) -> Any:
        """Return the JSON answer; raise RemoteProblemError for a refusal."""
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if status >= _FIRST_ERROR_STATUS:
            problem = answer if isinstance(answer, dict) else {}
            detail = problem.get("detail") or f"{self._service} answered with status {status}"
            raise RemoteProblemError(
                str(detail), code=str(problem.get("code") or "service-error"), status=status
            )
        if answer is None:
            raise AnswerError(f"{self._service} did not answer in JSON", code="service-answer-malformed")
        return answer


def _checked_connection(check: Callable[[bytes], None]) -> type[HTTPSConnection]:
    """Return a connection class that checks the server's certificate once the handshake is done."""

    class CheckedConnection(HTTPSConnection):
        """A TLS connection to a service whose name has been checked."""

        def connect(self) -> None:
            """Connect, then check before anything is sent."""
            super().connect()
            try:
                check(self.sock.getpeercert(binary_form=True) or b"")  # type: ignore[union-attr]
            except BaseException:
                self.close()
                raise

    return CheckedConnection
