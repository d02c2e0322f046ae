"""An authentication request that passed every check, and the draft the checks fill."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from idp.authorization.parameters import Parameters
from idp.client import Client
from idp.tokens import VerificationKey
from idp.vocabulary import Prompt, Scope


@dataclass(frozen=True)
class AuthorizationRequest:
    """What a site asks for, checked; it waits in the database while its person logs in."""

    client_id: str
    redirect_uri: str
    scopes: tuple[Scope, ...]
    nonce: str
    code_challenge: str
    state: str | None = None
    prompts: tuple[Prompt, ...] = ()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    hinted_sub: str | None = None

    def to_json(self) -> str:
        """Write the request for the database."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> AuthorizationRequest:
        """Read a request that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        values["scopes"] = tuple(Scope(scope) for scope in values["scopes"])
        values["prompts"] = tuple(Prompt(prompt) for prompt in values["prompts"])
        values["acr_values"] = tuple(values["acr_values"])
        return cls(**values)


@dataclass
class Draft:
    """An authentication request while it is checked: the facts at hand, and what is established so far."""

    parameters: Parameters
    find_client: Callable[[str], Client | None]
    issuer: str
    keys: Sequence[VerificationKey]
    at: datetime
    client: Client | None = None
    established: dict[str, Any] = field(default_factory=dict)

    @property
    def known_client(self) -> Client:
        """The client, once `check_client` has found it."""
        if self.client is None:
            raise AssertionError("check_client comes first in the table")
        return self.client

    def request(self) -> AuthorizationRequest:
        """Return the request, once every check has passed."""
        return AuthorizationRequest(client_id=self.known_client.client_id, **self.established)
