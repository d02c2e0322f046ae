"""Issuance, the pure part: build what will be signed, sign it, compare (Boulder's discipline).

The steps: `prepare_certificate` fixes every byte of the TBSCertificate (RFC 5280 4.1.2) and lints it;
somebody approves those bytes; `sign_prepared` signs those bytes and compares what came out with what went
in. Serial number, time and keys are arguments.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from ca.errors import CaError, PreparationError
from ca.profiles import AlternativeNames, Profile
from trust.certificate import Certificate
from trust.encoding.certificate import CertificateFields, assemble, encode_tbs_certificate
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_information_access,
    authority_key_identifier,
    certificate_policies,
    crl_distribution_points,
    extended_key_usage,
    key_identifier,
    key_usage,
    ocsp_no_check,
    subject_alternative_name,
    subject_key_identifier,
)
from trust.names import NameAttribute
from trust.profile_policy import policy_oid
from trust.signer import Signer

SERIAL_NUMBER_BYTES = 16
# A verifier's clock may be behind ours by this much without refusing a new certificate.
CLOCK_TOLERANCE = timedelta(minutes=5)
_MINIMUM_SERIAL_BITS = 64
_SIGNING_USAGES = {KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}


@dataclass(frozen=True)
class StatusAddresses:
    """Where the world finds what an issuer publishes; derived from the status service's address."""

    status_url: str
    issuer_key_id: str

    @property
    def crl(self) -> str:
        """The issuer's CRL."""
        return f"{self.status_url.rstrip('/')}/crl/{self.issuer_key_id}.crl"

    @property
    def ocsp(self) -> str:
        """The OCSP responder."""
        return f"{self.status_url.rstrip('/')}/ocsp"

    @property
    def certificate(self) -> str:
        """The issuer's own certificate."""
        return f"{self.status_url.rstrip('/')}/ca/{self.issuer_key_id}.cer"


@dataclass(frozen=True)
class Issuer:
    """An issuing CA that is able to issue; a half-configured one cannot be made."""

    certificate: Certificate
    signer: Signer
    status_url: str
    policy_arc: str

    def __post_init__(self) -> None:
        """Refuse a key that is not the certificate's, and a certificate that may not issue."""
        constraints = self.certificate.basic_constraints
        if self.signer.public_key != self.certificate.public_key:
            raise CaError("the issuing key does not belong to the issuing certificate", code="issuer-key")
        if constraints is None or not constraints.ca:
            raise CaError("the issuing certificate is not a CA certificate", code="issuer-not-ca")
        if not (self.certificate.key_usage or frozenset()) >= _SIGNING_USAGES:
            raise CaError("the issuing certificate may not sign certificates and CRLs", code="issuer-usage")
        if not self.status_url.startswith(("http://", "https://")):
            raise CaError("status_url must be an http or https address", code="issuer-status-url")

    @cached_property
    def key_id(self) -> str:
        """The issuer's key identifier, hexadecimal."""
        return key_identifier(self.certificate.public_key).hex()

    @property
    def addresses(self) -> StatusAddresses:
        """Where this issuer's status is published."""
        return StatusAddresses(self.status_url, self.key_id)


def serial_number_from(random_bytes: bytes) -> int:
    """A serial number of 128 random bits: positive, at most 20 octets (RFC 5280 4.1.2.2)."""
    serial_number = int.from_bytes(random_bytes, "big")
    if len(random_bytes) != SERIAL_NUMBER_BYTES or serial_number.bit_length() < _MINIMUM_SERIAL_BITS:
        raise PreparationError("the random source gave no usable serial number", code="serial-random")
    return serial_number


def serial_text(serial_number: int) -> str:
    """A serial number as it is stored and shown: hexadecimal, without leading zeros."""
    return format(serial_number, "x")


def parse_serial(text: str) -> int:
    """A serial number as people type it: hexadecimal, colons and capitals allowed."""
    try:
        return int(text.replace(":", "").replace(" ", ""), 16)
    except ValueError:
        raise CaError(
            f"{text!r} is not a serial number: type it in hexadecimal", code="serial-malformed"
        ) from None


def prepare_certificate(
    issuer: Issuer,
    profile: Profile,
    *,
    subject: bytes,
    public_key: bytes,
    names: AlternativeNames,
    serial_number: int,
    at: datetime,
) -> bytes:
    """Build the TBSCertificate of a profile (RFC 5280 4.1.2); the caller lints it before anybody sees it."""
    begin = at.replace(microsecond=0) - CLOCK_TOLERANCE
    fields = CertificateFields(
        serial_number=serial_number,
        algorithm=issuer.signer.algorithm,
        issuer=issuer.certificate.subject,
        not_valid_before=max(begin, issuer.certificate.not_valid_before),
        not_valid_after=min(begin + profile.lifetime, issuer.certificate.not_valid_after),
        subject=subject,
        public_key=public_key,
        extensions=tuple(profile_extensions(issuer, profile, public_key, names)),
    )
    return encode_tbs_certificate(fields)


def profile_extensions(
    issuer: Issuer, profile: Profile, public_key: bytes, names: AlternativeNames
) -> list[Extension]:
    """The profile's extensions in the one order used here (RFC 5280 4.2); a leaf has no BasicConstraints."""
    extensions = [
        authority_key_identifier(issuer.certificate.public_key),
        subject_key_identifier(public_key),
        key_usage(*profile.key_usage),
        certificate_policies(policy_oid(profile.kind, issuer.policy_arc)),
    ]
    if profile.extended_key_usage:
        extensions.append(
            extended_key_usage(*profile.extended_key_usage, critical=profile.extended_key_usage_critical)
        )
    if not names.empty:
        extensions.append(subject_alternative_name(dns=names.dns, uri=names.uri, ip=names.ip))
    addresses = issuer.addresses
    if profile.status_published:
        extensions.append(crl_distribution_points(addresses.crl))
        extensions.append(
            authority_information_access(ocsp=[addresses.ocsp], ca_issuers=[addresses.certificate])
        )
    if profile.ocsp_no_check:
        extensions.append(ocsp_no_check())
    return extensions


def digest_of(tbs: bytes) -> str:
    """SHA-256 of the bytes that will be signed, hexadecimal: what an approval names."""
    return hashlib.sha256(tbs).hexdigest()


def sign_prepared(issuer: Issuer, tbs: bytes) -> Certificate:
    """Sign prepared bytes and compare: what comes out holds exactly the bytes that were approved."""
    signature = issuer.signer.sign(tbs)
    certificate = Certificate.parse(assemble(tbs, issuer.signer.algorithm, signature))
    if certificate.tbs != tbs:
        raise CaError("the signed certificate differs from the prepared one", code="signed-bytes-differ")
    return certificate


def subject_number_of(certificate: Certificate) -> str:
    """The subject number a certificate names, or an empty text (services have none)."""
    return certificate.subject_attributes.get(NameAttribute.SERIAL_NUMBER, "")
