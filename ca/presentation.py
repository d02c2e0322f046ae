"""What will be signed, told so that an officer can judge it: the same words on the page and in the shell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca.issuance import digest_of
from trust.algorithms import parse_algorithm
from trust.certificate import Certificate
from trust.encoding import der
from trust.encoding.certificate import assemble
from trust.encoding.extensions import KeyUsage
from trust.names import NameAttribute
from trust.public_key import key_strength, load_public_key
from trust.vocabulary import ExtendedKeyUsage

_GROUP = 8
# What keys are for, in words; the message ids of the desk's translations.
_USAGE_TEXTS = {
    KeyUsage.DIGITAL_SIGNATURE: "digital signature",
    KeyUsage.NON_REPUDIATION: "signing documents (non-repudiation)",
    ExtendedKeyUsage.CLIENT_AUTHENTICATION: "logging in (client authentication)",
    ExtendedKeyUsage.DOCUMENT_SIGNING: "document signing",
    ExtendedKeyUsage.EMAIL_PROTECTION: "signature checks of PDF readers (e-mail protection)",
    ExtendedKeyUsage.SERVER_AUTHENTICATION: "TLS server",
    ExtendedKeyUsage.TIME_STAMPING: "timestamps",
    ExtendedKeyUsage.OCSP_SIGNING: "OCSP answers",
}
_SHOWN_SIGNATURE = b"\x00" * 64


@dataclass(frozen=True)
class CertificateFacts:
    """A to-be-signed certificate in an officer's words."""

    subject: str
    name: str
    subject_number: str
    organization: str
    serial_number: str
    not_valid_before: datetime
    not_valid_after: datetime
    key: str
    purposes: tuple[str, ...]
    alternative_names: tuple[str, ...]
    signature_algorithm: str
    tbs_digest: str


def facts_of(tbs: bytes) -> CertificateFacts:
    """Read a to-be-signed certificate (RFC 5280 4.1.2)."""
    certificate = Certificate.parse(assemble(tbs, _algorithm_of(tbs), _SHOWN_SIGNATURE))
    attributes = certificate.subject_attributes
    names = certificate.subject_alternative_name
    return CertificateFacts(
        subject=certificate.subject_text,
        name=attributes.get(NameAttribute.COMMON_NAME, ""),
        subject_number=attributes.get(NameAttribute.SERIAL_NUMBER, ""),
        organization=attributes.get(NameAttribute.ORGANIZATION, ""),
        serial_number=format(certificate.serial_number, "x"),
        not_valid_before=certificate.not_valid_before,
        not_valid_after=certificate.not_valid_after,
        key=_key_of(certificate.public_key),
        purposes=tuple(
            _USAGE_TEXTS.get(usage, str(usage))
            for usage in (*sorted(certificate.key_usage or ()), *(certificate.extended_key_usage or ()))
        ),
        alternative_names=(*names.dns, *names.ip, *names.uri),
        signature_algorithm=parse_algorithm(certificate.algorithm).name,
        tbs_digest=grouped(digest_of(tbs)),
    )


def grouped(digest: str) -> str:
    """A digest in groups of eight, as the card's window shows it, to be compared by eye."""
    return " ".join(digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP))


def _algorithm_of(tbs: bytes) -> bytes:
    """The signature algorithm a TBSCertificate names: after its version and serial number."""
    reader = der.read_sequence(tbs)
    reader.read_any()
    reader.read_any()
    return reader.read_raw(der.Tag.SEQUENCE)


def _key_of(public_key: bytes) -> str:
    """The kind and size of a key."""
    key = load_public_key(public_key)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return key_strength(public_key).kind.value
