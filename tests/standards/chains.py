"""Certificates octet by octet, right or wrong, for our own suites: what a careful writer would refuse, too.

Keys come from labels and signatures are deterministic (RFC 6979), so that the same case is the same bytes on
every machine. Nothing is checked here: the caller says what each certificate holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from trust.certificate import Certificate
from trust.encoding import der
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.report import PathReport
from trust.vocabulary import ANY_POLICY, ExtensionOID

AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
# 1.3.6.1.4.1.32473 is the arc for examples (RFC 5612).
EXAMPLE_ARC = "1.3.6.1.4.1.32473"
CERT_SIGN = (5, 6)
SIGNATURE = (0,)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Extensions = tuple[bytes, ...]


# --- keys ------------------------------------------------------------------------------------------------


@cache
def private_key(label: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that label."""
    number = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


@cache
def public_key(label: str) -> bytes:
    """The key's SubjectPublicKeyInfo."""
    return (
        private_key(label)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@cache
def key_identifier(label: str) -> bytes:
    """SHA-1 of the key's bits (RFC 5280 4.2.1.2 (1)); the last 65 octets are the point."""
    return hashlib.sha1(public_key(label)[-65:], usedforsecurity=False).digest()


def sign(label: str, data: bytes) -> bytes:
    """ECDSA with SHA-256, deterministic."""
    return private_key(label).sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


# --- names -----------------------------------------------------------------------------------------------

COMMON_NAME, COUNTRY, ORGANIZATION, EMAIL_ADDRESS = "2.5.4.3", "2.5.4.6", "2.5.4.10", "1.2.840.113549.1.9.1"


def attribute(oid: str, text: str | bytes, tag: int = der.Tag.UTF8_STRING) -> bytes:
    """AttributeTypeAndValue in that string type."""
    content = text.encode("utf-8") if isinstance(text, str) else text
    return der.sequence(der.oid(oid), der.tlv(tag, content))


def rdn(*attributes: bytes) -> bytes:
    """A relative name of these attributes."""
    return der.set_of(*attributes)


def dn(*relative_names: bytes) -> bytes:
    """A Name."""
    return der.sequence(*relative_names)


@cache
def named(text: str) -> bytes:
    """CN=text; the empty name for an empty text."""
    return dn(rdn(attribute(COMMON_NAME, text))) if text else dn()


def dns(text: str | bytes) -> bytes:
    return der.implicit(2, text.encode("utf-8") if isinstance(text, str) else text)


def mail(text: str | bytes) -> bytes:
    return der.implicit(1, text.encode("utf-8") if isinstance(text, str) else text)


def uri(text: str | bytes) -> bytes:
    return der.implicit(6, text.encode("utf-8") if isinstance(text, str) else text)


def ip(address: bytes) -> bytes:
    return der.implicit(7, address)


def directory(name: bytes) -> bytes:
    return der.explicit(4, name)


def registered(oid: str) -> bytes:
    return der.implicit(8, der.oid(oid)[2:])


def other(oid: str, value: bytes) -> bytes:
    return der.implicit(0, der.oid(oid) + der.explicit(0, value), constructed=True)


# --- extensions ------------------------------------------------------------------------------------------


def extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    """One Extension."""
    return der.sequence(der.oid(oid), der.boolean(True) if critical else b"", der.octet_string(value))


def basic(ca: bool = True, path_length: int | None = None, critical: bool = True) -> bytes:
    content = (der.boolean(True) if ca else b"") + (
        der.integer(path_length) if path_length is not None else b""
    )
    return extension(ExtensionOID.BASIC_CONSTRAINTS, der.tlv(0x30, content), critical)


def usage(*bits: int, critical: bool = True) -> bytes:
    return extension(ExtensionOID.KEY_USAGE, der.named_bits(bits), critical)


def subject_key(identifier: bytes, critical: bool = False) -> bytes:
    return extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER, der.octet_string(identifier), critical)


def authority_key(
    identifier: bytes | None = None,
    issuer: bytes | None = None,
    serial: int | None = None,
    critical: bool = False,
) -> bytes:
    content = der.implicit(0, identifier) if identifier is not None else b""
    if issuer is not None:
        content += der.implicit(1, directory(issuer), constructed=True)
    if serial is not None:
        content += der.implicit(2, der.integer(serial)[2:])
    return extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, der.tlv(0x30, content), critical)


def alternative(*names: bytes, critical: bool = False) -> bytes:
    return extension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, der.sequence(*names), critical)


def constraints(permitted: Iterable[bytes] = (), excluded: Iterable[bytes] = ()) -> bytes:
    """Name constraints over these bases, critical."""
    lists = []
    for number, bases in enumerate((tuple(permitted), tuple(excluded))):
        subtrees = b"".join(der.sequence(base) for base in bases)
        lists.append(der.implicit(number, subtrees, constructed=True) if bases else b"")
    return extension(ExtensionOID.NAME_CONSTRAINTS, der.sequence(*lists), critical=True)


