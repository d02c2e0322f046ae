"""The valid policy tree of RFC 5280 6.1, as it is written there: slow, a referee for the graph of RFC 9618.

RFC 9618 replaces the tree by a graph and says that the outcomes are the same (section 4). The steps stand
here in the words of RFC 5280, over plain descriptions of certificates, so that the two share nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from trust.vocabulary import ANY_POLICY


@dataclass
class Says:
    """What one certificate says of policies; no policies at all is None."""

    policies: tuple[str, ...] | None = None
    mappings: tuple[tuple[str, str], ...] = ()
    require_explicit: int | None = None
    inhibit_mapping: int | None = None
    inhibit_any: int | None = None
    self_issued: bool = False


@dataclass(eq=False)
class Node:
    policy: str
    expected: set[str]
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def add(self, policy: str, expected: set[str]) -> None:
        self.children.append(Node(policy, expected, self))

    def at_depth(self, depth: int) -> Iterator[Node]:
        if depth == 0:
            yield self
        else:
            for child in self.children:
                yield from child.at_depth(depth - 1)


@dataclass
class Asked:
    """The inputs of 6.1.1 (c), (e), (f), (g)."""

    policies: frozenset[str]
    explicit: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False


class Tree:
    """6.1.2: the state variables (a), (d), (e), (f)."""

    def __init__(self, certificates: list[Says], asked: Asked) -> None:
        self.certificates, self.asked, n = certificates, asked, len(certificates)
        self.root: Node | None = Node(ANY_POLICY, {ANY_POLICY})
        self.explicit = 0 if asked.explicit else n + 1
        self.any = 0 if asked.inhibit_any else n + 1
        self.mapping = 0 if asked.inhibit_mapping else n + 1

    def level(self, depth: int) -> list[Node]:
        return list(self.root.at_depth(depth)) if self.root else []

    def prune(self, depth: int) -> None:
        """Nodes of depth below `depth` without children go, again and again."""
        for above in range(depth - 1, -1, -1):
            for node in self.level(above):
                if not node.children:
                    self.delete(node)

    def delete(self, node: Node) -> None:
        if node.parent is None:
            self.root = None
        else:
            node.parent.children.remove(node)

    def run(self) -> frozenset[str] | None:
        """The user-constrained policy set; None when the path is refused."""
        n = len(self.certificates)
        for i, certificate in enumerate(self.certificates, 1):
            self.basic(i, certificate)
            if not (self.explicit > 0 or self.root):
                return None
            if i < n:
                self.prepare(i, certificate)
        return self.wrap_up(n, self.certificates[-1])

    def basic(self, i: int, certificate: Says) -> None:
        """6.1.3 (d), (e)."""
        if certificate.policies is None or self.root is None:
            self.root = None
            return
        above = self.level(i - 1)
        for policy in certificate.policies:
            if policy == ANY_POLICY:
                continue
            expecting = [node for node in above if policy in node.expected]
            for node in expecting or [node for node in above if node.policy == ANY_POLICY]:
                node.add(policy, {policy})
        below = i < len(self.certificates) and certificate.self_issued
        if ANY_POLICY in certificate.policies and (self.any > 0 or below):
            for node in above:
                for policy in sorted(node.expected - {child.policy for child in node.children}):
                    node.add(policy, {policy})
        self.prune(i)

    def prepare(self, i: int, certificate: Says) -> None:
        """6.1.4 (b), (h), (i), (j)."""
        targets: dict[str, set[str]] = {}
        for issuer, subject in certificate.mappings:
            targets.setdefault(issuer, set()).add(subject)
        for policy, expected in targets.items():
            self.map(i, policy, expected)
        if not certificate.self_issued:
            self.explicit, self.mapping = max(self.explicit - 1, 0), max(self.mapping - 1, 0)
            self.any = max(self.any - 1, 0)
        for name, limit in (
            ("explicit", certificate.require_explicit),
            ("mapping", certificate.inhibit_mapping),
            ("any", certificate.inhibit_any),
        ):
            if limit is not None:
                setattr(self, name, min(getattr(self, name), limit))

    def map(self, i: int, policy: str, expected: set[str]) -> None:
        nodes = [node for node in self.level(i) if node.policy == policy]
        if self.mapping == 0:
            for node in nodes:
                self.delete(node)
            self.prune(i)
        elif nodes:
            for node in nodes:
                node.expected = expected
        else:
            for node in [node for node in self.level(i) if node.policy == ANY_POLICY]:
                assert node.parent
                node.parent.add(policy, expected)

    def wrap_up(self, n: int, certificate: Says) -> frozenset[str] | None:
        """6.1.5 (a), (b), (g)."""
        self.explicit = max(self.explicit - 1, 0)
        if certificate.require_explicit == 0:
            self.explicit = 0
        policies: frozenset[str] = frozenset()
        if self.root is not None:
            policies = self.intersect(n)
        return policies if self.explicit > 0 or policies else None

    def intersect(self, n: int) -> frozenset[str]:
        """(g): the valid_policy_node_set within the user-initial-policy-set."""
        nodes = [
            node
            for depth in range(1, n + 1)
            for node in self.level(depth)
            if node.parent is not None and node.parent.policy == ANY_POLICY
        ]
        # anyPolicy above the last certificate only hands on; at the last it stands for every policy.
        last = set(map(id, self.level(n)))
        found = {node.policy for node in nodes if node.policy != ANY_POLICY or id(node) in last}
        if ANY_POLICY in self.asked.policies:
            return frozenset(found)
        if ANY_POLICY in found:
            return self.asked.policies
        return frozenset(found) & self.asked.policies
