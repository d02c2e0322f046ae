"""Relying sites in the database: register, list, find, disable."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from idp.claims import pairwise_subject
from idp.client import (
    Client,
    check_client_id,
    check_client_name,
    check_site_uri,
    digest_secret,
    is_client_id,
    sector_of,
)
from idp.errors import RegistrationError, SignedTokenError
from idp.models import AuditRecord, ClientRecord
from idp.provider import load_pairwise_secret, new_secret, open_database
from idp.service.audit_actions import Action, site
from idp.settings import IdpSettings
from idp.tokens import VerificationKey
from idp.vocabulary import ClientAuthentication, ClientProfile, Scope, SigningAlgorithm
from runtime.audit import AuditLog

_AUDIT = AuditLog(AuditRecord)
_MAXIMUM_KEYS = 10
_DEFAULT_SCOPES = (Scope.OPENID, Scope.PROFILE)


@dataclass(frozen=True)
class Registration:
    """A new client and its secret, which is shown once and not stored."""

    client: Client
    secret: str | None = field(default=None, repr=False)


def register_client(
    settings: IdpSettings,
    *,
    name: str,
    redirect_uris: Sequence[str],
    at: datetime,
    client_id: str | None = None,
    post_logout_redirect_uris: Sequence[str] = (),
    scopes: Iterable[str] = _DEFAULT_SCOPES,
    authentication: str = ClientAuthentication.CLIENT_SECRET_BASIC,
    jwks: Mapping[str, Any] | None = None,
    id_token_algorithm: str = SigningAlgorithm.ES256,
    sector_identifier: str | None = None,
    client_uri: str = "",
    actor: str = "operator",
) -> Registration:
    """Register a relying site; return it with its secret (none for private_key_jwt)."""
    chosen_id = client_id or f"site-{new_secret().lower().replace('_', '').replace('-', '')[:16]}"
    method = _one_of(ClientAuthentication, authentication, "authentication")
    uses_key = method is ClientAuthentication.PRIVATE_KEY_JWT
    secret = None if uses_key else new_secret()
    client = Client(
        client_id=chosen_id,
        name=name,
        redirect_uris=tuple(redirect_uris),
        post_logout_redirect_uris=tuple(post_logout_redirect_uris),
        scopes=frozenset(_one_of(Scope, scope, "scope") for scope in scopes) | {Scope.OPENID},
        sector_identifier=sector_identifier or "",
        authentication=method,
        secret_digest=digest_secret(secret) if secret else None,
        jwks=_read_keys(jwks),
        id_token_algorithm=_one_of(SigningAlgorithm, id_token_algorithm, "ID Token algorithm"),
        client_uri=client_uri,
    )
    client = check_client_metadata(client)
    _store(settings, client, actor, at)
    return Registration(client, secret)


def check_client_metadata(client: Client) -> Client:
    """Check what a site registers with; return it with its sector filled in."""
    check_client_id(client.client_id)
    check_client_name(client.name)
    if not client.redirect_uris:
        raise RegistrationError("a site needs at least one redirect URI", code="invalid_redirect_uri")
    for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
        check_site_uri(uri)
    if client.client_uri:
        check_site_uri(client.client_uri)
    _check_keys(client)
    sector = client.sector_identifier or sector_of(client.redirect_uris, client.client_id)
    return Client(**{**client.__dict__, "sector_identifier": sector})


def _read_keys(jwks: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Return the keys of a key set (RFC 7517 5)."""
    keys = [] if jwks is None else jwks.get("keys")
    if not isinstance(keys, list):
        raise RegistrationError("jwks: an object with a list named keys", code="invalid_client_metadata")
    return tuple(keys)


def _check_keys(client: Client) -> None:
    """Check that a site that signs has keys we can use, each with its own key id, and others have none."""
    if client.authentication is not ClientAuthentication.PRIVATE_KEY_JWT:
        if client.jwks:
            raise RegistrationError("keys are for private_key_jwt", code="invalid_client_metadata")
        return
    if not 0 < len(client.jwks) <= _MAXIMUM_KEYS:
        raise RegistrationError(
            f"private_key_jwt needs a key set (jwks) with 1 to {_MAXIMUM_KEYS} keys",
            code="invalid_client_metadata",
        )
    try:
        keys = [VerificationKey.from_jwk(jwk) for jwk in client.jwks]
    except SignedTokenError as error:
        raise RegistrationError(error.message, code="invalid_client_metadata") from None
    if len({(key.kid, key.algorithm) for key in keys}) != len(keys):
        raise RegistrationError("two keys have one key id", code="invalid_client_metadata")


def _one_of(vocabulary: type[Any], word: str, what: str) -> Any:
    """Read a word of a vocabulary; say which words there are."""
    try:
        return vocabulary(word)
    except ValueError:
        known = ", ".join(member.value for member in vocabulary)
        raise RegistrationError(
            f"{what} {word}: not one of {known}", code="invalid_client_metadata"
        ) from None


