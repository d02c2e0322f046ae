"""The OCSP responder, the pure part: facts in, a signed answer out (RFC 6960, RFC 9654).

A delegated responder (RFC 6960 4.2.2.2): its certificate was issued by the CA it answers for, for this one
purpose, and goes with every answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from ca.errors import StatusSourceError
from trust.certificate import Certificate
from trust.encoding.ocsp import (
    SHA1_OID,
    SHA256_OID,
    CertID,
    OCSPRequest,
    OCSPResponseWriter,
    SingleAnswer,
    responder_by_key,
)
from trust.public_key import parse_key_info
from trust.signer import Signer
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtendedKeyUsage, ExtensionOID


@dataclass(frozen=True)
class KnownStatus:
    """What is known of an issued certificate; good when `revoked_at` is None."""

    revoked_at: datetime | None = None
    reason: CRLReason | None = None


@dataclass(frozen=True)
class OCSPResponder:
    """A responder for one issuing CA; a half-configured one cannot be made."""

    issuer: Certificate
    certificate: Certificate
    signer: Signer
    lifetime: timedelta

    def __post_init__(self) -> None:
        """Refuse a key or a certificate that clients would not accept answers from."""
        if self.signer.public_key != self.certificate.public_key:
            raise StatusSourceError("the responder's key is not its certificate's", code="responder-key")
        if self.certificate.issuer != self.issuer.subject:
            raise StatusSourceError(
                "the responder's certificate is not of the CA it answers for", code="responder-issuer"
            )
        if (
            self.certificate.extended_key_usage != (ExtendedKeyUsage.OCSP_SIGNING,)
            or ExtensionOID.OCSP_NO_CHECK not in self.certificate.extensions
        ):
            raise StatusSourceError(
                "the responder's certificate is not for signing OCSP answers", code="responder-usage"
            )

    @cached_property
    def _issuer_digests(self) -> dict[str, tuple[bytes, bytes]]:
        """Digests of the issuer's name and key as a CertID holds them (RFC 6960 4.1.1)."""
        name, key = self.issuer.subject, parse_key_info(self.issuer.public_key).key
        return {
            oid: tuple(  # type: ignore[misc]
                hashlib.new(digest, part, usedforsecurity=False).digest() for part in (name, key)
            )
            for oid, digest in ((SHA1_OID, "sha1"), (SHA256_OID, "sha256"))
        }

    @cached_property
    def _writer(self) -> OCSPResponseWriter:
        """What writes this responder's answers; its certificate goes with every one."""
        responder_id = responder_by_key(self.certificate.public_key)
        return OCSPResponseWriter(self.signer, responder_id, [self.certificate.der])

    def is_ours(self, cert_id: CertID) -> bool:
        """Whether the question is about a certificate of our issuer."""
        digests = (cert_id.issuer_name_digest, cert_id.issuer_key_digest)
        return self._issuer_digests.get(cert_id.hash_algorithm) == digests

    def serial_numbers(self, request: OCSPRequest) -> list[int]:
        """The serial numbers of our issuer that are asked about."""
        return [cert_id.serial_number for cert_id in request.cert_ids if self.is_ours(cert_id)]

    def respond(
        self,
        request: OCSPRequest,
        known: Mapping[int, KnownStatus],
        *,
        this_update: datetime,
        produced_at: datetime,
    ) -> bytes:
        """Sign one response with an answer for every question; never issued, or not ours, is unknown."""
        answers = self._answers(request, known, this_update)
        return self._writer.write(answers, produced_at=produced_at, nonce=request.nonce)

    def _answers(
        self, request: OCSPRequest, known: Mapping[int, KnownStatus], this_update: datetime
    ) -> Sequence[SingleAnswer]:
        """One answer a question, in the order asked."""
        next_update = this_update + self.lifetime
        answers = []
        for cert_id in request.cert_ids:
            found = known.get(cert_id.serial_number) if self.is_ours(cert_id) else None
            if found is None:
                answers.append(SingleAnswer(cert_id.raw, CertStatus.UNKNOWN, this_update, next_update))
            elif found.revoked_at is None:
                answers.append(SingleAnswer(cert_id.raw, CertStatus.GOOD, this_update, next_update))
            else:
                answers.append(
                    SingleAnswer(
                        cert_id.raw,
                        CertStatus.REVOKED,
                        this_update,
                        next_update,
                        found.revoked_at,
                        found.reason,
                    )
                )
        return answers
