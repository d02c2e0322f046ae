"""Settings of the filing service (`[signing]`) and of the timestamp authority (`[tsa]`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from runtime.key_location import KeyLocation
from runtime.settings import ServiceSettings, setting
from signing.formats.limits import MEGABYTE

_TIMESTAMP_POLICY_SUFFIX: Final = "5.1"


@dataclass(frozen=True, kw_only=True)
class SigningSettings(ServiceSettings):
    """What the filing service is told."""

    seal_certificate: Path = setting(
        help="PEM chain of the service seal that receipts are sealed with: its certificate first, no root."
    )
    seal_key: KeyLocation = setting(
        help="Key of seal_certificate: encrypted PKCS#8, or the pkcs11 URI of a key on a token."
    )
    timestamp_url: str = setting(help="Where timestamps are asked for (RFC 3161 over HTTP).")
    issuer: str = setting(help="Address of the OpenID Provider that people log in through.")
    client_id: str = setting("signing", help="This service's name at the provider.")
    client_secret_file: Path = setting(help="File with this service's secret at the provider, mode 0600.")
    agent_url: str = setting("http://127.0.0.1:8420", help="Address of the card agent on people's computers.")
    maximum_document_megabytes: int = setting(50, help="Largest document taken, in megabytes.")
    prepared_minutes: int = setting(15, help="Minutes a prepared document waits for its signature.")
    fetch_issuers: bool = setting(
        False,
        help="Whether issuers' certificates that a document lacks are fetched from the addresses in it.",
    )
    draft_days: int = setting(30, help="Days after which a draft that was never accepted is removed.")

    def __post_init__(self) -> None:
        """Refuse limits that make no sense."""
        if not 1 <= self.maximum_document_megabytes <= 1024:
            raise ValueError("maximum_document_megabytes must lie between 1 and 1024")
        if self.prepared_minutes < 1 or self.draft_days < 1:
            raise ValueError("prepared_minutes and draft_days must be at least 1")

    @property
    def maximum_document_bytes(self) -> int:
        """The largest document taken, in bytes."""
        return self.maximum_document_megabytes * MEGABYTE

    @property
    def maximum_signed_bytes(self) -> int:
        """The largest signed document: what was taken, and room for the signature."""
        return self.maximum_document_bytes + MEGABYTE


@dataclass(frozen=True, kw_only=True)
class TimestampSettings(ServiceSettings):
    """What the timestamp authority is told."""

    timestamp_certificate: Path = setting(
        help="PEM chain of the timestamping certificate: that certificate first, no root."
    )
    timestamp_key: KeyLocation = setting(
        help="Key of timestamp_certificate: encrypted PKCS#8, or the pkcs11 URI of a key on a token."
    )
    timestamp_policy: str = setting(
        "", help="Policy the tokens name; empty: arc 5.1 under the city's policy arc."
    )
    accuracy_milliseconds: int = setting(1000, help="How far the clock may be off, as told in every token.")

    def __post_init__(self) -> None:
        """Refuse an accuracy nobody could rely on."""
        if not 1 <= self.accuracy_milliseconds <= 60_000:
            raise ValueError("accuracy_milliseconds must lie between 1 and 60000")

    @property
    def clock_tolerance(self) -> timedelta:
        """How far the machine's clock may be set at once: never more than tokens promise."""
        return min(super().clock_tolerance, timedelta(milliseconds=self.accuracy_milliseconds))

    @property
    def effective_policy(self) -> str:
        """The policy named in the tokens."""
        return self.timestamp_policy or f"{self.policy_arc}.{_TIMESTAMP_POLICY_SUFFIX}"
