"""Making a provider ready for its first start."""

from __future__ import annotations

from datetime import datetime

from idp.models import AuditRecord
from idp.provider import create_pairwise_secret, load_pairwise_secret, open_database
from idp.service.audit_actions import Action
from idp.settings import SERVICE, IdpSettings
from idp.token_keys import TokenKeys, create_token_keys, load_token_keys, rotate_token_keys
from runtime.audit import AuditLog
from runtime.migration import migrate
from runtime.secret_file import read_passphrase

_AUDIT = AuditLog(AuditRecord)


def initialise(settings: IdpSettings, *, at: datetime, actor: str = "operator") -> None:
    """Make the schema, the token keys and the pairwise secret; the passphrase file must exist already."""
    database = open_database(settings)
    try:
        migrate(database, SERVICE)
        create_token_keys(settings.token_keys, read_passphrase(settings.key_passphrase_file))
        create_pairwise_secret(settings)
        with database.session() as session:
            _AUDIT.append(
                session, at=at, actor=actor, action=Action.PROVIDER_INITIALISED, subject=settings.issuer
            )
    finally:
        database.dispose()


def load_keys(settings: IdpSettings) -> tuple[TokenKeys, bytes]:
    """Load the token keys and the pairwise secret."""
    passphrase = read_passphrase(settings.key_passphrase_file)
    return load_token_keys(settings.token_keys, passphrase), load_pairwise_secret(settings)


def rotate_keys(settings: IdpSettings, *, at: datetime, actor: str = "operator") -> TokenKeys:
    """Put the next keys into use; servers take them up at their next start."""
    passphrase = read_passphrase(settings.key_passphrase_file)
    rotate_token_keys(settings.token_keys, passphrase)
    keys = load_token_keys(settings.token_keys, passphrase)
    database = open_database(settings)
    try:
        with database.session() as session:
            _AUDIT.append(
                session,
                at=at,
                actor=actor,
                action=Action.KEYS_ROTATED,
                subject=settings.issuer,
                details={kid: state.value for kid, state in keys.states.items()},
            )
    finally:
        database.dispose()
    return keys
