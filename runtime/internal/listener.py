"""The listener for other services: TLS that demands a client certificate, then WSGI.

granian, which serves the public, cannot tell an application who its TLS client is; hence this small
server. It expects few, known peers and many strangers: handshakes and requests have thread budgets of
their own, so that strangers cannot keep out the services that are already connected.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from runtime import clock
from runtime.errors import SettingsError
from runtime.internal.exchange import exchange
from runtime.internal.gate import Gate
from runtime.internal.identity import RevocationSource, ServiceIdentity, load_certificates
from runtime.internal.message import BoundedReader, Timeouts
from runtime.internal.tls import server_context
from runtime.settings import ServiceSettings
from trust.profile_policy import CertificateKind

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOG = logging.getLogger(__name__)
_BACKLOG = 128
_ACCEPT_POLL_SECONDS = 0.2
_SLOT_POLL_SECONDS = 0.2
_STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """How many connections there may be at once: shaking hands, and being served."""

    handshakes: int = 16
    connections: int = 64


class InternalListener:
    """Accepts connections on one address and serves a WSGI application to whoever has a certificate."""

    def __init__(
        self,
        app: WSGIApplication,
        context: ssl.SSLContext,
        address: tuple[str, int],
        *,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._app = app
        self._context = context
        self._timeouts = timeouts or Timeouts()
        limits = limits or Limits()
        self._handshakes = threading.BoundedSemaphore(limits.handshakes)
        self._connections = threading.BoundedSemaphore(limits.connections)
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        # Every worker of a service binds the port, as it does the public one.
        self._socket = socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=True)
        self._socket.settimeout(_ACCEPT_POLL_SECONDS)
        self._thread = threading.Thread(target=self._accept_forever, name="internal-listener", daemon=True)

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._socket.getsockname()[1])

    def start(self) -> InternalListener:
        """Begin to accept, in a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop accepting and end every connection."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._socket.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept_forever(self) -> None:
        """Accept while there is room for one more handshake; strangers beyond that wait in the backlog."""
        while not self._stopping.is_set():
            if not self._handshakes.acquire(timeout=_SLOT_POLL_SECONDS):
                continue
            try:
                connection, (peer, *_) = self._socket.accept()
            except TimeoutError:
                self._handshakes.release()
                continue
            except OSError as error:  # out of descriptors, or the peer is gone already
                self._handshakes.release()
                _LOG.warning("the internal listener could not accept a connection: %s", error)
                self._stopping.wait(_ACCEPT_POLL_SECONDS)
                continue
            threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        """Shake hands, then serve requests until either side has had enough."""
        try:
            try:
                secured = self._shake_hands(connection)
            finally:
                self._handshakes.release()
        except (OSError, ValueError) as error:
            _LOG.warning("internal connection from %s refused in the TLS handshake: %s", peer, error)
            connection.close()
            return
        with self._tracked(secured):
            if not self._connections.acquire(blocking=False):
                _LOG.error("internal connection from %s refused: too many connections", peer)
                return
            try:
                self._converse(secured, peer)
            except OSError as error:
                _LOG.info("internal connection from %s broke: %s", peer, error)
            finally:
                self._connections.release()

    def _shake_hands(self, connection: socket.socket) -> ssl.SSLSocket:
        """Finish the TLS handshake within its time."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self._timeouts.handshake)
        secured = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    @contextlib.contextmanager
    def _tracked(self, connection: ssl.SSLSocket) -> Iterator[None]:
        """Remember the connection while it is open, so that `stop` can end it."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _converse(self, connection: ssl.SSLSocket, peer: str) -> None:
        """Serve one request after another on a connection."""
        certificate = connection.getpeercert(binary_form=True) or b""
        reader = BoundedReader(connection)
        while not self._stopping.is_set() and reader.wait_for_data(self._timeouts.idle):
            if not exchange(self._app, connection, reader, peer, certificate, self._timeouts):
                return


def serve_internal(
    app: WSGIApplication,
    settings: ServiceSettings,
    *,
    now: Callable[[], datetime] = clock.now,
    revocation: RevocationSource | None = None,
) -> InternalListener:
    """Serve the internal application beside the public one, in threads of this process."""
    if settings.internal_certificate is None or settings.internal_key is None:
        raise SettingsError(["internal_port needs internal_certificate and internal_key"])
    identity = ServiceIdentity(
        CertificateKind.TLS_CLIENT,
        load_certificates(settings.trust_anchors),
        load_certificates(settings.intermediates),
        policy_arc=settings.policy_arc,
        revocation=revocation,
    )
    context = server_context(
        settings.internal_certificate,
        settings.internal_key,
        settings.key_passphrase_file,
        (settings.trust_anchors, settings.intermediates),
    )
    gate = Gate(app, identity, now, settings.internal_proxy)
    return InternalListener(gate, context, (settings.internal_host, settings.internal_port)).start()
