"""The verdict on a certificate: the path, every rule with its outcome, and a sentence for a person.

A report is returned, not raised, because a refusal has to be explained. `raise_if_invalid` is for callers
that only go on or stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from trust.certificate import Certificate
from trust.errors import TrustError

# A hostile name may have many thousand characters; a sentence shows its beginning.
MAXIMUM_SUBJECT_LENGTH = 200


class PathError(TrustError):
    """A certificate that is not valid for the purpose; the report says why."""

    def __init__(
        self, message: str, *, code: str, clause: str = "", report: PathReport | None = None
    ) -> None:
        super().__init__(message, code=code, clause=clause)
        self.report = report


class Reason(Enum):
    """Why a certificate is refused: code, clause, and the sentence in English and Chinese.

    {subject} is the certificate concerned; {detail} what the rule adds.
    """

    NO_PATH = (
        "no-path",
        "RFC 5280 6.1",
        "The certificate of {subject} does not lead to a trusted authority{detail}.",
        "{subject} 的证书无法追溯到受信任的机构{detail}。",
    )
    BUDGET_EXCEEDED = (
        "budget-exceeded",
        "RFC 4158 3",
        "The search for a trusted authority of {subject} was stopped: too many certificates.",
        "证书过多，已停止为 {subject} 查找受信任的机构。",
    )
    SIGNATURE_INVALID = (
        "signature-invalid",
        "RFC 5280 6.1.3 (a)(1)",
        "The signature on the certificate of {subject} was not made by its issuer{detail}.",
        "{subject} 证书上的签名并非由其签发者作出{detail}。",
    )
    ALGORITHM_REFUSED = (
        "algorithm-refused",
        "RFC 5280 6.1.3 (a)(1)",
        "The certificate of {subject} uses an algorithm or a key that is not accepted: {detail}.",
        "{subject} 的证书使用了不被接受的算法或密钥：{detail}。",
    )
    NOT_YET_VALID = (
        "certificate-not-yet-valid",
        "RFC 5280 6.1.3 (a)(2)",
        "The certificate of {subject} is not valid before {detail}.",
        "{subject} 的证书在 {detail} 之前尚未生效。",
    )
    EXPIRED = (
        "certificate-expired",
        "RFC 5280 6.1.3 (a)(2)",
        "The certificate of {subject} expired on {detail}.",
        "{subject} 的证书已于 {detail} 过期。",
    )
    ANCHOR_EXPIRED = (
        "anchor-outside-validity",
        "RFC 5280 6.1.1 (d)",
        "The trusted authority {subject} is itself outside its validity period.",
        "受信任的机构 {subject} 自身不在有效期内。",
    )
    REVOKED = (
        "certificate-revoked",
        "RFC 5280 6.1.3 (a)(3)",
        "The certificate of {subject} has been revoked ({detail}).",
        "{subject} 的证书已被吊销（{detail}）。",
    )
    ON_HOLD = (
        "certificate-on-hold",
        "RFC 5280 6.1.3 (a)(3)",
        "The certificate of {subject} is suspended ({detail}).",
        "{subject} 的证书已被暂停使用（{detail}）。",
    )
    REVOCATION_UNKNOWN = (
        "revocation-unknown",
        "RFC 5280 6.1.3 (a)(3)",
        "It could not be established whether the certificate of {subject} is revoked{detail}.",
        "无法确定 {subject} 的证书是否已被吊销{detail}。",
    )
    REVOCATION_TRY_LATER = (
        "revocation-try-later",
        "EN 319 102-1 5.2.6",
        "Whether the certificate of {subject} is revoked cannot be told yet; ask again{detail}.",
        "目前尚不能确定 {subject} 的证书是否已被吊销，请稍后再查{detail}。",
    )
    ISSUER_NAME = (
        "issuer-name-mismatch",
        "RFC 5280 6.1.3 (a)(4)",
        "The certificate of {subject} names another issuer than the certificate above it.",
        "{subject} 的证书所载签发者与其上级证书不符。",
    )
    NAME_NOT_PERMITTED = (
        "name-not-permitted",
        "RFC 5280 6.1.3 (b)",
        "The authority above {subject} may not issue for this name: {detail}.",
        "{subject} 的上级机构无权为该名称签发证书：{detail}。",
    )
    NAME_EXCLUDED = (
        "name-excluded",
        "RFC 5280 6.1.3 (c)",
        "The authority above {subject} is forbidden to issue for this name: {detail}.",
        "{subject} 的上级机构被禁止为该名称签发证书：{detail}。",
    )
    NAME_CONSTRAINT_UNSUPPORTED = (
        "name-constraint-unsupported",
        "RFC 5280 4.2.1.10",
        "The names that {subject} may issue for are limited in a way that cannot be checked: {detail}.",
        "{subject} 的名称限制无法核查：{detail}。",
    )
    POLICY_MISSING = (
        "policy-missing",
        "RFC 5280 6.1.3 (f)",
        "The certificates down to {subject} do not share the certificate policy that is required.",
        "直至 {subject} 的各级证书不具备所要求的证书策略。",
    )
    POLICY_REQUIRED = (
        "policy-not-acceptable",
        "RFC 5280 6.1.5 (g)",
        "The certificate of {subject} was not issued under a certificate policy required here{detail}.",
        "{subject} 的证书并非依据此处要求的证书策略签发{detail}。",
    )
    POLICY_MAPPING = (
        "policy-mapping-any",
        "RFC 5280 6.1.4 (a)",
        "The certificate of {subject} maps from or to any policy, which is forbidden.",
        "{subject} 的证书对“任意策略”作了映射，此为禁止。",
    )
    NOT_A_CA = (
        "not-a-ca",
        "RFC 5280 6.1.4 (k)",
        "{subject} has issued a certificate but is not a certificate authority.",
        "{subject} 签发了证书，但并非证书认证机构。",
    )
    PATH_TOO_LONG = (
        "path-too-long",
        "RFC 5280 6.1.4 (l)",
        "More authorities follow {subject} than its certificate allows.",
        "{subject} 之下的机构层级超过其证书所允许的数目。",
    )
    CERTIFICATE_SIGNING = (
        "key-usage-certificate-signing",
        "RFC 5280 6.1.4 (n)",
        "The key of {subject} may not sign certificates.",
        "{subject} 的密钥不得用于签发证书。",
    )
    CRITICAL_EXTENSION = (
        "critical-extension-unknown",
        "RFC 5280 6.1.5 (e)",
        "The certificate of {subject} has a critical extension that is not understood: {detail}.",
        "{subject} 的证书含有无法识别的关键扩展：{detail}。",
    )
    MALFORMED = (
        "certificate-malformed",
        "RFC 5280 4",
        "The certificate of {subject} is malformed: {detail}.",
        "{subject} 的证书格式有误：{detail}。",
    )
    KEY_USAGE = (
        "key-usage-missing",
        "RFC 5280 4.2.1.3",
        "The certificate of {subject} is not meant for this use of its key ({detail}).",
        "{subject} 的证书不适用于该密钥用途（{detail}）。",
    )
    EXTENDED_KEY_USAGE = (
        "extended-key-usage-missing",
        "RFC 5280 4.2.1.12",
        "The certificate of {subject} is not meant for this purpose ({detail}).",
        "{subject} 的证书不适用于该目的（{detail}）。",
    )

    def __init__(self, code: str, clause: str, message_en: str, message_zh: str) -> None:
        self.code = code
        self.clause = clause
        self.message_en = message_en
        self.message_zh = message_zh


@dataclass(frozen=True)
class Rejection:
    """One broken rule, the certificate that broke it, and what to tell a person.

    `again_at` is when newer information about revocation is due, where that would help and is known.
    """

    code: str
    clause: str
    certificate: Certificate | None
    message_en: str
    message_zh: str
    again_at: datetime | None = None


class Rule(NamedTuple):
    """One rule of path validation: its clause of RFC 5280, and what it is about in two languages."""

    clause: str
    name_en: str
    name_zh: str


class RulesOfPath(NamedTuple):
    """The rules in the order in which they were applied, by the certificate's place in the path."""

    anchor: tuple[Rule, ...] = ()
    authority: tuple[Rule, ...] = ()
    subscriber: tuple[Rule, ...] = ()


