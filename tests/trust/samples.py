"""Keys, signers and small certificates for the tests of trust; nothing here is under test."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2036, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
ECDSA_SHA512 = bytes.fromhex("300a06082a8648ce3d040304")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
ED25519 = bytes.fromhex("300506032b6570")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class SampleSigner:
    """A Signer over a key of the library, its algorithm identifier written by hand."""

    def __init__(self, key: PrivateKey) -> None:
        self.key = key
        self.public_key = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.digest: hashes.HashAlgorithm = hashes.SHA256()
        if isinstance(key, rsa.RSAPrivateKey):
            self.algorithm = RSA_SHA256
        elif isinstance(key, ed25519.Ed25519PrivateKey):
            self.algorithm = ED25519
        elif key.curve.name == "secp384r1":
            self.algorithm, self.digest = ECDSA_SHA384, hashes.SHA384()
        elif key.curve.name == "secp521r1":
            self.algorithm, self.digest = ECDSA_SHA512, hashes.SHA512()
        else:
            self.algorithm = ECDSA_SHA256

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), self.digest)
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        return self.key.sign(data, ec.ECDSA(self.digest))


_CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}


@cache
def signer(kind: str, number: int = 0) -> SampleSigner:
    """The same key for the same kind ("rsa", "p256", "p384", "p521", "ed25519") and number in a whole run."""
    del number
    if kind == "rsa":
        return SampleSigner(rsa.generate_private_key(65537, 2048))
    if kind == "ed25519":
        return SampleSigner(ed25519.Ed25519PrivateKey.generate())
    return SampleSigner(ec.generate_private_key(_CURVES[kind]()))


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Party:
    """A key with its certificate, and whoever issued it."""

    signer: SampleSigner
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain_der(self) -> list[bytes]:
        return [certificate.public_bytes(serialization.Encoding.DER) for certificate in self.chain]

    def write(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def write_key(self, path: Path) -> Path:
        encoded = self.signer.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(encoded)
        return path


def _build(subject: str, key: SampleSigner, issuer: str, issuer_key: SampleSigner) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.key.public_key()), False)
    )


def _usage(**given: bool) -> x509.KeyUsage:
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
    return x509.KeyUsage(**{item: given.get(item, False) for item in names})


def _finish(builder: x509.CertificateBuilder, issuer_key: SampleSigner) -> x509.Certificate:
    digest = None if isinstance(issuer_key.key, ed25519.Ed25519PrivateKey) else issuer_key.digest
    return builder.sign(issuer_key.key, digest)


@cache
def authority(kind: str = "p256") -> Party:
    """A root authority."""
    key = signer(kind, 1)
    builder = (
        _build("Root", key, "Root", key)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), True)
    )
    return Party(key, _finish(builder, key))


PURPOSES = {
    "signature": None,
    "ocsp": ExtendedKeyUsageOID.OCSP_SIGNING,
    "timestamp": ExtendedKeyUsageOID.TIME_STAMPING,
}


@cache
def party(kind: str = "p256", purpose: str = "signature", number: int = 2) -> Party:
    """Somebody certified by `authority()`."""
    root = authority()
    key = signer(kind, number)
    builder = _build(f"{purpose} {kind}", key, "Root", root.signer)
    builder = builder.add_extension(
        _usage(digital_signature=purpose != "signature", content_commitment=purpose == "signature"), True
    )
    if PURPOSES[purpose] is not None:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([PURPOSES[purpose]]), critical=purpose == "timestamp"
        )
    return Party(key, _finish(builder, root.signer), (root.certificate,))


def openssl(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run openssl; its output is text."""
    result = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    if check and result.returncode != 0:
        raise AssertionError(f"openssl failed: {result.stderr}\n{result.stdout}")
    return result
