"""Settings of the three processes: `[ca]` issues, `[ra]` registers, `[va]` tells certificate status."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.key_location import KeyLocation
from runtime.settings import ServiceSettings, setting


@dataclass(frozen=True, kw_only=True)
class AuthoritySettings(ServiceSettings):
    """The issuing process; it is reached only by `ra`, by `va` and by its own jobs."""

    authority_name: str = setting(
        "通行市数字证书管理中心", help="Organisation that officers' and services' certificates name."
    )
    issuing_certificate: Path = setting(help="PEM file with the issuing CA's certificate.")
    issuing_key: KeyLocation = setting(
        help="Key of issuing_certificate: encrypted PKCS#8, or the pkcs11 URI of a key on a token."
    )
    status_url: str = setting(
        help="Public address of the status service; every certificate points there for its status."
    )
    preparation_hours: int = setting(8, help="Hours an officer has to approve what was prepared.")
    crl_hours: int = setting(24, help="Hours until a CRL's nextUpdate.")
    crl_interval_minutes: int = setting(60, help="Minutes between CRLs when no status changes.")
    root_crl_warning_days: int = setting(
        60, help="Days before the root CRL's nextUpdate from which the log warns every hour."
    )

    def __post_init__(self) -> None:
        """Refuse a CRL timetable that leaves a gap."""
        if self.preparation_hours < 1 or self.crl_hours < 1 or self.crl_interval_minutes < 1:
            raise ValueError("preparation_hours, crl_hours and crl_interval_minutes must be at least 1")
        if self.crl_interval_minutes * 2 > self.crl_hours * 60:
            raise ValueError(
                "crl_interval_minutes must be at most half of crl_hours, or a missed CRL is a gap"
            )


@dataclass(frozen=True, kw_only=True)
class RegistrationSettings(ServiceSettings):
    """The registration process; it holds no CA key."""

    authority_name: str = setting(
        "通行市数字证书管理中心", help="Organisation the desk's pages name; the same as in [ca]."
    )
    authority_url: str = setting(help="Internal address of the issuing process (https, mutual TLS).")
    issuer: str = setting(help="Address of the OpenID Provider officers log in with.")
    client_id: str = setting("ra", help="This service's name at the provider.")
    client_secret_file: Path = setting(help="File with this service's secret at the provider, mode 0600.")
    agent_url: str = setting(
        "http://127.0.0.1:8420", help="Address of the card agent on the officer's computer."
    )


@dataclass(frozen=True, kw_only=True)
class StatusSettings(ServiceSettings):
    """The status process: OCSP, CRLs and CA certificates for the world."""

    authority_url: str = setting(help="Internal address of the issuing process (https, mutual TLS).")
    responder_certificate: Path = setting(help="PEM file with the OCSP responder's certificate.")
    responder_key: KeyLocation = setting(
        help="Key of responder_certificate: encrypted PKCS#8, or the pkcs11 URI of a key on a token."
    )
    poll_milliseconds: int = setting(500, help="How often the issuing process is asked for changes.")
    maximum_feed_age_seconds: int = setting(
        300, help="After so long without word from the issuing process OCSP answers tryLater."
    )
    answer_lifetime_seconds: int = setting(
        600, help="Seconds from an OCSP answer's thisUpdate to its nextUpdate."
    )

    def __post_init__(self) -> None:
        """Refuse a responder that could serve answers whose nextUpdate has passed."""
        if self.poll_milliseconds < 50:
            raise ValueError("poll_milliseconds must be at least 50")
        if not 0 < self.maximum_feed_age_seconds < self.answer_lifetime_seconds:
            raise ValueError("maximum_feed_age_seconds must lie between 1 and answer_lifetime_seconds")
