"""The authentication request: every check of the table, each refused in the way the standard says."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idp.service import disable_client
from tests.idp.harness import ISSUER, answer_of, claims_of


def refused(op, site, error: str, query: str | None = None, **changes) -> dict[str, str]:
    """The request is answered at once by redirect with this error, iss and state."""
    visitor = op.visitor()
    query = query or urlencode(site.parameters(**changes))
    answer = answer_of(visitor.get(f"/authorize?{query}"))
    assert answer["error"] == error
    assert answer["iss"] == ISSUER
    assert "code" not in answer
    return answer


def never_redirected(op, query: str, code: str):
    """The request ends on a page of ours with the code, the request's number and no way out."""
    response = op.visitor().get(f"/authorize?{query}", headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert f"<code>{code}</code>" in response.text
    assert response.headers["X-Request-Id"] in response.text
    return response


# --- never redirect on a bad client or redirect_uri (attack list A) ---


def test_unknown_client_is_told_by_page(op, site):
    query = urlencode(site.parameters(client_id="nobody"))
    page = never_redirected(op, query, "client-unknown")
    assert 'href="https://' not in page.text


@pytest.mark.parametrize(
    "client_id", ["\x00", "site-a\x00", "x" * 5000, "王", "../etc", "' OR 1=1 --", "<b>"]
)
def test_malformed_client_id_is_told_by_page(any_op, client_id):
    site = any_op.site()
    never_redirected(any_op, urlencode(site.parameters(client_id=client_id)), "client-unknown")


def test_missing_client_id_is_told_by_page(op, site):
    never_redirected(op, urlencode(site.parameters(client_id=None)), "client-id-missing")


def test_disabled_client_is_told_by_page(op, site):
    disable_client(op.settings, site.client.client_id, at=op.clock())
    never_redirected(op, urlencode(site.parameters()), "client-disabled")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_repeated_client_or_redirect_uri_is_told_by_page(op, site, name):
    parameters = site.parameters()
    query = urlencode([*parameters.items(), (name, parameters[name])])
    never_redirected(op, query, f"{name.replace('_', '-')}-missing")


def test_oidcc_ensure_redirect_uri_in_authorization_request(op, site):
    never_redirected(op, urlencode(site.parameters(redirect_uri=None)), "redirect-uri-missing")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/callback",
        "https://site-a.example/callback/",
        "https://site-a.example/callback?",
        "https://site-a.example/callback?a=b",
        "https://site-a.example/callback#x",
        "https://site-a.example/CALLBACK",
        "https://SITE-A.example/callback",
        "https://site-a.example:443/callback",
        "http://site-a.example/callback",
        "https://site-a.example/callback/../other",
        "https://site-a.example/call%62ack",
        "https://site-a.example@evil.example/callback",
        "https://site-a.example\\@evil.example/callback",
        "https://site-a.example/callback\r\nSet-Cookie: a=b",
        " https://site-a.example/callback",
        "//site-a.example/callback",
        "javascript:alert(1)",
        "https://sub.site-a.example/callback",
        "https://site-a.example.evil.example/callback",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_oidcc_ensure_registered_redirect_uri(op, site, redirect_uri):
    """Module oidcc-ensure-registered-redirect-uri, -redirect-uri-query-mismatch, -added, -regfrag."""
    page = never_redirected(op, urlencode(site.parameters(redirect_uri=redirect_uri)), "redirect-uri-unknown")
    assert 'href="https://' not in page.text


def test_error_page_is_html_for_people_and_problem_json_for_programs(op, site):
    query = urlencode(site.parameters(client_id="nobody"))
    response = op.visitor().get(f"/authorize?{query}", headers={"Accept": "application/json"})
    assert response.content_type == "application/problem+json"
    assert response.json["code"] == "client-unknown"


def test_error_page_speaks_chinese(op, site):
    query = urlencode(site.parameters(client_id="nobody"))
    page = op.visitor().get(
        f"/authorize?{query}", headers={"Accept": "text/html", "Accept-Language": "zh-CN"}
    )
    assert "未在本服务登记" in page.text


@pytest.mark.parametrize("query", ["%ff%fe=1", "client_id=%ff", "a=1&" * 200, "x" * 20000])
def test_unreadable_query_is_told_by_page(op, query):
    response = op.visitor().get(f"/authorize?{query}")
    assert response.status_code == 400
    assert "Location" not in response.headers


# --- told to the site ---


@pytest.mark.parametrize(
    "name", ["state", "nonce", "scope", "prompt", "code_challenge", "response_type", "x"]
)
def test_repeated_parameter_is_refused(op, site, name):
    parameters = site.parameters()
    query = urlencode([*parameters.items(), (name, parameters.get(name, "a")), (name, "b")])
    answer = refused(op, site, "invalid_request", query)
    assert answer.get("state") == (None if name == "state" else site.state)


def test_oidcc_response_type_missing(op, site):
    assert refused(op, site, "invalid_request", response_type=None)["state"] == site.state


@pytest.mark.parametrize(
    "response_type",
    ["token", "id_token", "code token", "code id_token", "id_token token", "none", "CODE", "code "],
)
def test_implicit_and_hybrid_are_not_offered(op, site, response_type):
    refused(op, site, "unsupported_response_type", response_type=response_type)


@pytest.mark.parametrize("response_mode", ["fragment", "form_post", "jwt", "web_message"])
def test_other_response_modes_are_refused(op, site, response_mode):
    refused(op, site, "invalid_request", response_mode=response_mode)


def test_response_mode_query_is_accepted(op, site):
    assert "code" in op.visitor().authorize(site, response_mode="query")


@pytest.mark.parametrize("scope", [None, "profile", "OPENID", "openid\tprofile"])
def test_scope_without_openid_is_refused(op, site, scope):
    refused(op, site, "invalid_scope", scope=scope)


def test_scope_beyond_registration_is_refused(op):
    site = op.site(scopes=["openid"])
    assert "profile" in refused(op, site, "invalid_scope", scope="openid profile")["error_description"]


def test_nonce_is_required(op, site):
    """The city's profile is stricter than oidcc-ensure-request-without-nonce-succeeds-for-code-flow."""
    refused(op, site, "invalid_request", nonce=None)


@pytest.mark.parametrize("nonce", ["x" * 513, "a\nb", "王"])
def test_odd_nonce_is_refused(op, site, nonce):
    refused(op, site, "invalid_request", nonce=nonce)


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
        {"code_challenge": "é" * 43},
    ],
    ids=str,
)
def test_pkce_s256_is_required(op, site, change):
    refused(op, site, "invalid_request", **change)


