"""Keys and names the measurements share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime.keys import KeySigner

AT = datetime(2026, 11, 22, tzinfo=UTC)
LATER = AT + timedelta(days=365)
ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = KeySigner(ISSUER_KEY)
SUBJECT_KEY = ec.generate_private_key(ec.SECP256R1())
SUBJECT = KeySigner(SUBJECT_KEY)
SERIAL_NUMBER = 0x5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A


def name(common_name: str) -> x509.Name:
    """A short name in the city's form."""
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


ISSUER_NAME = name("Tongxing Issuing CA")
SUBJECT_NAME = name("李明")
