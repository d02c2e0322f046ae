"""One OCSP answer, built and signed: our writer beside `cryptography`'s builder, and the signature alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from bench.certificate import ours as leaf_der
from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY, ISSUER_NAME, LATER, SERIAL_NUMBER
from trust.encoding.extensions import key_identifier
from trust.encoding.ocsp import SingleAnswer, encode_cert_id, encode_ocsp_response
from trust.status import CertStatus

_NEXT = AT + timedelta(hours=1)
_NONCE = bytes(range(32))
_RESPONDER = key_identifier(ISSUER.public_key)
_CERT_ID = encode_cert_id(ISSUER_NAME.public_bytes(), ISSUER.public_key, SERIAL_NUMBER)


def _issuer_certificate() -> x509.Certificate:
    """The issuing CA, as the library's builder wants it."""
    builder = x509.CertificateBuilder(
        ISSUER_NAME,
        ISSUER_NAME,
        ISSUER_KEY.public_key(),
        1,
        AT.replace(tzinfo=None),
        LATER.replace(tzinfo=None),
    )
    return builder.sign(ISSUER_KEY, hashes.SHA256())


def _ours() -> bytes:
    answer = SingleAnswer(_CERT_ID, CertStatus.GOOD, AT, _NEXT)
    return encode_ocsp_response(
        signer=ISSUER, responder_key_digest=_RESPONDER, produced_at=AT, answers=[answer], nonce=_NONCE
    )


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    issuer, leaf = _issuer_certificate(), x509.load_der_x509_certificate(leaf_der())

    def theirs() -> ocsp.OCSPResponse:
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf, issuer, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,  # noqa: S303 - RFC 6960's CertID
            AT.replace(tzinfo=None), _NEXT.replace(tzinfo=None), None, None,
        )  # fmt: skip
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
        return builder.add_extension(x509.OCSPNonce(_NONCE), False).sign(ISSUER_KEY, hashes.SHA256())

    data = _ours()
    yield compare("OCSP answer with nonce, P-256", _ours, "cryptography's builder", theirs)
    yield compare(
        "OCSP answer with nonce, P-256", _ours,
        "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ec.ECDSA(hashes.SHA256())),
    )  # fmt: skip
