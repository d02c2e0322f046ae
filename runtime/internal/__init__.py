"""How the city's services talk to one another: JSON over mutual TLS, with certificates of our own CA.

A service is whoever proves the key of a TLS certificate that our CA issued under the profile for services
and that names it: `urn:tongxing:service:NAME`. Being known to our CA is not enough: every citizen is.

Reading order: `errors` → `identity` (a certificate to a service's name) → `message` (HTTP/1.1, bounded)
→ `listener` (mutual TLS) → `gate` (who may call a view) → `client`.
"""

from runtime.internal.client import InternalClient
from runtime.internal.errors import InternalError, RemoteProblemError
from runtime.internal.gate import caller, callers
from runtime.internal.identity import RevocationSource
from runtime.internal.listener import InternalListener, serve_internal

__all__ = [
    "InternalClient",
    "InternalError",
    "InternalListener",
    "RemoteProblemError",
    "RevocationSource",
    "caller",
    "callers",
    "serve_internal",
]
