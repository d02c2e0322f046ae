"""Certificate policies along a path: the valid policy graph of RFC 9618 (it replaces the tree of RFC 5280).

At each depth there is at most one node a policy, so the work is linear in the certificates' size, whatever
the mappings; the tree could be made to grow exponentially.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from trust.vocabulary import ANY_POLICY


@dataclass(slots=True)
class _Node:
    """A policy that is valid at one depth: what a certificate below may assert for it, and its parents."""

    expected: set[str]
    parents: set[str] = field(default_factory=set)


class PolicyGraph:
    """valid_policy_graph (RFC 9618 5.1): a list of depths, each a mapping of policy to node.

    Depth 0 holds one anyPolicy node. The graph is NULL when no depth is left.
    """

    def __init__(self) -> None:
        self._depths: list[dict[str, _Node]] = [{ANY_POLICY: _Node({ANY_POLICY})}]

    def copy(self) -> PolicyGraph:
        """A graph that can be added to on its own."""
        copied = PolicyGraph()
        copied._depths = list(self._depths)
        return copied

    @property
    def is_null(self) -> bool:
        """Whether no policy is valid for the path."""
        return not self._depths

    def add_certificate(self, policies: Iterable[str], *, any_policy_allowed: bool) -> None:
        """6.1.3 (d) and (e): one more certificate with these policies (none: the graph becomes NULL)."""
        asserted = tuple(policies)
        if self.is_null or not asserted:
            self._depths = []
            return
        above = self._depths[-1]
        expecting = _by_expected_policy(above)
        below_any = {ANY_POLICY} if ANY_POLICY in above else set()
        nodes: dict[str, _Node] = {}
        # (d)(1): each policy but anyPolicy hangs below the nodes that expect it, else below anyPolicy.
        for policy in asserted:
            if policy == ANY_POLICY:
                continue
            parents = expecting.get(policy) or below_any
            if parents:
                nodes[policy] = _Node({policy}, parents)
        # (d)(2): anyPolicy, where it is allowed, stands for everything that is expected and not yet there.
        if ANY_POLICY in asserted and any_policy_allowed:
            for policy, parents in expecting.items():
                nodes.setdefault(policy, _Node({policy}, parents))
        self._depths.append(nodes)
        self._prune()

    def map_policies(self, mappings: Iterable[tuple[str, str]], *, mapping_allowed: bool) -> None:
        """6.1.4 (b): the certificate maps policies of its issuer's domain to its subject's."""
        targets: dict[str, set[str]] = {}
        for issuer_policy, subject_policy in mappings:
            targets.setdefault(issuer_policy, set()).add(subject_policy)
        if self.is_null or not targets:
            return
        nodes = self._depths[-1]
        for policy, expected in targets.items():
            if not mapping_allowed:
                # (b)(2): without mapping the policy ends here.
                nodes.pop(policy, None)
            elif policy in nodes:
                # (b)(1): below, the subject's policies stand for this one.
                nodes[policy].expected = expected
            elif ANY_POLICY in nodes:
                # (b)(1): anyPolicy held for it: it gets a node of its own, beside anyPolicy.
                nodes[policy] = _Node(expected, {ANY_POLICY})
        self._prune()

    def _prune(self) -> None:
        """6.1.3 (d)(3): nodes without children go, up to the root; an empty depth makes the graph NULL."""
        needed = {parent for node in self._depths[-1].values() for parent in node.parents}
        for depth in range(len(self._depths) - 2, -1, -1):
            kept = {policy: node for policy, node in self._depths[depth].items() if policy in needed}
            if len(kept) == len(self._depths[depth]):
                break
            self._depths[depth] = kept
            needed = {parent for node in kept.values() for parent in node.parents}
        if not self._depths[-1]:
            self._depths = []

    def authority_constrained_policies(self) -> frozenset[str]:
        """6.1.5 (g): the policies in the anchor's terms: nodes below anyPolicy, and anyPolicy at the end."""
        if self.is_null:
            return frozenset()
        policies = {
            policy
            for depth in self._depths[1:]
            for policy, node in depth.items()
            if policy != ANY_POLICY and ANY_POLICY in node.parents
        }
        if ANY_POLICY in self._depths[-1]:
            policies.add(ANY_POLICY)
        return frozenset(policies)

    def user_constrained_policies(self, initial_policies: frozenset[str]) -> frozenset[str]:
        """6.1.5 (g): the authority's set within what the relying party accepts."""
        authority = self.authority_constrained_policies()
        if ANY_POLICY in initial_policies:
            return authority
        if ANY_POLICY in authority:
            return initial_policies
        return authority & initial_policies


def _by_expected_policy(nodes: dict[str, _Node]) -> dict[str, set[str]]:
    """For each expected policy the nodes that expect it."""
    index: dict[str, set[str]] = {}
    for policy, node in nodes.items():
        for expected in node.expected:
            index.setdefault(expected, set()).add(policy)
    return index
