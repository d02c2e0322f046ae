"""Logging in through a provider over real HTTP: the way through, and every way that must not lead in."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import flask
import pytest
from flask.testing import FlaskClient
from joserfc.jwk import ECKey

from runtime.relying_party import RelyingParty, current_user, local_path, login_required
from runtime.web import create_flask
from tests.runtime.authority import PASSPHRASE, Authority
from tests.runtime.provider import CLIENT_ID, CLIENT_SECRET, Provider, running
from trust.profile_policy import CertificateKind


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as provider:
        yield provider


def application(authority: Authority, issuer: str, **keywords: object) -> flask.Flask:
    settings = authority.settings(public_url="http://localhost")
    app = create_flask("desk", settings, package="runtime.web", title="Desk")
    RelyingParty(
        issuer=issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        public_url=settings.public_url,
        trust_anchors=authority.anchors_file,
        **keywords,  # type: ignore[arg-type]
    ).register(app)

    @app.get("/")
    def home() -> flask.Response:
        return flask.jsonify(person=current_user(), token=flask.session.get("csrf_token"))

    @app.get("/form")
    def form() -> str:
        return flask.render_template_string('{% extends "layout.html" %}')

    @app.route("/applications/<name>", methods=["GET", "POST"])
    @login_required
    def applications(name: str) -> flask.Response:
        return flask.jsonify(name=name)

    return app


@pytest.fixture
def browser(authority: Authority, provider: Provider) -> FlaskClient:
    return application(authority, provider.issuer).test_client()


def begin(browser: FlaskClient, path: str = "/login") -> str:
    """Begin a login; return where the browser is sent."""
    answer = browser.get(path)
    assert answer.status_code == 303
    return answer.headers["Location"]


def person(browser: FlaskClient) -> dict[str, object] | None:
    return browser.get("/").get_json()["person"]  # type: ignore[no-any-return]


def refusal(browser: FlaskClient, path: str) -> tuple[int, str]:
    answer = browser.get(path)
    assert person(browser) is None
    return answer.status_code, answer.get_json()["code"]


def test_a_person_logs_in(browser: FlaskClient, provider: Provider) -> None:
    location = begin(browser)
    asked = dict(parse_qsl(urlsplit(location).query))
    assert location.startswith(f"{provider.issuer}/authorize?")
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://localhost/callback"
    assert asked["code_challenge_method"] == "S256"
    assert asked["ui_locales"] == "zh-CN"
    assert len(asked["nonce"]) >= 20
    assert len(asked["state"]) >= 20
    answer = browser.get(provider.authorize(location))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    found = person(browser)
    assert found is not None
    assert (found["sub"], found["name"], found["acr"]) == ("p1", "李四", "urn:tongxing:acr:3")


def test_the_person_comes_back_to_where_they_were_going(browser: FlaskClient, provider: Provider) -> None:
    answer = browser.get("/applications/李?page=2")
    assert answer.status_code == 303
    location = begin(browser, answer.headers["Location"])
    answer = browser.get(provider.authorize(location))
    assert answer.headers["Location"] == "/applications/%E6%9D%8E?page=2"
    assert browser.get(answer.headers["Location"]).get_json() == {"name": "李"}


def test_what_changes_something_is_not_repeated_after_a_login(browser: FlaskClient) -> None:
    token = browser.get("/form").text.partition('name="csrf-token" content="')[2].partition('"')[0]
    answer = browser.post("/applications/x", headers={"X-CSRF-Token": token})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "login-required")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\/evil.example", "/\t/evil.example",
        "javascript:alert(1)", "evil.example", "", "/a\r\nSet-Cookie: x=y", "/" + "x" * 300, "/a b", "/李",
    ],
)  # fmt: skip
def test_a_login_leads_to_this_site_only(target: str, browser: FlaskClient, provider: Provider) -> None:
    assert local_path(target) == "/"
    location = begin(browser, "/login?" + "next=" + target.replace("\r", "%0D").replace("\n", "%0A"))
    assert browser.get(provider.authorize(location)).headers["Location"] == "/"


def test_the_session_is_a_new_one_after_the_login(browser: FlaskClient, provider: Provider) -> None:
    """Against session fixation: what was planted before is gone, and so is the old form token."""
    with browser.session_transaction() as session:
        session["planted"] = "x"
        session["csrf_token"] = "known to the attacker"
        session["language"] = "en"
    location = begin(browser)
    assert "ui_locales=en" in location
    browser.get(provider.authorize(location))
    with browser.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != "known to the attacker"
        assert session["language"] == "en"
        assert CLIENT_SECRET not in str(dict(session))
        assert not [name for name in session if name.startswith("_state")]


def test_every_tab_has_its_own_state(browser: FlaskClient, provider: Provider) -> None:
    first, second = begin(browser, "/login?next=/a"), begin(browser, "/login?next=/b")
    assert browser.get(provider.authorize(second)).headers["Location"] == "/b"
    again = begin(browser, "/login?next=/c")
    assert browser.get(provider.authorize(first)).status_code == 400, "that login ended with the new session"
    assert browser.get(provider.authorize(again)).headers["Location"] == "/c"


def test_many_logins_that_were_begun_fit_into_the_cookie(browser: FlaskClient, provider: Provider) -> None:
    locations = [begin(browser, f"/login?next=/{'x' * 200}{number}") for number in range(30)]
    assert browser.get(provider.authorize(locations[0])).status_code == 400
    assert browser.get(provider.authorize(locations[-1])).headers["Location"].endswith("29")


def test_a_code_of_another_browser_is_refused(authority: Authority, provider: Provider) -> None:
    """Login CSRF: the attacker's own code, sent to the victim's browser."""
    app = application(authority, provider.issuer)
    attacker, victim = app.test_client(), app.test_client()
    callback = provider.authorize(begin(attacker))
    assert refusal(victim, callback) == (400, "login-expired")
    begin(victim)
    assert refusal(victim, callback) == (400, "login-expired")


def test_an_answer_is_taken_once(browser: FlaskClient, provider: Provider) -> None:
    callback = provider.authorize(begin(browser))
    assert browser.get(callback).status_code == 303
    assert browser.get(callback).status_code == 400


@pytest.mark.parametrize("issuer", ["", "https://other.example", "http://localhost:1"])
def test_an_answer_of_another_provider_is_refused(
    issuer: str, browser: FlaskClient, provider: Provider
) -> None:
    callback = provider.authorize(begin(browser)).rpartition("&iss=")[0] + (
        f"&iss={issuer}" if issuer else ""
    )
    assert refusal(browser, callback) == (400, "login-wrong-issuer")
    assert "POST /token" not in provider.requests, "the code is not sent anywhere"


def now_plus(seconds: int) -> int:
    import time

    return int(time.time()) + seconds


def change(**values: object) -> Callable[[Provider], None]:
    def apply(provider: Provider) -> None:
        provider.claims.update(values)

    return apply


def sign_with_another_key(provider: Provider) -> None:
    provider.published_key = ECKey.generate_key("P-256", {"kid": "1"})


def send_no_signature(provider: Provider) -> None:
    provider.header = {"alg": "none"}


def tell_of_somebody_else(provider: Provider) -> None:
    provider.person = {"sub": "p2", "name": "somebody else"}


WRONG = {
    "nonce": (change(nonce="another"), "login-id-token"),
    "no nonce": (change(nonce=None), "login-id-token"),
    "issuer": (change(iss="https://other.example"), "login-id-token"),
    "audience": (change(aud="another site", azp=CLIENT_ID), "login-id-token"),
    "no audience": (change(aud=None), "login-id-token"),
    "authorised party": (change(aud=[CLIENT_ID, "x"], azp="x"), "login-id-token"),
    "expired": (change(exp=now_plus(-60)), "login-id-token"),
    "of the future": (change(nbf=now_plus(600)), "login-id-token"),
    "no subject": (change(sub=None), "login-id-token"),
    "access token": (change(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "login-id-token"),
    "signature": (sign_with_another_key, "login-id-token"),
    "no signature": (send_no_signature, "login-id-token"),
    "another person": (tell_of_somebody_else, "login-subject-mismatch"),
}


@pytest.mark.parametrize(("spoil", "code"), WRONG.values(), ids=list(WRONG))
def test_an_id_token_that_is_wrong_is_refused(
    spoil: Callable[[Provider], None], code: str, browser: FlaskClient, provider: Provider
) -> None:
    spoil(provider)
    assert refusal(browser, provider.authorize(begin(browser))) == (400, code)


def test_a_new_key_of_the_provider_is_fetched(browser: FlaskClient, provider: Provider) -> None:
    browser.get(provider.authorize(begin(browser)))
    provider.signing_key = ECKey.generate_key("P-256", {"kid": "2"})
    provider.header = {"alg": "ES256", "kid": "2"}
    assert browser.get(provider.authorize(begin(browser))).status_code == 303


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("access_denied", 403, "login-cancelled"),
        ("temporarily_unavailable", 503, "login-unavailable"),
        ("invalid_scope", 400, "login-refused"),
        ("<script>alert(1)</script>", 400, "login-refused"),
    ],
)
def test_an_error_of_the_provider_is_told_in_our_own_words(
    error: str, status: int, code: str, browser: FlaskClient, provider: Provider
) -> None:
    state = dict(parse_qsl(urlsplit(begin(browser)).query))["state"]
    path = f"/callback?error={error}&error_description=Call+us&state={state}&iss={provider.issuer}"
    answer = browser.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert code in answer.text
    assert "Call us" not in answer.text
    assert "<script>alert" not in answer.text
    assert browser.get(path).status_code == 400, "the state was used up"


def test_pages_are_in_the_readers_language(browser: FlaskClient) -> None:
    chinese = browser.get("/callback", headers={"Accept": "text/html"})
    assert "请重新登录" in chinese.text
    english = browser.get("/callback", headers={"Accept": "text/html", "Accept-Language": "en"})
    assert "Please log in again" in english.text


def break_metadata(provider: Provider) -> None:
    provider.metadata["issuer"] = "https://other.example"


def break_all(provider: Provider) -> None:
    provider.broken = True


@pytest.mark.parametrize("spoil", [break_metadata, break_all])
def test_a_provider_that_is_down_or_misnamed_is_told(
    spoil: Callable[[Provider], None], browser: FlaskClient, provider: Provider
) -> None:
    spoil(provider)
    assert refusal(browser, "/login") == (503, "login-unavailable")
    provider.broken = False
    provider.metadata.clear()
    assert browser.get("/login").status_code == 303, "it is asked again next time"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b"oops", (503, "login-unavailable")),
        (200, b"not JSON", (503, "login-unavailable")),
        (200, b'{"access_token": "at", "token_type": "Bearer"}', (503, "login-unavailable")),
        (400, b'{"error": "invalid_grant"}', (400, "login-refused")),
        (401, b'{"error": "invalid_client"}', (400, "login-refused")),
    ],
)
def test_a_token_endpoint_that_fails_is_told(
    status: int, body: bytes, expected: tuple[int, str], browser: FlaskClient, provider: Provider
) -> None:
    provider.token_status, provider.token_body = status, body
    assert refusal(browser, provider.authorize(begin(browser))) == expected


def test_a_provider_that_is_away_is_told(authority: Authority) -> None:
    browser = application(authority, "http://localhost:1").test_client()
    assert refusal(browser, "/login") == (503, "login-unavailable")


def test_logout_ends_both_sessions(browser: FlaskClient, provider: Provider) -> None:
    browser.get(provider.authorize(begin(browser)))
    page = browser.get("/form")
    token = page.text.partition('name="csrf-token" content="')[2].partition('"')[0]
    assert f"form-action 'self' {provider.issuer};" in page.headers["Content-Security-Policy"]
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout").status_code == 403, "another site cannot log a person out"
    answer = browser.post("/logout", data={"csrf_token": token})
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{provider.issuer}/logout?")
    assert (asked["client_id"], asked["post_logout_redirect_uri"]) == (CLIENT_ID, "http://localhost/")
    assert asked["id_token_hint"].count(".") == 2
    assert person(browser) is None


def test_logout_works_while_the_provider_is_away(authority: Authority) -> None:
    browser = application(authority, "http://localhost:1").test_client()
    with browser.session_transaction() as session:
        session.update(person={"sub": "p1"}, csrf_token="t")
    answer = browser.post("/logout", data={"csrf_token": "t"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert person(browser) is None


def test_a_login_that_is_too_weak_is_refused(authority: Authority, provider: Provider) -> None:
    browser = application(authority, provider.issuer, required_acr="urn:tongxing:acr:3").test_client()
    location = begin(browser)
    assert dict(parse_qsl(urlsplit(location).query))["acr_values"] == "urn:tongxing:acr:3"
    provider.claims["acr"] = "urn:tongxing:acr:2"
    assert refusal(browser, provider.authorize(location)) == (403, "login-too-weak")


def test_the_provider_may_be_https_under_the_towns_own_root(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    issued = authority.service("idp", CertificateKind.TLS_SERVER)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate_file, issued.key_file, password=PASSPHRASE)
    with running(context) as provider:
        browser = application(authority, provider.issuer).test_client()
        assert browser.get(provider.authorize(begin(browser))).status_code == 303
        assert person(browser) is not None
        foreign = Authority(tmp_path_factory.mktemp("foreign"), "Foreign")
        stranger = application(foreign, provider.issuer).test_client()
        assert refusal(stranger, "/login") == (503, "login-unavailable")


def test_proxies_of_the_environment_are_not_used(
    browser: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert browser.get(provider.authorize(begin(browser))).status_code == 303


def test_the_secret_is_not_in_the_repr() -> None:
    party = RelyingParty(
        issuer="https://idp", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, public_url="https://desk"
    )
    assert CLIENT_SECRET not in repr(party)