@pytest.mark.parametrize("state", ["x" * 1025, "x" * 15000, "a\r\nb", "王", "a\x00b"])
def test_state_that_cannot_be_echoed_is_refused_and_not_echoed(op, site, state):
    assert "state" not in refused(op, site, "invalid_request", state=state)


def test_state_of_a_megabyte_is_refused(op, site):
    response = op.visitor().get("/authorize?" + urlencode(site.parameters(state="x" * 1_000_000)))
    assert response.status_code == 400


def test_state_is_echoed_as_it_came(op, site):
    state = "a b+c&d=e/%20\"'<>~"
    assert op.visitor().authorize(site, state=state)["state"] == state


def test_request_without_state_gets_none_back(op, site):
    assert "state" not in op.visitor().authorize(site, state=None)


@pytest.mark.parametrize("prompt", ["none login", "unknown", "login none consent", "NONE"])
def test_odd_prompt_is_refused(op, site, prompt):
    refused(op, site, "invalid_request", prompt=prompt)


@pytest.mark.parametrize("max_age", ["-1", "1.5", "abc", "1e3", "٣", "9999999999"])
def test_odd_max_age_is_refused(op, site, max_age):
    refused(op, site, "invalid_request", max_age=max_age)


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(op, site):
    for uri in ("https://site-a.example/request.jwt", "http://169.254.169.254/", "http://localhost:1/"):
        refused(op, site, "request_uri_not_supported", request_uri=uri)


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(op, site):
    refused(op, site, "request_not_supported", request="eyJhbGciOiJub25lIn0.e30.")


def test_registration_parameter_is_refused(op, site):
    refused(op, site, "registration_not_supported", registration="{}")


@pytest.mark.parametrize("name", ["login_hint", "acr_values", "ui_locales", "claims", "display"])
def test_overlong_wishes_are_refused(op, site, name):
    refused(op, site, "invalid_request", **{name: "x" * 3000})


def test_empty_parameters_count_as_absent(op, site):
    assert "code" in op.visitor().authorize(site, prompt="", max_age="", id_token_hint="")
    refused(op, site, "invalid_request", nonce="")


def test_error_keeps_the_registered_query(op):
    site = op.site(redirect_uri="https://site-a.example/callback?a=b")
    response = op.visitor().start(site, nonce=None)
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert query["a"] == ["b"]
    assert query["error"] == ["invalid_request"]


def test_no_cors_on_authorize(op, site):
    response = op.visitor().get(
        "/authorize?" + urlencode(site.parameters()), headers={"Origin": "https://evil.example"}
    )
    assert not [name for name, _ in response.headers if name.lower().startswith("access-control")]


# --- id_token_hint ---


def test_oidcc_id_token_hint(op, site, visitor):
    token = site.tokens(visitor)["id_token"]
    answer = visitor.authorize(site, card=None, id_token_hint=token, prompt="none")
    assert "code" in answer


def test_id_token_hint_of_another_person_asks_again(op, site, visitor):
    others = site.tokens(op.visitor(), card="li")["id_token"]
    site.tokens(visitor)
    assert visitor.start(site, id_token_hint=others).headers["Location"].startswith("/login/")
    answer = answer_of(visitor.start(site, id_token_hint=others, prompt="none"))
    assert answer["error"] == "login_required"


def test_another_person_than_hinted_logging_in_is_refused(op, site, visitor):
    hint = site.tokens(op.visitor(), card="li")["id_token"]
    answer = visitor.authorize(site, card="wang", id_token_hint=hint)
    assert answer["error"] == "login_required"


def test_id_token_hint_of_another_client_is_refused(op, site, visitor):
    foreign = op.site("Site B").tokens(visitor)["id_token"]
    refused(op, site, "invalid_request", id_token_hint=foreign)


def test_expired_id_token_hint_is_accepted(op, site, visitor):
    token = site.tokens(visitor)["id_token"]
    op.clock.forward(hours=1)
    answer = visitor.authorize(site, id_token_hint=token)
    assert claims_of(site.redeem(answer["code"]).json["id_token"])["sub"] == claims_of(token)["sub"]


@pytest.mark.parametrize("hint", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_forged_id_token_hint_is_refused(op, site, hint):
    refused(op, site, "invalid_request", id_token_hint=hint)
