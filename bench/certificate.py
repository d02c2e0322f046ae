"""Building and signing one certificate: our DER writer beside `cryptography`'s builder, same content."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.harness import Comparison, compare
from bench.material import (
    AT,
    ISSUER,
    ISSUER_KEY,
    ISSUER_NAME,
    LATER,
    SERIAL_NUMBER,
    SUBJECT,
    SUBJECT_KEY,
    SUBJECT_NAME,
)
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    KeyUsage,
    authority_key_identifier,
    certificate_policies,
    crl_distribution_points,
    key_usage,
    subject_key_identifier,
)

_POLICY = "1.3.6.1.4.1.32473.1.1.1"
_CRL = "http://va.example/crl/1.crl"


def ours() -> bytes:
    """Build and sign with our writer."""
    fields = CertificateFields(
        serial_number=SERIAL_NUMBER,
        algorithm=ISSUER.algorithm,
        issuer=ISSUER_NAME.public_bytes(),
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=SUBJECT_NAME.public_bytes(),
        public_key=SUBJECT.public_key,
        extensions=(
            key_usage(KeyUsage.DIGITAL_SIGNATURE),
            subject_key_identifier(SUBJECT.public_key),
            authority_key_identifier(ISSUER.public_key),
            crl_distribution_points(_CRL),
            certificate_policies(_POLICY),
        ),
    )
    return sign_certificate(fields, ISSUER)


def theirs() -> x509.Certificate:
    """Build and sign with the library."""
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(_CRL)], None, None, None)]
    policies = [x509.PolicyInformation(x509.ObjectIdentifier(_POLICY), None)]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = x509.CertificateBuilder(
        issuer_name=ISSUER_NAME,
        subject_name=SUBJECT_NAME,
        public_key=SUBJECT_KEY.public_key(),
        serial_number=SERIAL_NUMBER,
        not_valid_before=AT.replace(tzinfo=None),
        not_valid_after=LATER.replace(tzinfo=None),
    )
    for extension, critical in (
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(SUBJECT_KEY.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ISSUER_KEY.public_key()), False),
        (x509.CRLDistributionPoints(points), False),
        (x509.CertificatePolicies(policies), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(ISSUER_KEY, hashes.SHA256())


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    data = ours()
    yield compare("certificate, P-256, built and signed", ours, "cryptography's builder", theirs)
    yield compare(
        "certificate, P-256, built and signed", ours,
        "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ec.ECDSA(hashes.SHA256())),
    )  # fmt: skip