def _store(settings: IdpSettings, client: Client, actor: str, at: datetime) -> None:
    """Write the client and the audit record in one transaction."""
    database = open_database(settings)
    try:
        with database.session() as session:
            session.add(_to_record(client, at))
            session.flush()
            _AUDIT.append(
                session,
                at=at,
                actor=actor,
                action=Action.CLIENT_REGISTERED,
                subject=site(client.client_id),
                details={
                    "name": client.name,
                    "redirect_uris": client.redirect_uris,
                    "scopes": sorted(client.scopes),
                },
            )
    except IntegrityError:
        raise RegistrationError(
            f"{client.client_id} or the name {client.name} is registered already", code="client-exists"
        ) from None
    finally:
        database.dispose()


def disable_client(settings: IdpSettings, client_id: str, *, at: datetime, actor: str = "operator") -> None:
    """Refuse a site from now on; its history stays."""
    database = open_database(settings)
    try:
        with database.session() as session:
            record = session.get(ClientRecord, client_id)
            if record is None:
                raise RegistrationError(f"{client_id}: no such client", code="client-unknown")
            record.disabled_at = record.disabled_at or at
            _AUDIT.append(session, at=at, actor=actor, action=Action.CLIENT_DISABLED, subject=site(client_id))
    finally:
        database.dispose()


def list_clients(settings: IdpSettings) -> list[Client]:
    """Return every registered site, by client id."""
    database = open_database(settings)
    try:
        with database.read() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).order_by(ClientRecord.client_id)).all()
            return [_to_client(tuple(row)) for row in rows]
    finally:
        database.dispose()


def subject_for(settings: IdpSettings, client_id: str, person_id: str) -> str:
    """Return the `sub` a site knows a person by; for the city's own services, to bind a role to a person."""
    for client in list_clients(settings):
        if client.client_id == client_id:
            return pairwise_subject(load_pairwise_secret(settings), client.sector_identifier, person_id)
    raise RegistrationError(f"{client_id}: no such client", code="client-unknown")


_COLUMNS = (
    ClientRecord.client_id,
    ClientRecord.name,
    ClientRecord.redirect_uris,
    ClientRecord.post_logout_redirect_uris,
    ClientRecord.scopes,
    ClientRecord.sector_identifier,
    ClientRecord.authentication,
    ClientRecord.secret_digest,
    ClientRecord.jwks,
    ClientRecord.profile,
    ClientRecord.id_token_algorithm,
    ClientRecord.client_uri,
    ClientRecord.disabled_at.is_not(None).label("disabled"),
)
_BY_ID = sa.select(*_COLUMNS).where(ClientRecord.client_id == sa.bindparam("id"))


def find_client(connection: Connection, client_id: str) -> Client | None:
    """Find a site by its identifier: one look-up; a client is parsed once for each content of its row."""
    if not is_client_id(client_id):
        return None
    row = connection.execute(_BY_ID, {"id": client_id}).first()
    return None if row is None else _to_client(tuple(row))


@lru_cache(maxsize=4096)
def _to_client(row: tuple[Any, ...]) -> Client:
    """Build the client from its row."""
    values = dict(zip((field_name for field_name in Client.__dataclass_fields__), row, strict=True))
    values["redirect_uris"] = tuple(json.loads(values["redirect_uris"]))
    values["post_logout_redirect_uris"] = tuple(json.loads(values["post_logout_redirect_uris"]))
    values["scopes"] = frozenset(Scope(scope) for scope in values["scopes"].split())
    values["authentication"] = ClientAuthentication(values["authentication"])
    values["jwks"] = tuple(json.loads(values["jwks"]))
    values["profile"] = ClientProfile(values["profile"])
    values["id_token_algorithm"] = SigningAlgorithm(values["id_token_algorithm"])
    values["disabled"] = bool(values["disabled"])
    return Client(**values)


def _to_record(client: Client, at: datetime) -> ClientRecord:
    """Build the row of a client."""
    return ClientRecord(
        client_id=client.client_id,
        name=client.name,
        name_key=unicodedata.normalize("NFKC", client.name).casefold(),
        profile=client.profile,
        authentication=client.authentication,
        secret_digest=client.secret_digest,
        jwks=json.dumps(client.jwks),
        redirect_uris=json.dumps(client.redirect_uris),
        post_logout_redirect_uris=json.dumps(client.post_logout_redirect_uris),
        scopes=" ".join(sorted(client.scopes)),
        sector_identifier=client.sector_identifier,
        id_token_algorithm=client.id_token_algorithm,
        client_uri=client.client_uri,
        registered_at=at,
    )
