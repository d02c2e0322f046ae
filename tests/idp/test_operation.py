"""Keys, settings, schema, cleaning up, the command line."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from idp import models
from idp.cli import cli
from idp.errors import RegistrationError, SigningKeyError
from idp.provider import load_pairwise_secret
from idp.service.setup import initialise, load_keys, rotate_keys
from idp.settings import IdpSettings
from idp.token_keys import KeyState
from idp.vocabulary import SigningAlgorithm
from idp.web import jobs, load_provider
from runtime.errors import KeyFileError, SchemaError, SettingsError
from runtime.settings import load_settings
from tests.idp.harness import OP, answer_of, claims_of, make_settings, segment

# --- keys ---


def test_keys_are_private_and_encrypted(op):
    paths = list(op.settings.token_keys.glob("*.p8"))
    assert len(paths) == 4
    for path in [*paths, op.settings.pairwise_secret]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in paths:
        assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_rotation_puts_the_published_next_key_into_use(op, visitor):
    site = op.site()
    hint = site.tokens(visitor)["id_token"]
    before = {key.kid: op.provider.keys.states[key.kid] for key in op.provider.keys.published}
    keys = rotate_keys(op.settings, at=op.clock())
    assert keys.signing_key(SigningAlgorithm.ES256).verification.kid in before
    assert before[keys.signing_key(SigningAlgorithm.ES256).verification.kid] is KeyState.NEXT
    fresh = OP(replace(op.provider, keys=keys), op.clock, op.desk, op.settings)
    site.op = fresh
    browser = fresh.visitor()
    token = site.tokens(browser)["id_token"]
    assert segment(token, 0)["kid"] != segment(hint, 0)["kid"]
    published = {key["kid"] for key in browser.get("/jwks").json["keys"]}
    assert {segment(token, 0)["kid"], segment(hint, 0)["kid"]} <= published
    assert len(published) == 6
    assert browser.get(f"/logout?id_token_hint={hint}").status_code == 200, (
        "tokens of the previous key are known"
    )
    assert op.audit()[-3][0] == "keys.rotated"
    again = rotate_keys(op.settings, at=op.clock())
    assert len(again.published) == 6
    assert len(list(op.settings.token_keys.glob("*.p8"))) == 6, "the oldest key is gone"


def test_rotation_cut_short_leaves_the_old_state(op, monkeypatch):
    import idp.token_keys as module

    def interrupted(*_):
        raise KeyboardInterrupt

    before = load_keys(op.settings)[0].states
    monkeypatch.setattr(module, "_write_manifest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rotate_keys(op.settings, at=op.clock())
    assert load_keys(op.settings)[0].states == before


def test_initialising_twice_is_refused(op):
    with pytest.raises(SigningKeyError) as error:
        initialise(op.settings, at=op.clock())
    assert error.value.code == "keys-exist"


def test_missing_keys_are_told(op):
    (op.settings.token_keys / "keys.json").unlink()
    with pytest.raises(SigningKeyError, match="tongxing idp init"):
        load_provider(op.settings, card_door=op.desk)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"ES256": {"current": "x"}}', '{"XX": {}}', '{"ES256": 1}']
)
def test_broken_manifest_is_told(op, content):
    (op.settings.token_keys / "keys.json").write_text(content)
    with pytest.raises((SigningKeyError, KeyFileError)):
        load_keys(op.settings)


def test_swapped_key_files_are_told(op):
    first, second = [path for path in op.settings.token_keys.glob("*.p8") if path.stat().st_size < 500][:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(SigningKeyError) as error:
        load_keys(op.settings)
    assert error.value.code == "key-mismatch"


def test_wrong_passphrase_is_told(op):
    op.settings.key_passphrase_file.write_text("wrong")
    with pytest.raises(KeyFileError):
        load_keys(op.settings)


@pytest.mark.parametrize("content", ["", "zz", "00" * 16])
def test_broken_pairwise_secret_is_told(op, content):
    op.settings.pairwise_secret.write_text(content)
    with pytest.raises(SigningKeyError):
        load_pairwise_secret(op.settings)


def test_exposed_pairwise_secret_is_refused(op):
    os.chmod(op.settings.pairwise_secret, 0o644)  # noqa: PTH101
    with pytest.raises(KeyFileError):
        load_pairwise_secret(op.settings)


def test_secrets_are_in_no_repr(op, site):
    text = repr(op.provider) + repr(op.provider.keys) + repr(site.client)
    assert op.provider.pairwise_secret.hex() not in text
    assert site.secret not in text
    assert "PrivateKey" not in text


# --- settings and schema ---


def test_settings_are_checked(tmp_path):
    for mistake in (
        {"code_seconds": 61}, {"code_seconds": 0}, {"nonce_seconds": 301}, {"id_token_seconds": 4000},
        {"public_url": "https://login.example/"}, {"public_url": "https://login.example/path"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(mistake))):
            make_settings(tmp_path / str(len(list(tmp_path.iterdir()))), **mistake)


def test_every_mistake_in_the_file_is_told_at_once():
    with pytest.raises(SettingsError) as error:
        load_settings(IdpSettings, "idp", {"idp": {"port": "x", "nonsense": 1}}, {})
    assert len(error.value.mistakes) > 3


def test_unknown_schema_is_refused(op):
    with op.provider.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError) as error:
        load_provider(op.settings, card_door=op.desk)
    assert error.value.code == "schema-newer"


def test_migrations_make_what_the_models_say(any_op):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with any_op.provider.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []


# --- cleaning up ---


def rows(op) -> dict[str, int]:
    with op.provider.database.read() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in models.Base.metadata.sorted_tables
            if table.name not in {"audit_record", "client", "job_lease"}
        }


def test_tables_are_empty_when_everything_is_over(any_op):
    site = any_op.site()
    (job,) = jobs(any_op.settings)
    for _ in range(3):
        site.tokens(any_op.visitor())
        any_op.visitor().start(site)
    visitor = any_op.visitor()
    visitor.get(visitor.start(site).headers["Location"])
    before = rows(any_op)
    assert before["login_session"] == before["authorization_code"] == before["access_token"] == 3
    assert before["interaction"] == 4
    job.run(any_op.clock())
    assert rows(any_op) == before, "nothing that is in force is deleted"
    job.run(any_op.clock() + timedelta(minutes=31))
    after = rows(any_op)
    assert (after["interaction"], after["login_challenge"], after["access_token"]) == (0, 0, 0)
    assert after["authorization_code"] == 3, "a late replay must still be recognised"
    job.run(any_op.clock() + timedelta(hours=2))
    assert rows(any_op)["authorization_code"] == 0
    job.run(any_op.clock() + timedelta(days=8))
    assert set(rows(any_op).values()) == {0}


def test_tables_stay_flat_over_thirty_days(op, site):
    (job,) = jobs(op.settings)
    sizes = []
    for _ in range(30):
        for _ in range(3):
            site.tokens(op.visitor())
        op.clock.forward(days=1)
        job.run(op.clock())
        sizes.append(sum(rows(op).values()))
    assert sizes[-1] == sizes[9]


# --- the command line ---


@pytest.fixture
def run(op):
    """Run `tongxing idp …` on the provider's settings."""
    path = op.settings.state_directory / "town.toml"
    values = {
        name: str(getattr(op.settings, name))
        for name in (
            "state_directory", "public_url", "trust_anchors", "intermediates", "key_passphrase_file",
            "data_key_file", "session_key_file",
        )
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    path.write_text("\n".join(["[idp]", "port = 8404", *lines]))

    def invoke(*arguments: str):
        return CliRunner().invoke(cli, [*arguments, "--settings", str(path)])

    return invoke


def test_client_commands(op, run, visitor):
    added = run(
        "client", "add", "--name", "公积金网", "--client-id", "fund", "--redirect-uri", "https://fund.example/callback",
        "--scope", "openid", "--scope", "profile", "--client-uri", "https://fund.example/",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert "issuer         https://login.example" in added.stdout
    secret = added.stdout.split("client_secret")[1].split()[0]
    assert len(secret) == 43
    assert "shown once" in added.stderr
    assert "fund" in run("client", "list").stdout
    shown = json.loads(run("client", "show", "fund").stdout)
    assert shown["redirect_uris"] == ["https://fund.example/callback"]
    assert shown["scopes"] == ["openid", "profile"]
    assert "secret" not in str(shown).replace("client_secret_basic", "")
    assert run("client", "disable", "fund").exit_code == 0
    assert json.loads(run("client", "show", "fund").stdout)["in_force"] is False


def test_client_add_with_keys(op, run, tmp_path):
    from joserfc.jwk import ECKey

    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=False)]}))
    added = run(
        "client", "add", "--name", "X", "--redirect-uri", "https://x.example/", "--authentication",
        "private_key_jwt", "--jwks", str(jwks),
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert "client_secret" not in added.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "add", "--name", "X", "--redirect-uri", "http://x.example/"),
        ("client", "show", "nobody"),
        ("client", "disable", "nobody"),
    ],
)
def test_refusals_are_errors_with_a_code(run, arguments):
    result = run(*arguments)
    assert isinstance(result.exception, RegistrationError)


