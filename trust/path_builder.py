"""Path building (RFC 4158): from a certificate up to a trust anchor, depth first, within a budget.

Each signature is verified before the search goes on above it, so a bundle of look-alikes cannot make the
search explode; each pair of certificate and key is verified once. The rules of RFC 5280 6.1 come after, in
path.py, on every path in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import pairwise

from trust.algorithms import (
    AlgorithmPolicy,
    check_algorithm,
    check_public_key,
    may_have_signed,
    verify_signature,
    verify_with,
)
from trust.budget import Budget
from trust.certificate import Certificate
from trust.encoding import der
from trust.errors import TrustError
from trust.names import issuer_name
from trust.public_key import OID_DSA, PARAMETERS_MISSING, inherit_parameters, lacks_parameters
from trust.report import Reason, Rejection, reject

# The certificate asked about first, the trust anchor last.
Path = tuple[Certificate, ...]
# In octets: longer certificates are verified anew, as hostile ones would fill the memory.
MAXIMUM_KEPT_SIZE = 32 * 1024
# In verifications by a common key. A key of 600 octets is RSA of more than 4,096 bits, or ML-DSA.
DSA_COST, LONG_KEY_COST = 32, 4
LONG_KEY_SIZE = 600
OID_DSA_DER = der.oid(OID_DSA)
_KEY_HEADER_SIZE = 24
# Farther than any path: what no name leads to is tried last.
_UNREACHABLE = 1_000_000


@dataclass
class PathBuilder:
    """The certificates a path may be built of, and what has been found out about them."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    at: datetime
    algorithms: AlgorithmPolicy
    budget: Budget
    maximum_length: int
    dead_ends: list[Rejection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_subject: dict[object, list[Certificate]] = {}
        self._anchor_set = frozenset(self.anchors)
        self._verdicts: dict[tuple[bytes, bytes], TrustError | None] = {}
        for certificate in (*self.anchors, *dict.fromkeys(self.intermediates)):
            try:
                self._by_subject.setdefault(issuer_name(certificate.subject), []).append(certificate)
            except TrustError:
                # A certificate whose name cannot be read can be nobody's issuer.
                continue

    def paths(self, target: Certificate) -> Iterator[Path]:
        """Every path from the target to an anchor, most promising first; BudgetError when it takes long."""
        yield from self._extend((target,))

    def named(self, subject: bytes) -> tuple[Certificate, ...]:
        """All certificates of that subject name, anchors first."""
        try:
            return tuple(self._by_subject.get(issuer_name(subject), ()))
        except TrustError:
            return ()

    def _extend(self, path: Path) -> Iterator[Path]:
        """The paths that go on above the last certificate of this one."""
        child = path[-1]
        for issuer in self._candidates(child):
            self.budget.spend("steps")
            is_anchor = issuer in self._anchor_set
            if not is_anchor and _repeats(path, issuer):
                continue
            if not self._signed_by(child, issuer):
                continue
            if is_anchor:
                self.budget.spend("paths")
                found = self._verified((*path, issuer))
                if found is not None:
                    yield found
            elif len(path) < self.maximum_length:
                yield from self._extend((*path, issuer))

    def _candidates(self, child: Certificate) -> Sequence[Certificate]:
        """Certificates that bear the issuer's name and may have signed, the most promising first."""
        named = self.named(child.issuer)
        if len(named) < 2:
            return named
        fitting = [issuer for issuer in named if may_have_signed(issuer.public_key, child.algorithm)]
        return sorted(fitting or named, key=lambda issuer: self._rank(child, issuer))

    def _rank(self, child: Certificate, issuer: Certificate) -> tuple[bool, int, int]:
        """Smaller is more promising: validity, key identifier, way to an anchor (RFC 4158 3.2, 3.5)."""
        valid = issuer.not_valid_before <= self.at <= issuer.not_valid_after
        return (not valid, _key_distance(child, issuer), self._anchor_distance(issuer))

    def _anchor_distance(self, issuer: Certificate) -> int:
        """How many certificates lead to an anchor at least, going by names; many where none do."""
        if issuer in self._anchor_set:
            return 0
        return 1 + self._distances.get(_folded(issuer.issuer), _UNREACHABLE)

    @cached_property
    def _distances(self) -> dict[object, int]:
        """The distance of each name from an anchor's, breadth first, as if all signatures were right."""
        issued: dict[object, set[object]] = {}
        for subject, certificates in self._by_subject.items():
            for certificate in certificates:
                issued.setdefault(_folded(certificate.issuer), set()).add(subject)
        names = {_folded(anchor.subject) for anchor in self.anchors}
        distances = dict.fromkeys(names, 0)
        distance = 0
        while names:
            distance += 1
            names = {below for name in names for below in issued.get(name, ())} - distances.keys()
            distances.update(dict.fromkeys(names, distance))
        return distances

    def _verified(self, path: Path) -> Path | None:
        """The path when every signature in it verifies, with the DSA parameters that keys inherit."""
        if not any(lacks_parameters(certificate.public_key) for certificate in path):
            return path
        whole = inherit_keys(path)
        verified = all(self._verdict(child, issuer) is None for child, issuer in pairwise(whole))
        return whole if verified else None

    def _signed_by(self, child: Certificate, issuer: Certificate) -> bool:
        """Whether the issuer's key made the child's signature, or may have: its parameters stand above it."""
        error = self._verdict(child, issuer)
        return error is None or error.code == PARAMETERS_MISSING

    def _verdict(self, child: Certificate, issuer: Certificate) -> TrustError | None:
        """Why the issuer's key did not make the child's signature; a refusal is kept as a dead end."""
        key = (child.der, issuer.public_key)
        if key not in self._verdicts:
            self.budget.spend("signatures", _signature_cost(issuer.public_key))
            self._verdicts[key] = self._verify(child, issuer)
            error = self._verdicts[key]
            if error is not None:
                self.dead_ends.append(_explain(child, issuer, error))
        return self._verdicts[key]

    def _verify(self, child: Certificate, issuer: Certificate) -> TrustError | None:
        """RFC 5280 6.1.3 (a)(1): the signature, by an algorithm and a key that are accepted."""
        try:
            algorithm = check_algorithm(child.algorithm, self.at, self.algorithms)
            check_public_key(issuer.public_key, self.at, self.algorithms)
            if len(child.tbs) <= MAXIMUM_KEPT_SIZE and _is_authority(child):
                _verify_kept(issuer.public_key, child.algorithm, child.signature, child.tbs)
            else:
                verify_with(issuer.public_key, algorithm, child.signature, child.tbs)
        except TrustError as error:
            return error
        return None


# Authorities are few and issue many: that their certificates' signatures are right is remembered. Only what
# has been verified is kept, by its bytes, so nothing wrong can be remembered.
_verify_kept = lru_cache(maxsize=256)(verify_signature)


def _is_authority(certificate: Certificate) -> bool:
    """Whether the certificate says it is an authority's."""
    try:
        constraints = certificate.basic_constraints
    except TrustError:
        return False
    return constraints is not None and constraints.ca


def inherit_keys(path: Path) -> Path:
    """The path with every DSA key whole: parameters left out are the issuer's (RFC 5280 6.1.4 (d) to (f))."""
    whole = [path[-1]]
    for certificate in reversed(path[:-1]):
        key = inherit_parameters(certificate.public_key, whole[-1].public_key)
        inherits = key != certificate.public_key
        whole.append(replace(certificate, public_key=key) if inherits else certificate)
    return tuple(reversed(whole))


def _signature_cost(public_key: bytes) -> int:
    """What a verification by the key counts: DSA's parameters and long keys cost more than others."""
    if OID_DSA_DER in public_key[:_KEY_HEADER_SIZE]:
        return DSA_COST
    return LONG_KEY_COST if len(public_key) > LONG_KEY_SIZE else 1


def _folded(name: bytes) -> object:
    """The name as it is compared; None for one that cannot be read."""
    try:
        return issuer_name(name)
    except TrustError:
        return None


def _explain(child: Certificate, issuer: Certificate, error: TrustError) -> Rejection:
    """The rejection for a signature that was refused."""
    if error.code in ("signature-invalid", "key-mismatch"):
        return reject(Reason.SIGNATURE_INVALID, child)
    concerned = issuer if error.code.startswith("key-") else child
    return reject(Reason.ALGORITHM_REFUSED, concerned, error.message)


def _key_distance(child: Certificate, issuer: Certificate) -> int:
    """0 when the key identifiers agree, 1 when they are silent, 2 when they differ."""
    try:
        wanted, offered = child.authority_key_identifier, issuer.key_identifier
    except TrustError:
        return 1
    if wanted is None or offered is None:
        return 1
    return 0 if wanted == offered else 2


def _repeats(path: Path, issuer: Certificate) -> bool:
    """Whether the same name with the same key is in the path already (RFC 4158 2.4.2)."""
    return any(
        issuer.public_key == certificate.public_key and issuer.subject == certificate.subject
        for certificate in path
    )
