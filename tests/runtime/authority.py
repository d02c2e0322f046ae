"""A small certificate authority for tests of the runtime, made with the `cryptography` library."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.settings import ServiceSettings
from trust.profile_policy import CertificateKind, policy_oid, service_uri

PASSPHRASE = b"correct horse battery staple"
YEAR = timedelta(days=365)
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass
class Issued:
    """A certificate, its chain and its key, in files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_file: Path
    key_file: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """A root and an issuing CA whose certificates a test can bend as it needs."""

    issuing_extensions: tuple[x509.ExtensionType, ...] = ()

    def __init__(self, folder: Path, name: str = "Test") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.issuing_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._ca(f"{name} root", self.root_key, f"{name} root", self.root_key, path_length=1)
        self.issuing = self._ca(
            f"{name} issuing", self.issuing_key, f"{name} root", self.root_key, path_length=0
        )
        self.anchors_file = self._write("root.pem", self.root)
        self.intermediates_file = self._write("issuing.pem", self.issuing)
        self.passphrase_file = folder / "passphrase"
        self.passphrase_file.write_bytes(PASSPHRASE + b"\n")
        self.passphrase_file.chmod(0o600)

    def service(self, name: str, kind: CertificateKind, **changes: object) -> Issued:
        """A TLS certificate of a service."""
        purpose = _CLIENT if kind is CertificateKind.TLS_CLIENT else _SERVER
        return self.issue(kind, purpose, uris=[service_uri(name)], dns=["localhost"], **changes)  # type: ignore[arg-type]

    def issue(
        self,
        kind: CertificateKind,
        purpose: x509.ObjectIdentifier,
        *,
        uris: list[str] | None = None,
        dns: list[str] | None = None,
        ips: list[str] | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        extensions: list[tuple[x509.ExtensionType, bool]] | None = None,
        serial_number: int | None = None,
    ) -> Issued:
        """A certificate of any kind, signed by the issuing CA."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        policy = x509.PolicyInformation(x509.ObjectIdentifier(policy_oid(kind)), None)
        issuer_key = self.issuing_key.public_key()
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris or []]
        names += [x509.DNSName(name) for name in dns or []]
        names += [x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips or []]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name("subject"))
            .issuer_name(self.issuing.subject)
            .public_key(key.public_key())
            .serial_number(serial_number or x509.random_serial_number())
            .not_valid_before(not_before or now - timedelta(hours=1))
            .not_valid_after(not_after or now + YEAR)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        for extension, critical in extensions or []:
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(self.issuing_key, hashes.SHA256())
        return self._save(certificate, key)

    def _save(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
        label = f"{certificate.serial_number:x}"
        key_file = self.folder / f"{label}.p8"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(PASSPHRASE),
            )
        )
        key_file.chmod(0o600)
        return Issued(certificate, key, self._write(f"{label}.pem", certificate, self.issuing), key_file)

    def _ca(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: str,
        issuer_key: ec.EllipticCurvePrivateKey,
        *,
        path_length: int,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEAR)
            .not_valid_after(now + 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
            )
        )
        for extension in self.issuing_extensions if issuer_key is not key else ():
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    def _write(self, name: str, *certificates: x509.Certificate) -> Path:
        path = self.folder / name
        path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates))
        return path

    def settings(self, **values: object) -> ServiceSettings:
        """Settings of a service that trusts this authority."""
        session_key = self.folder / "session"
        session_key.write_text("0123456789abcdef0123456789abcdef")
        session_key.chmod(0o600)
        base: dict[str, object] = {
            "state_directory": self.folder,
            "port": free_port(),
            "public_url": "http://localhost:1",
            "trust_anchors": self.anchors_file,
            "intermediates": self.intermediates_file,
            "key_passphrase_file": self.passphrase_file,
            "data_key_file": self.folder / "data-key",
            "session_key_file": session_key,
        }
        return ServiceSettings(**{**base, **values})  # type: ignore[arg-type]


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def with_client(settings: ServiceSettings, issued: Issued) -> ServiceSettings:
    """These settings, calling others with this certificate."""
    return dataclasses.replace(
        settings, service_certificate=issued.certificate_file, service_key=issued.key_file
    )
