"""Extensions, written: the content of each extnValue, and the list of them (RFC 5280 4.2).

`trust.extensions` is the other side, which reads them. What only an authority's certificate holds about the
certificates below it is written by `trust.encoding.subordinate_extensions`.

An issuer gives the same arguments again and again: what it said before is remembered with its encoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Final, TypeVar, cast

from trust.encoding import der
from trust.encoding.der import DerError
from trust.encoding.general_names import (
    check_address_sizes,
    dns_name,
    email_address,
    ip_address,
    uniform_resource_identifier,
)
from trust.errors import EncodingError
from trust.status import CRLReason
from trust.vocabulary import (
    POLICY_QUALIFIER_CPS,
    POLICY_QUALIFIER_USER_NOTICE,
    AccessMethod,
    ExtensionOID,
)

_LONGEST_KEY_IDENTIFIER: Final = 32
_LONGEST_DISPLAY_TEXT: Final = 200
_REMEMBERED: Final = 256
_KEY_INFO_TAGS: Final = [der.Tag.SEQUENCE, der.Tag.BIT_STRING]
_IP_SIZES: Final = (4, 16)

# Bits of ReasonFlags (RFC 5280 4.2.1.13); the other reasons of a CRL have none.
_REASON_BITS = {
    CRLReason.KEY_COMPROMISE: 1,
    CRLReason.CA_COMPROMISE: 2,
    CRLReason.AFFILIATION_CHANGED: 3,
    CRLReason.SUPERSEDED: 4,
    CRLReason.CESSATION_OF_OPERATION: 5,
    CRLReason.CERTIFICATE_HOLD: 6,
    CRLReason.PRIVILEGE_WITHDRAWN: 7,
    CRLReason.AA_COMPROMISE: 8,
}

_Writer = TypeVar("_Writer", bound=Callable[..., object])


def _remembered(writer: _Writer) -> _Writer:
    """The writer with a memory for its last arguments; its signature stays what it is."""
    return cast(_Writer, lru_cache(maxsize=_REMEMBERED)(writer))


@dataclass(frozen=True)
class Extension:
    """One extension: its identifier, whether it is critical, the content of extnValue."""

    oid: str
    critical: bool
    value: bytes

    @cached_property
    def encoded(self) -> bytes:
        """DER Extension (RFC 5280 4.2)."""
        critical = der.boolean(True) if self.critical else b""
        return der.sequence(der.oid(self.oid), critical, der.octet_string(self.value))


class KeyUsage(IntEnum):
    """Bits of the key usage extension (RFC 5280 4.2.1.3)."""

    DIGITAL_SIGNATURE = 0
    NON_REPUDIATION = 1
    KEY_ENCIPHERMENT = 2
    DATA_ENCIPHERMENT = 3
    KEY_AGREEMENT = 4
    KEY_CERT_SIGN = 5
    CRL_SIGN = 6
    ENCIPHER_ONLY = 7
    DECIPHER_ONLY = 8


def encode_extensions(extensions: Iterable[Extension]) -> bytes:
    """DER Extensions, at least one, none twice (RFC 5280 4.1.2.9, 4.2)."""
    parts: dict[str, bytes] = {}
    for extension in extensions:
        oid = extension.oid
        if oid in parts:
            raise EncodingError(
                f"extension {oid} occurs twice", code="extension-repeated", clause="RFC 5280 4.2"
            )
        parts[oid] = extension.encoded
    if not parts:
        raise EncodingError("a list of no extensions", code="extensions-empty", clause="RFC 5280 4.1.2.9")
    return der.sequence(*parts.values())


# --- keys ---------------------------------------------------------------------------------------


def key_identifier(public_key: bytes) -> bytes:
    """SHA-1 of the key's BIT STRING in a DER SubjectPublicKeyInfo (RFC 5280 4.2.1.2, method 1)."""
    return hashlib.sha1(key_bits(public_key), usedforsecurity=False).digest()


def key_bits(public_key: bytes) -> bytes:
    """The octets of the key in a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7)."""
    outer = der.read_elements(public_key, 0, len(public_key))
    fields = der.read_elements(public_key, outer[0][2], outer[0][3]) if len(outer) == 1 else []
    # The first octet of a BIT STRING counts its unused bits; a key is whole octets.
    if (
        [field[0] for field in fields] != _KEY_INFO_TAGS
        or outer[0][0] != der.Tag.SEQUENCE
        or public_key[fields[1][2] : fields[1][2] + 1] != b"\x00"
    ):
        raise DerError("not a SubjectPublicKeyInfo", code="key-info", clause="RFC 5280 4.1.2.7")
    return public_key[fields[1][2] + 1 :]


def subject_key_identifier(public_key: bytes) -> Extension:
    """Identifier of the certified key, given as SubjectPublicKeyInfo (RFC 5280 4.2.1.2)."""
    value = der.octet_string(key_identifier(public_key))
    return Extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER, False, value)


