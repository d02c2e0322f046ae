"""The provider's verbs: each one transaction, with its audit record.

`clients` (register, disable), `setup` (keys, secrets, schema), `interactions` (a request waiting for its
person), `sessions` (log in, log out), `confirmation` (is its card still in force?), `authorization` (issue a
code), `client_authentication` and `redemption` (the token endpoint), `cleanup` (delete what is over).
"""

from idp.service.clients import (
    Registration,
    disable_client,
    find_client,
    list_clients,
    register_client,
    subject_for,
)
from idp.service.setup import initialise

__all__ = [
    "Registration",
    "disable_client",
    "find_client",
    "initialise",
    "list_clients",
    "register_client",
    "subject_for",
]
