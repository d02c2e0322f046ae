"""Extensions, written: the content of each extnValue, and the list of them (RFC 5280 4.2).

`trust.extensions` is the other side, which reads them.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from trust.encoding import der
from trust.errors import EncodingError
from trust.vocabulary import POLICY_QUALIFIER_CPS, AccessMethod, ExtensionOID

_LONGEST_KEY_IDENTIFIER: Final = 32

# Context tags of GeneralName (RFC 5280 4.2.1.6).
_EMAIL, _DNS, _URI, _IP = 1, 2, 6, 7


@dataclass(frozen=True)
class Extension:
    """One extension: its identifier, whether it is critical, the content of extnValue."""

    oid: str
    critical: bool
    value: bytes


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
    """DER Extensions; no extension may occur twice (RFC 5280 4.2)."""
    known: set[str] = set()
    parts = []
    for extension in extensions:
        if extension.oid in known:
            raise EncodingError(
                f"extension {extension.oid} occurs twice", code="extension-repeated", clause="RFC 5280 4.2"
            )
        known.add(extension.oid)
        critical = der.boolean(True) if extension.critical else b""
        parts.append(der.sequence(der.oid(extension.oid), critical, der.octet_string(extension.value)))
    return der.sequence(*parts)


def key_identifier(public_key: bytes) -> bytes:
    """SHA-1 of the key's BIT STRING in a DER SubjectPublicKeyInfo (RFC 5280 4.2.1.2, method 1)."""
    reader = der.read_sequence(public_key)
    reader.enter()
    key, _ = reader.read_bit_string()
    reader.finish()
    return hashlib.sha1(key, usedforsecurity=False).digest()


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


def key_usage(*usages: KeyUsage) -> Extension:
    """What the key may be used for, critical (RFC 5280 4.2.1.3)."""
    _check_not_empty(usages, "key usage", "RFC 5280 4.2.1.3")
    return Extension(ExtensionOID.KEY_USAGE, True, der.named_bits(usages))


def extended_key_usage(*purposes: str, critical: bool = False) -> Extension:
    """The key's purposes as OIDs (RFC 5280 4.2.1.12); RFC 3161 2.3 wants timestamping critical."""
    _check_not_empty(purposes, "extended key usage", "RFC 5280 4.2.1.12")
    value = der.sequence(*(der.oid(purpose) for purpose in purposes))
    return Extension(ExtensionOID.EXTENDED_KEY_USAGE, critical, value)


def subject_key_identifier(public_key: bytes) -> Extension:
    """Identifier of the certified key, given as SubjectPublicKeyInfo (RFC 5280 4.2.1.2)."""
    value = der.octet_string(key_identifier(public_key))
    return Extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER, False, value)


def authority_key_identifier(issuer_key: bytes) -> Extension:
    """Identifier of the issuer's key, given as itself or as SubjectPublicKeyInfo (RFC 5280 4.2.1.1)."""
    # No SubjectPublicKeyInfo is as short as an identifier, which has 20 octets, or 32 with SHA-256.
    identifier = issuer_key if len(issuer_key) <= _LONGEST_KEY_IDENTIFIER else key_identifier(issuer_key)
    value = der.sequence(der.implicit(0, identifier))
    return Extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, False, value)


def crl_distribution_points(*urls: str) -> Extension:
    """Where the issuer's CRL is: one distribution point, its URLs equivalent (RFC 5280 4.2.1.13)."""
    _check_not_empty(urls, "CRL distribution points", "RFC 5280 4.2.1.13")
    full_name = der.implicit(0, b"".join(_uri(url) for url in urls), constructed=True)
    point = der.sequence(der.explicit(0, full_name))
    return Extension(ExtensionOID.CRL_DISTRIBUTION_POINTS, False, der.sequence(point))


def authority_information_access(ocsp: Sequence[str] = (), ca_issuers: Sequence[str] = ()) -> Extension:
    """URLs of the OCSP responder and of the issuer's certificate (RFC 5280 4.2.2.1)."""
    _check_not_empty([*ocsp, *ca_issuers], "authority information access", "RFC 5280 4.2.2.1")
    parts = [der.sequence(der.oid(AccessMethod.OCSP), _uri(url)) for url in ocsp]
    parts += [der.sequence(der.oid(AccessMethod.CA_ISSUERS), _uri(url)) for url in ca_issuers]
    return Extension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, False, der.sequence(*parts))


def certificate_policies(*policies: str, cps: str | None = None) -> Extension:
    """The policies issued under, each with the practice statement's URL where given (RFC 5280 4.2.1.4)."""
    _check_not_empty(policies, "certificate policies", "RFC 5280 4.2.1.4")
    qualifiers = b""
    if cps is not None:
        qualifiers = der.sequence(der.sequence(der.oid(POLICY_QUALIFIER_CPS), der.ia5_string(cps)))
    value = der.sequence(*(der.sequence(der.oid(policy), qualifiers) for policy in policies))
    return Extension(ExtensionOID.CERTIFICATE_POLICIES, False, value)


def subject_alternative_name(
    dns: Sequence[str] = (), uri: Sequence[str] = (), email: Sequence[str] = (), ip: Sequence[str] = ()
) -> Extension:
    """Other names of the subject, in the order DNS, URI, e-mail, IP address (RFC 5280 4.2.1.6)."""
    _check_not_empty([*dns, *uri, *email, *ip], "subject alternative name", "RFC 5280 4.2.1.6")
    parts = [der.implicit(_DNS, _ascii(name)) for name in dns]
    parts += [_uri(name) for name in uri]
    parts += [der.implicit(_EMAIL, _ascii(name)) for name in email]
    parts += [der.implicit(_IP, _ip_octets(address)) for address in ip]
    return Extension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, False, der.sequence(*parts))


def ocsp_no_check() -> Extension:
    """A responder's certificate whose own status need not be asked (RFC 6960 4.2.2.2.1)."""
    return Extension(ExtensionOID.OCSP_NO_CHECK, False, der.null())


def _check_not_empty(values: Sequence[object], what: str, clause: str) -> None:
    """Check that an extension whose ASN.1 says SIZE (1..MAX) has a value."""
    if not values:
        raise EncodingError(f"{what} without a value", code="extension-empty", clause=clause)


def _uri(url: str) -> bytes:
    """GeneralName uniformResourceIdentifier."""
    return der.implicit(_URI, _ascii(url))


def _ascii(text: str) -> bytes:
    """Content octets of an IA5String that is not empty."""
    if not text or not text.isascii():
        raise EncodingError(
            f"{text!r}: host names, addresses and URLs are written in ASCII",
            code="general-name",
            clause="RFC 5280 4.2.1.6",
        )
    return text.encode("ascii")


def _ip_octets(address: str) -> bytes:
    """Octets of an IP address."""
    try:
        return ipaddress.ip_address(address).packed
    except ValueError as error:
        raise EncodingError(
            f"{address!r} is not an IP address", code="general-name", clause="RFC 5280 4.2.1.6"
        ) from error
