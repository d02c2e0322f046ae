"""Certification path validation (RFC 5280 6.1), told in its numbered steps.

`validate_path` builds paths (path_builder), judges each by the rules below, and returns the first good one,
or tells why none is. Nothing is fetched: anchors, intermediates, revocation evidence and time are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, CRLError, check_crl_issuer, check_crl_signing
from trust.encoding.certificate import KeyUsage
from trust.errors import TrustError
from trust.path_builder import Budget, BudgetError, PathBuilder
from trust.path_steps import PathRun, date_text
from trust.report import PathReport, Reason, Rejection, reject
from trust.revocation import (
    Freshness,
    RevocationEvidence,
    RevocationPolicy,
    StatusQuestion,
    certificate_status,
)
from trust.status import CertStatus, CRLReason
from trust.validation_inputs import ValidationInputs

__all__ = [
    "Freshness",
    "RevocationEvidence",
    "RevocationPolicy",
    "ValidationInputs",
    "validate_path",
]

# A CRL issuer with a certificate of its own needs a path, whose certificates need CRLs: so deep, no deeper.
MAXIMUM_CRL_ISSUER_DEPTH = 3
_NOT_THE_SIGNER = frozenset(("crl-other-issuer", "crl-other-key"))


def validate_path(certificate: Certificate, inputs: ValidationInputs, at: datetime) -> PathReport:
    """The verdict on the certificate at that time: the first good path, or why there is none."""
    builder = PathBuilder(
        inputs.anchors, inputs.intermediates, at, inputs.algorithms, Budget(), inputs.maximum_path_length
    )
    return _Validator(inputs, at, builder, frozenset()).validate(certificate)


@dataclass(frozen=True)
class _Validator:
    """One validation at work; CRL issuers' paths share its builder and budget."""

    inputs: ValidationInputs
    at: datetime
    builder: PathBuilder
    pending: frozenset[Certificate]

    def validate(self, certificate: Certificate) -> PathReport:
        """Try the paths in turn; of the refused ones the one with the fewest rejections is told."""
        best: PathReport | None = None
        try:
            for path in self.builder.paths(certificate):
                report = PathRun(self.inputs, path, self.at, self.check_revocation).run()
                if report.valid:
                    return report
                if best is None or len(report.rejections) < len(best.rejections):
                    best = report
        except BudgetError:
            exceeded = reject(Reason.BUDGET_EXCEEDED, certificate)
            return best or PathReport(self.at, rejections=(exceeded,))
        return best or PathReport(self.at, rejections=self._no_path(certificate))

    def _no_path(self, certificate: Certificate) -> tuple[Rejection, ...]:
        """Why no path was found: the signatures refused on the way, or nobody of the issuer's name."""
        dead_ends = tuple(dict.fromkeys(self.builder.dead_ends))
        return dead_ends or (reject(Reason.NO_PATH, certificate),)

    # --- revocation (6.1.3 (a)(3), 6.3) ---

    def check_revocation(self, certificate: Certificate, issuer: Certificate) -> Rejection | None:
        """The certificate is not revoked, by evidence that counts."""
        policy = self.inputs.revocation_policy
        if policy is RevocationPolicy.NOT_CHECKED:
            return None
        verdict = certificate_status(certificate, issuer, self._question())
        if verdict.status is CertStatus.GOOD:
            return None
        answer = verdict.answer
        if answer is not None and answer.status is CertStatus.REVOKED:
            on_hold = answer.reason is CRLReason.CERTIFICATE_HOLD
            reason = Reason.ON_HOLD if on_hold else Reason.REVOKED
            return reject(reason, certificate, _revocation_text(answer.revoked_at, answer.reason))
        if policy is RevocationPolicy.SOFT_FAIL:
            return None
        detail = f" ({', '.join(verdict.complaints)})" if verdict.complaints else ""
        return reject(Reason.REVOCATION_UNKNOWN, certificate, detail)

    def _question(self) -> StatusQuestion:
        """What to ask of the evidence."""
        evidence_at = self.inputs.evidence_at or self.at
        return StatusQuestion(
            self.inputs.revocation,
            evidence_at,
            self._verify_crl,
            past=self.at if evidence_at > self.at else None,
            freshness=self.inputs.freshness,
            algorithms=self.inputs.algorithms,
            nonce=self.inputs.ocsp_nonce,
        )

    def _verify_crl(
        self, crl: CertificateRevocationList, certificate: Certificate, issuer: Certificate
    ) -> None:
        """6.3.3 (f), (g): the CRL is signed by the issuer's key, or by another key certified for its name."""
        evidence_at = self.inputs.evidence_at or self.at
        refusal: TrustError | None = None
        candidates = dict.fromkeys((issuer, *self.builder.named(crl.issuer)))
        for candidate in candidates:
            try:
                check_crl_issuer(crl, candidate)
                check_crl_signing(candidate)
                self.builder.budget.spend("signatures")
                crl.verify(candidate.public_key, evidence_at, self.inputs.algorithms)
                if candidate.public_key != issuer.public_key:
                    self._check_crl_issuer_path(candidate, certificate)
            except BudgetError:
                raise
            except TrustError as error:
                # A candidate that is not the CRL's signer at all tells less than one that may not be.
                if refusal is None or refusal.code in _NOT_THE_SIGNER:
                    refusal = error
                continue
            return
        raise refusal or CRLError("the CRL's issuer is not known", code="crl-other-issuer")

    def _check_crl_issuer_path(self, candidate: Certificate, certificate: Certificate) -> None:
        """6.3.3 (f): a CRL issuer that is not the issuer itself has a valid path of its own."""
        if candidate in self.inputs.anchors:
            return
        if (
            candidate in self.pending
            or len(self.pending) >= MAXIMUM_CRL_ISSUER_DEPTH
            or candidate == certificate
        ):
            raise CRLError(
                "the CRL's issuer vouches for itself", code="crl-issuer-circular", clause="RFC 5280 6.3.3"
            )
        inputs = replace(
            self.inputs,
            initial_policies=frozenset(),
            initial_explicit_policy=False,
            required_key_usage=frozenset((KeyUsage.CRL_SIGN,)),
            required_extended_key_usage=None,
        )
        report = _Validator(inputs, self.at, self.builder, self.pending | {candidate}).validate(candidate)
        if not report.valid:
            raise CRLError(
                f"the CRL's issuer is not valid: {report.rejections[0].code}",
                code="crl-issuer-invalid",
                clause="RFC 5280 6.3.3 (f)",
            )


def _revocation_text(revoked_at: datetime | None, reason: CRLReason | None) -> str:
    """When and why, for a report."""
    why = CRLReason.UNSPECIFIED if reason is None else reason
    return f"{why.text}, {date_text(revoked_at)}" if revoked_at else why.text
