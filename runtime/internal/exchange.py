"""One request in, one answer out: WSGI (PEP 3333) on a connection of the internal listener."""

from __future__ import annotations

import io
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from runtime.internal.gate import PEER_CERTIFICATE
from runtime.internal.message import BoundedReader, MessageError, Request, Timeouts, read_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 256 * 1024
_LINE_BREAKS = frozenset("\r\n\0")
_OUR_HEADERS = frozenset({"content-length", "connection", "transfer-encoding"})

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


@dataclass
class _Answer:
    """What the application answers, collected whole so that its length is known."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExceptionInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """`start_response` of PEP 3333; nothing has been sent yet, so an error may replace the answer."""
        if self.status and exc_info is None:
            raise RuntimeError("start_response was called twice")
        if any(_LINE_BREAKS & set(text) for pair in headers for text in pair):
            raise ValueError("a response header holds a line break")
        self.status, self.headers = status, list(headers)
        return self.body.extend


def exchange(
    app: WSGIApplication,
    connection: socket.socket,
    reader: BoundedReader,
    peer: str,
    certificate: bytes,
    timeouts: Timeouts,
) -> bool:
    """Serve one request; return whether the connection may be used for another."""
    try:
        request = read_request(reader, timeouts)
    except MessageError as error:
        _LOG.warning("internal request from %s refused: %s", peer, error.reason)
        _send(connection, _plain(error.status, error.reason), timeouts, keep_alive=False)
        return False
    answer = _run(app, _environ(request, peer, certificate))
    _send(connection, answer, timeouts, keep_alive=request.keep_alive, head_only=request.method == "HEAD")
    return request.keep_alive


def _environ(request: Request, peer: str, certificate: bytes) -> WSGIEnvironment:
    """Build the WSGI environment; nothing of the process's own environment goes in."""
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "internal",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": peer,
        "CONTENT_TYPE": request.fields.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        PEER_CERTIFICATE: certificate,
    }
    for name, value in request.fields.items():
        if name not in {"content-type", "content-length"}:
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def _run(app: WSGIApplication, environ: WSGIEnvironment) -> _Answer:
    """Call the application; what it does not catch becomes a plain 500."""
    answer = _Answer()
    chunks: Iterable[bytes] = ()
    try:
        chunks = app(environ, answer.start)
        for chunk in chunks:
            answer.body += chunk
        if not answer.status:
            raise RuntimeError("the application answered without start_response")
    except Exception:  # noqa: BLE001 - whatever the application lets through
        _LOG.exception("an internal request failed")
        return _plain(500, "the service failed on this request; its log says why")
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return answer


def _plain(status: int, reason: str) -> _Answer:
    """Make a plain answer of the listener's own."""
    line = f"{status} {HTTPStatus(status).phrase}"
    return _Answer(line, [("Content-Type", "text/plain; charset=utf-8")], bytearray(reason.encode()))


def _send(
    connection: socket.socket,
    answer: _Answer,
    timeouts: Timeouts,
    *,
    keep_alive: bool,
    head_only: bool = False,
) -> None:
    """Send the answer within its time as a whole."""
    headers = [(name, value) for name, value in answer.headers if name.lower() not in _OUR_HEADERS]
    headers += [("Content-Length", str(len(answer.body)))]
    headers += [] if keep_alive else [("Connection", "close")]
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"HTTP/1.1 {answer.status}\r\n{fields}\r\n".encode("latin-1")
    data = memoryview(head if head_only else head + answer.body)
    deadline = time.monotonic() + timeouts.answer
    for position in range(0, len(data), _CHUNK_BYTES):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the caller took the answer too slowly")
        connection.settimeout(remaining)
        connection.sendall(data[position : position + _CHUNK_BYTES])
