"""OCSP answers verified (RFC 6960). Asking and fetching are the caller's.

`parse_ocsp_response` (ocsp_response.py) reads; `verify_ocsp_response` makes every check of RFC 6960 3.2 and
some that the field has taught: critical extensions, contradicting answers, responders of other authorities,
stale answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from trust.algorithms import (
    DEFAULT_ALGORITHM_POLICY,
    AlgorithmPolicy,
    check_algorithm,
    check_public_key,
    verify_signature,
    verify_with,
)
from trust.certificate import Certificate
from trust.crl_check import DEFAULT_CLOCK_SKEW, StatusAnswer, counts_at
from trust.digest import DigestAlgorithm
from trust.encoding.extensions import KeyUsage
from trust.encoding.ocsp import CertID, OCSPResponseStatus
from trust.errors import TrustError
from trust.names import names_match
from trust.ocsp_response import OCSPAnswer, OCSPError, OCSPResponse, parse_ocsp_response
from trust.public_key import parse_key_info
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtendedKeyUsage, ExtensionOID

__all__ = [
    "OCSPAnswer",
    "OCSPChecks",
    "OCSPError",
    "OCSPResponse",
    "matches_certificate",
    "parse_ocsp_response",
    "verify_ocsp_response",
]

# All but MD5, for which issuers of equal digest can be made.
_CERT_ID_DIGESTS = {digest.oid: digest for digest in DigestAlgorithm if digest is not DigestAlgorithm.MD5}
_RESPONDER_EXTENSIONS = frozenset(
    (
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.OCSP_NO_CHECK,
    )
)

# Asked about a delegated responder without id-pkix-ocsp-nocheck; raises when it is not known to be good.
ResponderCheck = Callable[[Certificate], None]


# --- verifying -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OCSPChecks:
    """What to ask of an answer beyond RFC 6960: its age, the clock's, the algorithms, the responder.

    `past` asks about an earlier time than the answer's: a revocation of later date then counts as good.
    """

    maximum_age: timedelta | None = None
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHM_POLICY
    nonce_required: bool = True
    check_responder: ResponderCheck | None = None
    past: datetime | None = None


_DEFAULT_CHECKS = OCSPChecks()


def verify_ocsp_response(
    response: OCSPResponse,
    certificate: Certificate,
    issuer: Certificate,
    at: datetime,
    *,
    nonce: bytes | None = None,
    maximum_age: timedelta | None = None,
    checks: OCSPChecks | None = None,
) -> StatusAnswer:
    """What the response says of the certificate, every check of RFC 6960 3.2 made; OCSPError otherwise."""
    checks = checks or (_DEFAULT_CHECKS if maximum_age is None else OCSPChecks(maximum_age=maximum_age))
    # The responder did answer.
    if response.response_status is not OCSPResponseStatus.SUCCESSFUL:
        name = response.response_status.name.lower().replace("_", "-")
        raise OCSPError(f"the responder answered: {name}", code=f"ocsp-{name}", clause="RFC 6960 4.2.1")
    # 3.2 (1): the answer is about this certificate, and says one thing of it.
    answer = _find_answer(response, certificate, issuer)
    # 4.4: critical extensions are understood.
    check_extensions(response, answer)
    # 3.2 (5), (6), 4.2.2.1: it is current.
    check_freshness(response, answer, at, checks)
    # 4.4.1: the nonce is ours.
    check_nonce(response, nonce, required=checks.nonce_required)
    # 3.2 (2), (3), (4): the signer is the issuer, or was authorised by it to answer.
    _check_authorised(response, issuer, at, checks)
    return _conclude(answer, certificate, checks.past)


def _conclude(answer: OCSPAnswer, certificate: Certificate, past: datetime | None) -> StatusAnswer:
    """What the answer says of the certificate at the time asked about."""
    if answer.status is CertStatus.GOOD:
        check_archive_cutoff(answer, certificate, past)
    status = answer.status
    if answer.revoked_at is not None and not counts_at(answer.revoked_at, answer.invalid_since, past):
        status = CertStatus.GOOD
    if status is CertStatus.GOOD:
        return StatusAnswer(status, answer.this_update, next_update=answer.next_update)
    return StatusAnswer(status, answer.this_update, answer.revoked_at, answer.reason, answer.next_update)


def check_archive_cutoff(answer: OCSPAnswer, certificate: Certificate, past: datetime | None) -> None:
    """One rule: of a certificate that had expired before, an answer tells what the archive keeps (4.4.4).

    At present an expired certificate is refused anyway; the rule is for questions about an earlier time.
    """
    if past is None or answer.this_update <= certificate.not_valid_after:
        return
    if answer.archive_cutoff is None or answer.archive_cutoff > certificate.not_valid_after:
        raise OCSPError(
            "the responder may have forgotten the certificate since it expired",
            code="ocsp-certificate-expired",
            clause="RFC 6960 4.4.4",
        )


def _find_answer(response: OCSPResponse, certificate: Certificate, issuer: Certificate) -> OCSPAnswer:
    """The one answer about the certificate; several must agree."""
    found = [a for a in response.answers if matches_certificate(a.cert_id, certificate, issuer)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise OCSPError(
            "the response is about other certificates", code="ocsp-other-certificate", clause="RFC 6960 3.2"
        )
    if len({answer.status for answer in found}) != 1:
        raise OCSPError("the response contradicts itself", code="ocsp-contradiction", clause="RFC 6960 3.2")
    # Of several revocations a final one counts, of equals the oldest.
    return min(found, key=lambda answer: (answer.reason is CRLReason.CERTIFICATE_HOLD, answer.this_update))


def matches_certificate(cert_id: CertID, certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the CertID names this certificate of this issuer: serial, name and key (RFC 6960 4.1.1)."""
    return cert_id.serial_number == certificate.serial_number and _issuer_digests(
        cert_id.hash_algorithm, certificate.issuer, issuer.public_key
    ) == (cert_id.issuer_name_digest, cert_id.issuer_key_digest)


