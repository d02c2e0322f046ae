"""How fresh evidence must be, how it is asked for, how far a search goes: by purpose, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from types import MappingProxyType

from runtime.evidence.backoff import BackoffPolicy


@dataclass(frozen=True)
class IssuerBudget:
    """How far issuers' certificates are searched for (RFC 5280 4.2.2.1): generations above a certificate, and
    addresses asked for all certificates of one question.
    """

    maximum_hops: int = 3
    maximum_addresses: int = 6


@dataclass(frozen=True)
class RevocationFetchPolicy:
    """How fresh evidence must be, and how it is asked for.

    - An OCSP answer is given out until it is `maximum_ocsp_age` old, or its own nextUpdate. When
      `refresh_share` of that time is over it still serves, while one background request asks anew.
    - A CRL is fetched anew after `crl_refresh`, or earlier when its server says so. For another `crl_stale`
      the one at hand serves meanwhile; later, who asks waits. When the fetch fails, the one at hand serves
      until its own nextUpdate: a server that is away must not stop the city before the CRL says so.
    - With `nonce` every answer must carry the nonce of its request.
    - With `responder_alone` no CRL stands in for the responder that a certificate names: who silences it must
      not bring a day-old list to bear.
    - What failed is tried again by `backoff`.
    - `issuers`: how far missing issuers are searched for; None: not at all, which is right for certificates
      that strangers bring, since the search asks addresses that they wrote.
    """

    maximum_ocsp_age: timedelta = timedelta(seconds=60)
    refresh_share: float = 1.0
    crl_refresh: timedelta = timedelta(minutes=5)
    crl_stale: timedelta = timedelta(minutes=5)
    nonce: bool = False
    responder_alone: bool = False
    clock_skew: timedelta = timedelta(seconds=5)
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    issuers: IssuerBudget | None = None


class EvidencePurpose(Enum):
    """What the evidence is wanted for."""

    LOGIN = "login"
    FILING = "filing"
    SERVICE_CALL = "service-call"


# Certificates of authorities are judged by their issuer's CRL until its nextUpdate, whatever the purpose.
EVIDENCE_POLICIES: Mapping[EvidencePurpose, RevocationFetchPolicy] = MappingProxyType(
    {
        # An answer at most a minute old; three quarters through, the next one is asked for in the background,
        # so that a person who logs in again does not wait for it.
        EvidencePurpose.LOGIN: RevocationFetchPolicy(refresh_share=0.75, responder_alone=True),
        # At acceptance. A filing can wait until the responder answers again (TRY_LATER); a revoked signer
        # must not slip through, so no answer serves while the next is asked for.
        EvidencePurpose.FILING: RevocationFetchPolicy(responder_alone=True),
        # Certificates of our own services; the CRL serves where the responder is away.
        EvidencePurpose.SERVICE_CALL: RevocationFetchPolicy(refresh_share=0.75),
    }
)
