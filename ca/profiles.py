"""Certificate profiles: what each kind of certificate holds (RFC 5280 4.2), as data.

An AUTHENTICATION certificate serves logins and nothing else (digitalSignature, clientAuth); a SIGNATURE
certificate serves documents and approvals and nothing else (nonRepudiation). It names document signing
(RFC 9336) and e-mail protection: the mail-minded verifiers of PDF and CMS signatures (NSS, OpenSSL) look for
the latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from ca.errors import ProfileError
from trust.encoding.extensions import KeyUsage
from trust.profile_policy import CertificateKind
from trust.subjects import citizen_subject, enterprise_subject, officer_subject, service_subject
from trust.vocabulary import ExtendedKeyUsage

_YEAR = timedelta(days=365)
# The longest a TLS server certificate may live by the CA/Browser Forum's rules of 2020.
_TLS_LIFETIME = timedelta(days=397)


class SubjectShape(StrEnum):
    """Whom a certificate names, and so which attributes its subject has."""

    CITIZEN = "citizen"
    ENTERPRISE = "enterprise"
    OFFICER = "officer"
    SERVICE = "service"


class Slot(StrEnum):
    """Where a certificate's key lives: a slot of a card, or a service's key file."""

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"
    SERVICE = "service"


@dataclass(frozen=True)
class Profile:
    """One profile; `status_published` says whether it points to a CRL and an OCSP responder."""

    kind: CertificateKind
    name: str
    shape: SubjectShape
    slot: Slot
    lifetime: timedelta
    key_usage: tuple[KeyUsage, ...]
    extended_key_usage: tuple[str, ...] = ()
    extended_key_usage_critical: bool = False
    status_published: bool = True
    ocsp_no_check: bool = False
    alternative_names: bool = False


@dataclass(frozen=True)
class SubjectDescription:
    """Whom to certify, in the register's words; how that becomes a name is the profile's matter."""

    name: str
    subject_number: str = ""
    enterprise_name: str = ""
    uscc: str = ""


@dataclass(frozen=True)
class AlternativeNames:
    """Subject alternative names of a TLS certificate."""

    dns: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is none."""
        return not (self.dns or self.ip or self.uri)


def subject_name(shape: SubjectShape, description: SubjectDescription, authority: str) -> bytes:
    """The DER Name of a subject; `authority` is the organisation officers and services belong to."""
    if shape is SubjectShape.CITIZEN:
        return citizen_subject(description.name, description.subject_number)
    if shape is SubjectShape.ENTERPRISE:
        return enterprise_subject(description.enterprise_name, description.uscc, description.subject_number)
    if shape is SubjectShape.OFFICER:
        return officer_subject(description.name, authority, description.subject_number)
    return service_subject(description.name, authority)


# What a signature certificate is for. Document signing is the right purpose (RFC 9336); e-mail protection
# stands beside it for NSS and `openssl cms`, which accept a signer's certificate by no other.
_SIGNING_PURPOSES = (ExtendedKeyUsage.DOCUMENT_SIGNING, ExtendedKeyUsage.EMAIL_PROTECTION)


def _card(kind: CertificateKind, shape: SubjectShape, lifetime: timedelta) -> Profile:
    """A profile of a card's certificate; the kind says which slot."""
    slot = Slot.AUTHENTICATION if kind.is_authentication else Slot.SIGNATURE
    return Profile(
        kind,
        f"{shape.value}-{slot.value}",
        shape,
        slot,
        lifetime,
        (KeyUsage.DIGITAL_SIGNATURE,) if kind.is_authentication else (KeyUsage.NON_REPUDIATION,),
        (ExtendedKeyUsage.CLIENT_AUTHENTICATION,) if kind.is_authentication else _SIGNING_PURPOSES,
    )


_ALL = (
    _card(CertificateKind.CITIZEN_AUTHENTICATION, SubjectShape.CITIZEN, 5 * _YEAR),
    _card(CertificateKind.CITIZEN_SIGNATURE, SubjectShape.CITIZEN, 5 * _YEAR),
    _card(CertificateKind.ENTERPRISE_AUTHENTICATION, SubjectShape.ENTERPRISE, 3 * _YEAR),
    _card(CertificateKind.ENTERPRISE_SIGNATURE, SubjectShape.ENTERPRISE, 3 * _YEAR),
    _card(CertificateKind.OFFICER_AUTHENTICATION, SubjectShape.OFFICER, 3 * _YEAR),
    _card(CertificateKind.OFFICER_SIGNATURE, SubjectShape.OFFICER, 3 * _YEAR),
    Profile(
        CertificateKind.SERVICE_SEAL,
        "service-seal",
        SubjectShape.SERVICE,
        Slot.SERVICE,
        3 * _YEAR,
        (KeyUsage.NON_REPUDIATION,),
        _SIGNING_PURPOSES,
    ),
    Profile(
        CertificateKind.OCSP_RESPONDER,
        "ocsp-responder",
        SubjectShape.SERVICE,
        Slot.SERVICE,
        _YEAR,
        (KeyUsage.DIGITAL_SIGNATURE,),
        (ExtendedKeyUsage.OCSP_SIGNING,),
        # RFC 6960 4.2.2.2.1: whoever checks the responder by asking the responder goes in circles.
        status_published=False,
        ocsp_no_check=True,
    ),
    Profile(
        CertificateKind.TIMESTAMPING,
        "timestamping",
        SubjectShape.SERVICE,
        Slot.SERVICE,
        5 * _YEAR,
        (KeyUsage.DIGITAL_SIGNATURE,),
        (ExtendedKeyUsage.TIME_STAMPING,),
        extended_key_usage_critical=True,
    ),
    Profile(
        CertificateKind.TLS_SERVER,
        "tls-server",
        SubjectShape.SERVICE,
        Slot.SERVICE,
        _TLS_LIFETIME,
        (KeyUsage.DIGITAL_SIGNATURE,),
        (ExtendedKeyUsage.SERVER_AUTHENTICATION,),
        alternative_names=True,
    ),
    Profile(
        CertificateKind.TLS_CLIENT,
        "tls-client",
        SubjectShape.SERVICE,
        Slot.SERVICE,
        _TLS_LIFETIME,
        (KeyUsage.DIGITAL_SIGNATURE,),
        (ExtendedKeyUsage.CLIENT_AUTHENTICATION,),
        alternative_names=True,
    ),
)

PROFILES: Mapping[CertificateKind, Profile] = MappingProxyType({profile.kind: profile for profile in _ALL})
_BY_NAME = {profile.name: profile for profile in _ALL}


def profile_named(name: str) -> Profile:
    """The profile with this name; ProfileError lists the names there are."""
    profile = _BY_NAME.get(name)
    if profile is None:
        raise ProfileError(
            f"there is no profile {name!r}; choose one of {', '.join(sorted(_BY_NAME))}",
            code="profile-unknown",
        )
    return profile


def card_profiles(shape: SubjectShape) -> tuple[Profile, Profile]:
    """The AUTHENTICATION and the SIGNATURE profile of a card for such a subject."""
    if shape is SubjectShape.SERVICE:
        raise ProfileError("services hold key files, not cards", code="profile-no-card")
    return (
        profile_named(f"{shape.value}-{Slot.AUTHENTICATION.value}"),
        profile_named(f"{shape.value}-{Slot.SIGNATURE.value}"),
    )
