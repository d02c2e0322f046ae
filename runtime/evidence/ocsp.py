"""OCSP answers of the moment (RFC 6960, RFC 5019): asked for once, kept as long as policy allows."""

from __future__ import annotations

import base64
import logging
import secrets
from datetime import datetime
from functools import partial
from urllib.parse import quote

from runtime import metrics
from runtime.cache import Fresh, FreshCache, InBackground
from runtime.errors import RuntimeServiceError
from runtime.evidence.backoff import Backoff
from runtime.evidence.download import Downloader, EvidenceError, fetchable
from runtime.evidence.policy import RevocationFetchPolicy
from runtime.fetch import Fetcher, FetchLimits
from trust.certificate import Certificate
from trust.encoding.ocsp import OCSPResponseStatus, encode_cert_id, encode_ocsp_request
from trust.errors import TrustError
from trust.ocsp import OCSPChecks, matches_certificate, verify_ocsp_response
from trust.ocsp_response import OCSPAnswer, OCSPResponse, parse_ocsp_response

_LOG = logging.getLogger(__name__)
_KIND = "ocsp"
_REQUEST_TYPE = "application/ocsp-request"
_NONCE_BYTES = 32
# RFC 5019 5: a GET is used when the whole request is at most this long, so that caches may answer.
_MAXIMUM_GET_LENGTH = 255
# Somebody is waiting for the page meanwhile.
_LIMITS = FetchLimits(maximum_bytes=256 * 1024, timeout=4.0)
_MAXIMUM_ANSWERS = 20_000
# What a responder says of itself, not of one certificate: the next question would be answered alike.
_RESPONDER_FAILURES = frozenset((OCSPResponseStatus.INTERNAL_ERROR, OCSPResponseStatus.TRY_LATER))


class OCSPSource:
    """Asks the responders that certificates name."""

    def __init__(
        self,
        fetcher: Fetcher,
        policy: RevocationFetchPolicy,
        backoff: Backoff,
        in_background: InBackground,
    ) -> None:
        self._download = Downloader(fetcher, backoff, _KIND, _LIMITS)
        self._policy = policy
        self._answers: FreshCache[OCSPResponse | None] = FreshCache(
            _MAXIMUM_ANSWERS, in_background, partial(metrics.observe_stale, _KIND)
        )

    def answer_about(
        self, certificate: Certificate, issuer: Certificate, at: datetime
    ) -> OCSPResponse | None:
        """Return a fresh answer from the first of the certificate's responders that has one."""
        for url in fetchable(certificate.ocsp_urls):
            ask = partial(self._ask, url, certificate, issuer, at)
            answer = self._answers.get((url, certificate.fingerprint), at, ask)
            if answer is not None:
                return answer
        return None

    def _ask(
        self, url: str, certificate: Certificate, issuer: Certificate, at: datetime
    ) -> Fresh[OCSPResponse | None]:
        """Ask one responder; after a failure the last answer serves on until its end, if there is one."""
        key = (url, certificate.fingerprint)
        try:
            response, answer = self._fetch(url, certificate, issuer, at)
            until = self._end_of(answer)
            if not answer.this_update - self._policy.clock_skew <= at < until:
                raise EvidenceError(f"{url}: the answer is not of the moment", code="ocsp-stale")
        except (RuntimeServiceError, TrustError) as error:
            _LOG.warning("no OCSP answer from %s: %s", url, error)
            resting = self._download.refuse(key, error, at)
            return self._last(key, certificate, issuer, at, resting)
        self._download.accept(url)
        self._download.accept(key)
        refresh = answer.this_update + (until - answer.this_update) * self._policy.refresh_share
        return Fresh(response, refresh, until)

    def _last(
        self,
        key: tuple[str, str],
        certificate: Certificate,
        issuer: Certificate,
        at: datetime,
        resting: datetime,
    ) -> Fresh[OCSPResponse | None]:
        """The last answer while policy allows it, else none, until the responder may be asked again."""
        last = self._answers.peek(key)
        end = at if last is None else self._end_of(_answer_in(last, certificate, issuer))
        if at < end:
            return Fresh(last, min(resting, end), end)
        return Fresh(None, resting)

    def _end_of(self, answer: OCSPAnswer) -> datetime:
        """Until when an answer may be given out."""
        until = answer.this_update + self._policy.maximum_ocsp_age
        return min(until, answer.next_update or until)

    def _fetch(
        self, url: str, certificate: Certificate, issuer: Certificate, at: datetime
    ) -> tuple[OCSPResponse, OCSPAnswer]:
        """Send the request; return the response and what it says of this certificate."""
        cert_id = encode_cert_id(issuer.subject, issuer.public_key, certificate.serial_number)
        nonce = secrets.token_bytes(_NONCE_BYTES) if self._policy.nonce else None
        response = parse_ocsp_response(self._send(url, encode_ocsp_request([cert_id], nonce), at))
        if response.response_status is not OCSPResponseStatus.SUCCESSFUL:
            name = response.response_status.name.lower().replace("_", "-")
            error = EvidenceError(f"{url}: the responder answered {name}", code=f"ocsp-{name}")
            if response.response_status in _RESPONDER_FAILURES:
                self._download.refuse(url, error, at)
            raise error
        # Nothing that is forged is kept. Whether a delegated responder is itself in force is told by CRLs,
        # which the validation has.
        checks = OCSPChecks(nonce_required=nonce is not None, check_responder=lambda _responder: None)
        verify_ocsp_response(response, certificate, issuer, at, nonce=nonce, checks=checks)
        return response, _answer_in(response, certificate, issuer)

    def _send(self, url: str, request: bytes, at: datetime) -> bytes:
        """Ask by GET where caches may help and the request is short, else by POST (RFC 6960 A.1).

        No validators are sent: an answer that has not changed is no fresher than the one at hand.
        """
        address = f"{url.rstrip('/')}/{quote(base64.b64encode(request), safe='')}"
        if not self._policy.nonce and len(address) <= _MAXIMUM_GET_LENGTH:
            return self._download.get(address, at, resource=url).body or b""
        return self._download.post(url, at, request, _REQUEST_TYPE)


def _answer_in(response: OCSPResponse, certificate: Certificate, issuer: Certificate) -> OCSPAnswer:
    """Return what the response says of the certificate."""
    for answer in response.answers:
        if matches_certificate(answer.cert_id, certificate, issuer):
            return answer
    raise EvidenceError("the answer is about another certificate", code="ocsp-other-certificate")
