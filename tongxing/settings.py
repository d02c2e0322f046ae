"""Settings of the demonstration town's own parts: the town, the card agent and the two relying sites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.settings import setting


@dataclass(frozen=True, kw_only=True)
class TownSettings:
    """The town as a whole."""

    base_port: int = setting(8400, help="Every port of the town is counted from this one.")
    tls: bool = setting(False, help="Serve https with certificates of the town's own CA.")
    language: str = setting("zh", help="Language of what the town prints: zh or en.")

    def __post_init__(self) -> None:
        """Refuse ports outside the range a user may bind."""
        if not 1024 <= self.base_port <= 65000:
            raise ValueError("base_port must lie between 1024 and 65000")
        if self.language not in ("zh", "en"):
            raise ValueError("language must be zh or en")


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """The card agent, as the town starts it; cardreader/settings.py reads the same keys."""

    port: int = setting(help="Port on 127.0.0.1 that pages ask for a card.")
    cards: Path = setting(help="Folder of virtual cards; without it the agent uses the readers of PC/SC.")
    origins: tuple[str, ...] = setting(help="Origins of the pages that may ask.")
    prompt: str = setting("auto", help="How the PIN is asked for: auto, terminal, page or script.")
    script: Path | None = setting(None, help="File that answers in place of a person; virtual cards only.")
    policy_arc: str = setting("1.3.6.1.4.1.32473.1", help="Arc of the city's certificate policies.")
    requests_per_minute: int = setting(60, help="Requests a minute that one origin may make.")


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """A demonstration relying site (examples/)."""

    host: str = setting("127.0.0.1", help="Address the site binds.")
    port: int = setting(help="Port of the site.")
    public_url: str = setting(help="Address under which people reach the site.")
    title: str = setting(help="Name the site shows.")
    issuer: str = setting(help="Address of the OpenID Provider.")
    client_id: str = setting(help="The site's name at the provider.")
    client_secret_file: Path = setting(help="File with the site's secret, mode 0600.")
    session_key_file: Path = setting(help="File with the key that signs the site's sessions, mode 0600.")
    trust_anchors: Path = setting(
        help="PEM file with the root that the provider's TLS certificate stands on."
    )
    tls_certificate: Path | None = setting(None, help="PEM chain of the site; none: plain http.")
    tls_key: Path | None = setting(None, help="Key of tls_certificate, encrypted PKCS#8.")
    key_passphrase_file: Path | None = setting(None, help="File with the passphrase of tls_key, mode 0600.")
