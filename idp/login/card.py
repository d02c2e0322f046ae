"""Judging cards: from the token a browser sent to a person of the register, and again while logged in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from idp.claims import EndUser
from idp.errors import LoginError
from idp.login.failures import LoginFailure
from idp.provider import CardLogin
from idp.settings import IdpSettings
from trust.card_token import CardToken, CardTokenError, verify_card_token
from trust.certificate import Certificate
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.names import NameAttribute
from trust.path import Freshness, RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.profile_policy import CertificateKind, kind_of, policy_oid
from trust.report import PathReport, Reason
from trust.subjects import check_subject_number
from trust.vocabulary import ExtendedKeyUsage

# Other clocks may be ahead of ours by this much.
_CLOCK_SKEW = timedelta(seconds=30)
_FAILURES = {
    Reason.EXPIRED.code: LoginFailure.EXPIRED,
    Reason.NOT_YET_VALID.code: LoginFailure.NOT_YET_VALID,
    Reason.REVOKED.code: LoginFailure.REVOKED,
    Reason.ON_HOLD.code: LoginFailure.ON_HOLD,
    Reason.NO_PATH.code: LoginFailure.UNKNOWN_ISSUER,
    Reason.SIGNATURE_INVALID.code: LoginFailure.UNKNOWN_ISSUER,
    Reason.REVOCATION_UNKNOWN.code: LoginFailure.STATUS_UNKNOWN,
    Reason.POLICY_REQUIRED.code: LoginFailure.WRONG_KIND,
    Reason.POLICY_MISSING.code: LoginFailure.WRONG_KIND,
    Reason.KEY_USAGE.code: LoginFailure.WRONG_KIND,
    Reason.EXTENDED_KEY_USAGE.code: LoginFailure.WRONG_KIND,
}
# When several rules are broken the person is told the one that says most about the card itself.
_MOST_TELLING = tuple(_FAILURES)


class EvidenceSource(Protocol):
    """Where revocation evidence comes from: `runtime.revocation.RevocationFetcher`."""

    def evidence_for(self, certificates: Sequence[Certificate], at: datetime) -> RevocationEvidence:
        """Return CRLs and OCSP answers about the certificates; what cannot be had is left out."""
        ...


class SubjectSource(Protocol):
    """Who a subject number stands for: `login.people.Register`."""

    def end_user(self, subject_number: str, kind: CertificateKind, fingerprint: str) -> EndUser:
        """Return the person; raise LoginError or RegisterUnavailableError."""
        ...


class CardValidator:
    """Validates cards against the city's authorities, their revocation evidence and the register."""

    def __init__(
        self,
        settings: IdpSettings,
        *,
        anchors: tuple[Certificate, ...],
        intermediates: tuple[Certificate, ...],
        evidence: EvidenceSource,
        people: SubjectSource,
    ) -> None:
        self._origin = settings.public_url
        self._arc = settings.policy_arc
        self._evidence = evidence
        self._people = people
        self._inputs = ValidationInputs(
            anchors=anchors,
            intermediates=intermediates,
            revocation_policy=RevocationPolicy.NOT_CHECKED,
            freshness=Freshness(
                maximum_ocsp_age=timedelta(seconds=settings.revocation_seconds), clock_skew=_CLOCK_SKEW
            ),
            initial_policies=frozenset(
                policy_oid(kind, self._arc) for kind in CertificateKind if kind.is_authentication
            ),
            required_key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE}),
            required_extended_key_usage=ExtendedKeyUsage.CLIENT_AUTHENTICATION,
        )

    def validate(self, card_token: str, nonce: str, at: datetime) -> CardLogin:
        """Return who logged in.

        1. Read the token. 2. Verify its signature over our origin and this nonce: whoever sent it holds the
        certificate's key. 3. Validate the path to the city's authorities, the policy (an authentication
        certificate), key usage and purpose. 4. Fetch revocation evidence for that path, from addresses that
        our own authorities wrote into it, and validate again with it; what is unknown is refused. 5. Ask the
        register who the subject number stands for.
        """
        certificate = self._verify_signature(card_token, nonce, at)
        kind = self._validate_certificate(certificate, at)
        end_user = self._people.end_user(_subject_number(certificate), kind, certificate.fingerprint)
        return CardLogin(end_user, certificate.fingerprint, certificate.der)

    def check_certificate(self, certificate: bytes, at: datetime) -> None:
        """Check by the rules of the login, points 3 and 4, that the card is still in force."""
        try:
            parsed = Certificate.parse(certificate)
        except TrustError as error:
            raise LoginFailure.NOT_ACCEPTED.error(error.code) from None
        self._validate_certificate(parsed, at)

    def _validate_certificate(self, certificate: Certificate, at: datetime) -> CertificateKind:
        """Validate path and revocation; return the kind of authentication certificate it is."""
        report = self._validate(certificate, self._inputs, at)
        self._validate(certificate, self._with_evidence(report, at), at)
        kind = kind_of(certificate.policies, self._arc)
        if kind is None or not kind.is_authentication:
            raise LoginFailure.WRONG_KIND.error("policy-kind")
        return kind

    def _verify_signature(self, card_token: str, nonce: str, at: datetime) -> Certificate:
        """Read the card token and verify that its key signed our origin and the nonce."""
        try:
            token = CardToken.parse(card_token)
        except TrustError as error:
            raise LoginFailure.TOKEN_MALFORMED.error(error.code) from None
        try:
            verify_card_token(token, origin=self._origin, nonce=nonce, at=at)
        except CardTokenError as error:
            raise LoginFailure.SIGNATURE.error(error.code) from None
        return token.unverified_certificate

    def _validate(self, certificate: Certificate, inputs: ValidationInputs, at: datetime) -> PathReport:
        """Validate the path; turn a refusal into the sentence for the person."""
        report = validate_path(certificate, inputs, at)
        if not report.valid:
            raise _explain(report)
        return report

    def _with_evidence(self, report: PathReport, at: datetime) -> ValidationInputs:
        """Fetch evidence: an OCSP answer for the card, whatever there is for the authorities above it.

        A CRL may be hours old; for the card itself only an answer of the moment counts.
        """
        card, *authorities = report.path
        about_card = self._evidence.evidence_for([card], at)
        about_authorities = self._evidence.evidence_for(authorities, at)
        evidence = RevocationEvidence(
            crls=about_authorities.crls, ocsp=about_card.ocsp + about_authorities.ocsp
        )
        return replace(self._inputs, revocation=evidence, revocation_policy=RevocationPolicy.HARD_FAIL)


def _explain(report: PathReport) -> LoginError:
    """Choose the failure to tell of a report's rejections."""
    codes = [rejection.code for rejection in report.rejections]
    for code in _MOST_TELLING:
        if code in codes:
            return _FAILURES[code].error(code)
    return LoginFailure.NOT_ACCEPTED.error(codes[0] if codes else "")


def _subject_number(certificate: Certificate) -> str:
    """Return the subject number the certificate carries."""
    try:
        return check_subject_number(certificate.subject_attributes[NameAttribute.SERIAL_NUMBER])
    except (KeyError, TrustError):
        raise LoginFailure.NOT_ACCEPTED.error("subject-number") from None
