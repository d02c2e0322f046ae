"""The first ceremony: root, issuing CA, service certificates, the first officers; and the root's CRLs.

`initialise` is the ceremony as one procedure, `describe` its dry run. The root's key is made here, kept in
an encrypted file under a passphrase of its own, and named by no server's settings.

1. Root key and root certificate.
2. Issuing key and issuing certificate, signed by the root.
3. The root's CRL, with a long nextUpdate.
4. Certificates of the services, for keys made here for each of them.
5. The first officers and the auditor, for keys made on their cards.
6. The ceremony is closed: from now on nothing is issued without two officers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ca import independent
from ca.ceremony_plan import (
    CeremonyPlan,
    CeremonyResult,
    OfficerOrder,
    ServiceCertificateOrder,
    ServiceOrder,
    check_plan,
    describe,
    service_key_algorithm,
)
from ca.context import SERVICE
from ca.errors import CeremonyError
from ca.issuance import CLOCK_TOLERANCE, SERIAL_NUMBER_BYTES, StatusAddresses, serial_number_from
from ca.models import IssuedCertificate
from ca.officers import add_officer
from ca.personalization import CardCertificates, CardOrder, CardPersonaliser
from ca.preparation import CEREMONY, CertificateOrder
from ca.profiles import (
    AlternativeNames,
    SubjectDescription,
    SubjectShape,
    card_profiles,
    subject_name,
)
from ca.publication import CrlView, issuer_key_id, sign_crl
from ca.service import CertificateAuthority
from ca.settings import AuthoritySettings
from runtime.database import Database
from runtime.key_file import load_private_key, save_private_key
from runtime.keys import KeySigner, generate_private_key, make_signer
from runtime.migration import migrate
from runtime.secret_file import read_passphrase, write_secret
from trust.certificate import Certificate
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_information_access,
    authority_key_identifier,
    basic_constraints,
    certificate_policies,
    crl_distribution_points,
    key_usage,
    subject_key_identifier,
)
from trust.encoding.request import sign_request
from trust.profile_policy import service_uri
from trust.signer import Signer
from trust.subjects import service_subject
from trust.vocabulary import ANY_POLICY

__all__ = [
    "CeremonyPlan",
    "CeremonyResult",
    "OfficerOrder",
    "ServiceCertificateOrder",
    "ServiceOrder",
    "check_plan",
    "describe",
    "initialise",
    "publish_root_crl",
    "renew_root_crl",
]

_YEAR = timedelta(days=365)
ROOT_LIFETIME = 20 * _YEAR
ISSUING_LIFETIME = 10 * _YEAR
ROOT_CRL_LIFETIME = _YEAR
_CA_USAGES = (KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN)
_PASSPHRASE_BYTES = 32
_LEAST_ROOT_PASSPHRASE = 12


Report = Callable[[str], None]
OfficerRegistrar = Callable[[OfficerOrder, datetime], str]
"""Enters an officer in the person register and returns the officer's subject number."""


def initialise(
    plan: CeremonyPlan,
    settings: AuthoritySettings,
    *,
    root_passphrase: bytes,
    personaliser: CardPersonaliser,
    register_officer: OfficerRegistrar,
    at: datetime,
    report: Report = lambda _line: None,
) -> CeremonyResult:
    """Hold the ceremony; raises at the first thing that goes wrong, and can then be held anew elsewhere."""
    check_plan(plan, settings)
    steps: list[str] = []

    def tell(line: str) -> None:
        steps.append(line)
        report(line)

    # 1. and 2. Root and issuing CA; 3. the root's CRL.
    root_signer, root = _make_root(plan, settings, root_passphrase, at)
    tell(f"root {root.subject_text}, SHA-256 {root.fingerprint}")
    issuing = _make_issuing(plan, settings, root, root_signer, at)
    tell(f"issuing CA {issuing.subject_text}, SHA-256 {issuing.fingerprint}")
    _migrate(settings)
    authority = CertificateAuthority.open(settings)
    _record_beginning(authority, at)
    publish_root_crl(authority, root_signer, at=at, actor=CEREMONY)
    tell("CRL of the root signed")
    # 4. Services.
    for service in plan.services:
        issue_service_certificates(authority, service, at=at)
        tell(f"certificates of service {service.name}: {_profiles(service)}")
    # 5. Officers.
    fingerprints = []
    for officer in plan.officers:
        fingerprints.append(_issue_officer(authority, officer, personaliser, register_officer, at))
        tell(f"card of {officer.name} ({', '.join(officer.roles)})")
    # 6. Closed.
    authority.publisher.publish(at, actor=CEREMONY)
    authority.close_ceremony(at=at)
    tell("the ceremony is closed: from now on two officers are needed")
    authority.context.database.dispose()
    return CeremonyResult(root, issuing, tuple(fingerprints), tuple(steps))


