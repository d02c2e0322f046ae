"""A CRL from its entries: our writer beside `cryptography`'s builder, at growing sizes."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY, ISSUER_NAME, LATER, SERIAL_NUMBER
from trust.encoding.crl import RevokedEntry, encode_crl, encode_revoked_entry
from trust.encoding.extensions import key_identifier
from trust.status import CRLReason

_OUR_SIZES = (100, 1_000, 10_000, 100_000)
_LARGEST_FOR_THE_LIBRARY = 1_000


def _ours(entries: list[bytes]) -> bytes:
    """Sign a CRL of stored entries."""
    return encode_crl(
        issuer=ISSUER_NAME.public_bytes(),
        signer=ISSUER,
        this_update=AT,
        next_update=LATER,
        number=7,
        authority_key_identifier=key_identifier(ISSUER.public_key),
        entries=entries,
    )


def _theirs(count: int) -> x509.CertificateRevocationList:
    """Build and sign a CRL of as many entries with the library."""
    builder = x509.CertificateRevocationListBuilder(
        ISSUER_NAME, AT.replace(tzinfo=None), LATER.replace(tzinfo=None)
    )
    for number in range(count):
        revoked = x509.RevokedCertificateBuilder(SERIAL_NUMBER + number, AT.replace(tzinfo=None))
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(ISSUER_KEY, hashes.SHA256())


def _stored(count: int) -> list[bytes]:
    """Entries as the database keeps them."""
    reason = CRLReason.KEY_COMPROMISE
    return [encode_revoked_entry(RevokedEntry(SERIAL_NUMBER + number, AT, reason)) for number in range(count)]


def comparisons() -> Iterator[Comparison]:
    """Yield the results, smallest first; the library's builder is quadratic and stops early."""
    for size in _OUR_SIZES:
        entries = _stored(size)
        peer_size = min(size, _LARGEST_FOR_THE_LIBRARY)
        yield compare(
            f"CRL of {size:,}, entries", lambda entries=entries: _ours(entries),
            f"cryptography, {peer_size:,}, entries", lambda count=peer_size: _theirs(count),
            our_units=size, peer_units=peer_size,
        )  # fmt: skip
