"""Name constraints (RFC 5280 4.2.1.10): which names the authorities above allow, and which they forbid.

A name that cannot be understood is never permitted and always excluded. Name forms that are not known here
(otherName, X.400, EDI, registered id) are refused when a constraint on them meets a name of that form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from trust.budget import Budget
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.extensions import GeneralName, GeneralNameKind, NameConstraints
from trust.names import NameAttribute, canonical_name, decode_relative_names

_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_URI_HOST = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:@\[\]]+)(?::[0-9]*)?(?:[/?#].*)?\Z", re.DOTALL
)
_IPV4 = re.compile(r"[0-9.]+\Z")


class ConstraintError(TrustError):
    """A name that an authority above may not issue for, or constraints that cannot be applied."""


class ConstraintState:
    """permitted_subtrees and excluded_subtrees of RFC 5280 6.1.2 (b), (c), as they narrow along a path.

    The intersection of permitted subtrees is kept as the list of what each authority said: a name must be
    within every one that speaks of its form.
    """

    def __init__(self) -> None:
        self._permitted: list[tuple[GeneralName, ...]] = []
        self._excluded: list[GeneralName] = []

    def narrow(self, constraints: NameConstraints | None) -> None:
        """6.1.4 (g): one more authority's constraints."""
        if constraints is None:
            return
        if constraints.permitted:
            self._permitted.append(constraints.permitted)
        self._excluded.extend(constraints.excluded)

    @property
    def is_free(self) -> bool:
        """Whether nothing is constrained so far."""
        return not self._permitted and not self._excluded

    def check_names(self, certificate: Certificate, budget: Budget) -> None:
        """6.1.3 (b), (c): every name of the certificate is permitted and none excluded.

        A hostile certificate could ask for hundreds of millions of comparisons, so they are on the budget.
        """
        if self.is_free:
            return
        names = certificate_names(certificate)
        bases = len(self._excluded) + sum(len(permitted) for permitted in self._permitted)
        budget.spend("comparisons", len(names) * bases)
        for name in names:
            self._check_permitted(name)
            self._check_excluded(name)

    def _check_permitted(self, name: GeneralName) -> None:
        """One rule: the name is within each authority's permitted subtrees of its form."""
        for permitted in self._permitted:
            bases = [base for base in permitted if base.kind is name.kind]
            if bases and not any(_matcher(name)(name, base, False) for base in bases):
                raise ConstraintError(_shown(name), code="name-not-permitted", clause="RFC 5280 6.1.3 (b)")

    def _check_excluded(self, name: GeneralName) -> None:
        """One rule: the name is in no excluded subtree."""
        for base in self._excluded:
            if base.kind is name.kind and _matcher(name)(name, base, True):
                raise ConstraintError(_shown(name), code="name-excluded", clause="RFC 5280 6.1.3 (c)")


def certificate_names(certificate: Certificate) -> tuple[GeneralName, ...]:
    """All names of the certificate: the subject, its e-mail addresses, the alternative names.

    The subject's emailAddress counts where there is no alternative e-mail name (RFC 5280 4.2.1.10).
    """
    alternative = certificate.subject_alternative_name
    names = list(alternative.names)
    if certificate.subject != b"\x30\x00":
        names.append(GeneralName(GeneralNameKind.DIRECTORY, certificate.subject))
        if not alternative.of_kind(GeneralNameKind.EMAIL):
            names.extend(_subject_addresses(certificate.subject))
    return tuple(names)


def _subject_addresses(subject: bytes) -> list[GeneralName]:
    """EmailAddress attributes of the subject as e-mail names."""
    values = (value for relative in decode_relative_names(subject) for value in relative)
    return [
        GeneralName(GeneralNameKind.EMAIL, (value.text or "").encode("utf-8"))
        for value in values
        if value.oid == NameAttribute.EMAIL_ADDRESS.value
    ]


def _shown(name: GeneralName) -> str:
    """The name for a report: text where it is text, otherwise its kind."""
    if name.kind in (GeneralNameKind.EMAIL, GeneralNameKind.DNS, GeneralNameKind.URI):
        return f"{name.kind.name} {name.value[:100].decode('utf-8', errors='replace')}"
    return name.kind.name


# --- matching, a form each -------------------------------------------------------------------------------

# A matcher takes the name, the base of the subtree, and whether the subtree is excluded: what is in doubt
# matches then, and does not match otherwise.
_Matcher = Callable[[GeneralName, GeneralName, bool], bool]


def _matcher(name: GeneralName) -> _Matcher:
    """The matcher for the name's form; forms without one are refused."""
    matcher = _MATCHERS.get(name.kind)
    if matcher is None:
        raise ConstraintError(
            f"names of the form {name.kind.name} are constrained", code="name-constraint-unsupported"
        )
    return matcher


