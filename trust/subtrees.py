"""The subtrees of name constraints, a form each: is a name within (RFC 5280 4.2.1.10)?

A name is taken apart once, and each class takes all bases of its form at once and answers by look-up, so that
many names under many bases cost their sum and not their product. A name that cannot be understood is within
excluded subtrees and not within permitted ones, and so is every name under a base that cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from trust.errors import TrustError
from trust.general_names import GeneralName, GeneralNameKind
from trust.internet_names import Host, parse_host, parse_mailbox, uri_host
from trust.names import canonical_name


class ConstraintError(TrustError):
    """A name that an authority above may not issue for, or constraints that cannot be applied."""


class Subtrees(Protocol):
    """Bases of one form."""

    def within(self, name: Any) -> bool:
        """Whether the name, as `parse_name` takes it apart, lies within one of them."""
        ...


class _Ends:
    """Sequences of labels, asked whether one of them ends a host."""

    def __init__(self, ends: Iterable[Host]) -> None:
        self._ends = set(ends)
        self._lengths = sorted({len(end) for end in self._ends})

    def end(self, host: Host) -> bool:
        """Whether the host is one of them, or lies below one."""
        size = len(host)
        return any(host[size - length :] in self._ends for length in self._lengths if length <= size)


# --- DNS -------------------------------------------------------------------------------------------------


def _parse_dns(value: bytes) -> tuple[Host | None, bool]:
    """The host, and whether a wildcard stands in front of it."""
    text = _text(value)
    wildcard = text.startswith("*.")
    return parse_host(text[2:] if wildcard else text), wildcard


class _DNSSubtrees:
    """A base with any labels in front; the empty base holds every host."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        hosts = [parse_host(_text(base)) if base else () for base in bases]
        self._nothing_is_known = None in hosts
        domains = [host for host in hosts if host is not None]
        self._domains = _Ends(domains)
        # What a wildcard could stand for is excluded too: the domains above each base.
        self._above = {domain[i:] for domain in domains for i in range(1, len(domain))} if excluded else set()

    def within(self, name: tuple[Host | None, bool]) -> bool:
        """The host or a domain above it is a base."""
        host, wildcard = name
        if host is None or self._nothing_is_known:
            return self._excluded
        return self._domains.end(host) or (wildcard and host in self._above)


# --- mail and URIs ---------------------------------------------------------------------------------------


class _Hosts:
    """Bases of mail and URIs: a host, or with a leading period all hosts below a domain."""

    def __init__(self, bases: Iterable[str]) -> None:
        hosts = {base: parse_host(base.removeprefix(".")) for base in bases}
        self.nothing_is_known = None in hosts.values()
        self._hosts = {host for base, host in hosts.items() if host and not base.startswith(".")}
        self._domains = _Ends(host for base, host in hosts.items() if host and base.startswith("."))

    def within(self, host: Host) -> bool:
        """The host is a base, or lies below one."""
        return host in self._hosts or self._domains.end(host[1:])


def _parse_mail(value: bytes) -> tuple[str, Host] | None:
    """The mailbox, taken apart."""
    return parse_mailbox(_text(value))


class _MailSubtrees:
    """A mailbox, all mailboxes of a host, or of all hosts below a domain."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        texts = [_text(base) for base in bases]
        self._hosts = _Hosts(text for text in texts if "@" not in text)
        mailboxes = [parse_mailbox(text) for text in texts if "@" in text]
        self._nothing_is_known = self._hosts.nothing_is_known or None in mailboxes
        self._mailboxes = {(self._local(mailbox[0]), mailbox[1]) for mailbox in mailboxes if mailbox}

    def _local(self, local: str) -> str:
        """Local parts differ by case, but who excludes one hardly means to let the other pass."""
        return local.casefold() if self._excluded else local

    def within(self, name: tuple[str, Host] | None) -> bool:
        """The mailbox is a base, or its host is within one."""
        if name is None or self._nothing_is_known:
            return self._excluded
        local, host = name
        return (self._local(local), host) in self._mailboxes or self._hosts.within(host)


def _parse_uri(value: bytes) -> Host | None:
    """The host of the URI."""
    return uri_host(_text(value))


class _URISubtrees:
    """A host, or all hosts below a domain; URIs without a host name are refused."""

    def __init__(self, bases: Iterable[bytes], *, excluded: bool) -> None:
        self._excluded = excluded
        self._hosts = _Hosts(_text(base) for base in bases)

    def within(self, name: Host | None) -> bool:
        """The URI's host is within a base."""
        if name is None or self._hosts.nothing_is_known:
            return self._excluded
        return self._hosts.within(name)


# --- addresses and directory names -----------------------------------------------------------------------


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

    def within(self, name: tuple[object, ...]) -> bool:
        """A beginning of the name is a base."""
        size = len(name)
        return any(name[:length] in self._prefixes for length in self._lengths if length <= size)


class _UnknownSubtrees:
    """Bases of a form that is not known here: a name of that form is refused."""

    def __init__(self, kind: GeneralNameKind) -> None:
        self._kind = kind

    def within(self, name: object) -> bool:
        """Nobody can say."""
        del name
        raise ConstraintError(
            f"names of the form {self._kind.name} are constrained",
            code="name-constraint-unsupported",
            clause="RFC 5280 4.2.1.10",
        )


# --- all forms -------------------------------------------------------------------------------------------

_FORMS: Mapping[GeneralNameKind, tuple[Callable[[bytes], Any], Callable[..., Subtrees]]] = {
    GeneralNameKind.DNS: (_parse_dns, _DNSSubtrees),
    GeneralNameKind.EMAIL: (_parse_mail, _MailSubtrees),
    GeneralNameKind.URI: (_parse_uri, _URISubtrees),
    GeneralNameKind.IP: (bytes, _IPSubtrees),
    GeneralNameKind.DIRECTORY: (canonical_name, _DirectorySubtrees),
}


def parse_name(name: GeneralName) -> Any:
    """The name as `Subtrees.within` of its form wants it."""
    return _FORMS[name.kind][0](name.value) if name.kind in _FORMS else name.value


def index_subtrees(bases: Iterable[GeneralName], *, excluded: bool) -> dict[GeneralNameKind, Subtrees]:
    """The bases by their form."""
    by_kind: dict[GeneralNameKind, list[bytes]] = {}
    for base in bases:
        by_kind.setdefault(base.kind, []).append(base.value)
    return {
        kind: _FORMS[kind][1](values, excluded=excluded) if kind in _FORMS else _UnknownSubtrees(kind)
        for kind, values in by_kind.items()
    }


def _text(value: bytes) -> str:
    """The octets as text; the replacement of what is no UTF-8 is in no host's alphabet."""
    return value.decode("utf-8", errors="replace")
