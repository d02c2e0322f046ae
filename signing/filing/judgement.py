"""From a signed document to a verdict: extract facts, collect revocation data, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from signing.evidence import DocumentEvidence
from signing.judge.document import DocumentConclusion, judge_document
from signing.judge.inputs import JudgeInputs
from signing.judge.policy import SignaturePolicy
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.revocation import RevocationEvidence
from trust.timestamp import parse_timestamp_token


class RevocationSource(Protocol):
    """CRLs and OCSP answers for certificates: fetched and cached, or read from files."""

    def evidence_for(self, certificates: Sequence[Certificate], at: datetime) -> RevocationEvidence:
        """Return what can be had; what cannot is missing, and the judge says so."""
        ...


class IssuerSearch(Protocol):
    """Finds issuers' certificates that a document does not bring: `runtime.revocation.RevocationFetcher`."""

    def issuers_of(self, certificates: Sequence[Certificate], at: datetime) -> Sequence[Certificate]:
        """Return those that lead to a known authority; their paths are validated like any other."""
        ...


@dataclass(frozen=True)
class Trust:
    """What a service trusts, and where it asks about revocation."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    revocation: RevocationSource
    evidence_at: datetime | None = None
    """As of when revocation data are collected, when documents are judged as of an earlier time."""
    issuers: IssuerSearch | None = None
    """Where missing issuers are searched for; None: nowhere, since documents come from strangers."""

    def judge(self, evidence: DocumentEvidence, policy: SignaturePolicy, at: datetime) -> DocumentConclusion:
        """Judge a document's evidence with revocation data collected now."""
        return judge_document(evidence, self.inputs_for(evidence, policy, at), at)

    def inputs_for(self, evidence: DocumentEvidence, policy: SignaturePolicy, at: datetime) -> JudgeInputs:
        """Collect the validation context for a document.

        The source asks only about certificates that a known authority signed, so that a stranger's document
        cannot make this service fetch from addresses the stranger chose.
        """
        asked = tuple(dict.fromkeys([*_certificates_in(evidence), *self.intermediates]))
        collected_at = self.evidence_at or at
        found = tuple(self.issuers.issuers_of(asked, collected_at)) if self.issuers is not None else ()
        revocation = self.revocation.evidence_for((*asked, *found), collected_at)
        intermediates = (*self.intermediates, *found)
        return JudgeInputs(self.anchors, intermediates, revocation, policy, self.evidence_at)


def _certificates_in(evidence: DocumentEvidence) -> list[Certificate]:
    """Every certificate that signatures and timestamps bring."""
    certificates: list[Certificate] = []
    for signature in evidence.signatures:
        certificates.extend(signature.unverified_certificates)
        for timestamp in signature.timestamps:
            try:
                token = parse_timestamp_token(timestamp.token)
                certificates.extend(Certificate.parse(der) for der in token.signed.certificates)
            except TrustError:
                continue  # the judge reports it
    return certificates