@lru_cache(maxsize=4096)
def _canonical(name: bytes) -> tuple[frozenset[tuple[str, str]], ...]:
    """The name folded for comparison; kept, since every subtree is compared with every name."""
    return canonical_name(name)


def _match_directory(name: GeneralName, base: GeneralName, _excluded: bool) -> bool:
    """The base's relative names begin the name (RFC 5280 7.1)."""
    prefix = _canonical(base.value)
    return _canonical(name.value)[: len(prefix)] == prefix


def _labels(host: str) -> list[str] | None:
    """The labels of a host name in lower case, or None when it is not one."""
    labels = host.lower().split(".")
    well_formed = len(host) <= 253 and all(_HOST_LABEL.match(label) for label in labels)
    return labels if well_formed else None


def _within(labels: list[str], base: str, *, itself: bool) -> bool | None:
    """Whether the host lies below the base domain, or is it; None when the base is not a domain."""
    domain = _labels(base)
    if domain is None:
        return None
    same_end = labels[-len(domain) :] == domain
    return same_end and (itself or len(labels) > len(domain))


def _match_dns(name: GeneralName, base: GeneralName, excluded: bool) -> bool:
    """The base with any labels in front; a leading dot in the base asks for one (OpenSSL's habit)."""
    text, domain = _ascii(name), _ascii(base)
    if text is None or domain is None:
        return excluded
    if not domain:
        return True
    wildcard = text.startswith("*.")
    labels = _labels(text[2:] if wildcard else text)
    if labels is None:
        return excluded
    if wildcard and excluded and _covers(labels, domain.removeprefix(".")):
        return True
    labels = ["*", *labels] if wildcard else labels
    itself = excluded or not domain.startswith(".")
    matched = _within(labels, domain.removeprefix("."), itself=itself)
    return excluded if matched is None else matched


def _covers(labels: list[str], domain: str) -> bool:
    """Whether a wildcard above these labels could stand for a name in the excluded domain."""
    below = _labels(domain)
    return below is not None and below[-len(labels) :] == labels


def _match_host(host: str, base: str, *, excluded: bool) -> bool:
    """Hosts in e-mail and URI constraints: exactly the host, or with a leading dot anything below."""
    labels = _labels(host)
    if labels is None:
        return excluded
    if base.startswith("."):
        matched = _within(labels, base[1:], itself=False)
    else:
        domain = _labels(base)
        matched = None if domain is None else labels == domain
    return excluded if matched is None else matched


def _match_email(name: GeneralName, base: GeneralName, excluded: bool) -> bool:
    """A mailbox, all mailboxes of a host, or of all hosts below a domain (RFC 5280 4.2.1.10)."""
    text, constraint = _ascii(name), _ascii(base)
    if text is None or constraint is None or text.count("@") != 1 or '"' in text:
        return excluded
    local, host = text.split("@")
    if "@" not in constraint:
        return _match_host(host, constraint, excluded=excluded)
    base_local, _, base_host = constraint.rpartition("@")
    same_local = local.lower() == base_local.lower() if excluded else local == base_local
    return same_local and _match_host(host, base_host, excluded=excluded)


def _match_uri(name: GeneralName, base: GeneralName, excluded: bool) -> bool:
    """The host of the URI; a URI without one, or with an address, cannot be constrained and is refused."""
    text, constraint = _ascii(name), _ascii(base)
    found = _URI_HOST.match(text) if text is not None else None
    if found is None or constraint is None or _IPV4.match(found[1]):
        return excluded
    return _match_host(found[1], constraint, excluded=excluded)


def _match_ip(name: GeneralName, base: GeneralName, _excluded: bool) -> bool:
    """The address under the mask (RFC 4632); ranges of the other family do not match."""
    size = len(base.value) // 2
    if len(name.value) != size:
        return False
    address, network = int.from_bytes(name.value, "big"), int.from_bytes(base.value[:size], "big")
    mask = int.from_bytes(base.value[size:], "big")
    return address & mask == network & mask


def _ascii(name: GeneralName) -> str | None:
    """The name's text, or None when it is not ASCII."""
    return name.value.decode("ascii") if name.value.isascii() else None


_MATCHERS: dict[GeneralNameKind, _Matcher] = {
    GeneralNameKind.DIRECTORY: _match_directory,
    GeneralNameKind.DNS: _match_dns,
    GeneralNameKind.EMAIL: _match_email,
    GeneralNameKind.URI: _match_uri,
    GeneralNameKind.IP: _match_ip,
}