@_remembered
def authority_key_identifier(issuer_key: bytes) -> Extension:
    """Identifier of the issuer's key, given as itself or as SubjectPublicKeyInfo (RFC 5280 4.2.1.1)."""
    # No SubjectPublicKeyInfo is as short as an identifier, which has 20 octets, or 32 with SHA-256.
    identifier = issuer_key if len(issuer_key) <= _LONGEST_KEY_IDENTIFIER else key_identifier(issuer_key)
    value = der.sequence(der.implicit(0, identifier))
    return Extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, False, value)


# --- what the certificate is for ----------------------------------------------------------------


@_remembered
def basic_constraints(ca: bool, path_length: int | None = None) -> Extension:
    """Whether the subject is a CA, and how many CAs may follow it (RFC 5280 4.2.1.9)."""
    if path_length is not None and (not ca or path_length < 0):
        raise EncodingError(
            "only a CA has a path length, and it is not negative",
            code="path-length",
            clause="RFC 5280 4.2.1.9",
        )
    parts = [der.boolean(True) if ca else b"", b"" if path_length is None else der.integer(path_length)]
    return Extension(ExtensionOID.BASIC_CONSTRAINTS, True, der.sequence(*parts))


@_remembered
def key_usage(*usages: KeyUsage) -> Extension:
    """What the key may be used for, critical (RFC 5280 4.2.1.3)."""
    _check_not_empty(usages, "key usage", "RFC 5280 4.2.1.3")
    return Extension(ExtensionOID.KEY_USAGE, True, der.named_bits(usages))


@_remembered
def extended_key_usage(*purposes: str, critical: bool = False) -> Extension:
    """The key's purposes as OIDs (RFC 5280 4.2.1.12); RFC 3161 2.3 wants timestamping critical."""
    _check_not_empty(purposes, "extended key usage", "RFC 5280 4.2.1.12")
    value = der.sequence(*(der.oid(purpose) for purpose in purposes))
    return Extension(ExtensionOID.EXTENDED_KEY_USAGE, critical, value)


@dataclass(frozen=True)
class UserNotice:
    """A text for people who rely on the certificate, and notices of an organisation by number."""

    text: str = ""
    organization: str = ""
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class PolicyInformation:
    """A policy with its qualifiers: URLs of practice statements, notices (RFC 5280 4.2.1.4)."""

    policy: str
    practice_statements: tuple[str, ...] = ()
    notices: tuple[UserNotice, ...] = ()


@_remembered
def certificate_policies(*policies: str | PolicyInformation) -> Extension:
    """The policies issued under, none twice (RFC 5280 4.2.1.4)."""
    _check_not_empty(policies, "certificate policies", "RFC 5280 4.2.1.4")
    given = [PolicyInformation(policy) if isinstance(policy, str) else policy for policy in policies]
    if len({information.policy for information in given}) != len(given):
        raise EncodingError("a policy occurs twice", code="policy-repeated", clause="RFC 5280 4.2.1.4")
    value = der.sequence(*[_policy_information(information) for information in given])
    return Extension(ExtensionOID.CERTIFICATE_POLICIES, False, value)


def _policy_information(information: PolicyInformation) -> bytes:
    """DER PolicyInformation."""
    qualifiers = [
        der.sequence(der.oid(POLICY_QUALIFIER_CPS), der.ia5_string(url))
        for url in information.practice_statements
    ]
    qualifiers += [
        der.sequence(der.oid(POLICY_QUALIFIER_USER_NOTICE), _user_notice(notice))
        for notice in information.notices
    ]
    return der.sequence(der.oid(information.policy), der.sequence(*qualifiers) if qualifiers else b"")


def _user_notice(notice: UserNotice) -> bytes:
    """DER UserNotice: the reference to an organisation's notices, then the text."""
    reference = b""
    if notice.organization:
        numbers = der.sequence(*[der.integer(number) for number in notice.numbers])
        reference = der.sequence(_display_text(notice.organization), numbers)
    elif notice.numbers:
        raise EncodingError("notices of nobody", code="user-notice", clause="RFC 5280 4.2.1.4")
    return der.sequence(reference, _display_text(notice.text) if notice.text else b"")


def _display_text(text: str) -> bytes:
    """DER DisplayText as UTF8String, of at most 200 characters."""
    if len(text) > _LONGEST_DISPLAY_TEXT:
        raise EncodingError(
            f"a notice has at most {_LONGEST_DISPLAY_TEXT} characters",
            code="user-notice",
            clause="RFC 5280 4.2.1.4",
        )
    return der.utf8_string(text)


# --- other names --------------------------------------------------------------------------------


def subject_alternative_name(
    dns: Sequence[str] = (),
    uri: Sequence[str] = (),
    email: Sequence[str] = (),
    ip: Sequence[str] = (),
    others: Sequence[bytes] = (),
) -> Extension:
    """Other names of the subject: DNS, URI, e-mail, IP address, then general names (RFC 5280 4.2.1.6)."""
    names = [dns_name(name) for name in dns]
    names += [uniform_resource_identifier(name) for name in uri]
    names += [email_address(name) for name in email]
    names += [ip_address(address) for address in ip]
    return _alternative_name(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, (*names, *others), "RFC 5280 4.2.1.6")


