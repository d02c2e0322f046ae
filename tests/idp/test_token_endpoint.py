"""The token endpoint: grants, bindings, replay, client authentication."""

from __future__ import annotations

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from idp.service import disable_client
from tests.idp.harness import ISSUER, claims_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def refused(response, error: str, status: int = 400) -> dict:
    assert response.status_code == status, response.text
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["error"] == error
    assert response.json["error_description"]
    assert "access_token" not in response.json
    return response.json


# --- codes ---


def test_oidcc_codereuse(any_op):
    """A code that comes again is refused and what it was redeemed for is revoked (RFC 6749 4.1.2)."""
    site, visitor = any_op.site(), any_op.visitor()
    code = visitor.authorize(site)["code"]
    tokens = site.redeem(code).json
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert visitor.get("/userinfo", headers=header).status_code == 200
    refused(site.redeem(code), "invalid_grant")
    assert visitor.get("/userinfo", headers=header).status_code == 401
    action, subject, details = any_op.audit()[-1]
    assert (action, subject) == ("code.replayed", f"client:{site.client.client_id}")
    assert code not in str(details)


def test_oidcc_codereuse_30seconds(op, site, visitor):
    code = visitor.authorize(site)["code"]
    tokens = site.redeem(code).json
    op.clock.forward(seconds=30)
    refused(site.redeem(code), "invalid_grant")
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert visitor.get("/userinfo", headers=header).status_code == 401


def test_late_replay_still_revokes(op, site, visitor):
    code = visitor.authorize(site)["code"]
    tokens = site.redeem(code).json
    op.clock.forward(minutes=9)
    refused(site.redeem(code), "invalid_grant")
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert visitor.get("/userinfo", headers=header).status_code == 401


def test_code_lives_a_minute(op, site, visitor):
    code = visitor.authorize(site)["code"]
    op.clock.forward(seconds=59)
    assert site.redeem(code).status_code == 200
    code = visitor.authorize(site, card=None)["code"]
    op.clock.forward(seconds=60)
    refused(site.redeem(code), "invalid_grant")


def test_code_of_another_client_is_refused_and_not_spent(op, visitor):
    owner, thief = op.site("Site A"), op.site("Site B")
    code = visitor.authorize(owner)["code"]
    thief.verifier = owner.verifier
    refused(thief.redeem(code, redirect_uri=owner.redirect_uri), "invalid_grant")
    assert owner.redeem(code).status_code == 200


def test_wrong_redirect_uri_spends_the_code(op, visitor):
    site = op.site(redirect_uris=["https://site-a.example/callback", "https://site-a.example/other"])
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, redirect_uri="https://site-a.example/other"), "invalid_grant")
    refused(site.redeem(code), "invalid_grant")


def test_wrong_verifier_spends_the_code(op, site, visitor):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, code_verifier=secrets.token_urlsafe(32)), "invalid_grant")
    refused(site.redeem(code), "invalid_grant")


@pytest.mark.parametrize("verifier", ["short", "x" * 129, "é" * 43, "a b" * 20])
def test_malformed_verifier_is_refused(op, site, visitor, verifier):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, code_verifier=verifier), "invalid_request")


@pytest.mark.parametrize("name", ["code", "redirect_uri", "code_verifier", "grant_type"])
def test_missing_parameter_is_refused(op, site, visitor, name):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, **{name: None}), "invalid_request")


@pytest.mark.parametrize("name", ["code", "redirect_uri", "code_verifier", "grant_type", "anything"])
def test_repeated_parameter_is_refused(op, site, visitor, name):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, **{name: [code, "b"]}), "invalid_request")


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "refresh_token", "implicit", "x"])
def test_other_grants_are_not_offered(op, site, visitor, grant_type):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, grant_type=grant_type), "unsupported_grant_type")


@pytest.mark.parametrize("code", ["x", "\x00", "A" * 43, "' OR 1=1 --", "x" * 9000])
def test_made_up_code_is_refused(any_op, code):
    site = any_op.site()
    site.parameters()
    refused(site.redeem(code), "invalid_grant")


def test_logout_withdraws_codes(op, site, visitor):
    token = site.tokens(visitor)["id_token"]
    code = visitor.authorize(site, card=None)["code"]
    visitor.get(f"/logout?id_token_hint={token}")
    refused(site.redeem(code), "invalid_grant")
    assert op.audit()[-1][0] == "session.logged-out", "a withdrawn code is not a replay"