def renew_root_crl(
    settings: AuthoritySettings, root_key: Path, root_passphrase: bytes, *, actor: str, at: datetime
) -> CrlView:
    """Sign the root's next CRL with the offline key and bring it in."""
    authority = CertificateAuthority.open(settings)
    return publish_root_crl(
        authority, KeySigner(load_private_key(root_key, root_passphrase)), at=at, actor=actor
    )


def publish_root_crl(
    authority: CertificateAuthority, root_signer: Signer, *, at: datetime, actor: str
) -> CrlView:
    """Sign the root's next CRL and hand it to the publisher."""
    root = authority.context.root
    if root_signer.public_key != root.public_key:
        raise CeremonyError("this is not the root's key", code="root-key-wrong")
    number, this_update = authority.publisher.next_root_number(), at.replace(microsecond=0)
    next_update = this_update + ROOT_CRL_LIFETIME
    encoded = sign_crl(root, root_signer, number=number, this_update=this_update, next_update=next_update)
    view = CrlView(issuer_key_id(root), number, this_update, next_update, encoded)
    authority.publisher.bring_in_root_crl(view, actor=actor, at=at)
    return view


def issue_service_certificates(
    authority: CertificateAuthority, service: ServiceOrder, *, at: datetime
) -> None:
    """Make a service's keys, certify them, and write both; only while the ceremony lasts."""
    passphrase = ensure_passphrase(service.passphrase_file)
    issuing = authority.context.issuer.certificate
    orders, keys = [], []
    for order in service.certificates:
        key = generate_private_key(service_key_algorithm(order.profile, issuing))
        names = _alternative_names(service, order.profile)
        subject = service_subject(order.common_name, authority.context.settings.authority_name)
        request = sign_request(subject, KeySigner(key))
        orders.append(CertificateOrder(order.profile, request, SubjectDescription(order.common_name), names))
        keys.append(key)
    issued = authority.issue_in_ceremony(f"service {service.name}", orders, at=at)
    for order, key, certificate in zip(service.certificates, keys, issued.certificates, strict=True):
        save_private_key(key, service.keys_directory / f"{order.profile}.p8", passphrase)
        _write_new(
            service.keys_directory / f"{order.profile}.pem", Certificate.parse(certificate).pem + issuing.pem
        )


def ensure_passphrase(path: Path) -> bytes:
    """Read a passphrase file, making one with a random passphrase when there is none."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(_PASSPHRASE_BYTES).encode("ascii") + b"\n")
    return read_passphrase(path)


def _alternative_names(service: ServiceOrder, profile: str) -> AlternativeNames:
    """A TLS client names its service; a TLS server also the hosts it is reached by."""
    uri = (service_uri(service.name),)
    if profile == "tls-server":
        return AlternativeNames(service.dns_names, service.ip_addresses, uri)
    return AlternativeNames(uri=uri) if profile == "tls-client" else AlternativeNames()


def _make_root(
    plan: CeremonyPlan, settings: AuthoritySettings, passphrase: bytes, at: datetime
) -> tuple[KeySigner, Certificate]:
    """Make the root's key and its self-signed certificate."""
    if len(passphrase) < _LEAST_ROOT_PASSPHRASE:
        raise CeremonyError(
            f"the root's passphrase needs {_LEAST_ROOT_PASSPHRASE} characters", code="root-passphrase-short"
        )
    key = generate_private_key(plan.algorithm)
    save_private_key(key, plan.root_key, passphrase)
    signer = KeySigner(key)
    subject = service_subject(plan.root_name, settings.authority_name)
    extensions = (
        basic_constraints(ca=True),
        key_usage(*_CA_USAGES),
        subject_key_identifier(signer.public_key),
    )
    root = _certify(subject, signer, subject, signer, ROOT_LIFETIME, extensions, at)
    independent.verify_certificate(root.der, [root.der], at)
    _write_new(settings.trust_anchors, root.pem)
    return signer, root


