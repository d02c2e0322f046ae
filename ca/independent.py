"""An independent opinion: what we signed is read and verified by OpenSSL before it is released.

Our writers, our reader and our path validation share code and so could share a mistake. This module uses
none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from OpenSSL import crypto

from ca.errors import PublicationError
from trust.errors import TrustError
from trust.sm2 import OID_SM2_WITH_SM3, SM2_POINT_SIZE, SM2PublicKey

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
        sound = _is_signed_by(loaded, issuer)
    except (ValueError, TypeError, UnsupportedAlgorithm, TrustError) as error:
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


def _is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the CRL's signature.

    The library cuts out what was signed, whatever the algorithm, but does not know SM2: such a signature goes
    to libcrypto, with the key as OpenSSL read it.
    """
    if crl.signature_algorithm_oid.dotted_string != OID_SM2_WITH_SM3:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    key = crypto.dump_publickey(crypto.FILETYPE_ASN1, crypto.X509.from_cryptography(issuer).get_pubkey())
    try:
        SM2PublicKey(key[-SM2_POINT_SIZE:]).verify(crl.signature, crl.tbs_certlist_bytes)
    except InvalidSignature:
        return False
    return True


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
