"""Identification of the Signing Certificate (EN 319 102-1 5.2.3)."""

from __future__ import annotations

from signing.evidence import SignatureEvidence
from signing.indication import SubIndication
from signing.judge.conclusion import Block, BlockConclusion, Failure, Reason, indeterminate, run_block


def identify_signing_certificate(evidence: SignatureEvidence) -> BlockConclusion:
    """Run the block: INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND unless one certificate is named for sure."""
    return run_block(
        Block.SIGNING_CERTIFICATE,
        [
            ("certificate-present", lambda: check_present(evidence)),
            ("certificate-reference", lambda: check_reference(evidence)),
        ],
    )


def check_present(evidence: SignatureEvidence) -> Failure | None:
    """One rule: the signature brings the certificate its signer identifier names."""
    if evidence.unverified_signing_certificate is not None:
        return None
    return indeterminate(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Reason.CERTIFICATE_MISSING)


def check_reference(evidence: SignatureEvidence) -> Failure | None:
    """One rule: the signed reference (ESS signing-certificate-v2) has that certificate's digest (5.2.3.4)."""
    if evidence.certificate_reference_matches:
        return None
    return indeterminate(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Reason.CERTIFICATE_REFERENCE)
