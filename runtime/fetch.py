"""Outgoing HTTP to addresses that others chose (certificates, clients, sites), safe against SSRF.

1. The URL is read strictly: http or https, a host, no credentials.
2. The host is resolved once; addresses outside the public Internet are dropped unless policy names them.
3. The connection goes to an address that was checked, not to the name: a second resolution cannot differ.
4. No redirects, no proxies from the environment, no decompression; bytes and total time are bounded.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, SSLError

from runtime.address import Address, Network, is_allowed
from runtime.errors import FetchError
from runtime.settings import ServiceSettings
from runtime.target import Target, read_url

__all__ = ["FetchError", "FetchLimits", "FetchPolicy", "Fetched", "Fetcher", "Resolver", "resolve"]

Resolver = Callable[[str, int], list[str]]

_DEFAULT_TIMEOUT_SECONDS = 10.0
_MAXIMUM_ADDRESSES = 4
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched: networks allowed beside the public Internet, sizes, times, trusted roots."""

    allowed_networks: tuple[Network, ...] = ()
    maximum_bytes: int = 32 * 1024 * 1024
    timeout: float = _DEFAULT_TIMEOUT_SECONDS
    trust_anchors: Path | None = None


@dataclass(frozen=True)
class FetchLimits:
    """How much one fetch may bring, and how many seconds it may take in all."""

    maximum_bytes: int
    timeout: float


@dataclass(frozen=True)
class Fetched:
    """An answer: status, body, and headers by lower-case name."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Request:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver for the addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """Fetches what a policy allows."""

    def __init__(self, policy: FetchPolicy, resolver: Resolver = resolve) -> None:
        self._policy = policy
        self._resolver = resolver
        # The public authorities, and the town's own root beside them where one is named.
        self._tls = ssl.create_default_context()
        if policy.trust_anchors is not None:
            self._tls.load_verify_locations(cafile=policy.trust_anchors)

    @classmethod
    def from_settings(cls, settings: ServiceSettings, timeout: float = _DEFAULT_TIMEOUT_SECONDS) -> Fetcher:
        """Make the fetcher a service's settings describe; a network that is none raises ValueError."""
        networks = tuple(ipaddress.ip_network(text) for text in settings.allow_private_addresses)
        return cls(
            FetchPolicy(allowed_networks=networks, timeout=timeout, trust_anchors=settings.trust_anchors)
        )

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, limits: FetchLimits | None = None
    ) -> Fetched:
        """Fetch a URL; `limits` replace the policy's."""
        return self._fetch(_Request("GET", url, headers or {}), limits)

    def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        *,
        limits: FetchLimits | None = None,
    ) -> Fetched:
        """Send a body to a URL and fetch the answer; `limits` replace the policy's."""
        fields = {**(headers or {}), "Content-Type": content_type}
        return self._fetch(_Request("POST", url, fields, body), limits)

    def _fetch(self, request: _Request, limits: FetchLimits | None) -> Fetched:
        """Do the whole fetch within its time."""
        url = request.url
        limits = limits or FetchLimits(self._policy.maximum_bytes, self._policy.timeout)
        deadline = time.monotonic() + limits.timeout
        target = read_url(url)
        connection = self._connect(target, self._allowed_addresses(target, deadline), deadline)
        with connection, _Watchdog(connection, deadline) as watchdog:
            try:
                fetched = _converse(connection, target, request, limits.maximum_bytes)
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                if watchdog.expired:
                    raise _too_slow(url) from error
                raise FetchError(f"{url}: the answer broke off ({error})", code="fetch-broken") from error
            if watchdog.expired:  # the library takes a cut within the head for the head's end
                raise _too_slow(url)
            return fetched

    def _allowed_addresses(self, target: Target, deadline: float) -> list[Address]:
        """Resolve once and keep the addresses the policy allows."""
        names = _within(deadline, lambda: self._resolver(target.host, target.port), target.url)
        addresses = [ipaddress.ip_address(name.partition("%")[0]) for name in names]
        allowed = [address for address in addresses if is_allowed(address, self._policy.allowed_networks)]
        if not allowed:
            raise FetchError(
                f"{target.url}: refused, {target.host} is not on the public Internet; "
                "if it is meant, name its network in allow_private_addresses",
                code="fetch-address",
            )
        return allowed[:_MAXIMUM_ADDRESSES]

    def _connect(self, target: Target, addresses: list[Address], deadline: float) -> _Connection:
        """Connect to the first address that answers."""
        problem: Exception | None = None
        for address in addresses:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            connection = self._open(target, str(address), remaining)
            try:
                connection.connect()
            except (SSLError, ssl.SSLError) as error:
                connection.close()
                raise FetchError(
                    f"{target.url}: the server's certificate is not accepted ({error})", code="fetch-tls"
                ) from error
            except (HTTPError, OSError) as error:
                connection.close()
                problem = error
                continue
            return _Connection(connection)
        if time.monotonic() >= deadline:
            raise _too_slow(target.url)
        raise FetchError(
            f"{target.url}: no connection ({problem}); try again later", code="fetch-unreachable"
        ) from problem

    def _open(self, target: Target, address: str, timeout: float) -> HTTPConnection:
        """Make the connection object for one address; the name stays in SNI, Host and certificate check."""
        if target.scheme == "http":
            return HTTPConnection(address, target.port, timeout=timeout)
        return HTTPSConnection(
            address,
            target.port,
            timeout=timeout,
            ssl_context=self._tls,
            server_hostname=target.host,
        )