def issuer_alternative_name(*names: bytes) -> Extension:
    """Other names of the issuer, as general names (RFC 5280 4.2.1.7)."""
    return _alternative_name(ExtensionOID.ISSUER_ALTERNATIVE_NAME, names, "RFC 5280 4.2.1.7")


def _alternative_name(oid: str, names: tuple[bytes, ...], clause: str) -> Extension:
    """GeneralNames, one or more, whose addresses are no ranges."""
    _check_not_empty(names, "an alternative name", clause)
    check_address_sizes(names, _IP_SIZES, clause)
    return Extension(oid, False, der.sequence(*names))


# --- where status and issuer are published ------------------------------------------------------


@_remembered
def crl_distribution_points(*urls: str) -> Extension:
    """Where the issuer's CRL is: one distribution point, its URLs equivalent (RFC 5280 4.2.1.13)."""
    return distribution_points(distribution_point([uniform_resource_identifier(url) for url in urls]))


def distribution_points(*points: bytes) -> Extension:
    """Where CRLs are, by several distribution points (RFC 5280 4.2.1.13)."""
    _check_not_empty(points, "CRL distribution points", "RFC 5280 4.2.1.13")
    return Extension(ExtensionOID.CRL_DISTRIBUTION_POINTS, False, der.sequence(*points))


@_remembered
def freshest_crl(*urls: str) -> Extension:
    """Where the delta CRL is: one distribution point, its URLs equivalent (RFC 5280 4.2.1.15)."""
    value = der.sequence(distribution_point([uniform_resource_identifier(url) for url in urls]))
    return Extension(ExtensionOID.FRESHEST_CRL, False, value)


def distribution_point(
    names: Sequence[bytes] = (),
    *,
    relative_name: bytes = b"",
    reasons: Iterable[CRLReason] = (),
    crl_issuer: Sequence[bytes] = (),
) -> bytes:
    """DER DistributionPoint: where, for which reasons (none given is all), by whom (RFC 5280 4.2.1.13).

    Names are general names; `relative_name` is a DER RelativeDistinguishedName, below the CRL issuer's name.
    """
    if not (names or relative_name or crl_issuer):
        raise EncodingError(
            "a distribution point names nobody", code="distribution-point", clause="RFC 5280 4.2.1.13"
        )
    flags = reason_flags(reasons)
    return der.sequence(
        der.explicit(0, distribution_point_name(names, relative_name)) if names or relative_name else b"",
        der.retag(1, flags) if flags else b"",
        der.implicit(2, b"".join(crl_issuer), constructed=True) if crl_issuer else b"",
    )


def distribution_point_name(names: Sequence[bytes] = (), relative_name: bytes = b"") -> bytes:
    """DER DistributionPointName: general names, or one relative to the CRL issuer's (RFC 5280 4.2.1.13)."""
    if bool(names) == bool(relative_name):
        raise EncodingError(
            "a distribution point has full names or a relative one",
            code="distribution-point",
            clause="RFC 5280 4.2.1.13",
        )
    if names:
        return der.implicit(0, b"".join(names), constructed=True)
    return der.retag(1, relative_name)


def reason_flags(reasons: Iterable[CRLReason]) -> bytes:
    """DER ReasonFlags; nothing when no reason is given (RFC 5280 4.2.1.13)."""
    given = set(reasons)
    if not given <= _REASON_BITS.keys():
        raise EncodingError(
            "a CRL is not limited to such a reason", code="reason-flags", clause="RFC 5280 4.2.1.13"
        )
    return der.named_bits([_REASON_BITS[reason] for reason in given]) if given else b""


def authority_information_access(ocsp: Sequence[str] = (), ca_issuers: Sequence[str] = ()) -> Extension:
    """URLs of the OCSP responder and of the issuer's certificate (RFC 5280 4.2.2.1)."""
    return _information_access(tuple(ocsp), tuple(ca_issuers))


@_remembered
def _information_access(ocsp: tuple[str, ...], ca_issuers: tuple[str, ...]) -> Extension:
    """The same of what can be remembered."""
    _check_not_empty(ocsp + ca_issuers, "authority information access", "RFC 5280 4.2.2.1")
    parts = [der.sequence(der.oid(AccessMethod.OCSP), uniform_resource_identifier(url)) for url in ocsp]
    parts += [
        der.sequence(der.oid(AccessMethod.CA_ISSUERS), uniform_resource_identifier(url)) for url in ca_issuers
    ]
    return Extension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, False, der.sequence(*parts))


@_remembered
def ocsp_no_check() -> Extension:
    """A responder's certificate whose own status need not be asked (RFC 6960 4.2.2.2.1)."""
    return Extension(ExtensionOID.OCSP_NO_CHECK, False, der.null())


def _check_not_empty(values: Sequence[object], what: str, clause: str) -> None:
    """Check that an extension whose ASN.1 says SIZE (1..MAX) has a value."""
    if not values:
        raise EncodingError(f"{what} without a value", code="extension-empty", clause=clause)
