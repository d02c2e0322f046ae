"""Small PKIs made with `cryptography`, for the tests of validation; none of our own writers is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trust.certificate import Certificate

AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)
AUTO = object()

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in names for usage in USAGES})


def new_key(kind: str = "p256"):
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(
        {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind]
    )


def name(text: str, **more: str) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.COMMON_NAME, text),
    ]
    attributes += [x509.NameAttribute(getattr(NameOID, key), value) for key, value in more.items()]
    return x509.Name(attributes)


@dataclass(eq=False)
class Party:
    """A key and its certificate."""

    key: object
    x509: x509.Certificate

    @cached_property
    def der(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.DER)

    @cached_property
    def ours(self) -> Certificate:
        return Certificate.parse(self.der)

    @property
    def serial(self) -> int:
        return self.x509.serial_number


def digest_for(key, digest=None):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()


def issue(
    subject: str | x509.Name,
    issuer: Party | None = None,
    *,
    key=None,
    ca: bool | None = None,
    path_length: int | None = None,
    not_before: datetime = AT - YEAR,
    not_after: datetime = AT + YEAR,
    usage=AUTO,
    purposes: Iterable = (),
    purposes_critical: bool = False,
    policies: Iterable[str] = (),
    names: Iterable[x509.GeneralName] = (),
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    digest=None,
    key_identifiers: bool = True,
    serial: int | None = None,
    issuer_name: x509.Name | None = None,
) -> Party:
    """A certificate, self-signed without an issuer; an authority's when `ca` says so."""
    key = key or new_key()
    subject_name = subject if isinstance(subject, x509.Name) else name(subject)
    signing_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer_name or (issuer.x509.subject if issuer else subject_name))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if usage is AUTO:
        usage = ("key_cert_sign", "crl_sign") if ca else ("digital_signature",)
    if usage is not None:
        builder = builder.add_extension(key_usage(*usage), critical=True)
    if key_identifiers:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
        builder = builder.add_extension(authority, critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=purposes_critical)
    if policies:
        informations = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in policies]
        builder = builder.add_extension(x509.CertificatePolicies(informations), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Party(key, builder.sign(signing_key, digest_for(signing_key, digest)))


def root(subject: str = "Root", **changes) -> Party:
    return issue(subject, ca=True, **changes)


def authority(subject: str, issuer: Party, **changes) -> Party:
    return issue(subject, issuer, ca=True, **changes)


def make_crl(
    issuer: Party,
    revoked: Iterable[int | tuple] = (),
    *,
    this_update: datetime = AT - DAY,
    next_update: datetime = AT + DAY,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    key=None,
    digest=None,
    issuer_name: x509.Name | None = None,
    built: Iterable[x509.RevokedCertificate] = (),
) -> bytes:
    """A CRL; an entry is a serial number, (serial number, time, reason), or one that is built already."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer_name or issuer.x509.subject)
        .last_update(this_update)
        .next_update(next_update)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((key or issuer.key).public_key()),
            critical=False,
        )
    )
    for item in revoked:
        serial, when, reason = item if isinstance(item, tuple) else (item, AT - 2 * DAY, None)
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for entry in built:
        builder = builder.add_revoked_certificate(entry)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signing = key or issuer.key
    return builder.sign(signing, digest_for(signing, digest)).public_bytes(serialization.Encoding.DER)


def make_ocsp(
    certificate: Party,
    issuer: Party,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    responder: Party | None = None,
    this_update: datetime = AT - timedelta(seconds=30),
    next_update: datetime | None = AT + timedelta(hours=1),
    revoked_at: datetime | None = None,
    reason: x509.ReasonFlags | None = None,
    nonce: bytes | None = None,
    embed: bool = True,
    produced_at: datetime = AT - timedelta(seconds=20),
    change=None,
    encoding=ocsp.OCSPResponderEncoding.HASH,
    algorithm=None,
    about: Party | None = None,
    key=None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A signed OCSP response about one certificate."""
    signer = responder or issuer
    if status is ocsp.OCSPCertStatus.REVOKED and revoked_at is None:
        revoked_at = AT - 2 * DAY
    builder = ocsp.OCSPResponseBuilder().add_response(
        (about or certificate).x509,
        issuer.x509,
        algorithm or hashes.SHA1(),  # noqa: S303 - what clients send
        status,
        this_update,
        next_update,
        revoked_at,
        reason,
    )
    builder = builder.responder_id(encoding, signer.x509)
    if responder is not None and embed:
        builder = builder.certificates([responder.x509])
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    built = builder.sign(signer.key, digest_for(signer.key)).public_bytes(serialization.Encoding.DER)
    return _signed_again(built, key or signer.key, produced_at, change)


def _signed_again(response: bytes, key, produced_at: datetime, change) -> bytes:
    """The same response with another producedAt, which the library's builder takes from the clock."""
    outer = asn1_ocsp.OCSPResponse.load(response)
    basic = outer["response_bytes"]["response"].parsed
    data = basic["tbs_response_data"]
    data["produced_at"] = produced_at
    if change is not None:
        change(data)
    tbs = data.dump(force=True)
    if isinstance(key, rsa.RSAPrivateKey):
        basic["signature"] = key.sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    else:
        basic["signature"] = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    outer["response_bytes"]["response"] = basic
    return outer.dump(force=True)


def signed_again(party: Party, issuer_key, change, *, algorithm: str | None = None, digest=None) -> bytes:
    """The certificate with `change` applied to its asn1crypto TBSCertificate, signed again."""
    certificate = asn1_x509.Certificate.load(party.der)
    tbs = certificate["tbs_certificate"]
    if algorithm is not None:
        tbs["signature"] = {"algorithm": algorithm}
    change(tbs)
    if algorithm is not None:
        certificate["signature_algorithm"] = tbs["signature"]
    data = tbs.dump(force=True)
    certificate["signature_value"] = issuer_key.sign(data, ec.ECDSA(digest or hashes.SHA256()))
    return certificate.dump(force=True)


def ocsp_responder(
    issuer: Party,
    *,
    subject: str = "OCSP responder",
    no_check: bool = True,
    crl_url: str | None = None,
    purposes=(ExtendedKeyUsageOID.OCSP_SIGNING,),
    **changes,
):
    extensions = [(x509.OCSPNoCheck(), False)] if no_check else []
    if crl_url is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        extensions.append((x509.CRLDistributionPoints([point]), False))
    return issue(subject, issuer, purposes=purposes, extensions=extensions, **changes)