class _Connection:
    """A connected HTTP connection, and its socket, which outlives the library's reference to it."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._socket: socket.socket = connection.sock
        self._response: urllib3.BaseHTTPResponse | None = None

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()
        self._socket.close()

    def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and read the answer's head."""
        self._connection.request(method, path, body=body, headers=headers, preload_content=False)
        self._response = self._connection.getresponse()
        return self._response

    def cut(self) -> None:
        """End the conversation from another thread; TLS is not asked, it may be waiting in a read."""
        try:
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:  # it has ended by itself
            return


class _Watchdog:
    """Cuts a connection at the deadline: time-outs of single reads do not stop a slow drip."""

    def __init__(self, connection: _Connection, deadline: float) -> None:
        self._connection = connection
        self.expired = False
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        """Note that the time is over and end the conversation."""
        self.expired = True
        self._connection.cut()


def _converse(connection: _Connection, target: Target, request: _Request, maximum_bytes: int) -> Fetched:
    """Send the request and read the answer, bounded in bytes."""
    sent = {
        **request.headers,
        "Host": target.host_header,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    response = connection.request(request.method, target.path, request.body, sent)
    # 304 answers a conditional request and leads nowhere (RFC 9110 15.4.5).
    if 300 <= response.status < 400 and response.status != HTTPStatus.NOT_MODIFIED:
        raise FetchError(
            f"{target.url}: redirects, which is not followed; use the final address", code="fetch-redirect"
        )
    content = bytearray()
    while chunk := response.read(_CHUNK_BYTES, decode_content=False):
        content += chunk
        if len(content) > maximum_bytes:
            raise FetchError(f"{target.url}: larger than {maximum_bytes} bytes", code="fetch-too-large")
    received = {name.lower(): value for name, value in response.headers.items()}
    return Fetched(response.status, bytes(content), received)


def _too_slow(url: str) -> FetchError:
    """Make the error for a fetch whose time is over."""
    return FetchError(f"{url}: no complete answer in time; try again later", code="fetch-timeout")


def _within(deadline: float, work: Callable[[], list[str]], url: str) -> list[str]:
    """Resolve in a thread that is left behind when it takes too long: the resolver knows no time-out."""
    outcome: list[list[str] | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="resolver", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if not outcome:
        raise _too_slow(url)
    if isinstance(outcome[0], Exception):
        raise FetchError(
            f"{url}: the host has no address ({outcome[0]}); check the name", code="fetch-unresolved"
        )
    return outcome[0]
