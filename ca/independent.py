"""An independent opinion: what we signed is read and verified by OpenSSL before it is released.

Our writers, our reader and our path validation share code and so could share a mistake. This module uses
none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from OpenSSL import crypto

from ca.errors import PublicationError

_CERTIFICATE_REVOKED = 23  # X509_V_ERR_CERT_REVOKED


def verify_certificate(certificate: bytes, issuers: Sequence[bytes], at: datetime) -> None:
    """Verify a new certificate against its issuers, root first, with OpenSSL's strict rules."""
    store = _store(issuers, at, crypto.X509StoreFlags.X509_STRICT)
    try:
        loaded = crypto.X509.from_cryptography(x509.load_der_x509_certificate(certificate))
        crypto.X509StoreContext(store, loaded).verify_certificate()
    except (crypto.X509StoreContextError, crypto.Error, ValueError) as error:
        raise PublicationError(
            f"OpenSSL does not accept the new certificate: {error}", code="certificate-not-accepted"
        ) from error


def verify_crl(
    crl: bytes,
    issuers: Sequence[bytes],
    at: datetime,
    *,
    good: bytes | None = None,
    revoked: bytes | None = None,
) -> None:
    """Verify a new CRL of the last of `issuers`, and that it speaks right of a good and a revoked sample."""
    try:
        loaded = x509.load_der_x509_crl(crl)
        issuer = x509.load_der_x509_certificate(issuers[-1])
        sound = loaded.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise PublicationError(f"the new CRL cannot be read: {error}", code="crl-not-accepted") from error
    if not sound or loaded.issuer != issuer.subject:
        raise PublicationError("the new CRL is not signed by its issuer", code="crl-not-accepted")
    if good is not None and (error_number := _verdict(good, loaded, issuers, at)):
        raise PublicationError(
            f"OpenSSL refuses a good certificate by the new CRL (error {error_number})",
            code="crl-not-accepted",
        )
    if revoked is not None and _verdict(revoked, loaded, issuers, at) != _CERTIFICATE_REVOKED:
        raise PublicationError(
            "OpenSSL does not see a revoked certificate in the new CRL", code="crl-not-accepted"
        )


def _verdict(
    certificate: bytes, crl: x509.CertificateRevocationList, issuers: Sequence[bytes], at: datetime
) -> int:
    """OpenSSL's error number for a certificate checked by the CRL; 0 when it is good."""
    store = _store(issuers, at, crypto.X509StoreFlags.CRL_CHECK)
    store.add_crl(crl)
    loaded = crypto.X509.from_cryptography(x509.load_der_x509_certificate(certificate))
    try:
        crypto.X509StoreContext(store, loaded).verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return 0


def _store(issuers: Sequence[bytes], at: datetime, flags: int) -> crypto.X509Store:
    """A store that trusts the issuers at the given time."""
    store = crypto.X509Store()
    for issuer in issuers:
        store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(issuer)))
    # OpenSSL takes the time without a zone and reads it as UTC.
    store.set_time(at.astimezone(UTC).replace(tzinfo=None))
    store.set_flags(flags)
    return store
