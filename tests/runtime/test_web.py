from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask
import pytest

from runtime.errors import ClockError, KeyTokenError
from runtime.secret_file import write_secret
from runtime.settings import ServiceSettings
from runtime.web import (
    abort_with,
    allow_source,
    body_limit,
    create_flask,
    csrf_exempt,
    gettext,
    hot_paths,
    rate_limit,
)
from runtime.web.session import ABSOLUTE_TIMEOUT, IDLE_TIMEOUT, renew

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
PAGE = {"Accept": "text/html"}


class ShopClosedError(Exception):
    code = "shop-closed"


class Clock:
    def __init__(self):
        self.at = START
        self.believed = True

    def __call__(self):
        if not self.believed:
            raise ClockError("stepped")
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_app(tmp_path, clock):
    def make(**changes):
        write_secret(tmp_path / "session.key", b"k" * 64)
        values = {
            "state_directory": tmp_path, "port": 1, "public_url": "http://localhost:1",
            "session_key_file": tmp_path / "session.key",
        } | changes  # fmt: skip
        unused = ("trust_anchors", "intermediates", "key_passphrase_file", "data_key_file")
        settings = ServiceSettings(**dict.fromkeys(unused, Path("unused")), **values)
        app = create_flask(
            "demo", settings, package="runtime.web", title="Demo", csp={"connect-src": ["http://127.0.0.1:8420"]},
            errors={ShopClosedError: 409}, now=clock,
        )  # fmt: skip
        _add_routes(app)
        return app

    return make


def _add_routes(app):
    @app.get("/form")
    def form():
        return flask.render_template_string("{{ csrf_field() }}")

    @app.post("/form")
    def submit():
        return "accepted"

    @app.post("/token")
    @csrf_exempt
    def token():
        return "token"

    @app.post("/limited")
    @csrf_exempt
    @rate_limit("limited", per_minute=6, burst=2)
    def limited():
        return "ok"

    @app.post("/small")
    @csrf_exempt
    @body_limit(10)
    def small():
        return str(len(flask.request.get_data()))

    @app.get("/closed")
    def closed():
        raise ShopClosedError("We open at eight.")

    @app.get("/away")
    def away():
        raise KeyTokenError("secret inside", code="token-away")

    @app.get("/crash")
    def crash():
        raise ValueError("secret inside")

    @app.get("/stop")
    def stop():
        abort_with(404, "no-such-filing", "There is nothing at this address.")

    @app.get("/login")
    def login():
        renew(user="li")
        return "in"

    @app.get("/who")
    def who():
        return flask.session.get("user", "nobody")

    @app.get("/frame")
    def frame():
        allow_source("frame-src", "'self'")
        return gettext("Error code")

    @app.get("/address")
    def address():
        return f"{flask.request.remote_addr} {flask.request.scheme}"


@pytest.fixture
def client(make_app):
    return make_app().test_client()


def token_of(client):
    return re.search(r'value="([^"]+)"', client.get("/form").text)[1]


def test_every_response_carries_the_protecting_headers(client):
    headers = client.get("/form").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self' http://127.0.0.1:8420" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_a_page_may_add_one_source_for_itself(client):
    assert "frame-src 'self'" in client.get("/frame").headers["Content-Security-Policy"]
    assert "frame-src" not in client.get("/form").headers["Content-Security-Policy"]


def test_over_https_cookies_are_bound_to_the_host_and_hsts_is_sent(make_app):
    response = (
        make_app(public_url="https://id.example").test_client().get("/form", base_url="https://id.example")
    )
    assert response.headers["Set-Cookie"].startswith("__Host-tx_demo=")
    assert "Secure" in response.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in response.headers


def test_a_form_with_its_token_is_accepted(client):
    assert client.post("/form", data={"csrf_token": token_of(client)}).text == "accepted"
    assert client.post("/form", headers={"X-CSRF-Token": token_of(client)}).text == "accepted"


@pytest.mark.parametrize("token", [None, "", "wrong", "中文"])
def test_a_form_without_the_right_token_is_refused(client, token):
    token_of(client)
    response = client.post("/form", data={} if token is None else {"csrf_token": token})
    assert response.status_code == 403
    assert response.json["code"] == "csrf"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_sent_from_another_site_is_refused_even_with_the_token(client, site):
    token = token_of(client)
    assert (
        client.post("/form", data={"csrf_token": token}, headers={"Sec-Fetch-Site": site}).status_code == 403
    )


def test_a_protocol_endpoint_needs_no_token(client):
    assert client.post("/token").text == "token"


def test_too_many_requests_are_told_when_to_come_back(client, clock):
    assert [client.post("/limited").status_code for _ in range(3)] == [200, 200, 429]
    assert client.post("/limited").headers["Retry-After"] == "10"
    clock.at += timedelta(seconds=10)
    assert client.post("/limited").status_code == 200


