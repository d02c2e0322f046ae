"""Certificates at caIssuers addresses (RFC 5280 4.2.2.1): the three forms read, the rest refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from trust.certs_only import MAXIMUM_PUBLISHED_CERTIFICATES, load_certificates
from trust.encoding import der
from trust.errors import TrustError

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
KEY = ec.generate_private_key(ec.SECP256R1())
SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
DATA = der.sequence(der.oid("1.2.840.113549.1.7.1"))


def certificate(number: int = 1) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"issuer {number}")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), number, start, start + timedelta(days=1))
    return builder.sign(KEY, hashes.SHA256())


ONE, TWO = certificate(1), certificate(2)


def message(*certificates: bytes, signers: bytes = b"", version: int = 1) -> bytes:
    """A SignedData written field by field (RFC 5652 5.1)."""
    listed = der.tlv(der.context(0), b"".join(certificates)) if certificates else b""
    data = der.sequence(
        der.integer(version), der.tlv(der.Tag.SET, b""), DATA, listed, der.tlv(der.Tag.SET, signers)
    )
    return der.sequence(SIGNED_DATA, der.tlv(der.context(0), data))


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (ONE.public_bytes(DER), 1),
        (ONE.public_bytes(PEM), 1),
        (b"\r\n" + ONE.public_bytes(PEM) + TWO.public_bytes(PEM), 2),
        (pkcs7.serialize_certificates([ONE], DER), 1),
        (pkcs7.serialize_certificates([ONE, TWO], DER), 2),
        (message(ONE.public_bytes(DER)), 1),
        (message(*[ONE.public_bytes(DER)] * MAXIMUM_PUBLISHED_CERTIFICATES), MAXIMUM_PUBLISHED_CERTIFICATES),
    ],
)
def test_reads_a_certificate_pem_and_certs_only_messages(data: bytes, count: int) -> None:
    read = load_certificates(data)
    assert len(read) == count
    expected = {certificate.public_bytes(DER) for certificate in (ONE, TWO)}
    assert {each.der for each in read} <= expected


def too_many() -> bytes:
    return ONE.public_bytes(DER) * (MAXIMUM_PUBLISHED_CERTIFICATES + 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"<html>404</html>",
        ONE.public_bytes(DER)[:-1],
        ONE.public_bytes(DER) + b"\x00",
        ONE.public_bytes(PEM).replace(b"END", b"END OF"),
        ONE.public_bytes(PEM) * (MAXIMUM_PUBLISHED_CERTIFICATES + 1),
        message(),
        message(too_many()),
        message(ONE.public_bytes(DER), version=9),
        message(ONE.public_bytes(DER), signers=der.sequence(der.integer(1))),
        message(ONE.public_bytes(DER)) + b"\x00",
        message(ONE.public_bytes(DER))[:-3],
        message(der.sequence()),
        der.sequence(der.oid("1.2.840.113549.1.7.1"), der.tlv(der.context(0), b"\x04\x00")),
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(TrustError):
        load_certificates(data)
