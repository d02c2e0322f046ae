"""Registering relying sites: what is refused, and what is kept."""

from __future__ import annotations

import pytest

from idp.errors import RegistrationError
from idp.service import disable_client, list_clients, register_client, subject_for
from tests.idp.harness import claims_of


def test_secret_has_256_bits_and_is_stored_as_a_digest(op):
    site = op.site()
    assert len(site.secret) == 43
    assert site.client.secret_digest != site.secret
    assert len(site.client.secret_digest) == 64
    registration = register_client(
        op.settings, name="Other", redirect_uris=["https://o.example/"], at=op.clock()
    )
    assert registration.secret not in repr(registration)


@pytest.mark.parametrize(
    "uri",
    [
        "http://site.example/callback",
        "https://site.example/callback#fragment",
        "https://*.example/callback",
        "https://site.example/*",
        "https://user:password@site.example/",
        "https://user@site.example/",
        "https:///callback",
        "https://site.example:port/",
        "https://a;script-src:1/",
        "https://a,b/",
        "https://a'b/",
        "https://site.example/a b",
        "https://site.example/\u202e",
        "https://site.example/a/../b",
        "https://site.example/\\evil",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://site.example/",
        "com.example.app:/callback",
        "//site.example/",
        "/callback",
        "",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "https://" + "a" * 2000 + ".example/",
    ],
)
def test_unsafe_uris_cannot_be_registered(op, uri):
    with pytest.raises(RegistrationError) as error:
        register_client(op.settings, name="Site", redirect_uris=[uri], at=op.clock())
    assert error.value.code == "invalid_redirect_uri"
    for field in ("post_logout_redirect_uris", "client_uri"):
        if uri:
            value = [uri] if field.endswith("s") else uri
            with pytest.raises(RegistrationError):
                register_client(
                    op.settings,
                    name="Site",
                    redirect_uris=["https://s.example/"],
                    at=op.clock(),
                    **{field: value},
                )


@pytest.mark.parametrize(
    "uri",
    [
        "https://site.example/callback",
        "https://site.example:8443/a?b=c&d=%20",
        "http://localhost:8411/callback",
        "http://127.0.0.1:8411/callback",
        "http://[::1]:8411/callback",
    ],
)
def test_good_uris_can_be_registered(op, uri):
    register_client(op.settings, name="Site", redirect_uris=[uri], at=op.clock())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 81,
        "a\x00b",
        "a\u202eb",
        "a\u200bb",
        "a\nb",
        "ｂank\ufeff",
        "Pаypal",
        "Οpen Bank",
        "e\u0301",
    ],
)
def test_deceiving_names_cannot_be_registered(op, name):
    """Controls, invisible characters, mixed look-alike alphabets, other spellings (attack list G)."""
    with pytest.raises(RegistrationError):
        register_client(op.settings, name=name, redirect_uris=["https://s.example/"], at=op.clock())


@pytest.mark.parametrize("name", ["通行市公积金网", "通行（测试）网站 A", "Служба города", "Bürgeramt Süd"])
def test_honest_names_can_be_registered(op, name):
    register_client(op.settings, name=name, redirect_uris=["https://s.example/"], at=op.clock())


@pytest.mark.parametrize("name", ["site a", "SITE A", "Ｓｉｔｅ Ａ"])
def test_a_name_that_reads_like_another_is_refused(op, site, name):
    with pytest.raises(RegistrationError) as error:
        register_client(op.settings, name=name, redirect_uris=["https://s.example/"], at=op.clock())
    assert error.value.code == "client-exists"


@pytest.mark.parametrize(
    "client_id", ["A", "site_a", "-a", "a", "1a", "a" * 41, "site a", "", "站点", "a/../b"]
)
def test_odd_client_ids_are_refused(op, client_id):
    if client_id == "":
        return
    with pytest.raises(RegistrationError):
        register_client(
            op.settings, client_id=client_id, name="X", redirect_uris=["https://s.example/"], at=op.clock()
        )


def test_client_id_never_looks_like_a_sub(op, site, visitor):
    """RFC 9700 4.15: what names a site is never mistaken for what names a person."""
    sub = claims_of(site.tokens(visitor)["id_token"])["sub"]
    with pytest.raises(RegistrationError):
        register_client(
            op.settings, client_id=sub, name="X", redirect_uris=["https://s.example/"], at=op.clock()
        )


def test_taken_client_id_is_refused(op, site):
    with pytest.raises(RegistrationError) as error:
        register_client(
            op.settings,
            client_id=site.client.client_id,
            name="Another",
            redirect_uris=["https://s.example/"],
            at=op.clock(),
        )
    assert error.value.code == "client-exists"


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uris": []},
        {"scopes": ["openid", "everything"]},
        {"authentication": "none"},
        {"authentication": "private_key_jwt"},
        {"authentication": "private_key_jwt", "jwks": {}},
        {"authentication": "private_key_jwt", "jwks": {"keys": []}},
        {"authentication": "private_key_jwt", "jwks": {"keys": "x"}},
        {"jwks": {"keys": [{}]}},
        {"id_token_algorithm": "none"},
        {"id_token_algorithm": "HS256"},
        {"redirect_uris": ["https://a.example/", "https://b.example/"]},
    ],
    ids=str,
)
def test_unfit_metadata_is_refused(op, change):
    values = {"name": "X", "redirect_uris": ["https://s.example/"], **change}
    with pytest.raises(RegistrationError):
        register_client(op.settings, at=op.clock(), **values)
    assert list_clients(op.settings) == []


def test_sector_is_the_host_and_on_loopback_the_client(op):
    def sector(**values):
        return register_client(op.settings, at=op.clock(), **values).client.sector_identifier

    assert sector(name="A", redirect_uris=["https://a.example/x", "https://a.example/y"]) == "a.example"
    assert sector(name="B", client_id="site-b", redirect_uris=["http://localhost:1/"]) == "site-b"
    assert sector(name="C", redirect_uris=["https://a.example/"], sector_identifier="c") == "c"


def test_registration_and_disabling_are_audited(op, site):
    disable_client(op.settings, site.client.client_id, at=op.clock(), actor="officer-1")
    subject = f"client:{site.client.client_id}"
    assert [entry[:2] for entry in op.audit()[-2:]] == [
        ("client.registered", subject),
        ("client.disabled", subject),
    ]
    assert list_clients(op.settings)[0].disabled


def test_disabling_an_unknown_client_is_refused(op):
    with pytest.raises(RegistrationError):
        disable_client(op.settings, "nobody", at=op.clock())


def test_subject_for_is_what_the_site_gets(op, site, visitor):
    sub = claims_of(site.tokens(visitor)["id_token"])["sub"]
    assert subject_for(op.settings, site.client.client_id, "person-1") == sub
    with pytest.raises(RegistrationError):
        subject_for(op.settings, "nobody", "person-1")
