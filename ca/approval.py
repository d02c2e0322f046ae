"""Approvals: a CMS signature of an officer's card over the approval statement, verified step by step.

What is checked here needs no database; who the signer is and what the signer may do is checked by the
verb that uses the approval.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ca.errors import ApprovalError
from ca.issuance import digest_of
from trust.approval import parse_approval, parse_statement
from trust.certificate import Certificate
from trust.cms import verify_signed_data
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.path import RevocationEvidence, ValidationInputs, validate_path
from trust.profile_policy import CertificateKind, kind_of, policy_oid


@dataclass(frozen=True)
class ApprovalTrust:
    """What an approval is held against: authorities, their CRLs, the city's policies."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    crls: tuple[bytes, ...]
    policy_arc: str


def verify_approval(approval: bytes, statement: bytes, trust: ApprovalTrust, at: datetime) -> Certificate:
    """Verify an approval of exactly this statement; return the officer's certificate.

    The steps:
    """
    # 1. It is a CMS signature with one signer, made as an approval: a document the same card signed is none.
    try:
        _, facts = parse_approval(approval)
    except TrustError as error:
        raise ApprovalError(f"not an approval: {error.message}", code="approval-malformed") from error
    # 2. What was signed is, octet for octet, the statement that was prepared.
    if facts.content is None or not hmac.compare_digest(facts.content, statement):
        raise ApprovalError(
            "another statement was signed than the one prepared", code="approval-other-statement"
        )
    # 3. The signature is good, and names its certificate.
    try:
        signer = verify_signed_data(facts, statement)
    except TrustError as error:
        raise ApprovalError(
            f"the approval's signature is not good: {error.message}", code="approval-signature"
        ) from error
    # 4. The certificate is valid now, not revoked, and an officer's for signing.
    _validate_signer(signer, trust, at)
    # 5. The statement has not expired.
    if parse_statement(statement).expires_at <= at:
        raise ApprovalError("the statement has expired; prepare again", code="approval-expired")
    return signer


def check_stored_digests(statement: bytes, stored: Sequence[bytes]) -> None:
    """Check that the stored to-be-signed certificates are those the statement names, in its order."""
    try:
        named = parse_statement(statement).tbs_digests
    except TrustError as error:
        raise ApprovalError(
            f"the stored statement is damaged: {error.message}", code="approval-statement-damaged"
        ) from error
    if named != tuple(digest_of(tbs) for tbs in stored):
        raise ApprovalError(
            "what would be signed is not what the statement names; nothing was signed",
            code="approval-digest-mismatch",
        )


def _validate_signer(signer: Certificate, trust: ApprovalTrust, at: datetime) -> None:
    """Validate the signer's path for the policy of officers' signature certificates."""
    inputs = ValidationInputs(
        anchors=trust.anchors,
        intermediates=trust.intermediates,
        revocation=RevocationEvidence(crls=trust.crls),
        initial_policies=frozenset({policy_oid(CertificateKind.OFFICER_SIGNATURE, trust.policy_arc)}),
        required_key_usage=frozenset({KeyUsage.NON_REPUDIATION}),
    )
    report = validate_path(signer, inputs, at)
    if not report.valid:
        reasons = "; ".join(rejection.message_en for rejection in report.rejections)
        raise ApprovalError(
            f"the approver's certificate is not accepted: {reasons}", code="approval-certificate"
        )
    if kind_of(signer.policies, trust.policy_arc) is not CertificateKind.OFFICER_SIGNATURE:
        raise ApprovalError(
            "the approval was not signed with an officer's signature certificate",
            code="approval-certificate-kind",
        )
