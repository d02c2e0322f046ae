"""An internal API and ways to call it, for the tests of `runtime.internal`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import flask

from runtime.internal import InternalClient, caller, callers
from runtime.internal.tls import client_context
from runtime.settings import ServiceSettings
from runtime.web import create_flask
from runtime.web.problem import abort_with
from tests.runtime.authority import Authority, Issued, with_client


def application(settings: ServiceSettings) -> flask.Flask:
    """The internal API of a `ca` that only `ra` may call."""
    app = create_flask("ca", settings, package="runtime.web", title="CA")

    @app.get("/internal/who")
    @callers("ra", "va")
    def who() -> flask.Response:
        return flask.jsonify(caller=caller(flask.request.environ), query=flask.request.args.to_dict())

    @app.post("/internal/prepare")
    @callers("ra")
    def prepare() -> flask.Response:
        return flask.jsonify(got=flask.request.get_json())

    @app.post("/internal/refuse")
    @callers("ra")
    def refuse() -> flask.Response:
        abort_with(409, "approval-expired", "The approval has expired; ask for a new one.")

    @app.get("/internal/page")
    @callers("ra")
    def page() -> str:
        return "not JSON"

    @app.get("/internal/unguarded")
    def unguarded() -> flask.Response:
        return flask.jsonify(caller=caller(flask.request.environ))

    return app


@contextmanager
def client(authority: Authority, port: int, issued: Issued, **keywords: object) -> Iterator[InternalClient]:
    settings = with_client(authority.settings(), issued)
    keywords = {"service": "ca", **keywords}
    calling = InternalClient(f"https://localhost:{port}", settings, **keywords)  # type: ignore[arg-type]
    try:
        yield calling
    finally:
        calling.close()


def send(authority: Authority, port: int, issued: Issued, data: bytes) -> bytes:
    """Send bytes over TLS with a client certificate; return everything that comes back."""
    passphrase = authority.passphrase_file
    context = client_context(issued.certificate_file, issued.key_file, passphrase, [authority.anchors_file])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(data)
        received = b""
        while chunk := secured.recv(65536):
            received += chunk
        return received
