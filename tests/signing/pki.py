"""A small PKI made with `cryptography`, independent of the code under test."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

AT = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
POLICY_ARC = "1.3.6.1.4.1.32473.1"
USCC = "91350100M000100Y43"
SUBJECT_NUMBER = "TX0123456789ABCDEFGHJKMNPQ"
CITIZEN_NUMBER = "TX9876543210ABCDEFGHJKMNPQ"
ENTERPRISE = "福州示例贸易有限公司"
CITIZEN = "张三"


def new_key(kind: str = "p256"):
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def _usage(**true: bool) -> x509.KeyUsage:
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: name in true for name in names})


@dataclass
class Holder:
    """A certificate with its key: signs like a card does."""

    key: object
    certificate: x509.Certificate
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @cached_property
    def algorithm(self) -> bytes:
        from trust.algorithms import algorithm_for

        return algorithm_for(self.public_key, self.digest.name)

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), self.digest)
        return self.key.sign(data, ec.ECDSA(self.digest))

    def save_key(self, path, passphrase: bytes) -> None:
        path.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(passphrase),
            )
        )
        path.chmod(0o600)


# NSS (pdfsig) trusts a signer only with emailProtection; documentSigning is RFC 9336.
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
SIGNATURE_PURPOSES = (DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION)

KINDS = {
    # kind: (policy suffix, key usage bits, extended key usages)
    "citizen-authentication": ("1.1", ("digital_signature",), (ExtendedKeyUsageOID.CLIENT_AUTH,)),
    "citizen-signature": ("1.2", ("content_commitment",), SIGNATURE_PURPOSES),
    "enterprise-authentication": ("2.1", ("digital_signature",), (ExtendedKeyUsageOID.CLIENT_AUTH,)),
    "enterprise-signature": ("2.2", ("content_commitment",), SIGNATURE_PURPOSES),
    "officer-signature": ("3.2", ("content_commitment",), SIGNATURE_PURPOSES),
    "service-seal": ("4.1", ("content_commitment",), ()),
    "timestamping": ("4.3", ("digital_signature",), (ExtendedKeyUsageOID.TIME_STAMPING,)),
}


def subject_of(kind: str) -> x509.Name:
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")
    if kind.startswith("enterprise"):
        return x509.Name(
            [
                country,
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, ENTERPRISE),
                x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRCN-" + USCC),
                x509.NameAttribute(NameOID.COMMON_NAME, ENTERPRISE),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, SUBJECT_NUMBER),
            ]
        )
    if kind.startswith("citizen"):
        return x509.Name(
            [
                country,
                x509.NameAttribute(NameOID.COMMON_NAME, CITIZEN),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, CITIZEN_NUMBER),
            ]
        )
    return x509.Name(
        [
            country,
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "示例市"),
            x509.NameAttribute(NameOID.COMMON_NAME, kind),
        ]
    )


class Pki:
    """Root, issuing CA, and whatever leaf a test asks for."""

    def __init__(self, name: str = "town", key_kind: str = "p256") -> None:
        self.name = name
        self.key_kind = key_kind
        self.root = self._authority(f"{name} root", None)
        self.issuing = self._authority(f"{name} issuing CA", self.root)
        self.revoked: dict[int, dt.datetime] = {}
        self._leaves: dict[tuple, Holder] = {}

    def _authority(self, common_name: str, issuer: Holder | None) -> Holder:
        key = new_key(self.key_kind)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        signing_key = issuer.key if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.certificate.subject if issuer else name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(AT - dt.timedelta(days=400))
            .not_valid_after(AT + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else None), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
            )
        )
        if issuer:
            any_policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
            builder = builder.add_extension(x509.CertificatePolicies([any_policy]), critical=False)
        return Holder(key, builder.sign(signing_key, hashes.SHA256()))

    def leaf(
        self,
        kind: str = "enterprise-signature",
        *,
        key_kind: str = "p256",
        not_before: dt.datetime = AT - dt.timedelta(days=30),
        not_after: dt.datetime = AT + dt.timedelta(days=365),
        eku=None,
        number: int = 0,
    ) -> Holder:
        key_id = (kind, key_kind, not_before, not_after, tuple(eku) if eku is not None else None, number)
        if key_id not in self._leaves:
            self._leaves[key_id] = self._make_leaf(kind, key_kind, not_before, not_after, eku)
        return self._leaves[key_id]

    def _make_leaf(self, kind, key_kind, not_before, not_after, eku) -> Holder:
        suffix, usages, extended = KINDS[kind]
        extended = extended if eku is None else eku
        key = new_key(key_kind)
        policy = x509.PolicyInformation(x509.ObjectIdentifier(f"{POLICY_ARC}.{suffix}"), None)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject_of(kind))
            .issuer_name(self.issuing.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(_usage(**dict.fromkeys(usages, True)), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuing.key.public_key()),
                critical=False,
            )
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
            .add_extension(
                x509.CRLDistributionPoints(
                    [
                        x509.DistributionPoint(
                            [x509.UniformResourceIdentifier("http://127.0.0.1:9/issuing.crl")],
                            None,
                            None,
                            None,
                        )
                    ]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityInformationAccess(
                    [
                        x509.AccessDescription(
                            AuthorityInformationAccessOID.OCSP,
                            x509.UniformResourceIdentifier("http://127.0.0.1:9/ocsp"),
                        )
                    ]
                ),
                critical=False,
            )
        )
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=kind == "timestamping")
        digest = hashes.SHA384() if key_kind == "p384" else hashes.SHA256()
        return Holder(key, builder.sign(self.issuing.key, hashes.SHA256()), digest)

    def revoke(self, holder: Holder, when: dt.datetime) -> None:
        self.revoked[holder.certificate.serial_number] = when

    def crls(self, at: dt.datetime = AT, age: dt.timedelta = dt.timedelta(minutes=5)) -> tuple[bytes, ...]:
        """DER CRLs of root and issuing CA, as issued shortly before `at`."""
        return (
            self._crl(self.root, {}, at - age),
            self._crl(self.issuing, {s: t for s, t in self.revoked.items() if t <= at - age}, at - age),
        )

    @staticmethod
    def _crl(issuer: Holder, revoked: dict[int, dt.datetime], this_update: dt.datetime) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(this_update)
            .next_update(this_update + dt.timedelta(days=7))
            .add_extension(x509.CRLNumber(int(this_update.timestamp())), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
            )
        )
        for serial, when in revoked.items():
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(when)
                .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                .build()
            )
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
