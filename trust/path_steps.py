"""The basic path validation algorithm, step by step (RFC 5280 6.1.2 to 6.1.6), over one path.

path.py finds the paths and looks up revocation; here the rules are applied in the order of the clauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from trust.algorithms import check_public_key
from trust.certificate import Certificate
from trust.constraints import ConstraintError, ConstraintState
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.path_builder import BudgetError, Path
from trust.policy import PolicyGraph
from trust.report import Check, PathReport, Reason, Rejection, reject
from trust.validation_inputs import ValidationInputs
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage, ExtensionOID

# The rejection of a certificate of this issuer that is revoked, or not known not to be.
RevocationCheck = Callable[[Certificate, Certificate], Rejection | None]

# Critical extensions that the steps below process (RFC 5280 4.2; alternative names by the constraints).
UNDERSTOOD_EXTENSIONS = frozenset(
    (
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
    )
)


def date_text(moment: datetime) -> str:
    """A moment for a report."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


class PathRun:
    """RFC 5280 6.1.2: the variables of one run over one path, and the steps that change them."""

    def __init__(
        self, inputs: ValidationInputs, path: Path, at: datetime, check_revocation: RevocationCheck
    ) -> None:
        self.inputs, self.at, self.is_revoked = inputs, at, check_revocation
        self.path = path
        self.length = n = len(path) - 1
        explicit = self.inputs.initial_explicit_policy
        if explicit is None:
            explicit = bool(self.inputs.initial_policies)
        # (a) valid_policy_graph; (b), (c) permitted and excluded subtrees
        self.policies, self.names = PolicyGraph(), ConstraintState()
        # (d) explicit_policy, (e) inhibit_anyPolicy, (f) policy_mapping: certificates until each applies
        self.explicit_policy = 0 if explicit else n + 1
        self.inhibit_any_policy = 0 if self.inputs.initial_any_policy_inhibit else n + 1
        self.policy_mapping = 0 if self.inputs.initial_policy_mapping_inhibit else n + 1
        # (k) max_path_length; (g)-(j), the issuer's name and key, are the next certificate of the path.
        self.max_path_length = n
        self.policy_refused = False
        self.rejections: list[Rejection] = []
        self.checks: list[Check] = []

    def run(self) -> PathReport:
        """6.1.1 (d), then 6.1.3 for every certificate, 6.1.4 between, 6.1.5 at the end, 6.1.6."""
        self._check_anchor(self.path[-1])
        for i in range(1, self.length + 1):
            certificate, issuer = self.path[-1 - i], self.path[-i]
            final = i == self.length
            for clause, rule, step in self._steps(certificate, issuer, final=final):
                self._apply(clause, rule, certificate, list(_outcome(step, certificate)))
        policies = self._user_constrained_policies()
        return PathReport(self.at, self.path, tuple(self.rejections), tuple(self.checks), policies)

    def _apply(self, clause: str, rule: str, certificate: Certificate, found: list[Rejection]) -> None:
        """Note the outcome of one rule; what two rules stumble over is told once."""
        self.checks.append(Check(f"RFC 5280 {clause}", rule, certificate, not found))
        self.rejections.extend(rejection for rejection in found if rejection not in self.rejections)

    def _steps(
        self, certificate: Certificate, issuer: Certificate, *, final: bool
    ) -> Iterator[tuple[str, str, Iterator[Rejection]]]:
        """The rules for one certificate in the order of the clauses."""
        yield "4.2", "extensions", self._check_encoding(certificate)
        yield "6.1.3 (a)(1)", "signature", self._check_key(certificate)
        yield "6.1.3 (a)(2)", "validity", self._check_validity(certificate)
        yield "6.1.3 (a)(3)", "revocation", self._check_revocation(certificate, issuer)
        yield "6.1.3 (b)(c)", "names", self._check_names(certificate, final=final)
        yield "6.1.3 (d)(e)(f)", "policies", self._process_policies(certificate, final=final)
        if final:
            yield from self._wrap_up(certificate)
        else:
            yield from self._prepare_next(certificate)

    def _check_anchor(self, anchor: Certificate) -> None:
        """6.1.1 (d): whether an anchor outside its validity counts is the relying party's choice."""
        expired = not anchor.not_valid_before <= self.at <= anchor.not_valid_after
        if self.inputs.check_anchor_validity and expired:
            self._apply("6.1.1 (d)", "anchor", anchor, [reject(Reason.ANCHOR_EXPIRED, anchor)])

    def _check_encoding(self, certificate: Certificate) -> Iterator[Rejection]:
        """4.2: what is known here can be read, also where no rule asks for it."""
        certificate.check_extensions()
        yield from ()

    # --- 6.1.3 basic certificate processing ---

    def _check_key(self, certificate: Certificate) -> Iterator[Rejection]:
        """(a)(1): the signature was verified while building; the own key must be accepted too."""
        try:
            check_public_key(certificate.public_key, self.at, self.inputs.algorithms)
        except TrustError as error:
            yield reject(Reason.ALGORITHM_REFUSED, certificate, error.message)

    def _check_validity(self, certificate: Certificate) -> Iterator[Rejection]:
        """(a)(2): the time is within the validity period."""
        if self.at < certificate.not_valid_before:
            yield reject(Reason.NOT_YET_VALID, certificate, date_text(certificate.not_valid_before))
        if self.at > certificate.not_valid_after:
            yield reject(Reason.EXPIRED, certificate, date_text(certificate.not_valid_after))

    def _check_revocation(self, certificate: Certificate, issuer: Certificate) -> Iterator[Rejection]:
        """(a)(3): not revoked."""
        rejection = self.is_revoked(certificate, issuer)
        if rejection is not None:
            yield rejection

    def _check_names(self, certificate: Certificate, *, final: bool) -> Iterator[Rejection]:
        """(b), (c): the names are permitted and not excluded; self-issued ones only at the end.

        (a)(4), name chaining, holds by the way paths are built.
        """
        if certificate.is_self_issued and not final:
            return
        try:
            self.names.check_names(certificate)
        except ConstraintError as error:
            yield reject(_CONSTRAINT_REASONS.get(error.code, _UNSUPPORTED), certificate, error.message)

    def _process_policies(self, certificate: Certificate, *, final: bool) -> Iterator[Rejection]:
        """(d), (e), (f): the certificate's policies enter the graph, which may not vanish when needed."""
        self_issued_below = certificate.is_self_issued and not final
        any_policy_allowed = self.inhibit_any_policy > 0 or self_issued_below
        self.policies.add_certificate(certificate.policies, any_policy_allowed=any_policy_allowed)
        if self.explicit_policy == 0 and self.policies.is_null and not self.policy_refused:
            self.policy_refused = True
            yield reject(Reason.POLICY_MISSING, certificate)

    # --- 6.1.4 preparation for the next certificate ---

    def _prepare_next(self, certificate: Certificate) -> Iterator[tuple[str, str, Iterator[Rejection]]]:
        """The steps between two certificates."""
        yield "6.1.4 (a)(b)", "policy mappings", self._map_policies(certificate)
        yield "6.1.4 (g)", "name constraints", self._narrow_names(certificate)
        yield "6.1.4 (h)(i)(j)", "policy constraints", self._narrow_policies(certificate)
        yield "6.1.4 (k)", "basic constraints", self._check_authority(certificate)
        yield "6.1.4 (l)(m)", "path length", self._check_path_length(certificate)
        yield "6.1.4 (n)", "certificate signing", self._check_certificate_signing(certificate)
        yield "4.2.1.12", "purposes of the authority", self._check_nested_purpose(certificate)
        yield "6.1.4 (o)", "critical extensions", self._check_critical_extensions(certificate, "6.1.4 (o)")

    def _map_policies(self, certificate: Certificate) -> Iterator[Rejection]:
        """(a), (b): policies are mapped, anyPolicy never."""
        mappings = certificate.policy_mappings
        if any(ANY_POLICY in pair for pair in mappings):
            yield reject(Reason.POLICY_MAPPING, certificate)
        self.policies.map_policies(mappings, mapping_allowed=self.policy_mapping > 0)

    def _narrow_names(self, certificate: Certificate) -> Iterator[Rejection]:
        """(g): name constraints narrow what may be issued below."""
        self.names.narrow(certificate.name_constraints)
        yield from ()

    def _narrow_policies(self, certificate: Certificate) -> Iterator[Rejection]:
        """(h), (i), (j): the counters go down, and further where the certificate says so."""
        if not certificate.is_self_issued:
            self.explicit_policy = max(self.explicit_policy - 1, 0)
            self.policy_mapping = max(self.policy_mapping - 1, 0)
            self.inhibit_any_policy = max(self.inhibit_any_policy - 1, 0)
        constraints = certificate.policy_constraints
        if constraints is not None:
            self.explicit_policy = _lower(self.explicit_policy, constraints.require_explicit_policy)
            self.policy_mapping = _lower(self.policy_mapping, constraints.inhibit_policy_mapping)
        self.inhibit_any_policy = _lower(self.inhibit_any_policy, certificate.inhibit_any_policy)
        yield from ()

    def _check_authority(self, certificate: Certificate) -> Iterator[Rejection]:
        """(k): the certificate is an authority's."""
        constraints = certificate.basic_constraints
        if constraints is None or not constraints.ca:
            yield reject(Reason.NOT_A_CA, certificate)

    def _check_path_length(self, certificate: Certificate) -> Iterator[Rejection]:
        """(l), (m): no more authorities follow than allowed; self-issued ones do not count."""
        if not certificate.is_self_issued:
            if self.max_path_length <= 0:
                yield reject(Reason.PATH_TOO_LONG, certificate)
            self.max_path_length -= 1
        constraints = certificate.basic_constraints
        if constraints is not None:
            self.max_path_length = _lower(self.max_path_length, constraints.path_length)

    def _check_certificate_signing(self, certificate: Certificate) -> Iterator[Rejection]:
        """(n): a key usage, where stated, has keyCertSign."""
        if certificate.key_usage is not None and KeyUsage.KEY_CERT_SIGN not in certificate.key_usage:
            yield reject(Reason.CERTIFICATE_SIGNING, certificate)

    def _check_nested_purpose(self, certificate: Certificate) -> Iterator[Rejection]:
        """An authority that states purposes issues for those only (the field's reading of 4.2.1.12)."""
        required, stated = self.inputs.required_extended_key_usage, certificate.extended_key_usage
        if required is None or stated is None:
            return
        if required not in stated and ExtendedKeyUsage.ANY not in stated:
            yield reject(Reason.EXTENDED_KEY_USAGE, certificate, required)

    def _check_critical_extensions(self, certificate: Certificate, clause: str) -> Iterator[Rejection]:
        """(o), and 6.1.5 (e): every critical extension is understood."""
        for extension in certificate.extensions.values():
            if extension.critical and extension.oid not in UNDERSTOOD_EXTENSIONS:
                yield reject(
                    Reason.CRITICAL_EXTENSION, certificate, extension.oid, clause=f"RFC 5280 {clause}"
                )

    # --- 6.1.5 wrap-up ---

    def _wrap_up(self, certificate: Certificate) -> Iterator[tuple[str, str, Iterator[Rejection]]]:
        """The steps after the last certificate."""
        yield "6.1.5 (e)", "critical extensions", self._check_critical_extensions(certificate, "6.1.5 (e)")
        yield "6.1.5 (a)(b)(g)", "policy set", self._conclude_policies(certificate)
        yield "4.2.1.3", "key usage", self._check_key_usage(certificate)
        yield "4.2.1.12", "purpose", self._check_purpose(certificate)

    def _conclude_policies(self, certificate: Certificate) -> Iterator[Rejection]:
        """(a), (b), (g): the last counters, and the policies within what the relying party accepts."""
        self.explicit_policy = max(self.explicit_policy - 1, 0)
        constraints = certificate.policy_constraints
        if constraints is not None and constraints.require_explicit_policy == 0:
            self.explicit_policy = 0
        refused = self.explicit_policy == 0 and not self._user_constrained_policies()
        if refused and not self.policy_refused:
            wanted = ", ".join(sorted(self.inputs.initial_policies))
            yield reject(Reason.POLICY_REQUIRED, certificate, f" ({wanted})" if wanted else "")

    def _check_key_usage(self, certificate: Certificate) -> Iterator[Rejection]:
        """The key usage that the relying party asks for."""
        for usage in sorted(self.inputs.required_key_usage - (certificate.key_usage or frozenset())):
            yield reject(Reason.KEY_USAGE, certificate, usage.name.lower().replace("_", "-"))

    def _check_purpose(self, certificate: Certificate) -> Iterator[Rejection]:
        """The purpose that the relying party asks for; anyExtendedKeyUsage does not stand for it."""
        required = self.inputs.required_extended_key_usage
        if required is not None and required not in (certificate.extended_key_usage or ()):
            yield reject(Reason.EXTENDED_KEY_USAGE, certificate, required)

    def _user_constrained_policies(self) -> frozenset[str]:
        """6.1.5 (g), 6.1.6: the user-constrained policy set."""
        return self.policies.user_constrained_policies(
            self.inputs.initial_policies or frozenset((ANY_POLICY,))
        )


_CONSTRAINT_REASONS = {
    "name-not-permitted": Reason.NAME_NOT_PERMITTED,
    "name-excluded": Reason.NAME_EXCLUDED,
}
_UNSUPPORTED = Reason.NAME_CONSTRAINT_UNSUPPORTED


def _lower(counter: int, limit: int | None) -> int:
    """The counter, no higher than the limit where one is set."""
    return counter if limit is None else min(counter, limit)


def _outcome(step: Iterator[Rejection], certificate: Certificate) -> Iterator[Rejection]:
    """A step's rejections; an extension that cannot be read is one more."""
    try:
        yield from step
    except BudgetError:
        raise
    except TrustError as error:
        yield reject(Reason.MALFORMED, certificate, error.message, clause=error.clause)