def _make_issuing(
    plan: CeremonyPlan,
    settings: AuthoritySettings,
    root: Certificate,
    root_signer: KeySigner,
    at: datetime,
) -> Certificate:
    """Make the issuing CA's key, in its file or on its token, and have the root certify it."""
    ensure_passphrase(settings.key_passphrase_file)
    signer = make_signer(settings.issuing_key, plan.algorithm, settings.key_passphrase_file)
    addresses = StatusAddresses(settings.status_url, issuer_key_id(root))
    extensions = (
        authority_key_identifier(root.public_key),
        subject_key_identifier(signer.public_key),
        basic_constraints(ca=True, path_length=0),
        key_usage(*_CA_USAGES),
        certificate_policies(ANY_POLICY),
        crl_distribution_points(addresses.crl),
        authority_information_access(ca_issuers=[addresses.certificate]),
    )
    subject = service_subject(plan.issuing_name, settings.authority_name)
    issuing = _certify(subject, signer, root.subject, root_signer, ISSUING_LIFETIME, extensions, at)
    independent.verify_certificate(issuing.der, [root.der], at)
    _write_new(settings.issuing_certificate, issuing.pem)
    return issuing


def _certify(
    subject: bytes,
    subject_key: Signer,
    issuer: bytes,
    issuer_key: Signer,
    lifetime: timedelta,
    extensions: Sequence[Extension],
    at: datetime,
) -> Certificate:
    """Sign a CA certificate."""
    begin = at.replace(microsecond=0) - CLOCK_TOLERANCE
    fields = CertificateFields(
        serial_number=serial_number_from(secrets.token_bytes(SERIAL_NUMBER_BYTES)),
        algorithm=issuer_key.algorithm,
        issuer=issuer,
        not_valid_before=begin,
        not_valid_after=begin + lifetime,
        subject=subject,
        public_key=subject_key.public_key,
        extensions=tuple(extensions),
    )
    return Certificate.parse(sign_certificate(fields, issuer_key))


def _migrate(settings: AuthoritySettings) -> None:
    """Make the issuing process's tables, if they are not there yet."""
    database = Database(settings.effective_database_url(SERVICE))
    try:
        migrate(database, SERVICE)
    finally:
        database.dispose()


def _record_beginning(authority: CertificateAuthority, at: datetime) -> None:
    """Put root and issuing CA on record."""
    context = authority.context
    with context.database.session() as session:
        for action, certificate in (
            ("ceremony.root-made", context.root),
            ("ceremony.issuing-made", context.issuer.certificate),
        ):
            context.audit.append(
                session,
                at=at,
                actor=CEREMONY,
                action=action,
                subject=certificate.fingerprint,
                details={"subject": certificate.subject_text, "key": issuer_key_id(certificate)},
            )


def _issue_officer(
    authority: CertificateAuthority,
    officer: OfficerOrder,
    personaliser: CardPersonaliser,
    register_officer: OfficerRegistrar,
    at: datetime,
) -> str:
    """Register an officer, certify the keys of the officer's card, and record the roles."""
    description = SubjectDescription(officer.name, register_officer(officer, at))
    subject = subject_name(SubjectShape.OFFICER, description, authority.context.settings.authority_name)
    order = CardOrder(officer.card, officer.name, SubjectShape.OFFICER, subject)
    requests = personaliser.certification_requests(order)
    orders = [
        CertificateOrder(profile.name, request, description)
        for profile, request in zip(
            card_profiles(SubjectShape.OFFICER), (requests.authentication, requests.signature), strict=True
        )
    ]
    issued = authority.issue_in_ceremony(f"officer {description.subject_number}", orders, at=at)
    authentication, signature = issued.certificates
    personaliser.write_certificates(order, CardCertificates(authentication, signature, issued.chain))
    return _record_officer(authority, officer, issued.certificates, at)


def _record_officer(
    authority: CertificateAuthority, officer: OfficerOrder, certificates: Sequence[bytes], at: datetime
) -> str:
    """Store the officer's roles by the fingerprint of the signature certificate."""
    context = authority.context
    fingerprints = [Certificate.parse(each).fingerprint for each in certificates]
    with context.database.session() as session:
        authentication, signature = (
            session.query(IssuedCertificate).filter_by(fingerprint=fingerprint).one()
            for fingerprint in fingerprints
        )
        view = add_officer(
            session,
            signature=signature,
            authentication=authentication,
            name=officer.name,
            roles=officer.roles,
            at=at,
        )
        context.audit.append(
            session,
            at=at,
            actor=CEREMONY,
            action="officer.added",
            subject=view.fingerprint,
            details={"roles": sorted(view.roles), "subject_number": view.subject_number},
        )
    return view.fingerprint


def _profiles(service: ServiceOrder) -> str:
    """The profiles of a service's certificates, for the report."""
    return ", ".join(order.profile for order in service.certificates)


def _write_new(path: Path, text: str) -> None:
    """Write a public file that must not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="ascii") as file:
        file.write(text)
