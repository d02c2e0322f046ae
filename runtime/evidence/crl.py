"""CRLs from their distribution points (RFC 5280 4.2.1.13): fetched conditionally, kept within policy.

Whether a list counts, and with which delta, is the validation's to judge: lists of every kind that the
certificate or a complete list points to are brought together. Signatures are looked at for two reasons only:
pointers in a list are followed when an authority we know signed it, and such a list gives way to none that
is older or forged.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from runtime import metrics
from runtime.cache import Fresh, FreshCache, InBackground
from runtime.errors import RuntimeServiceError
from runtime.evidence.backoff import Backoff
from runtime.evidence.download import (
    NO_VALIDATORS,
    Downloader,
    EvidenceError,
    Validators,
    fetchable,
)
from runtime.evidence.policy import RevocationFetchPolicy
from runtime.fetch import Fetcher, FetchLimits
from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, load_crl
from trust.crl_check import DEFAULT_CLOCK_SKEW
from trust.errors import TrustError
from trust.extensions import DistributionPoint, uris_of
from trust.names import names_match

_LOG = logging.getLogger(__name__)
_KIND = "crl"
# A list of a million entries has some 40 MB; it is mostly fetched in the background.
_LIMITS = FetchLimits(maximum_bytes=64 * 1024 * 1024, timeout=15.0)
_MAXIMUM_CRLS = 64
_MAXIMUM_POINTS = 8
# However short-lived a server calls its list: a thousand logins a second must not ask it a thousand times.
_SHORTEST_REFRESH = timedelta(seconds=5)


@dataclass(frozen=True)
class _Held:
    """A list at hand, what its server calls this version of it, and whether a known authority signed it."""

    crl: CertificateRevocationList
    validators: Validators
    authentic: bool


class CRLSource:
    """Fetches the CRLs that certificates point to."""

    def __init__(
        self,
        fetcher: Fetcher,
        policy: RevocationFetchPolicy,
        backoff: Backoff,
        in_background: InBackground,
        authorities: Sequence[Certificate],
    ) -> None:
        self._download = Downloader(fetcher, backoff, _KIND, _LIMITS)
        self._policy = policy
        self._authorities = authorities
        self._crls: FreshCache[_Held | None] = FreshCache(
            _MAXIMUM_CRLS, in_background, partial(metrics.observe_stale, _KIND)
        )

    def crls_about(self, certificate: Certificate, at: datetime) -> list[CertificateRevocationList]:
        """Return the CRLs of the certificate's distribution points, indirect ones too, and their deltas."""
        complete = self._lists(certificate.distribution_points, at)
        # RFC 5280 4.2.1.15, 5.2.6: the certificate or the complete list says where the delta is.
        points = [*certificate.freshest_crl]
        points += [point for held in complete if held.authentic for point in held.crl.freshest_crl]
        deltas = self._lists(tuple(dict.fromkeys(points)), at)
        return [held.crl for held in (*complete, *deltas)]

    def _lists(self, points: Sequence[DistributionPoint], at: datetime) -> list[_Held]:
        """The lists of the distribution points, those that can be had.

        The addresses of one point are equivalent (RFC 5280 4.2.1.13): after a good list the others rest.
        """
        found: list[_Held] = []
        for point in points[:_MAXIMUM_POINTS]:
            for url in fetchable(uris_of([point])):
                held = self._crls.get(url, at, partial(self._fetch, url, at))
                if held is not None:
                    found.append(held)
                    if held.authentic and _is_current(held.crl, at):
                        break
        return found

    def _fetch(self, url: str, at: datetime) -> Fresh[_Held | None]:
        """Fetch one list; when that fails the last one serves on while it is current."""
        last = self._crls.peek(url)
        try:
            download = self._download.get(url, at, last.validators if last else NO_VALIDATORS)
            held = self._read(url, download.body, download.validators, last, at)
        except (RuntimeServiceError, TrustError) as error:
            resting = self._download.refuse(url, error, at)
            if last is not None and _is_current(last.crl, at):
                _LOG.warning("%s: not fetched anew (%s), the last list serves on", url, error)
                return Fresh(last, resting, last.crl.next_update)
            _LOG.warning("no CRL from %s: %s", url, error)
            return Fresh(None, resting)
        if held.crl.next_update is not None and held.crl.next_update <= at:
            # It proves nothing any more; the server is given time to bring the next one.
            expired = EvidenceError(f"{url}: the list has expired", code="crl-expired")
            return Fresh(held, self._download.refuse(url, expired, at))
        self._download.accept(url)
        return self._fresh(held, download.lifetime, at)

    def _read(
        self, url: str, body: bytes | None, validators: Validators, last: _Held | None, at: datetime
    ) -> _Held:
        """The list that came, or the last one where it is the same or was newer already."""
        if last is not None and body in (None, last.crl.der):
            # The index of a large list is costly: the same list keeps its object.
            return _Held(last.crl, validators, last.authentic)
        crl = load_crl(body or b"")
        held = _Held(crl, validators, self._is_authentic(crl, at))
        if last is not None and last.authentic and _is_current(last.crl, at):
            if not held.authentic:
                raise EvidenceError(f"{url}: a list came that nobody we know signed", code="crl-forged")
            if crl.this_update < last.crl.this_update:
                raise EvidenceError(f"{url}: an older list than the one at hand came", code="crl-older")
        return held

    def _is_authentic(self, crl: CertificateRevocationList, at: datetime) -> bool:
        """Whether an authority we know signed the list."""
        for authority in self._authorities:
            try:
                if names_match(authority.subject, crl.issuer):
                    crl.verify(authority.public_key, at)
                    return True
            except TrustError:
                continue
        return False

    def _fresh(self, held: _Held, lifetime: timedelta | None, at: datetime) -> Fresh[_Held | None]:
        """Until when the list is not asked for again, and until when it serves meanwhile."""
        refresh = self._policy.crl_refresh
        if lifetime is not None:
            refresh = min(refresh, max(lifetime, _SHORTEST_REFRESH))
        end = held.crl.next_update or at + refresh + self._policy.crl_stale
        return Fresh(held, min(at + refresh, end), min(at + refresh + self._policy.crl_stale, end))


def _is_current(crl: CertificateRevocationList, at: datetime) -> bool:
    """Whether the list says that it holds; its issuer's clock may be somewhat ahead."""
    return crl.next_update is not None and crl.this_update - DEFAULT_CLOCK_SKEW <= at < crl.next_update
