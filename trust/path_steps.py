"""The rules of basic path validation, each told by its clause (RFC 5280 6.1.2 to 6.1.5).

path_run.py applies them along a path in the order of the clauses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from trust.algorithms import check_public_key
from trust.budget import Budget
from trust.certificate import Certificate
from trust.conformance import check_conformance
from trust.constraints import ConstraintError, ConstraintState
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.policy import PolicyGraph
from trust.report import Reason, Rejection, reject
from trust.validation_inputs import ValidationInputs
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage, ExtensionOID

# The rejection of a certificate of this issuer that is revoked, or not known not to be.
RevocationCheck = Callable[[Certificate, Certificate], Rejection | None]
# What one rule says against a certificate; nothing when it holds.
Rejections = tuple[Rejection, ...]

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


@dataclass
class PathState:
    """RFC 5280 6.1.2: the variables that the certificates of a path change.

    - (a) valid_policy_graph; (b), (c) permitted and excluded subtrees;
    - (d) explicit_policy, (e) inhibit_anyPolicy, (f) policy_mapping: certificates until each applies;
    - (k) max_path_length. (g) to (j), the issuer's name and key, are the next certificate of the path.
    """

    explicit_policy: int
    inhibit_any_policy: int
    policy_mapping: int
    max_path_length: int
    policies: PolicyGraph = field(default_factory=PolicyGraph)
    names: ConstraintState = field(default_factory=ConstraintState)

    @classmethod
    def initial(cls, inputs: ValidationInputs, n: int) -> PathState:
        """6.1.2 for a path of n certificates below the anchor."""
        return cls(
            explicit_policy=0 if inputs.explicit_policy else n + 1,
            inhibit_any_policy=0 if inputs.initial_any_policy_inhibit else n + 1,
            policy_mapping=0 if inputs.initial_policy_mapping_inhibit else n + 1,
            max_path_length=n,
        )

    def for_subscriber(self) -> PathState:
        """A state that the path's last certificate can change; it narrows no names."""
        return PathState(
            self.explicit_policy,
            self.inhibit_any_policy,
            self.policy_mapping,
            self.max_path_length,
            self.policies.copy(),
            self.names,
        )


