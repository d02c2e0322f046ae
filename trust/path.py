"""Certification path validation (RFC 5280 6.1), told in its numbered steps.

`validate_path` builds paths (path_builder), judges each by the rules below, and returns the first good one,
or tells why none is. Nothing is fetched: anchors, intermediates, revocation evidence and time are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trust.budget import Budget, BudgetError
from trust.certificate import Certificate
from trust.path_builder import PathBuilder
from trust.path_run import PathRun
from trust.path_steps import RevocationCheck
from trust.report import PathReport, Reason, Rejection, reject
from trust.revocation import Freshness, RevocationEvidence, RevocationPolicy
from trust.revocation_check import RevocationChecker
from trust.validation_inputs import ValidationInputs

__all__ = [
    "Freshness",
    "RevocationEvidence",
    "RevocationPolicy",
    "ValidationInputs",
    "validate_path",
]


def validate_path(certificate: Certificate, inputs: ValidationInputs, at: datetime) -> PathReport:
    """The verdict on the certificate at that time: the first good path, or why there is none."""
    builder = PathBuilder(
        inputs.anchors, inputs.intermediates, at, inputs.algorithms, Budget(), inputs.maximum_path_length
    )
    return _Validator(inputs, at, builder).validate(certificate)


@dataclass(frozen=True)
class _Validator:
    """One validation at work; CRL issuers' paths share its builder and budget, and end in its anchor."""

    inputs: ValidationInputs
    at: datetime
    builder: PathBuilder
    pending: frozenset[Certificate] = frozenset()
    anchor: Certificate | None = None

    def validate(self, certificate: Certificate) -> PathReport:
        """Try the paths in turn; of the refused ones the one with the fewest rejections is told.

        A search that was cut short is told as well: the path that is missing may be a good one.
        """
        best: PathReport | None = None
        try:
            for path in self.builder.paths(certificate):
                if self.anchor is not None and path[-1] != self.anchor:
                    continue
                report = PathRun(
                    self.inputs, path, self.at, self._revocation_check(path[-1]), self.builder.budget
                ).run()
                if report.valid:
                    return report
                if best is None or len(report.rejections) < len(best.rejections):
                    best = report
        except BudgetError:
            exceeded = reject(Reason.BUDGET_EXCEEDED, certificate)
            best = best or PathReport(self.at)
            return replace(best, rejections=(*best.rejections, exceeded))
        return best or PathReport(self.at, rejections=self._no_path(certificate))

    def _revocation_check(self, anchor: Certificate) -> RevocationCheck | None:
        """6.1.3 (a)(3) for a path that ends in this anchor; None when nobody asks about revocation."""
        if self.inputs.revocation_policy is RevocationPolicy.NOT_CHECKED:
            return None
        return RevocationChecker(
            self.inputs, self.at, self.builder, anchor, self.pending, self._validate_crl_issuer
        ).check_revocation

    def _no_path(self, certificate: Certificate) -> tuple[Rejection, ...]:
        """Why no path was found: the signatures refused on the way, or nobody of the issuer's name."""
        dead_ends = tuple(dict.fromkeys(self.builder.dead_ends))
        return dead_ends or (reject(Reason.NO_PATH, certificate),)

    def _validate_crl_issuer(
        self,
        certificate: Certificate,
        inputs: ValidationInputs,
        anchor: Certificate,
        pending: frozenset[Certificate],
    ) -> PathReport:
        """The verdict on a CRL issuer's certificate, at the same time and within the same budget."""
        return _Validator(inputs, self.at, self.builder, pending, anchor).validate(certificate)