def test_client_disabled_after_authorization_gets_nothing(op, site, visitor):
    code = visitor.authorize(site)["code"]
    disable_client(op.settings, site.client.client_id, at=op.clock())
    refused(site.redeem(code), "invalid_client", 401)


def test_code_and_tokens_are_stored_as_digests_only(op, site, visitor):
    code = visitor.authorize(site)["code"]
    tokens = site.redeem(code).json
    op.provider.database.dispose()
    stored = b"".join(
        path.read_bytes() for path in op.settings.state_directory.rglob("*") if "sqlite" in path.name
    )
    for secret in (code, tokens["access_token"], tokens["id_token"], site.secret, site.verifier):
        assert secret.encode() not in stored


# --- requests ---


def test_get_is_refused(op, site):
    response = op.visitor().get("/token")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


def test_parameters_in_the_address_are_refused(op, site):
    refused(
        op.visitor().post("/token?grant_type=authorization_code", headers=site.basic(), data={}),
        "invalid_request",
    )


def test_json_body_is_refused(op, site):
    refused(op.visitor().post("/token", json={}, headers=site.basic()), "invalid_request")


def test_large_body_is_refused(op, site):
    refused(op.visitor().post("/token", data={"a": "x" * 40_000}, headers=site.basic()), "invalid_request")


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"a=%ff", b"&".join([b"a=1"] * 100), b"=" * 500])
def test_unreadable_body_is_refused(op, site, body):
    headers = {**site.basic(), "Content-Type": "application/x-www-form-urlencoded"}
    refused(op.visitor().post("/token", data=body, headers=headers), "invalid_request")


@pytest.mark.parametrize(
    "path", ["/token/", "/token/x", "/jwks/x", "/userinfo/..", "/.well-known/openid-configuration/x"]
)
def test_nothing_lies_below_the_endpoints(op, path):
    assert op.visitor().post(path).status_code in {404, 405}


# --- client_secret_basic and client_secret_post ---


def test_oidcc_server_client_secret_post(op, visitor):
    site = op.site(authentication="client_secret_post")
    code = visitor.authorize(site)["code"]
    response = site.redeem(code, {}, client_id=site.client.client_id, client_secret=site.secret)
    assert response.status_code == 200


def test_wrong_secret_is_refused_with_a_challenge(op, site, visitor):
    code = visitor.authorize(site)["code"]
    right, site.secret = site.secret, "wrong"
    response = site.redeem(code)
    refused(response, "invalid_client", 401)
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    site.secret = right
    assert site.redeem(code).status_code == 200, "a failed authentication spends nothing"


@pytest.mark.parametrize(
    "header",
    [
        "Basic", "Basic ", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), "Bearer abc", "Negotiate abc",
        "Basic " + base64.b64encode(b"%ff:%ff").decode(), "Basic " + base64.b64encode(b":").decode(),
    ],
)  # fmt: skip
def test_malformed_authorization_header_is_refused(op, site, visitor, header):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, {"Authorization": header}), "invalid_client", 401)


def test_basic_credentials_are_form_decoded(op, site, visitor):
    """RFC 6749 2.3.1: both parts are form-encoded before they are joined."""
    code = visitor.authorize(site)["code"]
    name = site.client.client_id.replace("-", "%2D")
    header = base64.b64encode(f"{name}:{site.secret}".encode()).decode()
    assert site.redeem(code, {"Authorization": f"Basic {header}"}).status_code == 200


def test_missing_authentication_is_refused(op, site, visitor):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, {}), "invalid_client", 401)
    refused(site.redeem(code, {}, client_id=site.client.client_id), "invalid_client", 401)


def test_two_methods_at_once_are_refused(op, site, visitor):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, client_id=site.client.client_id, client_secret=site.secret), "invalid_request")


def test_another_method_than_registered_is_refused(op, site, visitor):
    code = visitor.authorize(site)["code"]
    response = site.redeem(code, {}, client_id=site.client.client_id, client_secret=site.secret)
    assert "client_secret_basic" in refused(response, "invalid_client", 401)["error_description"]


def test_client_id_in_the_body_must_agree(op, site, visitor):
    code = visitor.authorize(site)["code"]
    refused(site.redeem(code, client_id="other"), "invalid_request")


def test_unknown_client_is_refused(op, site, visitor):
    code = visitor.authorize(site)["code"]
    header = base64.b64encode(b"nobody:secret").decode()
    refused(site.redeem(code, {"Authorization": f"Basic {header}"}), "invalid_client", 401)


# --- private_key_jwt ---


