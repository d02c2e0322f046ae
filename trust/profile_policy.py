"""Which kind of certificate this is: one certificate policy (RFC 5280 4.2.1.4) for each profile.

The policies hang under one arc, which a city replaces by its own; the default is the documentation
enterprise number of RFC 5612.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

DEFAULT_POLICY_ARC: Final = "1.3.6.1.4.1.32473.1"

# A service's TLS certificates name the service by a URI in the subject alternative name.
SERVICE_URI_PREFIX: Final = "urn:tongxing:service:"


class CertificateKind(Enum):
    """The certificate profiles; the value is the policy's last arcs."""

    CITIZEN_AUTHENTICATION = "1.1"
    CITIZEN_SIGNATURE = "1.2"
    ENTERPRISE_AUTHENTICATION = "2.1"
    ENTERPRISE_SIGNATURE = "2.2"
    OFFICER_AUTHENTICATION = "3.1"
    OFFICER_SIGNATURE = "3.2"
    SERVICE_SEAL = "4.1"
    OCSP_RESPONDER = "4.2"
    TIMESTAMPING = "4.3"
    TLS_SERVER = "4.4"
    TLS_CLIENT = "4.5"

    @property
    def is_authentication(self) -> bool:
        """Whether it lies in a card's AUTHENTICATION slot and signs nothing but logins."""
        return self in _AUTHENTICATION

    @property
    def is_signature(self) -> bool:
        """Whether it lies in a card's SIGNATURE slot and signs documents and approvals."""
        return self in _SIGNATURE


_AUTHENTICATION = frozenset(
    {
        CertificateKind.CITIZEN_AUTHENTICATION,
        CertificateKind.ENTERPRISE_AUTHENTICATION,
        CertificateKind.OFFICER_AUTHENTICATION,
    }
)
_SIGNATURE = frozenset(
    {
        CertificateKind.CITIZEN_SIGNATURE,
        CertificateKind.ENTERPRISE_SIGNATURE,
        CertificateKind.OFFICER_SIGNATURE,
    }
)


def policy_oid(kind: CertificateKind, arc: str = DEFAULT_POLICY_ARC) -> str:
    """The policy identifier of this kind under the city's arc."""
    return f"{arc}.{kind.value}"


def kind_of(policy_oids: Iterable[str], arc: str = DEFAULT_POLICY_ARC) -> CertificateKind | None:
    """The one kind these policies name; None when they name none, or several."""
    given = set(policy_oids)
    kinds = [kind for kind in CertificateKind if policy_oid(kind, arc) in given]
    return kinds[0] if len(kinds) == 1 else None


def service_uri(service: str) -> str:
    """The URI that names a service in its TLS certificates."""
    return SERVICE_URI_PREFIX + service


def service_name(uris: Iterable[str]) -> str | None:
    """The one service these URIs name; None when they name none, or several."""
    names = {uri.removeprefix(SERVICE_URI_PREFIX) for uri in uris if uri.startswith(SERVICE_URI_PREFIX)}
    return names.pop() if len(names) == 1 else None
