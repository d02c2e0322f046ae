"""Revocation evidence over HTTP: OCSP answers and CRLs from where certificates point (RFC 5280, RFC 6960).

For an end certificate an OCSP answer of the moment is asked for, and the CRL where there is none; for a CA
its issuer's CRL. What cannot be had is left out: the validation then says "unknown", which fails closed.
Only certificates that an authority we know has signed are asked about, so that a stranger's certificate
cannot make this service fetch from addresses the stranger chose.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from runtime.cache import Fresh, FreshCache
from runtime.errors import RuntimeServiceError
from runtime.fetch import Fetched, Fetcher
from runtime.settings import ServiceSettings
from trust.algorithms import verify_signature
from trust.certificate import Certificate, load_pem_certificates
from trust.crl import CertificateRevocationList, load_crl
from trust.encoding.ocsp import OCSPResponseStatus, encode_cert_id, encode_ocsp_request
from trust.errors import TrustError
from trust.names import names_match
from trust.ocsp import matches_certificate
from trust.ocsp_response import OCSPAnswer, OCSPResponse, parse_ocsp_response
from trust.path import RevocationEvidence

_LOG = logging.getLogger(__name__)

_HTTP_OK = 200
_REQUEST_TYPE = "application/ocsp-request"
_NONCE_BYTES = 32
# RFC 5019 5: a GET is used when the whole request is at most this long, so that caches may answer.
_MAXIMUM_GET_LENGTH = 255
_MAXIMUM_OCSP_ANSWERS = 20_000
_MAXIMUM_CRLS = 64
# Somebody is waiting for the page meanwhile.
_TIMEOUT_SECONDS = 4.0
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True)
class RevocationFetchPolicy:
    """How fresh evidence must be, and how it is asked for.

    An OCSP answer is given out until it is `maximum_ocsp_age` old. A CRL is fetched anew after
    `crl_refresh`; when that fails, the one at hand serves until its own nextUpdate. With `nonce` every
    answer must carry the nonce of its request. With `responder_alone` no CRL stands in for the responder that
    a certificate names: who silences it must not bring a day-old list to bear. What failed is not tried again
    for `pause_after_failure`.
    """

    maximum_ocsp_age: timedelta = timedelta(seconds=60)
    crl_refresh: timedelta = timedelta(minutes=5)
    nonce: bool = False
    responder_alone: bool = False
    clock_skew: timedelta = timedelta(seconds=5)
    pause_after_failure: timedelta = timedelta(seconds=2)


class EvidenceError(RuntimeServiceError):
    """A server answered, but not with evidence that can be used."""


class RevocationFetcher:
    """Brings together what a validation needs to know about revocation."""

    def __init__(
        self,
        fetcher: Fetcher,
        authorities: Iterable[Certificate] = (),
        policy: RevocationFetchPolicy | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._authorities = tuple(authorities)
        self._policy = policy or RevocationFetchPolicy()
        self._answers: FreshCache[OCSPResponse | None] = FreshCache(_MAXIMUM_OCSP_ANSWERS)
        self._crls: FreshCache[CertificateRevocationList | None] = FreshCache(_MAXIMUM_CRLS)

    @classmethod
    def from_settings(
        cls, settings: ServiceSettings, policy: RevocationFetchPolicy | None = None
    ) -> RevocationFetcher:
        """Make the fetcher of a service: its network policy, its authorities."""
        anchors = load_pem_certificates(settings.trust_anchors.read_bytes())
        intermediates = load_pem_certificates(settings.intermediates.read_bytes())
        fetcher = Fetcher.from_settings(settings, timeout=_TIMEOUT_SECONDS)
        return cls(fetcher, (*anchors, *intermediates), policy)

    def evidence_for(self, certificates: Sequence[Certificate], at: datetime) -> RevocationEvidence:
        """Return evidence about each certificate of a known authority; what cannot be had is left out.

        `certificates` may be a path in any order, or end certificates alone.
        """
        answers: dict[int, OCSPResponse] = {}
        crls: dict[int, CertificateRevocationList] = {}
        for certificate in dict.fromkeys(certificates):
            try:
                answer, lists = self._evidence_about(certificate, at)
            except TrustError as error:  # a pointer that cannot be read points nowhere
                _LOG.warning("no revocation evidence about %s: %s", certificate, error)
                continue
            answers.update({id(answer): answer} if answer else {})
            crls.update((id(crl), crl) for crl in lists)
        return RevocationEvidence(crls=tuple(crls.values()), ocsp=tuple(answers.values()))

    def _evidence_about(
        self, certificate: Certificate, at: datetime
    ) -> tuple[OCSPResponse | None, list[CertificateRevocationList]]:
        """Return an OCSP answer about an end certificate, or else the CRLs that cover the certificate."""
        issuer = self._issuer_of(certificate)
        if issuer is None or issuer == certificate:
            return None, []
        if not _is_authority(certificate):
            answer = self._answer_about(certificate, issuer, at)
            if answer is not None or (self._policy.responder_alone and certificate.ocsp_urls):
                return answer, []
        return None, self._crls_about(certificate, at)

    def _issuer_of(self, certificate: Certificate) -> Certificate | None:
        """Return the known authority that signed the certificate."""
        for authority in self._authorities:
            try:
                if names_match(authority.subject, certificate.issuer):
                    verify_signature(
                        authority.public_key, certificate.algorithm, certificate.signature, certificate.tbs
                    )
                    return authority
            except TrustError:
                continue
        return None

    # --- OCSP ---

    def _answer_about(
        self, certificate: Certificate, issuer: Certificate, at: datetime
    ) -> OCSPResponse | None:
        """Return a fresh OCSP answer from the first of the certificate's responders that has one."""
        for url in _fetchable(certificate.ocsp_urls):
            ask = partial(self._ask, url, certificate, issuer, at)
            answer = self._answers.get((url, certificate.fingerprint), at, ask)
            if answer is not None:
                return answer
        return None

    def _ask(
        self, url: str, certificate: Certificate, issuer: Certificate, at: datetime
    ) -> Fresh[OCSPResponse | None]:
        """Ask one responder; a failure counts as "no answer" for a moment."""
        try:
            response, answer = self._fetch_answer(url, certificate, issuer)
            until = answer.this_update + self._policy.maximum_ocsp_age
            until = min(until, answer.next_update or until)
            if not answer.this_update - self._policy.clock_skew <= at < until:
                raise EvidenceError(f"{url}: the answer is not of the moment", code="ocsp-stale")
        except (RuntimeServiceError, TrustError) as error:
            return self._failed(url, error, at)
        return Fresh(response, until)

    def _fetch_answer(
        self, url: str, certificate: Certificate, issuer: Certificate
    ) -> tuple[OCSPResponse, OCSPAnswer]:
        """Send the request; return the response and what it says of this certificate."""
        cert_id = encode_cert_id(issuer.subject, issuer.public_key, certificate.serial_number)
        nonce = secrets.token_bytes(_NONCE_BYTES) if self._policy.nonce else None
        fetched = self._send(url, encode_ocsp_request([cert_id], nonce))
        response = parse_ocsp_response(_body_of(url, fetched))
        if response.response_status is not OCSPResponseStatus.SUCCESSFUL:
            name = response.response_status.name.lower().replace("_", "-")
            raise EvidenceError(f"{url}: the responder answered {name}", code=f"ocsp-{name}")
        if nonce is not None and response.nonce != nonce:
            raise EvidenceError(f"{url}: the answer is not to our request", code="ocsp-nonce")
        for answer in response.answers:
            if matches_certificate(answer.cert_id, certificate, issuer):
                return response, answer
        raise EvidenceError(f"{url}: the answer is about another certificate", code="ocsp-other-certificate")

    def _send(self, url: str, request: bytes) -> Fetched:
        """Ask by GET where caches may help and the request is short, else by POST (RFC 6960 A.1)."""
        encoded = quote(base64.b64encode(request), safe="")
        address = f"{url.rstrip('/')}/{encoded}"
        if not self._policy.nonce and len(address) <= _MAXIMUM_GET_LENGTH:
            return self._fetcher.get(address)
        return self._fetcher.post(url, request, _REQUEST_TYPE)

    # --- CRLs ---

    def _crls_about(self, certificate: Certificate, at: datetime) -> list[CertificateRevocationList]:
        """Return the CRLs of the certificate's distribution points."""
        found = (
            self._crls.get(url, at, partial(self._fetch_crl, url, at))
            for url in _fetchable(certificate.crl_urls)
        )
        return [crl for crl in found if crl is not None]

    def _fetch_crl(self, url: str, at: datetime) -> Fresh[CertificateRevocationList | None]:
        """Fetch one CRL; when that fails the last one serves on while it is current."""
        last = self._crls.peek(url)
        try:
            body = _body_of(url, self._fetcher.get(url))
            # The index of a large list is costly: the same list keeps its object.
            crl = last if last is not None and last.der == body else load_crl(body)
        except (RuntimeServiceError, TrustError) as error:
            if last is not None and last.next_update is not None and at < last.next_update:
                _LOG.warning("%s: not fetched anew (%s), the last list serves on", url, error)
                return Fresh(last, at + self._policy.pause_after_failure)
            return self._failed(url, error, at)
        until = at + self._policy.crl_refresh
        return Fresh(crl, min(until, crl.next_update) if crl.next_update else until)

    def _failed(self, url: str, error: Exception, at: datetime) -> Fresh[None]:
        """Note a failure; it is not tried again for a moment, so that a dead server is not hammered."""
        _LOG.warning("no revocation evidence from %s: %s", url, error)
        return Fresh(None, at + self._policy.pause_after_failure)


def _is_authority(certificate: Certificate) -> bool:
    """Whether the certificate is a CA's."""
    constraints = certificate.basic_constraints
    return constraints is not None and constraints.ca


def _fetchable(urls: Iterable[str]) -> list[str]:
    """Return the addresses that can be fetched at all; there may be LDAP ones."""
    return [url for url in urls if url.lower().startswith(_SCHEMES)]


def _body_of(url: str, fetched: Fetched) -> bytes:
    """Return the body of a successful answer."""
    if fetched.status != _HTTP_OK:
        raise EvidenceError(f"{url}: answered with status {fetched.status}", code="evidence-status")
    return fetched.body
