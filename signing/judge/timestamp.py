"""Time-stamp Validation (EN 319 102-1 5.4): does a token prove that the signature existed, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from signing.evidence import TimestampEvidence
from signing.indication import SubIndication
from signing.judge.brought import find_altered
from signing.judge.conclusion import Block, BlockConclusion, Failure, Reason, failed, indeterminate, run_block
from signing.judge.inputs import JudgeInputs
from signing.judge.x509_validation import timestamp_role, validate_certificate
from trust.certificate import Certificate
from trust.cms import CMSError
from trust.errors import TrustError
from trust.report import PathReport
from trust.timestamp import TimestampFacts, TimestampToken, parse_timestamp_token, verify_timestamp_token

_CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class TimestampConclusion:
    """The judgement on one timestamp token."""

    block: BlockConclusion
    facts: TimestampFacts | None = None
    path: PathReport | None = None

    @property
    def failure(self) -> Failure | None:
        """Why the token proves nothing, if so."""
        return self.block.failure

    @property
    def generated_at(self) -> datetime | None:
        """The proven time; None when the token proves nothing."""
        return self.facts.gen_time if self.facts is not None and self.failure is None else None


def validate_timestamp(evidence: TimestampEvidence, inputs: JudgeInputs, at: datetime) -> TimestampConclusion:
    """Judge one token at a given time."""
    # Steps 1 and 2: the token is well-formed, signed by an authority's key, and stamps these bytes.
    try:
        token = parse_timestamp_token(evidence.token)
        facts = verify_timestamp_token(token, token.info.digest_algorithm.digest(evidence.stamped))
        check_signer_identifier(token, facts)
        brought = tuple(Certificate.parse(der) for der in facts.certificates)
    except TrustError as error:
        failure = failed(SubIndication.SIG_CRYPTO_FAILURE, Reason.TIMESTAMP_INVALID, error.message)
        block = run_block(Block.TIMESTAMP_VALIDATION, [("token", lambda: failure)])
        return TimestampConclusion(block)
    # Step 3: the authority's certificate is valid for timestamps now, under a trusted policy.
    x509, path = validate_certificate(facts.certificate, brought, inputs, timestamp_role(inputs), at)
    block = run_block(
        Block.TIMESTAMP_VALIDATION,
        [
            ("token", lambda: None),
            ("certification-path", lambda: check_path(x509)),
            ("certificates-unaltered", lambda: check_certificates(brought, path, inputs)),
            ("not-from-the-future", lambda: check_time(facts, at)),
        ],
    )
    return TimestampConclusion(block, facts, path)


def check_signer_identifier(token: TimestampToken, facts: TimestampFacts) -> None:
    """One rule: the signer identifier, which is not signed, names the certificate byte for byte."""
    if token.signed.signer_issuer not in (None, facts.certificate.issuer):
        raise CMSError(
            "the signer identifier was changed", code="cms-signer-identifier", clause="RFC 5652 5.3"
        )


def check_path(x509: BlockConclusion) -> Failure | None:
    """One rule: the authority is trusted; its own reason is told as the detail."""
    if x509.failure is None:
        return None
    failure = x509.failure
    return indeterminate(
        failure.sub_indication, Reason.TIMESTAMP_UNTRUSTED, failure.detail_en, failure.detail_zh
    )


def check_certificates(
    brought: tuple[Certificate, ...], path: PathReport, inputs: JudgeInputs
) -> Failure | None:
    """One rule: no certificate that came with the token is a known one with bytes changed."""
    if find_altered(brought, path.path, inputs) is None:
        return None
    return indeterminate(SubIndication.SIG_CONSTRAINTS_FAILURE, Reason.TIMESTAMP_INVALID)


def check_time(facts: TimestampFacts, at: datetime) -> Failure | None:
    """One rule: the token is not from the future."""
    if facts.gen_time <= at + _CLOCK_SKEW:
        return None
    return indeterminate(SubIndication.TIMESTAMP_ORDER_FAILURE, Reason.TIMESTAMP_ORDER)
