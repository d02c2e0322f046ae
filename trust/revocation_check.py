"""The revocation step of path validation (RFC 5280 6.1.3 (a)(3)): the verdict on the evidence as a rejection.

revocation.py weighs the evidence; here it is asked, and the keys that signed CRLs are found. A CRL issuer
with a certificate of its own needs a path of its own, for which path.py's validation is called back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from trust.algorithms import verify_signature
from trust.budget import BudgetError
from trust.certificate import Certificate
from trust.crl import CRLError, check_crl_issuer, check_crl_signing
from trust.crl_check import CombinedCRL
from trust.crl_status import is_settled_good
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.names import names_match
from trust.path_builder import PathBuilder
from trust.path_steps import date_text
from trust.report import PathReport, Reason, Rejection, reject
from trust.revocation import RevocationPolicy, StatusQuestion, StatusVerdict, certificate_status
from trust.status import CertStatus, CRLReason
from trust.validation_inputs import ValidationInputs

# A CRL issuer with a certificate of its own needs a path, whose certificates need CRLs: so deep, no deeper.
MAXIMUM_CRL_ISSUER_DEPTH = 3
# So many keys are tried on one CRL: each trial digests all of it, which may be megabytes.
MAXIMUM_CRL_SIGNERS = 8
_NOT_THE_SIGNER = frozenset(("crl-other-issuer", "crl-other-key"))

# Validates a CRL issuer's certificate up to that anchor, knowing which CRL issuers are being validated.
CRLIssuerValidation = Callable[
    [Certificate, ValidationInputs, Certificate, frozenset[Certificate]], PathReport
]


@dataclass(eq=False)
class RevocationChecker:
    """The revocation checks of one path; CRL issuers' paths share its builder, budget and anchor."""

    inputs: ValidationInputs
    at: datetime
    builder: PathBuilder
    anchor: Certificate
    pending: frozenset[Certificate]
    validate_crl_issuer: CRLIssuerValidation

    def check_revocation(self, certificate: Certificate, issuer: Certificate) -> Rejection | None:
        """The certificate is not revoked, by evidence that counts."""
        policy = self.inputs.revocation_policy
        if policy is RevocationPolicy.NOT_CHECKED:
            return None
        if self._is_settled_good(certificate, issuer):
            return None
        verdict = certificate_status(certificate, issuer, self._question())
        if verdict.status is CertStatus.GOOD:
            return None
        rejection = _explain(certificate, verdict, policy)
        return rejection and replace(rejection, again_at=verdict.again_at)

    def _is_settled_good(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether lists alone are at hand, the question is of now, and the list for it says good."""
        inputs = self.inputs
        evidence_at = inputs.evidence_at or self.at
        if inputs.revocation.ocsp or evidence_at > self.at:
            return False
        return is_settled_good(
            certificate, issuer, inputs.revocation, evidence_at, inputs.freshness, inputs.algorithms
        )

    def _question(self) -> StatusQuestion:
        """What to ask of the evidence."""
        inputs = self.inputs
        evidence_at = inputs.evidence_at or self.at
        return StatusQuestion(
            inputs.revocation,
            evidence_at,
            self._verify_crl,
            past=self.at if evidence_at > self.at else None,
            freshness=inputs.freshness,
            algorithms=inputs.algorithms,
            nonce=inputs.ocsp_nonce,
        )

    def _verify_crl(self, crl: CombinedCRL, certificate: Certificate, issuer: Certificate) -> Certificate:
        """6.3.3 (f), (g), (h): the issuer, or another CRL issuer, whose key signed the CRL and its delta."""
        evidence_at = self.inputs.evidence_at or self.at
        refusal: TrustError | None = None
        tried: set[bytes] = set()
        for candidate in dict.fromkeys((issuer, *self.builder.named(crl.base.issuer))):
            try:
                check_crl_issuer(crl.base, candidate)
                check_crl_signing(candidate)
                tried.add(candidate.public_key)
                if len(tried) > MAXIMUM_CRL_SIGNERS:
                    break
                for signed in crl.lists:
                    self.builder.budget.spend("signatures")
                    signed.verify(candidate.public_key, evidence_at, self.inputs.algorithms)
                if candidate != issuer:
                    self._check_crl_issuer_path(candidate, certificate, issuer)
            except BudgetError:
                raise
            except TrustError as error:
                # A candidate that is not the CRL's signer at all tells less than one that may not be.
                if refusal is None or refusal.code in _NOT_THE_SIGNER:
                    refusal = error
                continue
            return candidate
        raise refusal or CRLError("the CRL's issuer is not known", code="crl-other-issuer")

    def _check_crl_issuer_path(
        self, candidate: Certificate, certificate: Certificate, issuer: Certificate
    ) -> None:
        """6.3.3 (f): a CRL issuer that is not the issuer itself has a valid path to the same anchor."""
        # The path of the certificate in question is being judged just now.
        if candidate in (self.anchor, certificate):
            return
        if candidate in self.pending or len(self.pending) >= MAXIMUM_CRL_ISSUER_DEPTH:
            raise CRLError(
                "CRL issuers vouch for one another", code="crl-issuer-circular", clause="RFC 5280 6.3.3 (f)"
            )
        inputs = replace(
            self.inputs,
            initial_policies=frozenset(),
            initial_explicit_policy=False,
            required_key_usage=frozenset((KeyUsage.CRL_SIGN,)),
            required_extended_key_usage=None,
        )
        report = self.validate_crl_issuer(candidate, inputs, self.anchor, self.pending | {candidate})
        if not report.valid:
            raise CRLError(
                f"the CRL's issuer is not valid: {report.rejections[0].code}",
                code="crl-issuer-invalid",
                clause="RFC 5280 6.3.3 (f)",
            )
        if names_match(candidate.subject, issuer.subject) and not _are_kin(candidate, report.path[1], issuer):
            raise CRLError(
                "another authority certified the CRL's key under the issuer's name",
                code="crl-issuer-invalid",
                clause="RFC 5280 6.3.3 (f)",
            )


def _are_kin(candidate: Certificate, parent: Certificate, issuer: Certificate) -> bool:
    """Whether another key of the issuer's name is the issuer's: certified by the same, or one by the other.

    Any authority below the anchor could certify a key of its own under that name; 6.3.3 (f) asks for the same
    anchor only, which is not enough.
    """
    if issuer.public_key in (parent.public_key, candidate.public_key):
        return True
    return any(_signed(issuer, key) for key in (parent.public_key, candidate.public_key))


def _signed(certificate: Certificate, public_key: bytes) -> bool:
    """Whether the key made the certificate's signature."""
    try:
        verify_signature(public_key, certificate.algorithm, certificate.signature, certificate.tbs)
    except TrustError:
        return False
    return True


def _explain(certificate: Certificate, verdict: StatusVerdict, policy: RevocationPolicy) -> Rejection | None:
    """The rejection for a certificate that is not known to be good; None where policy lets it pass."""
    answer = verdict.answer
    if answer is not None and answer.status is CertStatus.REVOKED:
        on_hold = answer.reason is CRLReason.CERTIFICATE_HOLD
        reason = Reason.ON_HOLD if on_hold else Reason.REVOKED
        return reject(reason, certificate, _revocation_text(answer.revoked_at, answer.reason))
    if policy is RevocationPolicy.SOFT_FAIL and not verdict.disowned:
        return None
    detail = f" ({', '.join(verdict.complaints)})" if verdict.complaints else ""
    if policy is RevocationPolicy.TRY_LATER and not verdict.disowned:
        return reject(Reason.REVOCATION_TRY_LATER, certificate, detail)
    return reject(Reason.REVOCATION_UNKNOWN, certificate, detail)


def _revocation_text(revoked_at: datetime | None, reason: CRLReason | None) -> str:
    """When and why, for a report."""
    why = CRLReason.UNSPECIFIED if reason is None else reason
    return f"{why.text}, {date_text(revoked_at)}" if revoked_at else why.text
