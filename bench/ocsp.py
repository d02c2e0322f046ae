"""One OCSP answer, built and signed: our writer beside `cryptography`'s builder, and the signature alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from bench.certificate import ours as leaf_der
from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY, ISSUER_NAME, LATER, SERIAL_NUMBER
from trust.encoding.ocsp import OCSPResponseWriter, SingleAnswer, encode_cert_id, responder_by_key
from trust.status import CertStatus

_NEXT = AT + timedelta(hours=1)
_NONCE = bytes(range(32))
_TOGETHER = 100
_WRITER = OCSPResponseWriter(ISSUER, responder_by_key(ISSUER.public_key))
# A responder echoes the CertID it was asked; each answer is about another certificate.
_CERT_IDS = cycle(
    [
        encode_cert_id(ISSUER_NAME.public_bytes(), ISSUER.public_key, SERIAL_NUMBER + number)
        for number in range(1000)
    ]
)


def _ours(nonce: bytes | None = None, count: int = 1) -> bytes:
    """Build and sign with our writer."""
    answers = [SingleAnswer(next(_CERT_IDS), CertStatus.GOOD, AT, _NEXT) for _ in range(count)]
    return _WRITER.write(answers, produced_at=AT, nonce=nonce)


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


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    issuer, leaf = _issuer_certificate(), x509.load_der_x509_certificate(leaf_der())
    data, ecdsa = _ours(), ec.ECDSA(hashes.SHA256())

    def theirs() -> ocsp.OCSPResponse:
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf, issuer, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,  # noqa: S303 - RFC 6960's CertID
            AT.replace(tzinfo=None), _NEXT.replace(tzinfo=None), None, None,
        )  # fmt: skip
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
        return builder.add_extension(x509.OCSPNonce(_NONCE), False).sign(ISSUER_KEY, hashes.SHA256())

    yield compare("OCSP answer with nonce, P-256", lambda: _ours(_NONCE), "cryptography's builder", theirs)
    for operation, nonce in (("OCSP answer, P-256", None), ("OCSP answer with nonce, P-256", _NONCE)):
        yield compare(
            operation, lambda nonce=nonce: _ours(nonce),
            "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ecdsa),
        )  # fmt: skip
    yield compare(
        f"OCSP, {_TOGETHER} answers together, P-256", lambda: _ours(count=_TOGETHER),
        "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ecdsa), our_units=_TOGETHER,
    )  # fmt: skip
