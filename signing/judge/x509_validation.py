"""X.509 Certificate Validation (EN 319 102-1 5.2.6): the path, by `trust.path`, in the standard's words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from signing.indication import BlockStatus, SubIndication
from signing.judge.conclusion import Block, BlockConclusion, CheckResult, Failure, Reason
from signing.judge.inputs import JudgeInputs
from trust import report as path_report
from trust.certificate import Certificate
from trust.encoding.extensions import KeyUsage
from trust.path import ValidationInputs, validate_path
from trust.report import PathReport, Rejection
from trust.vocabulary import ExtendedKeyUsage

_Codes = dict[str, tuple[SubIndication, Reason]]

_GENERAL: Final = (SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, Reason.CERTIFICATE_REFUSED)
_BY_CODE: Final[_Codes] = {
    path_report.Reason.NO_PATH.code: (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Reason.NO_PATH),
    path_report.Reason.BUDGET_EXCEEDED.code: (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Reason.NO_PATH),
    path_report.Reason.ANCHOR_EXPIRED.code: (
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE,
        Reason.NO_PATH,
    ),
    path_report.Reason.ALGORITHM_REFUSED.code: (
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
        Reason.CERTIFICATE_ALGORITHM,
    ),
    path_report.Reason.EXPIRED.code: (SubIndication.OUT_OF_BOUNDS_NO_POE, Reason.CERTIFICATE_EXPIRED),
    path_report.Reason.NOT_YET_VALID.code: (
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        Reason.CERTIFICATE_NOT_YET_VALID,
    ),
    path_report.Reason.REVOKED.code: (SubIndication.REVOKED_NO_POE, Reason.CERTIFICATE_REVOKED),
    path_report.Reason.ON_HOLD.code: (SubIndication.TRY_LATER, Reason.CERTIFICATE_ON_HOLD),
    path_report.Reason.REVOCATION_UNKNOWN.code: (SubIndication.TRY_LATER, Reason.REVOCATION_UNKNOWN),
    path_report.Reason.POLICY_MISSING.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_KIND,
    ),
    path_report.Reason.POLICY_REQUIRED.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_KIND,
    ),
    path_report.Reason.KEY_USAGE.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_PURPOSE,
    ),
    path_report.Reason.EXTENDED_KEY_USAGE.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_PURPOSE,
    ),
    path_report.Reason.NAME_NOT_PERMITTED.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_REFUSED,
    ),
    path_report.Reason.NAME_EXCLUDED.code: (
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        Reason.CERTIFICATE_REFUSED,
    ),
}


@dataclass(frozen=True)
class CertificateRole:
    """What a certificate must be good for: whose it is decides policies, key usage and purpose."""

    policies: frozenset[str]
    key_usage: KeyUsage
    extended_key_usage: str | None = None


def signer_role(inputs: JudgeInputs) -> CertificateRole:
    """The role of a document's signer: nonRepudiation under an accepted signature profile."""
    return CertificateRole(inputs.policy.signer_policies, KeyUsage.NON_REPUDIATION)


def timestamp_role(inputs: JudgeInputs) -> CertificateRole:
    """The role of a timestamp authority (RFC 3161 2.3)."""
    return CertificateRole(
        inputs.policy.timestamp_policies, KeyUsage.DIGITAL_SIGNATURE, ExtendedKeyUsage.TIME_STAMPING
    )


def validate_certificate(
    certificate: Certificate,
    brought: tuple[Certificate, ...],
    inputs: JudgeInputs,
    role: CertificateRole,
    at: datetime,
) -> tuple[BlockConclusion, PathReport]:
    """Run the block for one certificate; `brought` are the unproven ones that came with the signature."""
    report = validate_path(certificate, path_inputs(brought, inputs, role), at)
    failure = None if report.valid else rejection_failure(report.rejections[0], certificate)
    return BlockConclusion(Block.X509_VALIDATION, (CheckResult("certification-path", failure),)), report


def was_valid_at(
    certificate: Certificate,
    brought: tuple[Certificate, ...],
    inputs: JudgeInputs,
    role: CertificateRole,
    moment: datetime,
    *,
    at: datetime,
) -> bool:
    """Whether the certificate was valid at a past moment, by revocation data as of `at`."""
    asked = replace(path_inputs(brought, inputs, role), evidence_at=inputs.evidence_at or at)
    return validate_path(certificate, asked, moment).valid


def path_inputs(
    brought: tuple[Certificate, ...], inputs: JudgeInputs, role: CertificateRole
) -> ValidationInputs:
    """The question to `trust.path`; certificates brought by the document only help to build the path."""
    return ValidationInputs(
        anchors=inputs.anchors,
        intermediates=(*inputs.intermediates, *brought),
        revocation=inputs.revocation,
        evidence_at=inputs.evidence_at,
        initial_policies=role.policies,
        required_key_usage=frozenset({role.key_usage}),
        algorithms=inputs.policy.algorithms,
        required_extended_key_usage=role.extended_key_usage,
    )


def rejection_failure(rejection: Rejection, certificate: Certificate) -> Failure:
    """The standard's words for a rejected path (5.2.6.4)."""
    sub_indication, reason = _BY_CODE.get(rejection.code, _GENERAL)
    if sub_indication is SubIndication.REVOKED_NO_POE and rejection.certificate != certificate:
        sub_indication, reason = SubIndication.REVOKED_CA_NO_POE, Reason.AUTHORITY_REVOKED
    return Failure(
        BlockStatus.INDETERMINATE, sub_indication, reason, rejection.message_en, rejection.message_zh
    )
