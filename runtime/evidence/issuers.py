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
from runtime.evidence.download import Downloader, RestingError, fetchable
from runtime.evidence.policy import IssuerBudget
from runtime.fetch import Fetcher
from trust.algorithms import verify_signature
from trust.certificate import Certificate
from trust.certs_only import load_certificates
from trust.errors import TrustError
from trust.names import names_match

_LOG = logging.getLogger(__name__)
_KIND = "issuer"
_MAXIMUM_BYTES = 256 * 1024
_MAXIMUM_RESOURCES = 256
# CA certificates change rarely; a server may say that they do so more often.
_LONGEST_KEPT = timedelta(hours=12)
_SHORTEST_KEPT = timedelta(minutes=5)

KnownIssuer = Callable[[Certificate], Certificate | None]


class _Search:
    """One search at work, and what is left of its budget."""

    def __init__(self, budget: IssuerBudget) -> None:
        self.fetches_left = budget.maximum_fetches
        self.seen: set[str] = set()

    def take(self, url: str) -> bool:
        """Whether the address may be asked: not asked before in this search, and the budget holds."""
        if url in self.seen or self.fetches_left == 0:
            return False
        self.seen.add(url)
        self.fetches_left -= 1
        return True


class IssuerSource:
    """Searches for the certificates between a certificate and a known authority."""

    def __init__(
        self, fetcher: Fetcher, budget: IssuerBudget, backoff: Backoff, in_background: InBackground
    ) -> None:
        self._download = Downloader(fetcher, backoff, _KIND, _MAXIMUM_BYTES)
        self._budget = budget
        self._kept: FreshCache[tuple[Certificate, ...]] = FreshCache(
            _MAXIMUM_RESOURCES, in_background, partial(metrics.observe_stale, _KIND)
        )

    def issuers_of(
        self, certificate: Certificate, known_issuer: KnownIssuer, at: datetime
    ) -> tuple[Certificate, ...]:
        """Return the certificate's issuer and so on, up to one that a known authority signed.

        Nothing when the search ends before it reaches one. Signatures are verified, nothing else: the
        certificates are candidates for a path, no more.
        """
        return self._search(certificate, known_issuer, at, self._budget.maximum_hops, _Search(self._budget))

    def _search(
        self, certificate: Certificate, known_issuer: KnownIssuer, at: datetime, hops: int, search: _Search
    ) -> tuple[Certificate, ...]:
        """Depth first, since a certificate rarely names more than one address."""
        if hops == 0:
            return ()
        for url in fetchable(certificate.ca_issuer_urls):
            if not search.take(url):
                continue
            issuer = signer_of(certificate, self._kept.get(url, at, partial(self._fetch, url, at)))
            if issuer is None or issuer == certificate:
                continue
            if known_issuer(issuer) is not None:
                return (issuer,)
            if above := self._search(issuer, known_issuer, at, hops - 1, search):
                return (issuer, *above)
        return ()

    def _fetch(self, url: str, at: datetime) -> Fresh[tuple[Certificate, ...]]:
        """Fetch one resource; a failure counts as "no certificates" until it may be tried again."""
        try:
            download = self._download.get(url, at)
            certificates = tuple(load_certificates(download.body or b""))
        except (RuntimeServiceError, TrustError) as error:
            _LOG.warning("no issuer's certificate from %s: %s", url, error)
            resting = error.until if isinstance(error, RestingError) else self._download.refuse(url, at)
            return Fresh((), resting)
        self._download.accept(url)
        lifetime = _LONGEST_KEPT if download.lifetime is None else download.lifetime
        return Fresh(certificates, at + min(max(lifetime, _SHORTEST_KEPT), _LONGEST_KEPT))


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
