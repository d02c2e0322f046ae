"""A city's PKI made with the `cryptography` library, cards as software keys, and card tokens they sign."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.keys import KeySigner
from tests.idp.harness import ISSUER, START
from trust.certificate import Certificate
from trust.encoding.ocsp import OCSPResponseWriter, SingleAnswer, parse_ocsp_request, responder_by_key
from trust.path import RevocationEvidence
from trust.profile_policy import CertificateKind, policy_oid
from trust.status import CertStatus, CRLReason

DAY = timedelta(days=1)
SUBJECT_NUMBER = "TX0123456789ABCDEFGHJKMNPQ"


def key_usage(
    *, certificates: bool = False, signature: bool = True, commitment: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature, content_commitment=commitment, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=certificates, crl_sign=certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


@dataclass
class Card:
    """A card: its key and its authentication certificate."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def token(self, nonce: str, origin: str = ISSUER, **changes) -> str:
        """The card token of format web-eid:1.0 for an origin and a nonce."""
        data = hashlib.sha256(origin.encode()).digest() + hashlib.sha256(nonce.encode()).digest()
        if isinstance(self.key, rsa.RSAPrivateKey):
            algorithm, signature = "RS256", self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
            algorithm, signature = "ES256", r.to_bytes(32, "big") + s.to_bytes(32, "big")
        values = {
            "unverifiedCertificate": base64.b64encode(self.der).decode(),
            "algorithm": algorithm,
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": "https://example.org/agent/1.0.0",
            **changes,
        }
        return json.dumps(values)


@dataclass
class City:
    """A root, an issuing CA, and what they say of their certificates."""

    label: str = "Test"
    revoked: dict[int, CRLReason] = field(default_factory=dict)
    answers: str = "good"
    answer_age: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.root_key, self.issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name = name((NameOID.COMMON_NAME, f"{self.label} root"))
        self.root = self._authority(root_name, self.root_key, root_name, self.root_key, 1)
        issuing_name = name((NameOID.COMMON_NAME, f"{self.label} issuing"))
        self.issuing = self._authority(issuing_name, self.issuing_key, root_name, self.root_key, 0)

    def _authority(self, subject, key, issuer, issuer_key, path_length) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(START - 30 * DAY)
            .not_valid_after(START + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(key_usage(certificates=True, signature=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
            )
            .add_extension(
                x509.CertificatePolicies(
                    [x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]
                ),
                critical=False,
            )
            .sign(issuer_key, hashes.SHA256())
        )

    def card(
        self,
        kind: CertificateKind = CertificateKind.CITIZEN_AUTHENTICATION,
        *,
        subject_number: str | None = SUBJECT_NUMBER,
        not_before: datetime = START - DAY,
        not_after: datetime = START + 365 * DAY,
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        usage: x509.KeyUsage | None = None,
        policy: str | None = None,
        key=None,
        issuer_key=None,
    ) -> Card:
        """Personalise a card."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        attributes = [(NameOID.COUNTRY_NAME, "CN"), (NameOID.COMMON_NAME, "王小明")]
        if subject_number:
            attributes.append((NameOID.SERIAL_NUMBER, subject_number))
        issuer_key = issuer_key or self.issuing_key
        oid = x509.ObjectIdentifier(policy or policy_oid(kind))
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(*attributes))
            .issuer_name(self.issuing.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage or key_usage(), critical=True)
            .add_extension(x509.CertificatePolicies([x509.PolicyInformation(oid, None)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuing_key.public_key()),
                critical=False,
            )
        )
        if purpose:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return Card(key, builder.sign(issuer_key, hashes.SHA256()))

    @property
    def anchors(self) -> tuple[Certificate, ...]:
        return (Certificate.parse(self.root.public_bytes(serialization.Encoding.DER)),)

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        return (Certificate.parse(self.issuing.public_bytes(serialization.Encoding.DER)),)

    def evidence_for(self, certificates, at) -> RevocationEvidence:
        """What a fetcher would bring: OCSP for the issuing CA's certificates, a CRL of each authority."""
        self.asked = getattr(self, "asked", 0) + 1
        answers = []
        if self.answers != "silent":
            for certificate in certificates:
                found = x509.load_der_x509_certificate(certificate.der)
                if found.issuer == self.issuing.subject:
                    answers.append(self._ocsp_answer(found, at))
        return RevocationEvidence(crls=(self._crl(self.root, self.root_key, at),), ocsp=tuple(answers))

    def _ocsp_answer(self, certificate: x509.Certificate, at: datetime) -> bytes:
        """A signed OCSP answer by the issuing CA (the library's builder always says "produced now")."""
        reason = self.revoked.get(certificate.serial_number)
        status = CertStatus.REVOKED if reason else CertStatus.GOOD
        if self.answers == "unknown":
            status = CertStatus.UNKNOWN
        request = (
            ocsp.OCSPRequestBuilder().add_certificate(certificate, self.issuing, hashes.SHA256()).build()
        )
        cert_id = parse_ocsp_request(request.public_bytes(serialization.Encoding.DER)).cert_ids[0].raw
        produced = at - self.answer_age
        signer = self.issuing_key if self.answers != "forged" else ec.generate_private_key(ec.SECP256R1())
        revoked_at = at - timedelta(hours=1) if reason else None
        answer = SingleAnswer(cert_id, status, produced, produced + DAY, revoked_at, reason)
        responder_id = responder_by_key(KeySigner(self.issuing_key).public_key)
        return OCSPResponseWriter(KeySigner(signer), responder_id).write([answer], produced_at=produced)

    def _crl(self, issuer: x509.Certificate, key, at: datetime) -> bytes:
        """An empty CRL of an authority."""
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(at - timedelta(days=10))
            .next_update(at + timedelta(days=80))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )
