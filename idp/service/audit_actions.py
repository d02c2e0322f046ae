"""What the provider's audit log calls each act."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Acts recorded."""

    PROVIDER_INITIALISED = "provider.initialised"
    KEYS_ROTATED = "keys.rotated"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_DISABLED = "client.disabled"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_REFUSED = "login.refused"
    LOGIN_CANCELLED = "login.cancelled"
    AUTHORIZATION_GRANTED = "authorization.granted"
    CODE_REPLAYED = "code.replayed"
    LOGGED_OUT = "session.logged-out"
    SESSION_ENDED = "session.ended"


ANYBODY = "anybody"
PROVIDER = "provider"


def person(person_id: str) -> str:
    """Name a person as actor."""
    return f"person:{person_id}"


def site(client_id: str) -> str:
    """Name a relying site as actor or subject."""
    return f"client:{client_id}"
