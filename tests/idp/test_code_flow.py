"""The code flow from end to end (module oidcc-server and what belongs to it)."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.idp.harness import ISSUER, challenge_of, claims_of, segment


def test_oidcc_server(any_op):
    site, visitor = any_op.site(), any_op.visitor()
    answer = visitor.authorize(site)
    assert answer["state"] == site.state
    assert answer["iss"] == ISSUER
    response = site.redeem(answer["code"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    tokens = response.json
    assert tokens["token_type"] == "Bearer"
    assert set(tokens["scope"].split()) == {"openid", "profile"}
    claims = claims_of(tokens["id_token"])
    moment = int(any_op.clock().timestamp())
    assert claims["iss"] == ISSUER
    assert claims["aud"] == site.client.client_id
    assert claims["nonce"] == site.nonce
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (moment, moment + 300, moment)
    assert claims["acr"] == "urn:tongxing:acr:3"
    assert set(claims["amr"]) == {"sc", "pin", "hwk", "mfa"}
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    userinfo = any_op.visitor().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert userinfo.json == {"sub": claims["sub"], "name": "王小明"}


def test_second_site_asks_for_no_card_and_gets_another_sub(op, visitor):
    first, second = op.site("Site A"), op.site("Site B")
    one = claims_of(first.tokens(visitor)["id_token"])
    two = claims_of(second.tokens(visitor, card=None)["id_token"])
    assert one["sub"] != two["sub"]
    assert one["auth_time"] == two["auth_time"]
    assert one["sid"] == two["sid"]


def test_sub_stays_for_life(op):
    site = op.site()
    one = claims_of(site.tokens(op.visitor())["id_token"])
    op.clock.forward(days=3000)
    two = claims_of(site.tokens(op.visitor(), card="wang-enterprise")["id_token"])
    assert one["sub"] == two["sub"]
    assert len(one["sub"]) == 43


def test_clients_of_one_sector_share_the_sub(op, visitor):
    one = op.site("Site A", sector_identifier="city.example")
    two = op.site("Site B", sector_identifier="city.example")
    first = claims_of(one.tokens(visitor)["id_token"])
    second = claims_of(two.tokens(visitor, card=None)["id_token"])
    assert first["sub"] == second["sub"]


def test_enterprise_card_tells_the_enterprise(op, site, visitor):
    tokens = site.tokens(visitor, card="wang-enterprise", scope="openid enterprise")
    userinfo = visitor.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json
    assert userinfo["enterprise"] == {"name": "通行科技有限公司", "uscc": "91350100M000100Y43"}
    assert "name" not in userinfo


def test_officer_card_tells_its_certificate_to_who_may_ask(op, site, visitor):
    tokens = site.tokens(visitor, card="zhao", scope="openid officer")
    userinfo = visitor.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json
    assert userinfo["officer"] == {"certificate_sha256": "c" * 64}


def test_citizen_card_never_tells_its_certificate(op, site, visitor):
    tokens = site.tokens(visitor, scope="openid officer enterprise profile")
    userinfo = visitor.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json
    assert set(userinfo) == {"sub", "name"}


def test_person_id_goes_to_nobody(op, site, visitor):
    tokens = site.tokens(visitor, scope="openid profile enterprise officer")
    userinfo = visitor.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert "person-1" not in userinfo.text + str(claims_of(tokens["id_token"]))


def test_oidcc_idtoken_signature(op, visitor):
    """ES256 by default, with the published key the header names."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    token = op.site().tokens(visitor)["id_token"]
    header = segment(token, 0)
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    jwk = {key["kid"]: key for key in visitor.get("/jwks").json["keys"]}[header["kid"]]
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=")) for name in ("x", "y"))
    signing_input, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.verify(der, signing_input.encode(), ec.ECDSA(hashes.SHA256()))


def test_oidcc_idtoken_rs256(op, visitor):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    token = op.site(id_token_algorithm="RS256").tokens(visitor)["id_token"]
    header = segment(token, 0)
    assert header["alg"] == "RS256"
    jwk = {key["kid"]: key for key in visitor.get("/jwks").json["keys"]}[header["kid"]]
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "==")) for name in ("n", "e"))
    signing_input, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    rsa.RSAPublicNumbers(e, n).public_key().verify(
        raw, signing_input.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


@pytest.mark.parametrize("scope", ["openid", "openid profile", "profile openid unknown email"])
def test_oidcc_scope_profile(op, site, visitor, scope):
    tokens = site.tokens(visitor, scope=scope)
    assert set(tokens["scope"].split()) == set(scope.split()) & {"openid", "profile"}


def test_oidcc_ensure_post_request_succeeds(op, site, visitor):
    parameters = site.parameters()
    response = visitor.post("/authorize", data=parameters)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/authorize?")
    response = visitor.get(response.headers["Location"])
    assert "code=" in visitor.finish(response).headers["Location"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(op, site, visitor):
    assert "code" in visitor.authorize(site, extra="foobar")


@pytest.mark.parametrize(
    "wish",
    [
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "en zh-CN"},
        {"claims_locales": "se"},
        {"login_hint": "bob@example.com"},
        {"acr_values": "1 2 urn:mace:incommon:iap:silver"},
        {"acr_values": "urn:tongxing:acr:3"},
        {"claims": '{"id_token":{"auth_time":{"essential":true}}}'},
        {"prompt": "consent"},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_oidcc_wishes_are_tolerated(op, site, visitor, wish):
    """oidcc-display-page, -ui-locales, -claims-locales, -login-hint, -acr-values, -claims-essential."""
    assert "code" in visitor.authorize(site, **wish)


def test_oidcc_ensure_request_with_valid_pkce_succeeds(op, site, visitor):
    verifier = "~" * 128
    answer = visitor.authorize(site, code_challenge=challenge_of(verifier))
    assert site.redeem(answer["code"], code_verifier=verifier).status_code == 200


def test_oidcc_redirect_uri_query_ok(op, visitor):
    site = op.site(redirect_uri="https://site-a.example/callback?foo=bar")
    response = visitor.finish(visitor.start(site))
    assert response.headers["Location"].startswith("https://site-a.example/callback?foo=bar&code=")


def test_audit_tells_the_flow(op, site, visitor):
    site.tokens(visitor)
    actions = [action for action, _, _ in op.audit()]
    assert actions == [
        "provider.initialised", "client.registered", "login.succeeded", "authorization.granted",
    ]  # fmt: skip
