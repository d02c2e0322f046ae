"""The UserInfo endpoint (OIDC Core 5.3, RFC 6750)."""

from __future__ import annotations

import pytest

from idp.service import disable_client
from tests.idp.harness import claims_of


def bearer(tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def test_oidcc_userinfo_get(op, site, visitor):
    tokens = site.tokens(visitor)
    response = op.visitor().get("/userinfo", headers=bearer(tokens))
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json == {"sub": claims_of(tokens["id_token"])["sub"], "name": "王小明"}


def test_oidcc_userinfo_post_header(op, site, visitor):
    assert op.visitor().post("/userinfo", headers=bearer(site.tokens(visitor))).status_code == 200


def test_oidcc_userinfo_post_body(op, site, visitor):
    """A token in a body is optional for providers (RFC 6750 2.2); here it is refused."""
    tokens = site.tokens(visitor)
    response = op.visitor().post("/userinfo", data={"access_token": tokens["access_token"]})
    assert response.status_code == 401


def test_token_in_the_address_is_refused(op, site, visitor):
    tokens = site.tokens(visitor)
    response = op.visitor().get("/userinfo?access_token=" + tokens["access_token"], headers=bearer(tokens))
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_without_a_token_there_is_a_challenge_without_an_error(op):
    response = op.visitor().get("/userinfo")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="userinfo"'


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 5000, "a b", "\x01", "' OR 1=1"])
def test_made_up_token_is_refused(any_op, token):
    response = any_op.visitor().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_id_token_is_no_access_token(op, site, visitor):
    token = site.tokens(visitor)["id_token"]
    assert op.visitor().get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_basic_scheme_is_refused(op, site):
    assert op.visitor().get("/userinfo", headers=site.basic()).status_code == 400


def test_scheme_is_case_insensitive(op, site, visitor):
    tokens = site.tokens(visitor)
    header = {"Authorization": f"bearer {tokens['access_token']}"}
    assert op.visitor().get("/userinfo", headers=header).status_code == 200


def test_token_expires(op, site, visitor):
    tokens = site.tokens(visitor)
    op.clock.forward(seconds=tokens["expires_in"] - 1)
    assert op.visitor().get("/userinfo", headers=bearer(tokens)).status_code == 200
    op.clock.forward(seconds=1)
    assert op.visitor().get("/userinfo", headers=bearer(tokens)).status_code == 401


def test_token_of_a_disabled_client_is_refused(op, site, visitor):
    tokens = site.tokens(visitor)
    disable_client(op.settings, site.client.client_id, at=op.clock())
    assert op.visitor().get("/userinfo", headers=bearer(tokens)).status_code == 401


def test_token_ends_with_its_session(op, site, visitor):
    tokens = site.tokens(visitor)
    visitor.get(f"/logout?id_token_hint={tokens['id_token']}")
    assert op.visitor().get("/userinfo", headers=bearer(tokens)).status_code == 401


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods_are_refused(op, method):
    response = getattr(op.visitor(), method)("/userinfo")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, POST"
