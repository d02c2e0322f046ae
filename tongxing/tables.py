"""The settings of a whole town: every table of its town.toml, from a base port and a scheme.

Paths are relative to the settings file, so that the state directory can be moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tongxing.services import SERVICES, Service, service_named
from tongxing.serving import ServeSettings
from tongxing.settings import AgentSettings, SiteSettings, TownSettings
from tongxing.town_file import render_settings

AGENT_PORT_OFFSET = 20
SITE_PORT_OFFSETS = {"site-a": 11, "site-b": 12}
SITE_TITLES = {"site-a": "通行市政务服务网", "site-b": "通行市公积金网"}
LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
TLS_SERVER = "tls-server"
TLS_CLIENT = "tls-client"
CLIENT_SECRET = Path("secrets/client-secret")
# The services that speak plain HTTP whatever the town: status, timestamps and CRLs are signed themselves.
_PLAIN_SERVICES = frozenset({"va", "tsa"})

Table = tuple[str, type[Any], Mapping[str, Any]]


class TownPlan:
    """Where everything of one town will be: ports, addresses, files."""

    def __init__(self, town: TownSettings) -> None:
        self.town = town

    def url(self, name: str) -> str:
        """Return the public address of a service or site."""
        return f"{self._scheme(name)}://localhost:{self.port(name)}"

    def internal_url(self, name: str) -> str:
        """Return the address of a service for other services."""
        return f"https://localhost:{service_named(name).internal_port(self.town.base_port)}"

    def port(self, name: str) -> int:
        """Return the public port of a service or site."""
        if name in SITE_PORT_OFFSETS:
            return self.town.base_port + SITE_PORT_OFFSETS[name]
        return service_named(name).port(self.town.base_port)

    @property
    def agent_port(self) -> int:
        """The card agent's port."""
        return self.town.base_port + AGENT_PORT_OFFSET

    @property
    def agent_url(self) -> str:
        """The address at which pages reach the card agent."""
        return f"http://127.0.0.1:{self.agent_port}"

    def tables(self) -> list[Table]:
        """Return every table of the settings file, in its order."""
        town = {"base_port": self.town.base_port, "tls": self.town.tls, "language": self.town.language}
        tables: list[Table] = [("town", TownSettings, town), ("serve", ServeSettings, {})]
        tables += [(service.name, service.settings_type(), self._service(service)) for service in SERVICES]
        tables.append(("agent", AgentSettings, self._agent()))
        tables += [(name, SiteSettings, self._site(name)) for name in SITE_PORT_OFFSETS]
        return tables

    def render(self) -> str:
        """Return the text of the settings file."""
        return render_settings(self.tables())

    def _scheme(self, name: str) -> str:
        return "https" if self.town.tls and name not in _PLAIN_SERVICES else "http"

    def _service(self, service: Service) -> dict[str, Any]:
        """Return the values of one service's table: the common ones and its own."""
        name = service.name
        keys = Path(name) / "keys"
        values: dict[str, Any] = {
            "state_directory": Path(name),
            "port": self.port(name),
            "public_url": self.url(name),
            "trust_anchors": Path("trust/root.pem"),
            "intermediates": Path("trust/issuing.pem"),
            "service_certificate": keys / f"{TLS_CLIENT}.pem",
            "service_key": keys / f"{TLS_CLIENT}.p8",
            "key_passphrase_file": Path(name) / "secrets/passphrase",
            "data_key_file": Path(name) / "secrets/data-key",
            "session_key_file": Path(name) / "secrets/session-key",
            "allow_private_addresses": LOOPBACK_NETWORKS,
            "language": self.town.language,
        }
        if service.has_internal:
            values["internal_port"] = service.internal_port(self.town.base_port)
            values["internal_certificate"] = keys / f"{TLS_SERVER}.pem"
            values["internal_key"] = keys / f"{TLS_SERVER}.p8"
        if self._scheme(name) == "https":
            values["tls_certificate"] = keys / f"{TLS_SERVER}.pem"
            values["tls_key"] = keys / f"{TLS_SERVER}.p8"
        values.update(self._own(name, keys))
        known = {field.name for field in fields(service.settings_type())}
        return {key: value for key, value in values.items() if key in known}

    def _own(self, name: str, keys: Path) -> dict[str, Any]:
        """Return what one service alone is told."""
        relying = {
            "issuer": self.url("idp"),
            "client_id": name,
            "client_secret_file": Path(name) / CLIENT_SECRET,
            "agent_url": self.agent_url,
        }
        own: dict[str, dict[str, Any]] = {
            "ca": {
                "issuing_certificate": Path("trust/issuing.pem"),
                "issuing_key": keys / "issuing.p8",
                "status_url": self.url("va"),
            },
            "va": {
                "authority_url": self.internal_url("ca"),
                "responder_certificate": keys / "ocsp-responder.pem",
                "responder_key": keys / "ocsp-responder.p8",
            },
            "ra": {"authority_url": self.internal_url("ca"), **relying},
            "tsa": {
                "timestamp_certificate": keys / "timestamping.pem",
                "timestamp_key": keys / "timestamping.p8",
            },
            "idp": {"registration_url": self.internal_url("ra"), "agent_url": self.agent_url},
            "signing": {
                "seal_certificate": keys / "service-seal.pem",
                "seal_key": keys / "service-seal.p8",
                "timestamp_url": f"{self.url('tsa')}/timestamp",
                **relying,
            },
        }
        return own[name]

    def _agent(self) -> dict[str, Any]:
        """Return the card agent's table."""
        origins = tuple(self.url(name) for name in ("idp", "signing", "ra"))
        return {"port": self.agent_port, "cards": Path("cards"), "origins": origins}

    def _site(self, name: str) -> dict[str, Any]:
        """Return one relying site's table."""
        values: dict[str, Any] = {
            "port": self.port(name),
            "public_url": self.url(name),
            "title": SITE_TITLES[name],
            "issuer": self.url("idp"),
            "client_id": name,
            "client_secret_file": Path(name) / CLIENT_SECRET,
            "session_key_file": Path(name) / "secrets/session-key",
            "trust_anchors": Path("trust/root.pem"),
        }
        if self.town.tls:
            values["tls_certificate"] = Path(name) / f"keys/{TLS_SERVER}.pem"
            values["tls_key"] = Path(name) / f"keys/{TLS_SERVER}.p8"
            values["key_passphrase_file"] = Path(name) / "secrets/passphrase"
        return values
