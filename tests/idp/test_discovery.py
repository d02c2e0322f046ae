"""What the provider publishes: metadata, keys, health."""

from __future__ import annotations

import pytest

from tests.idp.harness import ISSUER


def test_oidcc_discovery_endpoint_verification(op):
    response = op.visitor().get("/.well-known/openid-configuration")
    assert response.content_type == "application/json"
    document = response.json
    assert document["issuer"] == ISSUER
    required = {
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "scopes_supported",
        "claims_supported",
        "end_session_endpoint",
    }
    assert required <= document.keys()
    for name in (
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ):
        assert document[name].startswith(ISSUER + "/")
    assert document["response_types_supported"] == ["code"]
    assert document["subject_types_supported"] == ["pairwise"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert not [name for name, value in document.items() if "alg" in name and "none" in value]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is False


def test_every_published_address_answers(op):
    document = op.visitor().get("/.well-known/openid-configuration").json
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert op.visitor().get(value.removeprefix(ISSUER)).status_code != 404, name


def test_jwks_holds_public_keys_only(op):
    keys = op.visitor().get("/jwks").json["keys"]
    assert len(keys) == 4
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert len({key["kid"] for key in keys}) == 4
    for key in keys:
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()


def test_jwks_is_readable_by_others(op):
    from joserfc.jwk import KeySet

    assert len(KeySet.import_key_set(op.visitor().get("/jwks").json).keys) == 4


@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration"])
def test_documents_may_be_kept_and_read_by_scripts(op, path):
    response = op.visitor().get(path)
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    head = op.visitor().head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(response.data))


def test_health_and_metrics(op, site, visitor):
    site.tokens(visitor)
    assert visitor.get("/healthz").json == {"status": "ok", "service": "idp"}
    assert 'route="/token"' in visitor.get("/metrics").text
