"""Revocation evidence over HTTP: OCSP answers and CRLs from where certificates point (RFC 5280, RFC 6960).

For an end certificate an OCSP answer of the moment is asked for, and the CRL where there is none; for a CA
its issuer's CRL. What cannot be had is left out: the validation then says "unknown", which fails closed.
Only certificates that an authority we know has signed are asked about, so that a stranger's certificate
cannot make this service fetch from addresses the stranger chose. Where a policy has issuers searched for,
"an authority we know has signed" holds through the issuers that were found.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache, partial

from runtime.cache import InBackground, run_in_thread
from runtime.evidence.backoff import Backoff
from runtime.evidence.crl import CRLSource
from runtime.evidence.issuers import IssuerSearch, IssuerSource, signer_of
from runtime.evidence.ocsp import OCSPSource
from runtime.evidence.policy import EVIDENCE_POLICIES, EvidencePurpose, RevocationFetchPolicy
from runtime.fetch import Fetcher
from runtime.settings import ServiceSettings
from trust.certificate import Certificate, load_pem_certificates
from trust.crl import CertificateRevocationList
from trust.errors import TrustError
from trust.keeping import Kept
from trust.names import names_match
from trust.ocsp_response import OCSPResponse
from trust.path import RevocationEvidence

__all__ = ["EVIDENCE_POLICIES", "EvidencePurpose", "RevocationFetchPolicy", "RevocationFetcher"]

_LOG = logging.getLogger(__name__)
_MAXIMUM_CRL_ISSUERS = 8
_MAXIMUM_SIGNERS = 4096
# Combinations of lists; each holds its lists, which may be large and of which the newest are wanted.
_MAXIMUM_LISTS = 3


class RevocationFetcher:
    """Brings together what a validation needs to know about revocation."""

    def __init__(
        self,
        fetcher: Fetcher,
        authorities: Iterable[Certificate] = (),
        policy: RevocationFetchPolicy | None = None,
        in_background: InBackground = run_in_thread,
    ) -> None:
        self._authorities = tuple(authorities)
        self._policy = policy or RevocationFetchPolicy()
        # Who signed a certificate does not change: verified once.
        self._known_issuer = lru_cache(maxsize=_MAXIMUM_SIGNERS)(
            partial(signer_of, candidates=self._authorities)
        )
        self._of_lists: Kept[RevocationEvidence] = Kept(_MAXIMUM_LISTS)
        # Jitter need not be unpredictable.
        backoff = Backoff(self._policy.backoff, random.random)
        self._ocsp = OCSPSource(fetcher, self._policy, backoff, in_background)
        self._crls = CRLSource(fetcher, self._policy, backoff, in_background, self._authorities)
        self._issuers = (
            IssuerSource(fetcher, self._policy.issuers, backoff, in_background)
            if self._policy.issuers is not None
            else None
        )

    @classmethod
    def from_settings(
        cls, settings: ServiceSettings, policy: RevocationFetchPolicy | None = None
    ) -> RevocationFetcher:
        """Make the fetcher of a service: its network policy, its authorities."""
        anchors = load_pem_certificates(settings.trust_anchors.read_bytes())
        intermediates = load_pem_certificates(settings.intermediates.read_bytes())
        fetcher = Fetcher.from_settings(settings)
        return cls(fetcher, (*anchors, *intermediates), policy)

    def evidence_for(self, certificates: Sequence[Certificate], at: datetime) -> RevocationEvidence:
        """Return evidence about each certificate of a known authority; what cannot be had is left out.

        `certificates` may be a path in any order, or end certificates alone.
        """
        answers: dict[int, OCSPResponse] = {}
        crls: dict[int, CertificateRevocationList] = {}
        search = self._begin_search(at)
        waiting = deque(dict.fromkeys(certificates))
        seen = set(waiting)
        while waiting:
            certificate = waiting.popleft()
            try:
                answer, lists, further = self._evidence_about(certificate, search, at)
            except TrustError as error:  # a pointer that cannot be read points nowhere
                _LOG.warning("no revocation evidence about %s: %s", certificate, error)
                continue
            answers.update({id(answer): answer} if answer else {})
            crls.update((id(crl), crl) for crl in lists)
            fresh = [each for each in further if each not in seen]
            waiting.extend(fresh)
            seen.update(fresh)
        return self._evidence(tuple(crls.values()), tuple(answers.values()))

    def _evidence(
        self, crls: tuple[CertificateRevocationList, ...], answers: tuple[OCSPResponse, ...]
    ) -> RevocationEvidence:
        """Bring it together; the same lists stay one object, which remembers what has been verified."""
        if answers:
            return RevocationEvidence(crls=crls, ocsp=answers)
        kept = self._of_lists.get(crls)
        if kept is None:
            kept = RevocationEvidence(crls=crls)
            self._of_lists.put(crls, kept)
        return kept

    def issuers_of(self, certificates: Iterable[Certificate], at: datetime) -> tuple[Certificate, ...]:
        """Return the issuers that are neither known nor among these, where policy has them searched for."""
        search = self._begin_search(at)
        if search is None:
            return ()
        brought = tuple(certificates)
        found: dict[Certificate, None] = {}
        for certificate in brought:
            try:
                if self._known_issuer(certificate) is None and signer_of(certificate, brought) is None:
                    found.update(dict.fromkeys(search.issuers_of(certificate)))
            except TrustError as error:
                _LOG.warning("no issuer of %s: %s", certificate, error)
        return tuple(found)

    def _begin_search(self, at: datetime) -> IssuerSearch | None:
        """Begin a search for issuers, where policy has them searched for."""
        return IssuerSearch(self._issuers, self._known_issuer, at) if self._issuers is not None else None

    def _evidence_about(
        self, certificate: Certificate, search: IssuerSearch | None, at: datetime
    ) -> tuple[OCSPResponse | None, list[CertificateRevocationList], Sequence[Certificate]]:
        """Return an OCSP answer about an end certificate, or else the CRLs that cover the certificate.

        With it come the certificates about which evidence is wanted in turn.
        """
        issuer = self._known_issuer(certificate)
        further = search.issuers_of(certificate) if issuer is None and search is not None else ()
        if further:
            issuer = further[0]
        if issuer is None or issuer == certificate:
            return None, [], ()
        if not _is_authority(certificate):
            answer = self._ocsp.answer_about(certificate, issuer, at)
            if answer is not None or (self._policy.responder_alone and certificate.ocsp_urls):
                return answer, [], further
        lists = self._crls.crls_about(certificate, at)
        return None, lists, (*further, *self._crl_issuers(certificate, lists))

    def _crl_issuers(
        self, certificate: Certificate, lists: Iterable[CertificateRevocationList]
    ) -> list[Certificate]:
        """The known certificates that may have signed indirect CRLs: theirs must be in force as well."""
        names = {crl.issuer for crl in lists} - {certificate.issuer}
        found = [each for each in self._authorities if any(names_match(each.subject, name) for name in names)]
        return found[:_MAXIMUM_CRL_ISSUERS]


def _is_authority(certificate: Certificate) -> bool:
    """Whether the certificate is a CA's."""
    constraints = certificate.basic_constraints
    return constraints is not None and constraints.ca