@lru_cache(maxsize=1024)
def _issuer_digests(algorithm: str, name: bytes, public_key: bytes) -> tuple[bytes, bytes] | None:
    """IssuerNameHash and issuerKeyHash by the digest algorithm of that OID; None when it is not known."""
    digest = _CERT_ID_DIGESTS.get(algorithm)
    return None if digest is None else (digest.digest(name), digest.digest(parse_key_info(public_key).key))


def check_extensions(response: OCSPResponse, answer: OCSPAnswer) -> None:
    """One rule: no critical extension is left that is not understood (RFC 6960 4.4)."""
    critical = response.critical_extensions + answer.critical_extensions
    if critical:
        raise OCSPError(
            f"the response has critical extensions that are not understood: {', '.join(critical)}",
            code="ocsp-critical-extension",
            clause="RFC 6960 4.4",
        )


def check_freshness(response: OCSPResponse, answer: OCSPAnswer, at: datetime, checks: OCSPChecks) -> None:
    """One rule: the answer is current, within the clocks' difference, and as young as policy asks."""
    skew = checks.clock_skew
    produced_at = response.produced_at or answer.this_update
    if max(answer.this_update, produced_at) - at > skew:
        raise OCSPError("the answer is from the future", code="ocsp-not-yet-valid", clause="RFC 6960 3.2 (5)")
    if answer.this_update - produced_at > skew:
        raise OCSPError("the answer is younger than its signature", code="ocsp-time", clause="RFC 6960 2.4")
    if answer.next_update is not None and (
        at - answer.next_update > skew or answer.next_update < max(answer.this_update, produced_at)
    ):
        raise OCSPError("a newer answer was due", code="ocsp-expired", clause="RFC 6960 3.2 (6)")
    if answer.next_update is None and checks.maximum_age is None:
        raise OCSPError(
            "the answer does not say until when it counts; set a maximum age", code="ocsp-no-next-update"
        )
    if checks.maximum_age is not None and at - answer.this_update > checks.maximum_age:
        raise OCSPError("the answer is older than the policy allows", code="ocsp-too-old")


def check_nonce(response: OCSPResponse, nonce: bytes | None, *, required: bool) -> None:
    """One rule: when a nonce was sent the answer has it, or none where policy permits (RFC 9654 2.1)."""
    if nonce is None or (response.nonce is None and not required):
        return
    if response.nonce != nonce:
        raise OCSPError("the nonce is not ours", code="ocsp-nonce", clause="RFC 9654 2.1")