class PathSteps:
    """The rules, each a method: what speaks against the certificate at hand, and how it changes the state."""

    def __init__(
        self,
        inputs: ValidationInputs,
        anchor: Certificate,
        at: datetime,
        check_revocation: RevocationCheck | None,
        budget: Budget,
        state: PathState,
    ) -> None:
        self.inputs, self.at, self.is_revoked, self.budget = inputs, at, check_revocation, budget
        self.state = state
        # The certificate at hand: whose it is, whether it is the last, whether it only hands a name on.
        self.issuer = anchor
        self.final = self.self_issued_below = False
        self.policy_refused = False
        self.user_policies: frozenset[str] = frozenset()

    def check_anchor(self, anchor: Certificate) -> Rejections:
        """6.1.1 (d): whether an anchor outside its validity counts is the relying party's choice."""
        expired = not anchor.not_valid_before <= self.at <= anchor.not_valid_after
        if self.inputs.check_anchor_validity and expired:
            return (reject(Reason.ANCHOR_EXPIRED, anchor),)
        return ()

    def check_anchor_authority(self, anchor: Certificate) -> Rejections:
        """4.2.1.9: who is no authority issues nothing; a length limits the path (RFC 5937 3.2)."""
        if not anchor.extensions:
            # Trusted as a name and a key, by other means than extensions.
            return ()
        constraints = anchor.basic_constraints
        if constraints is not None:
            self.state.max_path_length = _lower(self.state.max_path_length, constraints.path_length)
        return self.check_authority(anchor)

    def check_encoding(self, certificate: Certificate) -> Rejections:
        """4.1.2.6, 4.2: the subject and the extensions known here can be read, also where no rule asks."""
        certificate.check_subject()
        certificate.check_extensions()
        return ()

    def check_conformance(self, certificate: Certificate) -> Rejections:
        """4.1, 4.2: the certificate does not claim what it may not."""
        check_conformance(certificate, final=self.final)
        return ()

    # --- 6.1.3 basic certificate processing ---

    def check_key(self, certificate: Certificate) -> Rejections:
        """(a)(1): the signature was verified while building; the own key must be accepted too."""
        try:
            check_public_key(certificate.public_key, self.at, self.inputs.algorithms)
        except TrustError as error:
            return (reject(Reason.ALGORITHM_REFUSED, certificate, error.message),)
        return ()

    def check_validity(self, certificate: Certificate) -> Rejections:
        """(a)(2): the time is within the validity period."""
        if self.at < certificate.not_valid_before:
            return (reject(Reason.NOT_YET_VALID, certificate, date_text(certificate.not_valid_before)),)
        if self.at > certificate.not_valid_after:
            return (reject(Reason.EXPIRED, certificate, date_text(certificate.not_valid_after)),)
        return ()

    def check_revocation(self, certificate: Certificate) -> Rejections:
        """(a)(3): not revoked."""
        rejection = None if self.is_revoked is None else self.is_revoked(certificate, self.issuer)
        return () if rejection is None else (rejection,)

    def check_names(self, certificate: Certificate) -> Rejections:
        """(b), (c): the names are permitted and not excluded; self-issued ones only at the end.

        (a)(4), name chaining, holds by the way paths are built.
        """
        if self.self_issued_below:
            return ()
        try:
            self.state.names.check_names(certificate, self.budget)
        except ConstraintError as error:
            return (reject(_CONSTRAINT_REASONS.get(error.code, _UNSUPPORTED), certificate, error.message),)
        return ()

    def process_policies(self, certificate: Certificate) -> Rejections:
        """(d), (e), (f): the certificate's policies enter the graph, which may not vanish when needed."""
        any_policy_allowed = self.state.inhibit_any_policy > 0 or self.self_issued_below
        policies = certificate.policies
        self.budget.spend("comparisons", len(policies))
        self.state.policies.add_certificate(policies, any_policy_allowed=any_policy_allowed)
        if self.state.explicit_policy == 0 and self.state.policies.is_null and not self.policy_refused:
            self.policy_refused = True
            return (reject(Reason.POLICY_MISSING, certificate),)
        return ()

    # --- 6.1.4 preparation for the next certificate ---

    def map_policies(self, certificate: Certificate) -> Rejections:
        """(a), (b): policies are mapped, anyPolicy never."""
        mappings = certificate.policy_mappings
        self.budget.spend("comparisons", len(mappings))
        self.state.policies.map_policies(mappings, mapping_allowed=self.state.policy_mapping > 0)
        if any(ANY_POLICY in pair for pair in mappings):
            return (reject(Reason.POLICY_MAPPING, certificate),)
        return ()

    def narrow_names(self, certificate: Certificate) -> Rejections:
        """(g): name constraints narrow what may be issued below."""
        self.state.names.narrow(certificate.name_constraints)
        return ()

    def narrow_policies(self, certificate: Certificate) -> Rejections:
        """(h), (i), (j): the counters go down, and further where the certificate says so."""
        state = self.state
        if not self.self_issued_below:
            state.explicit_policy = max(state.explicit_policy - 1, 0)
            state.policy_mapping = max(state.policy_mapping - 1, 0)
            state.inhibit_any_policy = max(state.inhibit_any_policy - 1, 0)
        constraints = certificate.policy_constraints
        if constraints is not None:
            state.explicit_policy = _lower(state.explicit_policy, constraints.require_explicit_policy)
            state.policy_mapping = _lower(state.policy_mapping, constraints.inhibit_policy_mapping)
        state.inhibit_any_policy = _lower(state.inhibit_any_policy, certificate.inhibit_any_policy)
        return ()

    def check_authority(self, certificate: Certificate) -> Rejections:
        """(k): the certificate is an authority's."""
        constraints = certificate.basic_constraints
        if constraints is None or not constraints.ca:
            return (reject(Reason.NOT_A_CA, certificate),)
        return ()

    def check_path_length(self, certificate: Certificate) -> Rejections:
        """(l), (m): no more authorities follow than allowed; self-issued ones do not count."""
        too_long = self.state.max_path_length <= 0 and not self.self_issued_below
        if not self.self_issued_below:
            self.state.max_path_length -= 1
        constraints = certificate.basic_constraints
        if constraints is not None:
            self.state.max_path_length = _lower(self.state.max_path_length, constraints.path_length)
        return (reject(Reason.PATH_TOO_LONG, certificate),) if too_long else ()

    def check_certificate_signing(self, certificate: Certificate) -> Rejections:
        """(n): a key usage, where stated, has keyCertSign."""
        key_usage = certificate.key_usage
        if key_usage is not None and KeyUsage.KEY_CERT_SIGN not in key_usage:
            return (reject(Reason.CERTIFICATE_SIGNING, certificate),)
        return ()

    def check_nested_purpose(self, certificate: Certificate) -> Rejections:
        """An authority that states purposes issues for those only (the field's reading of 4.2.1.12)."""
        required, stated = self.inputs.required_extended_key_usage, certificate.extended_key_usage
        if required is None or stated is None or required in stated or ExtendedKeyUsage.ANY in stated:
            return ()
        return (reject(Reason.EXTENDED_KEY_USAGE, certificate, required),)

    def check_critical_extensions(self, certificate: Certificate) -> Rejections:
        """6.1.4 (o), 6.1.5 (e): every critical extension is understood."""
        unknown = [
            extension.oid
            for extension in certificate.extensions.values()
            if extension.critical and extension.oid not in UNDERSTOOD_EXTENSIONS
        ]
        if not unknown:
            return ()
        clause = "RFC 5280 6.1.5 (e)" if self.final else "RFC 5280 6.1.4 (o)"
        return tuple(reject(Reason.CRITICAL_EXTENSION, certificate, oid, clause=clause) for oid in unknown)

    # --- 6.1.5 wrap-up ---

    def conclude_policies(self, certificate: Certificate) -> Rejections:
        """(a), (b), (g): the last counters, and the policies within what the relying party accepts."""
        self.state.explicit_policy = max(self.state.explicit_policy - 1, 0)
        constraints = certificate.policy_constraints
        if constraints is not None and constraints.require_explicit_policy == 0:
            self.state.explicit_policy = 0
        self.user_policies = self.state.policies.user_constrained_policies(
            self.inputs.initial_policies or frozenset((ANY_POLICY,))
        )
        if self.state.explicit_policy > 0 or self.policy_refused or self.user_policies:
            return ()
        wanted = ", ".join(sorted(self.inputs.initial_policies))
        return (reject(Reason.POLICY_REQUIRED, certificate, f" ({wanted})" if wanted else ""),)

    def check_key_usage(self, certificate: Certificate) -> Rejections:
        """The key usage that the relying party asks for."""
        required = self.inputs.required_key_usage
        if not required:
            return ()
        missing = sorted(required - (certificate.key_usage or frozenset()))
        return tuple(
            reject(Reason.KEY_USAGE, certificate, usage.name.lower().replace("_", "-")) for usage in missing
        )

    def check_purpose(self, certificate: Certificate) -> Rejections:
        """The purpose that the relying party asks for; anyExtendedKeyUsage does not stand for it."""
        required = self.inputs.required_extended_key_usage
        if required is None or required in (certificate.extended_key_usage or ()):
            return ()
        return (reject(Reason.EXTENDED_KEY_USAGE, certificate, required),)


_CONSTRAINT_REASONS = {
    "name-not-permitted": Reason.NAME_NOT_PERMITTED,
    "name-excluded": Reason.NAME_EXCLUDED,
}
_UNSUPPORTED = Reason.NAME_CONSTRAINT_UNSUPPORTED


def _lower(counter: int, limit: int | None) -> int:
    """The counter, no higher than the limit where one is set."""
    return counter if limit is None else min(counter, limit)
