"""The provider's settings, table `[idp]` of the settings file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from idp.client import origin_of
from idp.session import SessionLimits
from runtime.settings import ServiceSettings, setting

SERVICE = "idp"
# A code lives a minute at most (RFC 9700 2.1.1 asks for short; the profile of the city sets the bound).
_LONGEST_CODE_SECONDS = 60
_LONGEST_NONCE_SECONDS = 300
_LONGEST_ID_TOKEN_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class IdpSettings(ServiceSettings):
    """What the OpenID Provider is told."""

    registration_url: str = setting(
        "https://localhost:8451",
        help="Internal address of the register that resolves a card's subject number.",
    )
    agent_url: str = setting(
        "http://127.0.0.1:8420", help="Address of the card agent on the person's own machine."
    )
    signing_key_directory: Path | None = setting(
        None, help="Folder of the keys that sign ID Tokens; empty: keys/tokens in the state directory."
    )
    pairwise_secret_file: Path | None = setting(
        None,
        help="Secret of every `sub`; never change it. Empty: secrets/pairwise in the state directory.",
    )
    code_seconds: int = setting(60, help="Lifetime of an authorization code; at most 60.")
    id_token_seconds: int = setting(300, help="Lifetime of an ID Token.")
    access_token_seconds: int = setting(600, help="Lifetime of an access token for /userinfo.")
    interaction_minutes: int = setting(30, help="How long a login page stays usable.")
    nonce_seconds: int = setting(300, help="How long a card may take to sign a login; at most 300.")
    session_idle_minutes: int = setting(30, help="A session nobody uses ends after this time.")
    session_absolute_minutes: int = setting(480, help="Every session ends after this time.")
    revocation_seconds: int = setting(
        60, help="How old an OCSP answer about a card may be at login and before every code, in seconds."
    )
    retention_days: int = setting(7, help="How long ended sessions are kept before they are deleted.")

    def __post_init__(self) -> None:
        """Refuse values the protocol forbids."""
        if self.public_url != self.public_url.rstrip("/") or origin_of(self.public_url) != self.public_url:
            raise ValueError("public_url: an origin without path or final slash, since it is the issuer")
        if not 0 < self.code_seconds <= _LONGEST_CODE_SECONDS:
            raise ValueError(f"code_seconds: 1 to {_LONGEST_CODE_SECONDS}")
        if not 0 < self.nonce_seconds <= _LONGEST_NONCE_SECONDS:
            raise ValueError(f"nonce_seconds: 1 to {_LONGEST_NONCE_SECONDS}")
        if not 0 < self.id_token_seconds <= _LONGEST_ID_TOKEN_SECONDS:
            raise ValueError(f"id_token_seconds: 1 to {_LONGEST_ID_TOKEN_SECONDS}")

    @property
    def issuer(self) -> str:
        """The provider's name in every token: its public address."""
        return self.public_url

    @property
    def token_keys(self) -> Path:
        """Folder of the token signing keys."""
        return self.signing_key_directory or self.state_directory / "keys" / "tokens"

    @property
    def pairwise_secret(self) -> Path:
        """File of the secret from which every `sub` derives."""
        return self.pairwise_secret_file or self.state_directory / "secrets" / "pairwise"

    @property
    def session_limits(self) -> SessionLimits:
        """When sessions end by themselves."""
        return SessionLimits(
            timedelta(minutes=self.session_idle_minutes), timedelta(minutes=self.session_absolute_minutes)
        )
