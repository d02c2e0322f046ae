"""Extensions by which an authority's certificate limits the certificates below it, written (RFC 5280 4.2.1).

All are critical, as RFC 5280 demands or recommends. `trust.extensions` and `trust.constraints` read them.
"""

from __future__ import annotations

from collections.abc import Sequence

from trust.encoding import der
from trust.encoding.extensions import Extension
from trust.encoding.general_names import check_address_sizes
from trust.errors import EncodingError
from trust.vocabulary import ANY_POLICY, ExtensionOID

# Octets of an address with its mask, versions 4 and 6.
_IP_RANGE_SIZES = (8, 32)


def name_constraints(permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = ()) -> Extension:
    """Subtrees within which names must lie, and must not lie, as general names (RFC 5280 4.2.1.10)."""
    if not permitted and not excluded:
        raise EncodingError(
            "name constraints without a subtree", code="extension-empty", clause="RFC 5280 4.2.1.10"
        )
    check_address_sizes((*permitted, *excluded), _IP_RANGE_SIZES, "RFC 5280 4.2.1.10")
    value = der.sequence(_subtrees(0, permitted), _subtrees(1, excluded))
    return Extension(ExtensionOID.NAME_CONSTRAINTS, True, value)


def _subtrees(number: int, bases: Sequence[bytes]) -> bytes:
    """[number] GeneralSubtrees; minimum 0 is the default, maximum is never there."""
    subtrees = b"".join([der.sequence(base) for base in bases])
    return der.implicit(number, subtrees, constructed=True) if subtrees else b""


def policy_mappings(*mappings: tuple[str, str]) -> Extension:
    """Pairs of the issuer's policy and the subject's that it takes for equal (RFC 5280 4.2.1.5)."""
    if not mappings:
        raise EncodingError("no policy mappings", code="extension-empty", clause="RFC 5280 4.2.1.5")
    if any(ANY_POLICY in mapping for mapping in mappings):
        raise EncodingError("anyPolicy is mapped", code="policy-mapping-any", clause="RFC 5280 4.2.1.5")
    value = der.sequence(*[der.sequence(der.oid(own), der.oid(other)) for own, other in mappings])
    return Extension(ExtensionOID.POLICY_MAPPINGS, True, value)


def policy_constraints(
    require_explicit_policy: int | None = None, inhibit_policy_mapping: int | None = None
) -> Extension:
    """After how many certificates a policy is required, and mapping forbidden (RFC 5280 4.2.1.11)."""
    if require_explicit_policy is None and inhibit_policy_mapping is None:
        raise EncodingError("empty policy constraints", code="extension-empty", clause="RFC 5280 4.2.1.11")
    value = der.sequence(_count(0, require_explicit_policy), _count(1, inhibit_policy_mapping))
    return Extension(ExtensionOID.POLICY_CONSTRAINTS, True, value)


def _count(number: int, certificates: int | None) -> bytes:
    """[number] SkipCerts, or nothing."""
    if certificates is None:
        return b""
    return der.retag(number, der.integer(_checked(certificates)))


def inhibit_any_policy(certificates: int) -> Extension:
    """After how many certificates anyPolicy stands for no policy (RFC 5280 4.2.1.14)."""
    return Extension(ExtensionOID.INHIBIT_ANY_POLICY, True, der.integer(_checked(certificates)))


def _checked(certificates: int) -> int:
    """SkipCerts ::= INTEGER (0..MAX)."""
    if certificates < 0:
        raise EncodingError(
            "fewer than no certificates", code="certificate-count", clause="RFC 5280 4.2.1.11"
        )
    return certificates