def test_keys_commands(op, run):
    listed = run("keys")
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.count("current") == listed.stdout.count("next") == 2
    rotated = run("keys", "--rotate")
    assert rotated.stdout.count("previous") == 2


def test_init_command(run, op):
    assert isinstance(run("init").exception, SigningKeyError)


def test_identity_survives_rotation(op, site, visitor):
    before = claims_of(site.tokens(visitor)["id_token"])["sub"]
    keys = rotate_keys(op.settings, at=op.clock())
    site.op = OP(replace(op.provider, keys=keys), op.clock, op.desk, op.settings)
    assert claims_of(site.tokens(site.op.visitor())["id_token"])["sub"] == before


# --- the clock ---


def test_a_clock_that_is_not_believed_is_told_to_the_site_as_oauth_has_it(op, site, visitor):
    """RFC 6749 4.1.2.1: temporarily_unavailable, since a 503 cannot be given by a redirect."""
    waiting = visitor.start(site).headers["Location"]
    op.clock.believed = False
    answer = answer_of(visitor.start(site))
    assert (answer["error"], answer["state"]) == ("temporarily_unavailable", site.state)
    stranger = visitor.start(site, redirect_uri="https://elsewhere.example/callback")
    assert stranger.status_code == 400, "a site that is not ours is told nothing"
    page = visitor.get(waiting, headers={"Accept": "text/html"})
    assert (page.status_code, "clock-stepped" in page.text) == (503, True)
    op.clock.believed = True
    assert "code" in visitor.authorize(site)


def test_no_token_is_minted_while_the_clock_is_not_believed(op, site, visitor):
    code = visitor.authorize(site)["code"]
    op.clock.believed = False
    refused = site.redeem(code)
    assert (refused.status_code, refused.json["error"]) == (503, "temporarily_unavailable")
    assert refused.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": "Bearer x"}
    assert op.visitor().get("/userinfo", headers=bearer).status_code == 503
    assert op.visitor().get("/jwks").status_code == 200, "keys need no time"
    assert op.visitor().get("/healthz").status_code == 503
    op.clock.believed = True
    assert site.redeem(code).status_code == 200, "the code was not used up"
