"""RP-initiated logout (OIDC RP-Initiated Logout 1.0), by the modules of its certification plan."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.idp.harness import answer_of, csrf_of


@pytest.fixture
def logged_in(op, site, visitor):
    """A person logged in at the site; the ID Token is the hint."""
    site.hint = site.tokens(visitor)["id_token"]
    return site


def is_logged_in(visitor, site) -> bool:
    return "code" in answer_of(visitor.start(site, prompt="none"))


def log_out(visitor, **parameters):
    values = {name: value for name, value in parameters.items() if value is not None}
    return visitor.get("/logout?" + urlencode(values), headers={"Accept": "text/html"})


def bye(site) -> str:
    return site.client.post_logout_redirect_uris[0]


def test_oidcc_rp_initiated_logout(op, logged_in, visitor):
    response = log_out(
        visitor, id_token_hint=logged_in.hint, post_logout_redirect_uri=bye(logged_in), state="s 1&2"
    )
    assert response.status_code == 303
    location = urlsplit(response.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == bye(logged_in)
    assert parse_qs(location.query) == {"state": ["s 1&2"]}
    assert not is_logged_in(visitor, logged_in)
    assert op.audit()[-1][0] == "session.logged-out"


def test_oidcc_rp_initiated_logout_no_state(logged_in, visitor):
    response = log_out(visitor, id_token_hint=logged_in.hint, post_logout_redirect_uri=bye(logged_in))
    assert response.headers["Location"] == bye(logged_in)


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(logged_in, visitor):
    response = log_out(visitor, id_token_hint=logged_in.hint)
    assert response.status_code == 200
    assert "You are logged out" in response.text
    assert not is_logged_in(visitor, logged_in)


def test_oidcc_rp_initiated_logout_only_state(logged_in, visitor):
    response = log_out(visitor, state="abc")
    assert response.status_code == 200
    assert "Log out?" in response.text
    assert is_logged_in(visitor, logged_in)


def test_oidcc_rp_initiated_logout_no_params(logged_in, visitor):
    response = log_out(visitor)
    assert "Log out?" in response.text
    assert "王小明" in response.text
    assert is_logged_in(visitor, logged_in)
    done = visitor.post("/logout/confirm", data={"csrf_token": csrf_of(response.text)})
    assert "You are logged out" in done.text
    assert not is_logged_in(visitor, logged_in)


def test_oidcc_rp_initiated_logout_no_id_token_hint(logged_in, visitor):
    """Without a hint the person is asked; the site's address is followed only after that."""
    parameters = {
        "client_id": logged_in.client.client_id,
        "post_logout_redirect_uri": bye(logged_in),
        "state": "x",
    }
    response = log_out(visitor, **parameters)
    assert "Log out?" in response.text
    assert "Site A" in response.text
    assert is_logged_in(visitor, logged_in)
    policy = response.headers["Content-Security-Policy"]
    assert "form-action 'self' https://site-a.example" in policy
    done = visitor.post("/logout/confirm", data={"csrf_token": csrf_of(response.text), **parameters})
    assert done.status_code == 303
    assert done.headers["Location"] == f"{bye(logged_in)}?state=x"
    assert not is_logged_in(visitor, logged_in)


def refused(response, code: str) -> None:
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert f"<code>{code}</code>" in response.text


@pytest.mark.parametrize(
    "change",
    [
        "https://evil.example/",
        "{}?a=b",
        "{}/",
        "{}#x",
        "http://site-a.example/bye",
        "https://site-a.example/callback",
    ],
)
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(logged_in, visitor, change):
    """Also module -query-added-to-post-logout-redirect-uri."""
    target = change.format(bye(logged_in))
    response = log_out(visitor, id_token_hint=logged_in.hint, post_logout_redirect_uri=target)
    refused(response, "post-logout-redirect-uri-unknown")
    assert is_logged_in(visitor, logged_in)


def test_oidcc_rp_initiated_logout_modified_id_token_hint(logged_in, visitor):
    head, payload, signature = logged_in.hint.split(".")
    forged = f"{head}.{payload[:-2]}xx.{signature}"
    refused(log_out(visitor, id_token_hint=forged), "id-token-hint-invalid")
    assert is_logged_in(visitor, logged_in)


@pytest.mark.parametrize("hint", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJhdWQiOiJzaXRlLWEifQ.", "e30.e30.e30"])
def test_oidcc_rp_initiated_logout_bad_id_token_hint(logged_in, visitor, hint):
    refused(log_out(visitor, id_token_hint=hint), "id-token-hint-invalid")
    assert is_logged_in(visitor, logged_in)


def test_unregistered_target_without_any_hint_is_refused(logged_in, visitor):
    refused(log_out(visitor, post_logout_redirect_uri=bye(logged_in)), "post-logout-redirect-uri-unknown")


def test_hint_of_another_client_is_refused(op, logged_in, visitor):
    other = op.site("Site B")
    response = log_out(visitor, id_token_hint=logged_in.hint, client_id=other.client.client_id)
    refused(response, "id-token-hint-invalid")
    refused(
        log_out(visitor, id_token_hint=logged_in.hint, post_logout_redirect_uri=bye(other)),
        "post-logout-redirect-uri-unknown",
    )


def test_hint_of_another_session_asks_first(op, logged_in, visitor):
    """A site may end the login it knows, not whatever login is in the browser."""
    foreign = logged_in.tokens(op.visitor())["id_token"]
    response = log_out(visitor, id_token_hint=foreign)
    assert "Log out?" in response.text
    assert is_logged_in(visitor, logged_in)


def test_expired_hint_is_accepted(op, logged_in, visitor):
    op.clock.forward(minutes=20)
    log_out(visitor, id_token_hint=logged_in.hint)
    assert not is_logged_in(visitor, logged_in)


def test_logout_without_a_session_goes_on_to_the_site(op, logged_in):
    response = log_out(op.visitor(), id_token_hint=logged_in.hint, post_logout_redirect_uri=bye(logged_in))
    assert response.headers["Location"] == bye(logged_in)


def test_logout_by_post(logged_in, visitor):
    response = visitor.post("/logout", data={"id_token_hint": logged_in.hint})
    assert response.status_code == 303
    assert "You are logged out" in visitor.get(response.headers["Location"]).text


def test_confirmation_needs_the_csrf_token(logged_in, visitor):
    assert visitor.post("/logout/confirm").status_code == 403
    assert is_logged_in(visitor, logged_in)


def test_repeated_parameter_is_refused(logged_in, visitor):
    response = visitor.get(f"/logout?state=a&state=b&id_token_hint={logged_in.hint}")
    assert response.status_code == 400
    assert is_logged_in(visitor, logged_in)


def test_logout_ends_the_login_for_every_site(op, logged_in, visitor):
    other = op.site("Site B")
    other.tokens(visitor, card=None)
    log_out(visitor, id_token_hint=logged_in.hint)
    assert not is_logged_in(visitor, other)
