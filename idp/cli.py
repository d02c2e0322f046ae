"""`tongxing idp`: relying sites and token keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from idp import service
from idp.client import Client
from idp.errors import RegistrationError
from idp.service.setup import load_keys, rotate_keys
from idp.settings import SERVICE, IdpSettings
from idp.strict_json import StrictJsonError, read_json_object
from idp.vocabulary import ClientAuthentication, Scope, SigningAlgorithm
from runtime import clock
from runtime.settings import load_settings, read_document

_SECRET_WARNING = "This secret is shown once and stored nowhere; give it to the site now."  # noqa: S105


def _settings_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --settings, the settings file."""
    return click.option(
        "--settings",
        "settings_file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("state/town.toml"),
        show_default=True,
        help="Settings file.",
    )(command)


def _load(settings_file: Path) -> IdpSettings:
    """Read the provider's settings."""
    return load_settings(IdpSettings, SERVICE, read_document(settings_file))


@click.group("idp")
def cli() -> None:
    """OpenID Provider: relying sites and token keys."""


@cli.command("init")
@_settings_option
def init(settings_file: Path) -> None:
    """Make the schema, the token keys and the pairwise secret."""
    settings = _load(settings_file)
    service.initialise(settings, at=clock.now())
    click.echo(f"the provider {settings.issuer} is ready; add sites with `tongxing idp client add`")


@cli.command("keys")
@_settings_option
@click.option("--rotate", is_flag=True, help="Put the next keys into use and make new next ones.")
def keys(settings_file: Path, rotate: bool) -> None:
    """List the token keys: current, next, previous."""
    settings = _load(settings_file)
    loaded = rotate_keys(settings, at=clock.now()) if rotate else load_keys(settings)[0]
    for key in loaded.published:
        click.echo(f"{key.algorithm:6} {loaded.states[key.kid or '']:9} {key.kid}")
    if rotate:
        click.echo("servers use the new keys from their next start")


@cli.group("client")
def client() -> None:
    """Relying sites."""


@client.command("add")
@_settings_option
@click.option("--name", required=True, help="Name people see on the login page.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, required=True, help="Exact; repeatable.")
@click.option(
    "--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, help="Exact; repeatable."
)
@click.option("--client-id", help="Identifier; made up when absent.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]))
@click.option(
    "--authentication",
    type=click.Choice([method.value for method in ClientAuthentication]),
    default=ClientAuthentication.CLIENT_SECRET_BASIC.value,
    show_default=True,
)
@click.option(
    "--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Key set (JSON file)."
)
@click.option(
    "--id-token-algorithm",
    type=click.Choice([algorithm.value for algorithm in SigningAlgorithm]),
    default=SigningAlgorithm.ES256.value,
    show_default=True,
)
@click.option("--sector", help="Sector identifier; needed when the redirect URIs have several hosts.")
@click.option("--client-uri", default="", help="Home page of the site.")
def add(
    settings_file: Path, jwks: Path | None, scopes: tuple[str, ...], sector: str | None, **values: Any
) -> None:
    """Register a relying site and print its credentials."""
    settings = _load(settings_file)
    registration = service.register_client(
        settings,
        at=clock.now(),
        jwks=_read_jwks(jwks) if jwks else None,
        scopes=scopes or (Scope.OPENID, Scope.PROFILE),
        sector_identifier=sector,
        **values,
    )
    click.echo(f"issuer         {settings.issuer}")
    click.echo(f"client_id      {registration.client.client_id}")
    if registration.secret:
        click.echo(f"client_secret  {registration.secret}")
        click.echo(_SECRET_WARNING, err=True)


@client.command("list")
@_settings_option
def list_(settings_file: Path) -> None:
    """List the relying sites."""
    for found in service.list_clients(_load(settings_file)):
        click.echo(f"{found.client_id:40} {'disabled' if found.disabled else 'in force':9} {found.name}")


@client.command("show")
@_settings_option
@click.argument("client_id")
def show(settings_file: Path, client_id: str) -> None:
    """Show one relying site."""
    for found in service.list_clients(_load(settings_file)):
        if found.client_id == client_id:
            click.echo(json.dumps(_describe(found), ensure_ascii=False, indent=2))
            return
    raise RegistrationError(f"{client_id}: no such client", code="client-unknown")


@client.command("disable")
@_settings_option
@click.argument("client_id")
def disable(settings_file: Path, client_id: str) -> None:
    """Refuse a relying site from now on."""
    service.disable_client(_load(settings_file), client_id, at=clock.now())
    click.echo(f"{client_id} is disabled")


def _read_jwks(path: Path) -> dict[str, Any]:
    """Read a key set file."""
    try:
        return read_json_object(path.read_bytes())
    except (OSError, StrictJsonError) as error:
        raise RegistrationError(f"{path}: {error}", code="invalid_client_metadata") from None


def _describe(found: Client) -> dict[str, Any]:
    """Return what may be shown of a client: everything but its secret's digest."""
    return {
        "client_id": found.client_id,
        "name": found.name,
        "in_force": not found.disabled,
        "profile": found.profile,
        "authentication": found.authentication,
        "redirect_uris": found.redirect_uris,
        "post_logout_redirect_uris": found.post_logout_redirect_uris,
        "scopes": sorted(found.scopes),
        "sector_identifier": found.sector_identifier,
        "id_token_algorithm": found.id_token_algorithm,
        "client_uri": found.client_uri,
        "key_ids": [key.get("kid") for key in found.jwks],
    }
