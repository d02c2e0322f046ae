"""A provider in this process, and sites and browsers that use it as the standards say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from werkzeug.test import Client as Browser

from idp.claims import EndUser, Enterprise
from idp.client import Client
from idp.errors import LoginError
from idp.provider import CardLogin, Provider
from idp.service import initialise, register_client
from idp.settings import IdpSettings
from idp.web import assemble, load_provider
from runtime.errors import ClockError
from runtime.secret_file import write_secret

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ISSUER = "https://login.example"
PERSON = EndUser("person-1", "王小明")
OTHER_PERSON = EndUser("person-2", "李四")
ENTERPRISE = EndUser("person-1", "王小明", Enterprise("通行科技有限公司", "91350100M000100Y43"))
OFFICER = EndUser("person-3", "赵六", officer_certificate="c" * 64)


class Clock:
    """A clock that the test sets."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.believed = True

    def __call__(self) -> datetime:
        if not self.believed:
            raise ClockError("stepped")
        return self.at

    def forward(self, **delta: float) -> None:
        self.at += timedelta(**delta)


@dataclass
class Desk:
    """A card door whose cards are names: it tells who logs in without any cryptography."""

    people: dict[str, EndUser] = field(default_factory=dict)
    refusals: dict[str, LoginError] = field(default_factory=dict)
    nonces: list[str] = field(default_factory=list)

    def validate(self, card_token: str, nonce: str, at: datetime) -> CardLogin:
        self.nonces.append(nonce)
        if card_token not in self.people:
            raise LoginError("no such card", code="card-token-malformed")
        certificate = card_token.encode()
        self.check_certificate(certificate, at)
        return CardLogin(self.people[card_token], hashlib.sha256(certificate).hexdigest(), certificate)

    def check_certificate(self, certificate: bytes, at: datetime) -> None:
        if refusal := self.refusals.get(certificate.decode()):
            raise refusal


CARDS = {"wang": PERSON, "li": OTHER_PERSON, "wang-enterprise": ENTERPRISE, "zhao": OFFICER}


def make_settings(folder: Path, **changes) -> IdpSettings:
    """Write the secrets a provider needs and return its settings."""
    secrets_folder = folder / "secrets"
    for name in ("passphrase", "data", "session"):
        write_secret(secrets_folder / name, secrets.token_hex(32).encode())
    values = {
        "state_directory": folder,
        "port": 8404,
        "public_url": ISSUER,
        "trust_anchors": folder / "root.pem",
        "intermediates": folder / "issuing.pem",
        "key_passphrase_file": secrets_folder / "passphrase",
        "data_key_file": secrets_folder / "data",
        "session_key_file": secrets_folder / "session",
        "language": "en",
        **changes,
    }
    return IdpSettings(**values)


@dataclass
class Site:
    """A relying site: knows its credentials, makes requests, redeems codes."""

    op: OP
    client: Client
    secret: str | None
    redirect_uri: str

    def parameters(self, **changes) -> dict[str, str]:
        """A good authentication request; None removes a parameter."""
        self.verifier = secrets.token_urlsafe(32)
        self.nonce = secrets.token_urlsafe(16)
        self.state = secrets.token_urlsafe(16)
        values = {
            "client_id": self.client.client_id,
            "response_type": "code",
            "scope": "openid profile",
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    def basic(self) -> dict[str, str]:
        text = base64.b64encode(f"{self.client.client_id}:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {text}"}

    def redeem(self, code: str, headers=None, /, **changes):
        """Ask the token endpoint; None removes a parameter."""
        values = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        body = {name: value for name, value in values.items() if value is not None}
        headers = self.basic() if headers is None else headers
        return self.op.visitor().post("/token", data=body, headers=headers)

    def tokens(self, browser: Visitor, card: str = "wang", **changes) -> dict:
        """Go through the whole flow and return the token response."""
        answer = browser.authorize(self, card=card, **changes)
        response = self.redeem(answer["code"])
        assert response.status_code == 200, response.text
        return response.json


class Visitor(Browser):
    """A person's browser."""

    def start(self, site: Site, **changes):
        """Visit /authorize."""
        return self.get("/authorize?" + urlencode(site.parameters(**changes)))

    def show_card(self, login_path: str, card: str = "wang"):
        """Show a card at a login page; return the response."""
        page = self.get(login_path)
        assert page.status_code == 200, page.text
        return self.post(
            login_path,
            data={"card_token": card, "csrf_token": csrf_of(page.text)},
            headers={"Accept": "text/html"},
        )

    def finish(self, response, card: str | None = "wang"):
        """From the answer of /authorize to the answer that leaves the provider."""
        location = response.headers["Location"]
        while location.startswith("/"):
            response = self.get(location)
            if response.status_code == 200:
                assert card, "the provider asked for a card"
                response = self.show_card(location, card)
            assert response.status_code == 303, response.text
            location = response.headers["Location"]
        return response

    def authorize(self, site: Site, card: str | None = "wang", **changes) -> dict[str, str]:
        """Go through authorization and return what the site is told."""
        return answer_of(self.finish(self.start(site, **changes), card))


@dataclass
class OP:
    """A provider under test."""

    provider: Provider
    clock: Clock
    desk: Desk
    settings: IdpSettings

    def __post_init__(self) -> None:
        self.app = assemble(self.provider)

    def visitor(self) -> Visitor:
        return Visitor(self.app)

    def site(self, name: str = "Site A", host: str | None = None, **changes) -> Site:
        host = host or f"{name.lower().replace(' ', '-')}.example"
        redirect_uri = changes.pop("redirect_uri", f"https://{host}/callback")
        registration = register_client(
            self.settings,
            name=name,
            redirect_uris=changes.pop("redirect_uris", [redirect_uri]),
            post_logout_redirect_uris=[f"https://{host}/bye"],
            scopes=changes.pop("scopes", ["openid", "profile", "enterprise", "officer"]),
            at=self.clock(),
            **changes,
        )
        return Site(self, registration.client, registration.secret, redirect_uri)

    def audit(self) -> list[tuple[str, str, dict]]:
        """What the audit log holds: action, subject, details."""
        import sqlalchemy as sa

        from idp.models import AuditRecord

        with self.provider.database.session() as session:
            assert self.provider.audit.verify(session).intact
            rows = session.scalars(sa.select(AuditRecord).order_by(AuditRecord.sequence)).all()
            return [(row.action, row.subject, json.loads(row.details)) for row in rows]


def make_op(folder: Path, database_url: str = "", door=None, **changes) -> OP:
    """Initialise and load a provider."""
    settings = make_settings(folder, database_url=database_url, **changes)
    initialise(settings, at=START)
    clock, desk = Clock(), Desk(dict(CARDS))
    return OP(load_provider(settings, card_door=door or desk, now=clock), clock, desk, settings)


def challenge_of(verifier: str) -> str:
    """RFC 7636 4.2, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def csrf_of(page: str) -> str:
    """The anti-forgery token of a page's forms."""
    return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def answer_of(response) -> dict[str, str]:
    """The parameters a redirect brings to a site."""
    assert response.status_code == 303, response.text
    query = parse_qs(urlsplit(response.headers["Location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


def segment(token: str, index: int) -> dict:
    """A JWT segment, decoded without any check."""
    part = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token: str) -> dict:
    """A JWT's claims, unverified."""
    return segment(token, 1)
