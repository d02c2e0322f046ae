"""The subtrees of name constraints, a form each: is a name within (RFC 5280 4.2.1.10)?

Each class takes all bases of its form at once and answers by look-up, so that many names under many bases
cost their sum and not their product. A name that cannot be understood is within excluded subtrees and not
within permitted ones, and so is every name under a base that cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from trust.errors import TrustError
from trust.extensions import GeneralName, GeneralNameKind
from trust.internet_names import Host, parse_host, parse_mailbox, uri_host
from trust.names import canonical_name


class ConstraintError(TrustError):
    """A name that an authority above may not issue for, or constraints that cannot be applied."""


class Subtrees(Protocol):
    """Bases of one form."""

    def within(self, name: bytes) -> bool:
        """Whether the name, by its content octets, lies within one of them."""
        ...


class _DNSSubtrees:
    """A base with any labels in front; the empty base holds every host."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        self._domains = {parse_host(_text(base)) if base else () for base in bases}
        # What a wildcard could stand for is excluded too: the domains above each base.
        domains = [domain for domain in self._domains if domain] if excluded else []
        self._above = {domain[i:] for domain in domains for i in range(1, len(domain))}

    def within(self, name: bytes) -> bool:
        """The host or a domain above it is a base."""
        text = _text(name)
        wildcard = text.startswith("*.")
        host = parse_host(text[2:] if wildcard else text)
        if host is None or None in self._domains:
            return self._excluded
        return not self._domains.isdisjoint(_domains_of(host)) or (wildcard and host in self._above)


class _Hosts:
    """Bases of mail and URIs: a host, or with a leading period all hosts below a domain."""

    def __init__(self, bases: Iterable[str]) -> None:
        self._hosts: set[Host] = set()
        self._domains: set[Host] = set()
        for base in bases:
            host = parse_host(base.removeprefix("."))
            if host is not None:
                (self._domains if base.startswith(".") else self._hosts).add(host)

    def within(self, host: Host) -> bool:
        """The host is a base, or lies below one."""
        return host in self._hosts or not self._domains.isdisjoint(_domains_of(host)[1:])


class _MailSubtrees:
    """A mailbox, all mailboxes of a host, or of all hosts below a domain."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        texts = [_text(base) for base in bases]
        self._nothing_is_known = "" in texts
        self._hosts = _Hosts(text for text in texts if "@" not in text)
        mailboxes = (parse_mailbox(text) for text in texts if "@" in text)
        self._mailboxes = {(self._local(mailbox[0]), mailbox[1]) for mailbox in mailboxes if mailbox}

    def _local(self, local: str) -> str:
        """Local parts differ by case, but who excludes one hardly means to let the other pass."""
        return local.casefold() if self._excluded else local

    def within(self, name: bytes) -> bool:
        """The mailbox is a base, or its host is within one."""
        mailbox = parse_mailbox(_text(name))
        if mailbox is None or self._nothing_is_known:
            return self._excluded
        local, host = mailbox
        return (self._local(local), host) in self._mailboxes or self._hosts.within(host)


class _URISubtrees:
    """A host, or all hosts below a domain; URIs without a host name are refused."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        texts = [_text(base) for base in bases]
        self._nothing_is_known = "" in texts
        self._hosts = _Hosts(texts)

    def within(self, name: bytes) -> bool:
        """The URI's host is within a base."""
        host = uri_host(_text(name))
        if host is None or self._nothing_is_known:
            return self._excluded
        return self._hosts.within(host)


class _IPSubtrees:
    """Networks by address and mask (RFC 4632); a base of one family holds no address of the other."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        del excluded
        self._networks: dict[tuple[int, int], set[int]] = {}
        for base in bases:
            size = len(base) // 2
            mask = int.from_bytes(base[size:], "big")
            network = int.from_bytes(base[:size], "big") & mask
            self._networks.setdefault((size, mask), set()).add(network)

    def within(self, name: bytes) -> bool:
        """The address lies in one of the networks."""
        address = int.from_bytes(name, "big")
        return any(
            size == len(name) and address & mask in networks
            for (size, mask), networks in self._networks.items()
        )


class _DirectorySubtrees:
    """A base's relative names begin the name (RFC 5280 7.1)."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        del excluded
        self._prefixes = {canonical_name(base) for base in bases}
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def within(self, name: bytes) -> bool:
        """A beginning of the name is a base."""
        folded = canonical_name(name)
        lengths = (length for length in self._lengths if length <= len(folded))
        return any(folded[:length] in self._prefixes for length in lengths)


_FORMS: Mapping[GeneralNameKind, Callable[..., Subtrees]] = {
    GeneralNameKind.DNS: _DNSSubtrees,
    GeneralNameKind.EMAIL: _MailSubtrees,
    GeneralNameKind.URI: _URISubtrees,
    GeneralNameKind.IP: _IPSubtrees,
    GeneralNameKind.DIRECTORY: _DirectorySubtrees,
}


class _UnknownSubtrees:
    """Bases of a form that is not known here: a name of that form is refused."""

    def __init__(self, kind: GeneralNameKind) -> None:
        self._kind = kind

    def within(self, name: bytes) -> bool:
        """Nobody can say."""
        del name
        raise ConstraintError(
            f"names of the form {self._kind.name} are constrained",
            code="name-constraint-unsupported",
            clause="RFC 5280 4.2.1.10",
        )


def index_subtrees(bases: Iterable[GeneralName], *, excluded: bool) -> dict[GeneralNameKind, Subtrees]:
    """The bases by their form."""
    by_kind: dict[GeneralNameKind, list[bytes]] = {}
    for base in bases:
        by_kind.setdefault(base.kind, []).append(base.value)
    return {
        kind: _FORMS[kind](values, excluded=excluded) if kind in _FORMS else _UnknownSubtrees(kind)
        for kind, values in by_kind.items()
    }


def _text(value: bytes) -> str:
    """The octets as text; what is no UTF-8 is no name either, and its replacement is in no alphabet."""
    return value.decode("utf-8", errors="replace")


def _domains_of(host: Host) -> list[Host]:
    """The host, every domain above it, and the empty one."""
    return [host[i:] for i in range(len(host) + 1)]
