"""Relying-party software that others wrote, against the provider, over real sockets.

The demonstration site stands on Authlib's Flask client; Authlib's requests client is used for what the site
does not do (private_key_jwt, client_secret_post, RS256).
"""

from __future__ import annotations

import re
import secrets
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.relying_site.settings import load_settings
from examples.relying_site.site import create_app
from idp.service import register_client
from tests.idp.harness import START, csrf_of, make_op

pytestmark = pytest.mark.foreign


class QuietHandler(WSGIRequestHandler):
    def log(self, *_args) -> None:
        return


@contextmanager
def serving(app, port: int):
    """Serve a WSGI application on a port of the loopback interface."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def free_ports(count: int) -> list[int]:
    import socket

    sockets = [socket.socket() for _ in range(count)]
    try:
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


@pytest.fixture
def town(tmp_path):
    """A provider and two demonstration sites, each on a port of its own."""
    import datetime

    idp_port, *site_ports = free_ports(3)
    op = make_op(tmp_path / "idp", public_url=f"http://localhost:{idp_port}")
    op.clock.at = datetime.datetime.now(datetime.UTC)
    sites = {name: make_site(op, tmp_path, name, port) for name, port in zip("ab", site_ports, strict=True)}
    op.urls = {name: f"http://localhost:{port}" for name, port in zip("ab", site_ports, strict=True)}
    with ExitStack() as op.closing:
        op.closing.callback(op.provider.database.dispose)
        for app, port in zip((op.app, *sites.values()), (idp_port, *site_ports), strict=True):
            op.closing.enter_context(serving(app, port))
        yield op


def make_site(op, folder: Path, name: str, port: int):
    """Register a demonstration site and make it from a settings file."""
    url, client_id = f"http://localhost:{port}", f"site-{name}"
    registration = register_client(
        op.settings,
        client_id=client_id,
        name=f"Site {name}",
        redirect_uris=[f"{url}/callback"],
        post_logout_redirect_uris=[f"{url}/"],
        scopes=["openid", "profile", "enterprise"],
        at=START,
    )
    (folder / f"{name}.secret").write_text(registration.secret)
    (folder / f"{name}.key").write_text(secrets.token_hex(32))
    (folder / "town.toml").write_text(
        f"""
        [site-{name}]
        port = {port}
        public_url = "{url}"
        title = "Site {name}"
        issuer = "{op.settings.issuer}"
        client_id = "{client_id}"
        client_secret_file = "{name}.secret"
        session_key_file = "{name}.key"
        tls_certificate = ""
        """
    )
    return create_app(load_settings(folder / "town.toml", client_id))


class Person:
    """A person with a browser and a card."""

    def __init__(self, op, language: str = "en") -> None:
        self.op, self.browser = op, op.closing.enter_context(requests.Session())
        self.browser.headers.update({"Accept": "text/html", "Accept-Language": language})

    def get(self, url: str):
        return self.browser.get(url, timeout=10)

    def log_in(self, site: str, card: str = "wang"):
        page = self.get(f"{self.op.urls[site]}/login")
        assert page.url.startswith(f"{self.op.settings.issuer}/login/"), page.text
        return self.show_card(page, card)

    def show_card(self, page, card: str):
        return self.browser.post(
            page.url, data={"card_token": card, "csrf_token": csrf_of(page.text)}, timeout=10
        )

    def log_out(self, site: str, page):
        token = re.search(r'name="form_token" value="([^"]+)"', page.text)[1]
        return self.browser.post(f"{self.op.urls[site]}/logout", data={"form_token": token}, timeout=10)


def shown(page, name: str) -> str:
    return re.sub("<[^>]+>", "", re.search(rf'id="{name}">(.*?)</dd>', page.text)[1])


def test_one_login_serves_two_sites_and_one_logout_ends_it(town):
    person = Person(town)
    first = person.log_in("a")
    assert first.url == f"{town.urls['a']}/"
    assert shown(first, "name") == "王*明"
    second = person.get(f"{town.urls['b']}/login")
    assert second.url == f"{town.urls['b']}/", "the second site asked for the card"
    assert shown(second, "sub") != shown(first, "sub")
    assert shown(second, "auth-time") == shown(first, "auth-time")
    farewell = person.log_out("a", first)
    assert farewell.url == f"{town.urls['a']}/"
    assert 'id="log-in"' in farewell.text
    again = person.get(f"{town.urls['b']}/login")
    assert again.url.startswith(f"{town.settings.issuer}/login/"), "the logout did not end the session"


def test_site_shows_the_enterprise(town):
    page = Person(town).log_in("a", "wang-enterprise")
    assert shown(page, "enterprise") == "通行科技有限公司"
    assert "91350100M000100Y43" not in page.text


def test_site_explains_a_cancelled_login(town):
    person = Person(town)
    page = person.get(f"{town.urls['a']}/login")
    answer = person.browser.post(f"{page.url}/cancel", data={"csrf_token": csrf_of(page.text)}, timeout=10)
    assert answer.status_code == 403
    assert "You cancelled the login." in answer.text


def test_site_refuses_an_answer_from_another_issuer(town):
    answer = Person(town).get(f"{town.urls['a']}/callback?code=x&state=y&iss=https://evil.example")
    assert answer.status_code == 400


def test_site_refuses_an_answer_it_did_not_ask_for(town):
    answer = Person(town).get(f"{town.urls['a']}/callback?code=x&state=y&iss={town.settings.issuer}")
    assert answer.status_code == 400


def test_site_passes_its_language_on(town):
    page = Person(town, language="zh-CN").get(f"{town.urls['a']}/login")
    assert "使用证卡登录" in page.text
    assert '<html lang="zh-Hans">' in page.text


def authlib_session(town, registration, **changes) -> OAuth2Session:
    return town.closing.enter_context(
        OAuth2Session(
            registration.client.client_id,
            registration.secret,
            scope="openid profile",
            redirect_uri="http://localhost:1/callback",
            code_challenge_method="S256",
            **changes,
        )
    )


def run_flow(town, session, algorithm: str):
    """Authorize in a person's browser, redeem and verify with Authlib."""
    issuer = town.settings.issuer
    verifier, nonce = secrets.token_urlsafe(40), secrets.token_urlsafe(16)
    url, state = session.create_authorization_url(f"{issuer}/authorize", code_verifier=verifier, nonce=nonce)
    person = Person(town)
    page = person.get(url)
    answer = person.browser.post(
        page.url,
        data={"card_token": "wang", "csrf_token": csrf_of(page.text)},
        timeout=10,
        allow_redirects=False,
    )
    answer = person.browser.get(f"{issuer}{answer.headers['Location']}", timeout=10, allow_redirects=False)
    token = session.fetch_token(
        f"{issuer}/token",
        authorization_response=answer.headers["Location"],
        state=state,
        code_verifier=verifier,
    )
    keys = KeySet.import_key_set(requests.get(f"{issuer}/jwks", timeout=10).json())
    verified = jwt.decode(token["id_token"], keys, algorithms=[algorithm])
    claims = CodeIDToken(
        verified.claims,
        verified.header,
        options={"iss": {"value": issuer}, "aud": {"value": session.client_id}},
        params={"nonce": nonce, "client_id": session.client_id, "access_token": token["access_token"]},
    )
    claims.validate()
    userinfo = session.get(f"{issuer}/userinfo").json()
    assert userinfo["sub"] == claims["sub"]
    return claims


def register(town, **changes):
    return register_client(
        town.settings, name="Foreign", redirect_uris=["http://localhost:1/callback"], at=START, **changes
    )


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_with_a_secret(town, method, algorithm):
    registration = register(town, authentication=method, id_token_algorithm=algorithm)
    session = authlib_session(town, registration, token_endpoint_auth_method=method)
    run_flow(town, session, algorithm)


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_authlib_with_private_key_jwt(town, kind):
    key = (
        ECKey.generate_key("P-256", {"kid": "k1"})
        if kind == "EC"
        else RSAKey.generate_key(2048, {"kid": "k1"})
    )
    public = key.as_dict(private=False)
    registration = register(town, authentication="private_key_jwt", jwks={"keys": [public]})
    session = authlib_session(town, registration, token_endpoint_auth_method="private_key_jwt")
    session.client_secret = key
    # Authlib's assertions live an hour unless told otherwise; the provider takes five minutes at most.
    method = PrivateKeyJWT(
        town.settings.issuer,
        claims={"exp": int(town.clock().timestamp()) + 120},
        headers={"kid": "k1"},
        alg="ES256" if kind == "EC" else "RS256",
    )
    session.register_client_auth_method(method)
    run_flow(town, session, "ES256")
