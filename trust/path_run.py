"""The basic path validation algorithm over one path (RFC 5280 6.1): which rules which certificate must meet.

path.py finds the paths, path_steps.py has the rules. What the authorities of a path come to is remembered, so
that the next certificate below them costs its own rules only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property

from trust.budget import Budget, BudgetError
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.keeping import Kept
from trust.path_builder import MAXIMUM_KEPT_SIZE, Path
from trust.path_steps import PathState, PathSteps, Rejections, RevocationCheck
from trust.report import PathReport, Reason, Rejection, Rule, RulesOfPath, reject
from trust.validation_inputs import ValidationInputs

# Rules, and the methods that apply them.
Steps = tuple[tuple[Rule, Callable[[PathSteps, Certificate], Rejections]], ...]

# What may change from one validation to the next: time passes.
_PASSING_ANCHOR_RULES: Steps = ((Rule("6.1.1 (d)", "anchor", "信任锚"), PathSteps.check_anchor),)
_ANCHOR_RULES: Steps = (
    *_PASSING_ANCHOR_RULES,
    (Rule("4.2.1.9", "authority of the anchor", "信任锚的机构资格"), PathSteps.check_anchor_authority),
    (
        Rule("4.2.1.3", "certificate signing by the anchor", "信任锚的证书签发权"),
        PathSteps.check_certificate_signing,
    ),
    (
        Rule("4.2", "critical extensions of the anchor", "信任锚的关键扩展"),
        PathSteps.check_critical_extensions,
    ),
    (Rule("4.2.1.10", "name constraints of the anchor", "信任锚的名称限制"), PathSteps.narrow_names),
)
_PASSING_RULES: Steps = (
    (Rule("6.1.3 (a)(1)", "signature", "签名与密钥"), PathSteps.check_key),
    (Rule("6.1.3 (a)(2)", "validity", "有效期"), PathSteps.check_validity),
    (Rule("6.1.3 (a)(3)", "revocation", "吊销状态"), PathSteps.check_revocation),
)
_BASIC_RULES: Steps = (
    (Rule("4.2", "extensions", "编码与扩展"), PathSteps.check_encoding),
    *_PASSING_RULES,
    (Rule("6.1.3 (b)(c)", "names", "名称限制"), PathSteps.check_names),
    (Rule("6.1.3 (d)(e)(f)", "policies", "证书策略"), PathSteps.process_policies),
)
_AUTHORITY_RULES: Steps = (
    *_BASIC_RULES,
    (Rule("6.1.4 (a)(b)", "policy mappings", "策略映射"), PathSteps.map_policies),
    (Rule("6.1.4 (g)", "name constraints", "名称限制的收紧"), PathSteps.narrow_names),
    (Rule("6.1.4 (h)(i)(j)", "policy constraints", "策略限制"), PathSteps.narrow_policies),
    (Rule("6.1.4 (k)", "basic constraints", "基本限制"), PathSteps.check_authority),
    (Rule("6.1.4 (l)(m)", "path length", "路径长度"), PathSteps.check_path_length),
    (Rule("6.1.4 (n)", "certificate signing", "证书签发权"), PathSteps.check_certificate_signing),
    (Rule("4.2.1.12", "purposes of the authority", "机构的用途"), PathSteps.check_nested_purpose),
    (Rule("6.1.4 (o)", "critical extensions", "关键扩展"), PathSteps.check_critical_extensions),
    (Rule("4.1 4.2", "conformance", "合规性"), PathSteps.check_conformance),
)
_FINAL_RULES: Steps = (
    *_BASIC_RULES,
    (Rule("6.1.5 (e)", "critical extensions", "关键扩展"), PathSteps.check_critical_extensions),
    (Rule("6.1.5 (a)(b)(g)", "policy set", "策略集合"), PathSteps.conclude_policies),
    (Rule("4.2.1.3", "key usage", "密钥用途"), PathSteps.check_key_usage),
    (Rule("4.2.1.12", "purpose", "用途"), PathSteps.check_purpose),
    (Rule("4.1 4.2", "conformance", "合规性"), PathSteps.check_conformance),
)


@dataclass(frozen=True)
class Rules:
    """The rules for each place in a path; the passing ones are those that time may break."""

    anchor: Steps
    passing_anchor: Steps
    authority: Steps
    passing: Steps
    subscriber: Steps

    @cached_property
    def told(self) -> RulesOfPath:
        """The rules without the methods that apply them, for a report."""
        places = (self.anchor, self.authority, self.subscriber)
        return RulesOfPath(*(tuple(rule for rule, _ in steps) for steps in places))

    def without_revocation(self) -> Rules:
        """The rules of a validation that does not ask about revocation."""
        return replace(self, **{place.name: _unasked(getattr(self, place.name)) for place in fields(self)})


def _unasked(steps: Steps) -> Steps:
    """The steps without the one that asks about revocation."""
    return tuple(step for step in steps if step[1] is not PathSteps.check_revocation)


_RULES = Rules(_ANCHOR_RULES, _PASSING_ANCHOR_RULES, _AUTHORITY_RULES, _PASSING_RULES, _FINAL_RULES)
_RULES_WITHOUT_REVOCATION = _RULES.without_revocation()

# What the authorities of a path come to, where nothing speaks against them. Time and revocation have no part
# in it, and are judged at every validation.
_AUTHORITY_STATES: Kept[PathState] = Kept(256)


def _is_worth_keeping(authorities: Path) -> bool:
    """Whether the certificates are short enough: what is read of one may take thirty times its size."""
    return sum(len(authority.der) for authority in authorities) <= MAXIMUM_KEPT_SIZE


class PathRun(PathSteps):
    """One run over one path: the rules in their order, and what speaks against the path."""

    def __init__(
        self,
        inputs: ValidationInputs,
        path: Path,
        at: datetime,
        check_revocation: RevocationCheck | None,
        budget: Budget,
    ) -> None:
        self.path = path
        self.rules = _RULES if check_revocation is not None else _RULES_WITHOUT_REVOCATION
        self.known_by = (
            path[1:],
            inputs.explicit_policy,
            inputs.initial_any_policy_inhibit,
            inputs.initial_policy_mapping_inhibit,
            inputs.required_extended_key_usage,
        )
        self.known = _AUTHORITY_STATES.get(self.known_by)
        state = self.known or PathState.initial(inputs, len(path) - 1)
        super().__init__(inputs, path[-1], at, check_revocation, budget, state)
        self.rejections: list[Rejection] = []
        self.broken: list[tuple[Certificate, Rule]] = []

    def run(self) -> PathReport:
        """6.1.1 (d), then 6.1.3 for every certificate, 6.1.4 between, 6.1.5 at the end, 6.1.6."""
        if self.known:
            self._process_authorities(self.rules.passing_anchor, self.rules.passing)
        else:
            self._process_authorities(self.rules.anchor, self.rules.authority)
            if not self.rejections and _is_worth_keeping(self.path[1:]):
                _AUTHORITY_STATES.put(self.known_by, self.state)
        self.state = self.state.for_subscriber()
        self.final, self.self_issued_below = True, False
        self._apply(self.rules.subscriber, self.path[0])
        return PathReport(
            self.at,
            self.path,
            tuple(self.rejections),
            self.rules.told,
            frozenset(self.broken),
            self.user_policies,
        )

    def _process_authorities(self, anchor_steps: Steps, steps: Steps) -> None:
        """The anchor, and 6.1.3 and 6.1.4 for every authority below it."""
        self._apply(anchor_steps, self.issuer)
        for authority in self.path[-2:0:-1]:
            self.self_issued_below = authority.is_self_issued
            self._apply(steps, authority)
            self.issuer = authority

    def _apply(self, steps: Steps, certificate: Certificate) -> None:
        """The steps on one certificate in the order of the clauses; a value that cannot be read breaks one.

        What two rules stumble over is told once.
        """
        for rule, check in steps:
            try:
                found: Iterable[Rejection] = check(self, certificate)
            except BudgetError:
                raise
            except TrustError as error:
                found = (reject(Reason.MALFORMED, certificate, error.message, clause=error.clause),)
            if found:
                self.broken.append((certificate, rule))
                self.rejections.extend(each for each in found if each not in self.rejections)
