"""The plan of a ceremony: what is going to be made, checked and told before anything is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ca.errors import CeremonyError
from ca.officers import OfficerRole, check_roles
from ca.profiles import Slot, profile_named
from ca.settings import AuthoritySettings
from runtime.key_location import TokenKey
from runtime.keys import KeyAlgorithm, key_exists
from trust.certificate import Certificate
from trust.public_key import KeyKind, key_strength

AUTHORITY_ALGORITHMS = (KeyAlgorithm.P256, KeyAlgorithm.RSA3072, KeyAlgorithm.SM2)
# What speaks TLS keeps P-256 under every authority: neither Python's nor the server's TLS knows SM2.
_TLS_PROFILES = frozenset(("tls-server", "tls-client"))


@dataclass(frozen=True)
class ServiceCertificateOrder:
    """One certificate of a service: written as `<profile>.pem` beside its key `<profile>.p8`."""

    profile: str
    common_name: str


@dataclass(frozen=True)
class ServiceOrder:
    """The certificates of one service, for keys made in `keys_directory` under its passphrase."""

    name: str
    keys_directory: Path
    passphrase_file: Path
    certificates: tuple[ServiceCertificateOrder, ...]
    dns_names: tuple[str, ...] = ("localhost",)
    ip_addresses: tuple[str, ...] = ("127.0.0.1",)


@dataclass(frozen=True)
class OfficerOrder:
    """One of the first officers; the identity number goes to the register only."""

    name: str
    identity_number: str = field(repr=False)
    roles: tuple[OfficerRole, ...]
    card: str


@dataclass(frozen=True)
class CeremonyPlan:
    """Everything the ceremony is going to make."""

    root_key: Path
    services: tuple[ServiceOrder, ...]
    officers: tuple[OfficerOrder, ...]
    algorithm: KeyAlgorithm = KeyAlgorithm.P256
    root_name: str = "通行市根证书 R1"
    issuing_name: str = "通行市签发证书 S1"


@dataclass(frozen=True)
class CeremonyResult:
    """What the ceremony made."""

    root: Certificate
    issuing: Certificate
    officers: tuple[str, ...]
    steps: tuple[str, ...]


def service_key_algorithm(profile: str, issuing: Certificate) -> KeyAlgorithm:
    """The kind of key a service's certificate gets: SM2 where the authority's is SM2, but for TLS."""
    national = key_strength(issuing.public_key).kind is KeyKind.SM2
    return KeyAlgorithm.SM2 if national and profile not in _TLS_PROFILES else KeyAlgorithm.P256


def describe(plan: CeremonyPlan, settings: AuthoritySettings) -> list[str]:
    """Say, line by line, what the ceremony would make; nothing is made."""
    lines = [
        f"root key ({plan.algorithm.value}) -> {plan.root_key}",
        f"root certificate {plan.root_name!r} -> {settings.trust_anchors}",
        f"issuing key ({plan.algorithm.value}) -> {settings.issuing_key}",
        f"issuing certificate {plan.issuing_name!r} -> {settings.issuing_certificate}",
        "CRL of the root, with a long nextUpdate",
    ]
    lines += [
        f"service {service.name}: {order.profile} {order.common_name!r} -> "
        f"{service.keys_directory / (order.profile + '.pem')}"
        for service in plan.services
        for order in service.certificates
    ]
    lines += [
        f"officer {officer.name} ({', '.join(officer.roles)}) -> card {officer.card}"
        for officer in plan.officers
    ]
    return lines


def check_plan(plan: CeremonyPlan, settings: AuthoritySettings) -> None:
    """Refuse a plan that could not be carried through, before anything is made."""
    _check_algorithm(plan, settings)
    for made in (plan.root_key, settings.trust_anchors, settings.issuing_certificate, settings.issuing_key):
        if key_exists(made):
            raise CeremonyError(
                f"{made} exists: a ceremony was held here; move the state away to hold another",
                code="ceremony-held",
            )
    for officer in plan.officers:
        check_roles(officer.roles)
    requesters = [officer for officer in plan.officers if OfficerRole.REGISTRATION in officer.roles]
    approvers = [officer for officer in plan.officers if OfficerRole.APPROVING in officer.roles]
    if not any(one is not other for one in requesters for other in approvers):
        raise CeremonyError(
            "two officers are needed: one to register, another to approve", code="ceremony-officers"
        )
    for service in plan.services:
        for order in service.certificates:
            if profile_named(order.profile).slot is not Slot.SERVICE:
                raise CeremonyError(
                    f"{order.profile} is not a profile of services", code="ceremony-service-profile"
                )


def _check_algorithm(plan: CeremonyPlan, settings: AuthoritySettings) -> None:
    """The authority's keys are of a kind that can be made where they shall lie."""
    if plan.algorithm not in AUTHORITY_ALGORITHMS:
        raise CeremonyError("the authority's keys are p256, rsa3072 or sm2", code="ceremony-algorithm")
    if isinstance(settings.issuing_key, TokenKey) and not plan.algorithm.is_made_on_tokens:
        raise CeremonyError(
            f"{plan.algorithm.value} keys cannot be made on a token yet; name a file as issuing_key",
            code="ceremony-algorithm",
        )