NO_RULES = RulesOfPath()


@dataclass(frozen=True)
class Check:
    """One rule that was applied to one certificate, and its outcome."""

    clause: str
    rule: Rule
    certificate: Certificate
    passed: bool


def reject(reason: Reason, certificate: Certificate, detail: str = "", *, clause: str = "") -> Rejection:
    """A rejection for that reason, its sentences filled in."""
    subject = certificate.subject_text[:MAXIMUM_SUBJECT_LENGTH]
    return Rejection(
        reason.code,
        clause or reason.clause,
        certificate,
        reason.message_en.format(subject=subject, detail=detail),
        reason.message_zh.format(subject=subject, detail=detail),
    )


@dataclass(frozen=True)
class PathReport:
    """The verdict of `validate_path`.

    `path` runs from the certificate asked about to the trust anchor; it is empty when none was found, and the
    best of the refused ones when the verdict is no. `policies` is the user-constrained policy set of RFC 5280
    6.1.6, anyPolicy written as its OID. `rules` are those that were applied, `broken` those of them that
    did not hold.
    """

    at: datetime
    path: tuple[Certificate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    rules: RulesOfPath = NO_RULES
    broken: frozenset[tuple[Certificate, Rule]] = frozenset()
    policies: frozenset[str] = frozenset()

    @property
    def valid(self) -> bool:
        """Whether a path was found against which nothing speaks."""
        return bool(self.path) and not self.rejections

    @property
    def try_later(self) -> bool:
        """Whether nothing is wrong but that information about revocation is missing for now."""
        return bool(self.rejections) and all(
            rejection.code == Reason.REVOCATION_TRY_LATER.code for rejection in self.rejections
        )

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every rule that was applied, with its outcome, from the anchor down."""
        if not self.path:
            return ()
        subscriber, *authorities, anchor = self.path
        applied = [
            (anchor, self.rules.anchor),
            *((authority, self.rules.authority) for authority in reversed(authorities)),
            (subscriber, self.rules.subscriber),
        ]
        return tuple(
            Check(f"RFC 5280 {rule.clause}", rule, certificate, (certificate, rule) not in self.broken)
            for certificate, rules in applied
            for rule in rules
        )

    def raise_if_invalid(self) -> None:
        """Raise PathError with the first rejection's code and sentence; the error carries the report."""
        if self.valid:
            return
        first = self.rejections[0]
        raise PathError(first.message_en, code=first.code, clause=first.clause, report=self)