def _names_responder(response: OCSPResponse, certificate: Certificate) -> bool:
    """Whether the response's ResponderID is this certificate's name or key."""
    if response.responder_name is not None:
        return names_match(response.responder_name, certificate.subject)
    return response.responder_key_digest == _responder_key_digest(certificate.public_key)


@lru_cache(maxsize=1024)
def _responder_key_digest(public_key: bytes) -> bytes:
    """KeyHash: the SHA-1 of the key's bits (RFC 6960 4.2.1)."""
    return DigestAlgorithm.SHA1.digest(parse_key_info(public_key).key)


def _check_authorised(response: OCSPResponse, issuer: Certificate, at: datetime, checks: OCSPChecks) -> None:
    """The signer is the issuer itself, or a certificate sent along that it authorised (RFC 6960 4.2.2.2).

    A delegated responder may bear the issuer's name, so every certificate of the ResponderID is tried.
    """
    refusal: TrustError | None = None
    for responder in (issuer, *response.certificates):
        if not _names_responder(response, responder):
            continue
        try:
            if responder.public_key != issuer.public_key:
                check_delegation(responder, issuer, at, checks)
                check_responder_validity(responder, response.produced_at or at)
            _verify_response_signature(response, responder, at, checks)
        except TrustError as error:
            refusal = refusal or error
            continue
        return
    raise refusal or OCSPError("the responder is not known", code="ocsp-responder", clause="RFC 6960 4.2.2.2")


def check_delegation(responder: Certificate, issuer: Certificate, at: datetime, checks: OCSPChecks) -> None:
    """One rule: the issuer, by its own key, authorised this responder to answer (RFC 6960 4.2.2.2)."""
    check_algorithm(responder.algorithm, at, checks.algorithms)
    _check_delegation(responder, issuer)
    check_responder_validity(responder, at)
    if ExtensionOID.OCSP_NO_CHECK in responder.extensions:
        return
    if checks.check_responder is not None:
        checks.check_responder(responder)
    elif names_status_source(responder):
        raise _not_authorised("nobody says whether its certificate is revoked")


def names_status_source(responder: Certificate) -> bool:
    """Whether a responder's certificate says where its own status is told (RFC 6960 4.2.2.2.1).

    Where it says neither this nor nocheck the RFC leaves it to local policy: ours is to refuse such a
    responder when a current CRL at hand lists it, and otherwise to go by its validity period, as its
    authority chose.
    """
    return bool(responder.distribution_points or responder.ocsp_urls)


@lru_cache(maxsize=256)
def _check_delegation(responder: Certificate, issuer: Certificate) -> None:
    """What does not depend on the time: issuer, signature, purpose; what is right is remembered."""
    if not names_match(responder.issuer, issuer.subject):
        raise _not_authorised("another authority issued its certificate")
    verify_signature(issuer.public_key, responder.algorithm, responder.signature, responder.tbs)
    if ExtendedKeyUsage.OCSP_SIGNING not in (responder.extended_key_usage or ()):
        raise _not_authorised("its certificate is not for OCSP signing")
    if responder.key_usage is not None and KeyUsage.DIGITAL_SIGNATURE not in responder.key_usage:
        raise _not_authorised("its key is not for signatures")
    for extension in responder.extensions.values():
        if extension.critical and extension.oid not in _RESPONDER_EXTENSIONS:
            raise _not_authorised(f"its certificate has an unknown critical extension {extension.oid}")


def check_responder_validity(responder: Certificate, at: datetime) -> None:
    """One rule: the responder's certificate is within its validity period."""
    if not responder.not_valid_before <= at <= responder.not_valid_after:
        raise _not_authorised("its certificate is outside its validity period")


def _not_authorised(why: str) -> OCSPError:
    """The error for a responder that may not speak for the issuer."""
    return OCSPError(f"the responder may not answer: {why}", code="ocsp-responder", clause="RFC 6960 4.2.2.2")


def _verify_response_signature(
    response: OCSPResponse, responder: Certificate, at: datetime, checks: OCSPChecks
) -> None:
    """The response's signature by the responder's key."""
    algorithm = check_algorithm(response.algorithm, at, checks.algorithms)
    check_public_key(responder.public_key, at, checks.algorithms)
    verify_with(responder.public_key, algorithm, response.signature, response.tbs)
