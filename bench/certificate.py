"""Building and signing one certificate: our DER writer beside `cryptography`'s builder, same content."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from bench.harness import Comparison, compare
from bench.material import (
    AT,
    ISSUER,
    ISSUER_KEY,
    ISSUER_NAME,
    LATER,
    SERIAL_NUMBER,
    SUBJECT_KEY,
    SUBJECT_NAME,
)
from runtime.keys import KeySigner
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    KeyUsage,
    authority_information_access,
    authority_key_identifier,
    certificate_policies,
    crl_distribution_points,
    extended_key_usage,
    key_usage,
    subject_key_identifier,
)
from trust.names import NameAttribute, encode_name
from trust.vocabulary import ExtendedKeyUsage

_POLICY = "1.3.6.1.4.1.32473.1.1.1"
_CRL = "http://va.example/crl/1.crl"
_OCSP = "http://va.example/ocsp"
_ISSUER = ISSUER_NAME.public_bytes()
# More subjects than anything remembers, so that each certificate is a new one.
_SUBJECTS = 512


def _name(number: int) -> bytes:
    """Somebody's DER Name."""
    return encode_name([(NameAttribute.COUNTRY, "CN"), (NameAttribute.COMMON_NAME, f"李明{number}")])


def _subjects() -> list[tuple[int, bytes, bytes]]:
    """Serial numbers, names and keys."""
    keys = [KeySigner(ec.generate_private_key(ec.SECP256R1())).public_key for _ in range(_SUBJECTS)]
    return [(SERIAL_NUMBER + number, _name(number), key) for number, key in enumerate(keys)]


_NEXT = cycle(_subjects())


def ours() -> bytes:
    """Build and sign somebody's certificate with our writer."""
    return _certify(*next(_NEXT))


def _named() -> bytes:
    """The same, writing somebody's name first."""
    serial_number, _, public_key = next(_NEXT)
    return _certify(serial_number, _name(serial_number - SERIAL_NUMBER), public_key)


def _certify(serial_number: int, subject: bytes, public_key: bytes) -> bytes:
    """A certificate with the extensions of the city's profiles."""
    fields = CertificateFields(
        serial_number=serial_number,
        algorithm=ISSUER.algorithm,
        issuer=_ISSUER,
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=subject,
        public_key=public_key,
        extensions=(
            authority_key_identifier(ISSUER.public_key),
            subject_key_identifier(public_key),
            key_usage(KeyUsage.DIGITAL_SIGNATURE),
            certificate_policies(_POLICY),
            extended_key_usage(ExtendedKeyUsage.CLIENT_AUTHENTICATION),
            crl_distribution_points(_CRL),
            authority_information_access(ocsp=(_OCSP,)),
        ),
    )
    return sign_certificate(fields, ISSUER)


def theirs() -> x509.Certificate:
    """Build and sign with the library."""
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(_CRL)], None, None, None)]
    policies = [x509.PolicyInformation(x509.ObjectIdentifier(_POLICY), None)]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    responder = x509.UniformResourceIdentifier(_OCSP)
    builder = x509.CertificateBuilder(
        issuer_name=ISSUER_NAME,
        subject_name=SUBJECT_NAME,
        public_key=SUBJECT_KEY.public_key(),
        serial_number=SERIAL_NUMBER,
        not_valid_before=AT.replace(tzinfo=None),
        not_valid_after=LATER.replace(tzinfo=None),
    )
    for extension, critical in (
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ISSUER_KEY.public_key()), False),
        (x509.SubjectKeyIdentifier.from_public_key(SUBJECT_KEY.public_key()), False),
        (usage, True),
        (x509.CertificatePolicies(policies), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.CRLDistributionPoints(points), False),
        (
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)]
            ),
            False,
        ),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(ISSUER_KEY, hashes.SHA256())


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    data, ecdsa = ours(), ec.ECDSA(hashes.SHA256())
    yield compare("certificate, P-256, built and signed", _named, "cryptography's builder", theirs)
    for operation, make in (
        ("certificate, P-256, built and signed", ours),
        ("the same, named first", _named),
    ):
        yield compare(operation, make, "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ecdsa))
