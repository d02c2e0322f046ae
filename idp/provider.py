"""The provider at work: its settings, database, keys and doors, loaded once at start."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from idp.claims import MINIMUM_SECRET_BYTES, EndUser, pairwise_subject
from idp.client import Client
from idp.errors import SigningKeyError
from idp.models import AuditRecord
from idp.settings import SERVICE, IdpSettings
from idp.token_keys import TokenKeys
from runtime import clock
from runtime.audit import AuditLog
from runtime.database import Database
from runtime.secret_file import read_secret, write_secret

_SECRET_BYTES = 32


@dataclass(frozen=True)
class CardLogin:
    """What a card proved: whose it is, and with which certificate."""

    end_user: EndUser
    certificate_fingerprint: str
    certificate: bytes = field(repr=False)


class CardDoor(Protocol):
    """Judges cards and finds their persons; the real one is `login.card.CardValidator`."""

    def validate(self, card_token: str, nonce: str, at: datetime) -> CardLogin:
        """Return who logged in; raise LoginError or RegisterUnavailableError."""
        ...

    def check_certificate(self, certificate: bytes, at: datetime) -> None:
        """Check that a card that logged in before would still be let in; raise LoginError.

        CardStatusUnknownError when that cannot be established at present.
        """
        ...


@dataclass(frozen=True)
class Provider:
    """Everything the endpoints share."""

    settings: IdpSettings
    database: Database
    keys: TokenKeys
    pairwise_secret: bytes
    card_door: CardDoor
    now: Callable[[], datetime] = clock.now
    audit: AuditLog = AuditLog(AuditRecord)  # noqa: RUF009 - stateless

    @property
    def issuer(self) -> str:
        """The provider's name in every token."""
        return self.settings.issuer

    def subject_of(self, person_id: str, client: Client) -> str:
        """Return a person's `sub` for one site."""
        return pairwise_subject(self.pairwise_secret, client.sector_identifier, person_id)

    def __repr__(self) -> str:
        """Show nothing of the secrets."""
        return f"<Provider {self.issuer}>"


def open_database(settings: IdpSettings) -> Database:
    """Open the provider's database."""
    return Database(settings.effective_database_url(SERVICE))


def new_secret() -> str:
    """Return 256 random bits as text: an identifier or a secret nobody can guess."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def create_pairwise_secret(settings: IdpSettings) -> None:
    """Make the secret from which every `sub` derives; never over an existing one."""
    write_secret(settings.pairwise_secret, secrets.token_hex(MINIMUM_SECRET_BYTES).encode() + b"\n")


def load_pairwise_secret(settings: IdpSettings) -> bytes:
    """Read the secret from which every `sub` derives."""
    try:
        secret = bytes.fromhex(read_secret(settings.pairwise_secret).decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) < MINIMUM_SECRET_BYTES:
        raise SigningKeyError(
            f"{settings.pairwise_secret}: not a secret of {MINIMUM_SECRET_BYTES} octets in hexadecimal; "
            "restore it from the backup, since every person's `sub` depends on it",
            code="pairwise-secret-invalid",
        )
    return secret
