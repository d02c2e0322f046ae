"""A path of three P-256 certificates validated, beside pyOpenSSL and the two bare verifications it needs."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import crypto

from bench.harness import Comparison, compare
from bench.material import AT, LATER, SUBJECT, name
from runtime.keys import KeySigner
from trust.certificate import Certificate
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_key_identifier,
    basic_constraints,
    key_usage,
    subject_key_identifier,
)
from trust.path import RevocationPolicy, ValidationInputs, validate_path

_ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
_ISSUING_KEY = ec.generate_private_key(ec.SECP256R1())
_ROOT, _ISSUING = KeySigner(_ROOT_KEY), KeySigner(_ISSUING_KEY)
_MIDDLE = AT + (LATER - AT) / 2


def _certificate(subject: str, key: KeySigner, issuer: str, signer: KeySigner, *usage: Extension) -> bytes:
    """One certificate of the path."""
    fields = CertificateFields(
        serial_number=int.from_bytes(subject.encode()[-8:], "big") + 1,
        algorithm=signer.algorithm,
        issuer=name(issuer).public_bytes(),
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=name(subject).public_bytes(),
        public_key=key.public_key,
        extensions=(
            *usage, subject_key_identifier(key.public_key), authority_key_identifier(signer.public_key)
        ),
    )  # fmt: skip
    return sign_certificate(fields, signer)


def comparisons() -> Iterator[Comparison]:
    """Yield the results; our cold figure parses and validates everything anew in each call."""
    ca = (basic_constraints(True), key_usage(KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN))
    root = _certificate("Root", _ROOT, "Root", _ROOT, *ca)
    issuing = _certificate("Issuing", _ISSUING, "Root", _ROOT, *ca)
    person = "李明"
    leaf = _certificate(person, SUBJECT, "Issuing", _ISSUING, key_usage(KeyUsage.DIGITAL_SIGNATURE))

    def cold() -> None:
        inputs = ValidationInputs(
            anchors=(Certificate.parse(root),),
            intermediates=(Certificate.parse(issuing),),
            revocation_policy=RevocationPolicy.NOT_CHECKED,
        )
        assert validate_path(Certificate.parse(leaf), inputs, _MIDDLE).valid

    def openssl() -> None:
        store = crypto.X509Store()
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, root))
        store.set_time(_MIDDLE)
        chain = [crypto.load_certificate(crypto.FILETYPE_ASN1, issuing)]
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf)
        crypto.X509StoreContext(store, certificate, chain).verify_certificate()

    signature, data = _ISSUING_KEY.sign(leaf, ec.ECDSA(hashes.SHA256())), leaf
    public_key = _ISSUING_KEY.public_key()

    def verifications() -> None:
        for _ in range(2):
            public_key.verify(signature, data, ec.ECDSA(hashes.SHA256()))

    yield compare("path of three, P-256, cold", cold, "pyOpenSSL X509Store", openssl)
    yield compare("path of three, P-256, cold", cold, "limit: two verifications", verifications)