def policies(*oids: str, critical: bool = False) -> bytes:
    value = der.sequence(*(der.sequence(der.oid(oid)) for oid in oids))
    return extension(ExtensionOID.CERTIFICATE_POLICIES, value, critical)


def mappings(*pairs: tuple[str, str]) -> bytes:
    value = der.sequence(*(der.sequence(der.oid(a), der.oid(b)) for a, b in pairs))
    return extension(ExtensionOID.POLICY_MAPPINGS, value, critical=True)


def policy_constraints(explicit: int | None = None, mapping: int | None = None) -> bytes:
    parts = [
        der.implicit(number, der.integer(count)[2:])
        for number, count in enumerate((explicit, mapping))
        if count is not None
    ]
    return extension(ExtensionOID.POLICY_CONSTRAINTS, der.sequence(*parts), critical=True)


def inhibit_any(count: int) -> bytes:
    return extension(ExtensionOID.INHIBIT_ANY_POLICY, der.integer(count), critical=True)


def purposes(*oids: str, critical: bool = False) -> bytes:
    return extension(ExtensionOID.EXTENDED_KEY_USAGE, der.sequence(*(der.oid(oid) for oid in oids)), critical)


def unknown(critical: bool) -> bytes:
    return extension(f"{EXAMPLE_ARC}.9", der.null(), critical)


# --- certificates ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A certificate with the label of its key and everything that went into it."""

    subject: bytes
    issuer: bytes
    key: str
    signer: str
    extensions: Extensions
    serial: bytes = der.integer(4097)
    version: bytes = der.explicit(0, der.integer(2))
    not_before: bytes = der.time(AT - YEAR)
    not_after: bytes = der.time(AT + YEAR)
    algorithm: bytes = ECDSA_SHA256
    inner_algorithm: bytes | None = None
    public_key: bytes | None = None

    @cached_property
    def tbs(self) -> bytes:
        tail = der.explicit(3, der.sequence(*self.extensions)) if self.extensions else b""
        return der.sequence(
            self.version,
            self.serial,
            self.algorithm if self.inner_algorithm is None else self.inner_algorithm,
            self.issuer,
            der.sequence(self.not_before, self.not_after),
            self.subject,
            self.public_key or public_key(self.key),
            tail,
        )

    @cached_property
    def der(self) -> bytes:
        return der.sequence(self.tbs, self.algorithm, der.bit_string(sign(self.signer, self.tbs)))

    @cached_property
    def read(self) -> Certificate:
        return Certificate.parse(self.der)

    def but(self, **changes: object) -> Made:
        """The same with other fields."""
        return replace(self, **changes)  # type: ignore[arg-type]


def identifiers(key: str, signer: str) -> Extensions:
    """Subject and authority key identifiers as they should be."""
    return (subject_key(key_identifier(key)), authority_key(key_identifier(signer)))


def issued(
    subject: str | bytes,
    by: Made | None = None,
    *more: bytes,
    key: str | None = None,
    standard: Extensions | None = None,
    **fields: object,
) -> Made:
    """An end entity's certificate, self-signed without an issuer; `standard` replaces the usual ones."""
    name = named(subject) if isinstance(subject, str) else subject
    label = key or name.hex()
    signer = by.key if by else label
    usual = (usage(*SIGNATURE), *identifiers(label, signer)) if standard is None else standard
    return Made(name, by.subject if by else name, label, signer, (*usual, *more)).but(**fields)


def authority(
    subject: str | bytes,
    by: Made | None = None,
    *more: bytes,
    key: str | None = None,
    path_length: int | None = None,
    **fields: object,
) -> Made:
    """A certificate authority's certificate, self-signed without an issuer."""
    name = named(subject) if isinstance(subject, str) else subject
    label = key or name.hex()
    usual = (basic(True, path_length), usage(*CERT_SIGN), *identifiers(label, by.key if by else label))
    return issued(name, by, *more, key=label, **{"standard": usual, **fields})  # type: ignore[arg-type]


# --- judging ---------------------------------------------------------------------------------------------


def judge(
    leaf: Made, anchors: Iterable[Made], others: Iterable[Made] = (), at: datetime = AT, **inputs: object
) -> PathReport:
    """The engine's report; revocation is not looked at unless `inputs` ask for it."""
    inputs.setdefault("revocation_policy", RevocationPolicy.NOT_CHECKED)
    given = ValidationInputs(
        tuple(anchor.read for anchor in anchors),
        tuple(other.read for other in others),
        **inputs,  # type: ignore[arg-type]
    )
    return validate_path(leaf.read, given, at)


def codes(report: PathReport) -> list[str]:
    """The codes of the rejections, "good" when there are none."""
    return [rejection.code for rejection in report.rejections] or (["good"] if report.valid else [])


ANY = frozenset((ANY_POLICY,))
