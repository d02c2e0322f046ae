"""Name constraints (RFC 5280 4.2.1.10): which names the authorities above allow, and which they forbid.

A name that cannot be understood is never permitted and always excluded. Name forms that are not known here
(otherName, X.400, EDI, registered id) are refused when a constraint on them meets a name of that form; of
other names only internationalised mail addresses are known, and they are mail (RFC 9598 6).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from trust.budget import Budget
from trust.certificate import Certificate
from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.general_names import TEXT_KINDS, GeneralName, GeneralNameKind
from trust.name_constraints import NameConstraints
from trust.names import NameAttribute, decode_relative_names, printable
from trust.subtrees import ConstraintError, Subtrees, index_subtrees, parse_name
from trust.vocabulary import SMTP_UTF8_MAILBOX

__all__ = ["ConstraintError", "ConstraintState", "certificate_names"]

# Names times subtrees of one authority, as other validators bound them; ours cost less, but whoever needs
# more than a million has no honest certificate.
MAXIMUM_COMPARISONS = 1 << 20
_KEPT_CONSTRAINTS = 256
# Constraints of more bases are none that are met again and again, and cost memory.
_SHARED_BASES = 256
_KEPT_CERTIFICATES = 16

_Index = dict[GeneralNameKind, Subtrees]


class ConstraintState:
    """permitted_subtrees and excluded_subtrees of RFC 5280 6.1.2 (b), (c), as they narrow along a path.

    The intersection of permitted subtrees is kept as the list of what each authority said: a name must be
    within every one that speaks of its form.
    """

    def __init__(self) -> None:
        self._constraints: list[NameConstraints] = []

    def narrow(self, constraints: NameConstraints | None) -> None:
        """6.1.4 (g): one more authority's constraints."""
        if constraints is not None:
            self._constraints.append(constraints)

    def check_names(self, certificate: Certificate, budget: Budget) -> None:
        """6.1.3 (b), (c): every name of the certificate is permitted and none excluded."""
        if not self._constraints:
            return
        names = _parsed_names(certificate)
        labels = sum(weight for _, _, weight in names)
        for constraints in self._constraints:
            bases = len(constraints.permitted) + len(constraints.excluded)
            budget.spend("comparisons", labels + bases)
            if len(names) * bases > MAXIMUM_COMPARISONS:
                raise ConstraintError(
                    "there are too many names and constraints to compare", code="name-constraints-too-many"
                )
            permitted, excluded = _kept_index(constraints) if bases <= _SHARED_BASES else _index(constraints)
            for name, parsed, _ in names:
                _check_permitted(name, parsed, permitted)
                _check_excluded(name, parsed, excluded)


def _index(constraints: NameConstraints) -> tuple[_Index, _Index]:
    """The permitted and the excluded subtrees, ready to be asked."""
    permitted = index_subtrees(constraints.permitted, excluded=False)
    return permitted, index_subtrees(constraints.excluded, excluded=True)


_kept_index = lru_cache(maxsize=_KEPT_CONSTRAINTS)(_index)


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _parsed_names(certificate: Certificate) -> tuple[tuple[GeneralName, Any, int], ...]:
    """The certificate's names, each taken apart, with the number of its parts: what a comparison may cost."""
    parsed = ((name, parse_name(name)) for name in certificate_names(certificate))
    return tuple((name, parts, 1 + _count_parts(name, parts)) for name, parts in parsed)


def _count_parts(name: GeneralName, parsed: Any) -> int:
    """How many parts a comparison goes through: the labels of a host, the relative names of a directory's."""
    return name.value.count(b".") if name.kind in TEXT_KINDS else len(parsed or ())


def _check_permitted(name: GeneralName, parsed: Any, permitted: _Index) -> None:
    """One rule: the name is within an authority's permitted subtrees, when it speaks of the name's form."""
    subtrees = permitted.get(name.kind)
    if subtrees is not None and not subtrees.within(parsed):
        raise ConstraintError(_shown(name), code="name-not-permitted", clause="RFC 5280 6.1.3 (b)")


def _check_excluded(name: GeneralName, parsed: Any, excluded: _Index) -> None:
    """One rule: the name is in no excluded subtree."""
    subtrees = excluded.get(name.kind)
    if subtrees is not None and subtrees.within(parsed):
        raise ConstraintError(_shown(name), code="name-excluded", clause="RFC 5280 6.1.3 (c)")


# --- the names of a certificate --------------------------------------------------------------------------


def certificate_names(certificate: Certificate) -> tuple[GeneralName, ...]:
    """All names of the certificate: the subject, its e-mail addresses, the alternative names.

    The subject's emailAddress counts where there is no alternative e-mail name (RFC 5280 4.2.1.10).
    """
    alternative = certificate.subject_alternative_name
    names = list(alternative.names)
    names.extend(_mailbox(name) for name in alternative.of_kind(GeneralNameKind.OTHER) if _is_mailbox(name))
    if certificate.subject != b"\x30\x00":
        names.append(GeneralName(GeneralNameKind.DIRECTORY, certificate.subject))
        if not alternative.of_kind(GeneralNameKind.EMAIL):
            names.extend(_subject_addresses(certificate.subject))
    return tuple(names)


def _is_mailbox(name: GeneralName) -> bool:
    """Whether an otherName is of the type SmtpUTF8Mailbox (RFC 9598 3)."""
    return Reader(name.value).read_oid() == SMTP_UTF8_MAILBOX


def _mailbox(name: GeneralName) -> GeneralName:
    """The SmtpUTF8Mailbox as an e-mail name: constraints on rfc822Name bind it, too (RFC 9598 6)."""
    reader = Reader(name.value)
    reader.read_oid()
    value = reader.enter(der.context(0))
    reader.finish()
    text = value.read(Tag.UTF8_STRING)
    value.finish()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DerError("a mailbox is not UTF-8", code="general-name", clause="RFC 9598 3") from error
    return GeneralName(GeneralNameKind.EMAIL, text)


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
        return f"{name.kind.name} {printable(name.value[:100].decode('utf-8', errors='replace'))}"
    return name.kind.name