def test_one_address_does_not_use_up_anothers_limit(client):
    for _ in range(3):
        client.post("/limited")
    assert client.post("/limited", environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 200


def test_a_body_over_the_limit_is_refused(client):
    assert client.post("/small", data=b"x" * 10).text == "10"
    response = client.post("/small", data=b"x" * 11)
    assert (response.status_code, response.content_type) == (413, "application/problem+json")


def test_an_error_of_the_package_becomes_a_problem_with_its_code(client):
    response = client.get("/closed")
    assert response.status_code == 409
    assert response.json["code"] == "shop-closed"
    assert response.json["request_id"] == response.headers["X-Request-Id"]


def test_an_error_of_the_package_becomes_a_page_for_a_browser(client):
    response = client.get("/closed", headers=PAGE)
    assert response.mimetype == "text/html"
    assert "We open at eight." in response.text
    assert response.headers["X-Request-Id"] in response.text


def test_an_unforeseen_error_tells_nothing_of_its_inside(client):
    response = client.get("/crash")
    assert response.status_code == 500
    assert "secret inside" not in response.text


def test_a_token_that_is_away_is_the_operators_affair(client, caplog):
    response = client.get("/away")
    assert response.status_code == 503
    assert "secret inside" not in response.text
    assert "token-away" in caplog.text


def test_a_wrong_method_says_which_are_right(client):
    response = client.delete("/form")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_chinese_is_the_default_and_english_follows_header_or_link(client):
    assert client.get("/frame").text == "错误代码"
    assert client.get("/frame", headers={"Accept-Language": "en-GB,zh;q=0.5"}).text == "Error code"
    assert client.get("/frame?lang=en").text == "Error code"
    assert client.get("/frame").text == "Error code"
    assert client.get("/frame?lang=xx").text == "Error code"


def test_an_error_page_is_in_the_readers_language(client):
    page = client.get("/stop", headers=PAGE).text
    assert "此地址没有内容。" in page
    assert 'lang="zh-Hans"' in page
    assert "There is nothing" in client.get("/stop?lang=en", headers=PAGE).text


def test_a_session_ends_when_idle(client, clock):
    client.get("/login")
    clock.at += IDLE_TIMEOUT - timedelta(minutes=1)
    assert client.get("/who").text == "li"
    clock.at += IDLE_TIMEOUT + timedelta(seconds=61)
    assert client.get("/who").text == "nobody"


def test_a_session_ends_of_age_however_busy(client, clock):
    client.get("/login")
    while clock.at - START < ABSOLUTE_TIMEOUT:
        assert client.get("/who").text == "li"
        clock.at += IDLE_TIMEOUT / 2
    clock.at += timedelta(seconds=1)
    assert client.get("/who").text == "nobody"


def test_log_in_begins_a_new_session(client):
    before = token_of(client)
    client.get("/login")
    assert token_of(client) != before


def test_forwarding_headers_of_strangers_are_not_believed(make_app):
    client = make_app(trusted_proxies=("10.0.0.1",)).test_client()
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Request-Id": "abc"}
    stranger = client.get("/address", headers=forged, environ_base={"REMOTE_ADDR": "203.0.113.5"})
    assert stranger.text == "203.0.113.5 http"
    assert stranger.headers["X-Request-Id"] != "abc"
    proxied = client.get("/address", headers=forged, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert proxied.text == "192.0.2.1 https"
    assert proxied.headers["X-Request-Id"] == "abc"


def test_health_and_metrics_answer(client):
    assert client.get("/healthz").json == {"status": "ok", "service": "demo"}
    client.get("/form")
    assert 'route="/form"' in client.get("/metrics").text


def test_a_health_check_that_succeeds_is_not_worth_a_line(client, caplog):
    with caplog.at_level("INFO", logger="request"):
        client.get("/healthz")
        assert caplog.records == []
        client.get("/form")
        assert [record.fields["route"] for record in caplog.records] == ["/form"]


def test_a_failed_health_check_is_told_without_its_inside(make_app, tmp_path, clock):
    app = make_app()

    def broken():
        raise OSError("disk /dev/secret is gone")

    unhealthy = create_flask(
        "demo2",
        app.config["SETTINGS"],
        package="runtime.web",
        title="Demo",
        health_checks=[broken],
        now=clock,
    )
    response = unhealthy.test_client().get("/healthz")
    assert response.status_code == 503
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/ocsp", "ocsp"),
        ("/ocsp/a/b", "ocsp"),
        ("/oidc/token", "token"),
        ("/oidc/other", "flask"),
        ("/", "flask"),
        ("", "flask"),
        ("/ocspx", "flask"),
        ("//ocsp", "flask"),
    ],
)
def test_hot_paths_are_matched_by_whole_segments(path, answer):
    def named(name):
        return lambda environ, start_response: [name]

    app = hot_paths(named("flask"), {"/ocsp": named("ocsp"), "/oidc/token": named("token")})
    assert app({"PATH_INFO": path}, None) == [answer]


def test_while_the_clock_is_not_believed_nothing_is_dated_and_health_says_so(make_app, clock):
    client = make_app().test_client()
    client.get("/form")
    assert client.get("/healthz").status_code == 200
    clock.believed = False
    refused = client.post("/limited")
    assert (refused.status_code, refused.content_type) == (503, "application/problem+json")
    assert refused.json["code"] == "clock-stepped"
    assert client.get("/healthz").status_code == 503
    assert client.get("/metrics").status_code == 200
    with client.get("/static/style.css") as style:
        assert style.status_code == 200, "the page that says so is styled"
    page = client.post("/limited", headers=PAGE)
    assert (page.status_code, "clock-stepped" in page.text) == (503, True)
    clock.believed = True
    assert client.get("/healthz").status_code == 200