@pytest.fixture(scope="module")
def keys():
    return {
        "EC": ECKey.generate_key("P-256", {"kid": "ec1"}),
        "RSA": RSAKey.generate_key(2048, {"kid": "rsa1"}),
        "other": ECKey.generate_key("P-256", {"kid": "ec1"}),
        "P-384": ECKey.generate_key("P-384", {"kid": "ec1"}),
    }


@pytest.fixture
def signing_site(op, keys):
    jwks = {"keys": [keys[kind].as_dict(private=False) for kind in ("EC", "RSA")]}
    return op.site(authentication="private_key_jwt", jwks=jwks)


def assertion(site, key, header=None, **changes) -> str:
    moment = int(site.op.clock().timestamp())
    claims = {
        "iss": site.client.client_id,
        "sub": site.client.client_id,
        "aud": ISSUER,
        "jti": secrets.token_urlsafe(16),
        "iat": moment,
        "exp": moment + 60,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "ES256", "kid": "ec1", **(header or {})}
    header = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def present(site, token, code=None, **changes):
    values = {"client_assertion": token, "client_assertion_type": ASSERTION_TYPE, **changes}
    return site.redeem(code or site.op.visitor().authorize(site)["code"], {}, **values)


@pytest.mark.parametrize(("kind", "header"), [("EC", {}), ("RSA", {"alg": "RS256", "kid": "rsa1"})])
def test_private_key_jwt(signing_site, keys, kind, header):
    assert present(signing_site, assertion(signing_site, keys[kind], header)).status_code == 200


def test_key_is_found_without_kid_when_there_is_just_one(signing_site, keys):
    assert present(signing_site, assertion(signing_site, keys["EC"], {"kid": None})).status_code == 200


def test_client_id_beside_the_assertion(signing_site, keys):
    token = assertion(signing_site, keys["EC"])
    assert present(signing_site, token, client_id=signing_site.client.client_id).status_code == 200


def test_replayed_assertion_is_refused(signing_site, keys):
    token = assertion(signing_site, keys["EC"])
    assert present(signing_site, token).status_code == 200
    refused(present(signing_site, token), "invalid_client", 401)


def test_jti_of_another_client_may_be_the_same(op, signing_site, keys):
    other = op.site("Site B", authentication="private_key_jwt",
                    jwks={"keys": [keys["EC"].as_dict(private=False)]})  # fmt: skip
    for site in (signing_site, other):
        assert present(site, assertion(site, keys["EC"], jti="same")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [ISSUER]},
        {"aud": f"{ISSUER}/token"},
        {"aud": f"{ISSUER}/"},
        {"aud": [ISSUER, "https://evil.example"]},
        {"aud": "https://evil.example"},
        {"aud": None},
        {"iss": "other"},
        {"iss": None},
        {"sub": "other"},
        {"sub": None},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"exp": None},
        {"exp": "1e9"},
        {"exp": 1},
        {"exp": True},
        {"iat": 2**39},
        {"nbf": 2**39},
        {"nbf": "0"},
    ],
    ids=str,
)
def test_assertion_with_wrong_claims_is_refused(signing_site, keys, changes):
    """The audience is the issuer as one text: arrays and addresses are CVE-2025-27370 and -27371."""
    refused(present(signing_site, assertion(signing_site, keys["EC"], **changes)), "invalid_client", 401)


def test_assertion_times(op, signing_site, keys):
    """nbf 8 s ahead is accepted, more than 60 s refused; five minutes is the longest life."""
    moment = int(op.clock().timestamp())
    for changes, accepted in [
        ({"nbf": moment + 8}, True),
        ({"nbf": moment + 61}, False),
        ({"iat": moment + 10}, True),
        ({"iat": moment + 61}, False),
        ({"exp": moment + 300}, True),
        ({"exp": moment + 3600}, False),
        ({"exp": moment - 11, "iat": moment - 60}, False),
        ({"iat": None}, True),
        ({"iat": moment - 3500, "exp": moment + 60}, False),
    ]:
        response = present(signing_site, assertion(signing_site, keys["EC"], **changes))
        assert response.status_code == (200 if accepted else 401), changes


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt"])
def test_assertion_types(signing_site, keys, typ):
    assert present(signing_site, assertion(signing_site, keys["EC"], {"typ": typ})).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "logout+jwt"},
        {"typ": "at+jwt"},
        {"typ": "jwt"},
        {"kid": "unknown"},
        {"kid": "../../etc/passwd"},
        {"kid": "rsa1"},
        {"kid": ""},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"cty": "JWT"},
    ],
    ids=str,
)
def test_assertion_with_odd_header_is_refused(signing_site, keys, header):
    refused(present(signing_site, assertion(signing_site, keys["EC"], header)), "invalid_client", 401)


