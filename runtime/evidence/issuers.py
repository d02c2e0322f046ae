"""Issuers' certificates that were not brought along, by authority information access (RFC 5280 4.2.2.1).

The search asks addresses that the certificate's author wrote. It is therefore off unless a policy gives it a
budget, and only what leads to an authority we know, signature by signature, is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from runtime import metrics
from runtime.cache import Fresh, FreshCache, InBackground
from runtime.errors import RuntimeServiceError
from runtime.evidence.backoff import Backoff
from runtime.evidence.download import Downloader, fetchable
from runtime.evidence.policy import IssuerBudget
from runtime.fetch import Fetcher, FetchLimits
from trust.algorithms import verify_signature
from trust.certificate import Certificate
from trust.certs_only import load_certificates
from trust.errors import TrustError
from trust.names import names_match

_LOG = logging.getLogger(__name__)
_KIND = "issuer"
_LIMITS = FetchLimits(maximum_bytes=256 * 1024, timeout=4.0)
_MAXIMUM_RESOURCES = 256
# CA certificates change rarely; a server may say that they do so more often.
_LONGEST_KEPT = timedelta(hours=12)
_SHORTEST_KEPT = timedelta(minutes=5)

KnownIssuer = Callable[[Certificate], Certificate | None]


class IssuerSource:
    """Fetches issuers' certificates and keeps them."""

    def __init__(
        self, fetcher: Fetcher, budget: IssuerBudget, backoff: Backoff, in_background: InBackground
    ) -> None:
        self.budget = budget
        self._download = Downloader(fetcher, backoff, _KIND, _LIMITS)
        self._kept: FreshCache[tuple[Certificate, ...]] = FreshCache(
            _MAXIMUM_RESOURCES, in_background, partial(metrics.observe_stale, _KIND)
        )

    def certificates_at(self, url: str, at: datetime) -> tuple[Certificate, ...]:
        """Return what an address holds; nothing when that cannot be had."""
        return self._kept.get(url, at, partial(self._fetch, url, at))

    def _fetch(self, url: str, at: datetime) -> Fresh[tuple[Certificate, ...]]:
        """Fetch one resource; a failure counts as "no certificates" until it may be tried again."""
        try:
            download = self._download.get(url, at)
            certificates = tuple(load_certificates(download.body or b""))
        except (RuntimeServiceError, TrustError) as error:
            _LOG.warning("no issuer's certificate from %s: %s", url, error)
            return Fresh((), self._download.refuse(url, error, at))
        self._download.accept(url)
        lifetime = _LONGEST_KEPT if download.lifetime is None else download.lifetime
        return Fresh(certificates, at + min(max(lifetime, _SHORTEST_KEPT), _LONGEST_KEPT))


class IssuerSearch:
    """One search at work, for all certificates of one question, and what is left of its budget."""

    def __init__(self, source: IssuerSource, known_issuer: KnownIssuer, at: datetime) -> None:
        self._source = source
        self._known_issuer = known_issuer
        self._at = at
        self._left = source.budget.maximum_addresses
        self._found: dict[str, tuple[Certificate, ...]] = {}

    def issuers_of(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Return the certificate's issuer and so on, up to one that a known authority signed.

        Nothing when the search ends before it reaches one. Signatures are verified, nothing else: the
        certificates are candidates for a path, no more.
        """
        return self._search(certificate, self._source.budget.maximum_hops)

    def _search(self, certificate: Certificate, hops: int) -> tuple[Certificate, ...]:
        """Depth first, since a certificate rarely names more than one address."""
        if hops == 0:
            return ()
        for url in fetchable(certificate.ca_issuer_urls):
            issuer = signer_of(certificate, self._certificates_at(url))
            if issuer is None or issuer == certificate:
                continue
            if self._known_issuer(issuer) is not None:
                return (issuer,)
            if above := self._search(issuer, hops - 1):
                return (issuer, *above)
        return ()

    def _certificates_at(self, url: str) -> tuple[Certificate, ...]:
        """What an address holds, asked once in a search and as long as the budget lasts."""
        if url not in self._found and self._left > 0:
            self._left -= 1
            self._found[url] = self._source.certificates_at(url, self._at)
        return self._found.get(url, ())


def signer_of(certificate: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    """Return the candidate whose name and key the certificate was issued under."""
    for candidate in candidates:
        try:
            if names_match(candidate.subject, certificate.issuer):
                verify_signature(
                    candidate.public_key, certificate.algorithm, certificate.signature, certificate.tbs
                )
                return candidate
        except TrustError:
            continue
    return None
