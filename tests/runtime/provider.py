"""An OpenID Provider over real HTTP that answers as a test wants, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT_ID = "desk"
CLIENT_SECRET = "a secret of 256 bits, say"


@dataclass
class Provider:
    """What the provider will answer."""

    issuer: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256", "kid": "1"})
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "p1", "name": "李四"})
    signing_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "1"}))
    published_key: ECKey | None = None
    token_status: int = 200
    token_body: bytes | None = None
    broken: bool = False
    challenges: dict[str, str] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def authorize(self, location: str) -> str:
        """The person agrees; return the address the browser comes back to."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = f"code-{len(self.challenges)}"
        self.challenges[code], self.nonces[code] = asked["code_challenge"], asked["nonce"]
        return f"/callback?code={code}&state={asked['state']}&iss={self.issuer}"

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        self.requests.append(f"{method} {path}")
        if self.broken:
            return 500, b"broken"
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(self._metadata()).encode()
        if path == "/jwks":
            keys = KeySet([self.published_key or self.signing_key])
            return 200, json.dumps(keys.as_dict(private=False)).encode()
        if path == "/token":
            return self.token_status, self.token_body or self._token(headers, body)
        if path == "/userinfo":
            return (
                (200, json.dumps(self.person).encode())
                if headers["Authorization"] == "Bearer at"
                else (401, b"")
            )
        return 404, b""

    def _metadata(self) -> dict[str, Any]:
        places = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("token", "userinfo")}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "end_session_endpoint": f"{self.issuer}/logout",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            **places,
            **self.metadata,
        }

    def _token(self, headers: Any, body: bytes) -> bytes:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        given = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        assert given.split(":")[0] == CLIENT_ID
        assert form["redirect_uri"] == "http://localhost/callback"
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenges.pop(form["code"])
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "p1", "aud": CLIENT_ID, "iat": now, "exp": now + 60, "auth_time": now,
            "nonce": self.nonces[form["code"]], "acr": "urn:tongxing:acr:3", "amr": ["sc", "pin"],
        }  # fmt: skip
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        token = jwt.encode({**self.header, "alg": "ES256"}, claims, self.signing_key)
        if self.header["alg"] == "none":
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            token = f"{header}.{token.split('.')[1]}."
        return json.dumps(
            {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": token}
        ).encode()


@contextmanager
def running(context: ssl.SSLContext | None = None) -> Iterator[Provider]:
    """The provider at an address of its own."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, answer = provider.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        scheme = "https" if context else "http"
        provider.issuer = f"{scheme}://localhost:{server.server_port}"
        yield provider
        server.shutdown()
        thread.join()