def test_assertion_with_its_own_key_is_refused(signing_site, keys):
    header = {"jwk": keys["other"].as_dict(private=False)}
    refused(present(signing_site, assertion(signing_site, keys["other"], header)), "invalid_client", 401)


def test_assertion_by_another_key_is_refused(signing_site, keys):
    refused(present(signing_site, assertion(signing_site, keys["other"])), "invalid_client", 401)


def test_assertion_with_crit_is_refused(signing_site, keys):
    moment = int(signing_site.op.clock().timestamp())
    token = raw_token(
        {"alg": "ES256", "kid": "ec1", "crit": ["b64"], "b64": True},
        {"iss": "x", "sub": "x", "aud": ISSUER, "exp": moment + 60, "jti": "x"},
    )
    refused(present(signing_site, token), "invalid_client", 401)


def raw_token(header: dict, claims: dict, signature: bytes = b"x" * 64) -> str:
    import json

    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize(
    "algorithm", ["none", "HS256", "PS256", "ES384", "EdDSA", "RS384", "es256", None, 1, []]
)
def test_assertion_with_another_algorithm_is_refused(signing_site, algorithm):
    token = raw_token({"alg": algorithm, "kid": "ec1"}, {"sub": signing_site.client.client_id})
    refused(present(signing_site, token), "invalid_client", 401)


def test_public_key_as_hmac_secret_is_refused(signing_site, keys):
    """Algorithm confusion: the public key is no secret."""
    import hashlib
    import hmac
    import json

    moment = int(signing_site.op.clock().timestamp())
    name = signing_site.client.client_id
    claims = {"iss": name, "sub": name, "aud": ISSUER, "exp": moment + 60, "jti": "x"}
    segments = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": "rsa1"}, claims)
    ]
    secret = keys["RSA"].as_pem(private=False)
    mac = hmac.digest(secret, ".".join(segments).encode(), hashlib.sha256)
    token = ".".join([*segments, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])
    refused(present(signing_site, token), "invalid_client", 401)


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "x" * 16_000])
def test_malformed_assertion_is_refused(signing_site, token):
    refused(present(signing_site, token), "invalid_client", 401)


def test_assertion_of_another_type_is_refused(signing_site, keys):
    token = assertion(signing_site, keys["EC"])
    refused(
        present(
            signing_site,
            token,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        ),
        "invalid_client",
        401,
    )


def test_secret_is_no_way_in_for_a_signing_site(signing_site):
    code = signing_site.op.visitor().authorize(signing_site)["code"]
    signing_site.secret = ""
    refused(signing_site.redeem(code), "invalid_client", 401)


def test_id_token_as_assertion_is_refused(signing_site, keys):
    code = signing_site.op.visitor().authorize(signing_site)["code"]
    token = present(signing_site, assertion(signing_site, keys["EC"]), code).json["id_token"]
    assert claims_of(token)["aud"] == signing_site.client.client_id
    refused(present(signing_site, token), "invalid_client", 401)


def weak_keys():
    yield "oct", OctKey.generate_key(256).as_dict()
    yield "P-384", ECKey.generate_key("P-384").as_dict(private=False)
    yield "private", ECKey.generate_key("P-256").as_dict(private=True)
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - meant to be refused
    numbers = weak.public_key().public_numbers()
    size = base64.urlsafe_b64encode(numbers.n.to_bytes(128, "big")).rstrip(b"=").decode()
    yield "RSA-1024", {"kty": "RSA", "n": size, "e": "AQAB"}
    good = ECKey.generate_key("P-256").as_dict(private=False)
    yield "off-curve", {**good, "y": good["x"]}
    yield "encryption", {**good, "use": "enc"}
    yield "operations", {**good, "key_ops": ["sign"]}
    yield "algorithm", {**good, "alg": "ES384"}
    yield "padded", {**good, "x": good["x"] + "="}
    yield "short", {**good, "x": good["x"][:-4]}
    yield "kid", {**good, "kid": 7}
    yield "not-an-object", "key"


@pytest.mark.parametrize(
    ("name", "jwk"), list(weak_keys()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_weak_or_unfit_keys_cannot_be_registered(op, name, jwk):
    from idp.errors import RegistrationError

    with pytest.raises(RegistrationError):
        op.site(authentication="private_key_jwt", jwks={"keys": [jwk]})
