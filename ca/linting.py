"""Fast lints: every to-be-signed certificate is held against RFC 5280 and its profile before it is shown.

The lint copy is completed with a signature that verifies nowhere, then read by our strict reader and by an
independent one; `lint_tbs` returns every finding at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography import x509

from ca.errors import LintError
from ca.issuance import Issuer
from ca.profiles import AlternativeNames, Profile, SubjectShape
from trust.certificate import Certificate
from trust.encoding.certificate import assemble
from trust.encoding.extensions import key_identifier
from trust.errors import TrustError
from trust.identifiers import IdentifierError, check_resident_identity_number
from trust.names import NameAttribute, decode_name, names_match
from trust.profile_policy import policy_oid
from trust.vocabulary import ExtendedKeyUsage, ExtensionOID

_VERSION_3 = 2
_MINIMUM_SERIAL_BITS = 64
_MAXIMUM_SERIAL_OCTETS = 20
_EIGHTEEN_CHARACTERS = re.compile(r"(?=([0-9]{17}[0-9Xx]))")
_LINT_SIGNATURE = b"\x00" * 64
_SERVICE_SUBJECT = [NameAttribute.COUNTRY, NameAttribute.ORGANIZATION, NameAttribute.COMMON_NAME]
_SUBJECT_ATTRIBUTES = {
    SubjectShape.CITIZEN: [NameAttribute.COUNTRY, NameAttribute.COMMON_NAME, NameAttribute.SERIAL_NUMBER],
    SubjectShape.ENTERPRISE: [
        NameAttribute.COUNTRY,
        NameAttribute.ORGANIZATION,
        NameAttribute.ORGANIZATION_IDENTIFIER,
        NameAttribute.COMMON_NAME,
        NameAttribute.SERIAL_NUMBER,
    ],
    SubjectShape.OFFICER: [*_SERVICE_SUBJECT, NameAttribute.SERIAL_NUMBER],
    SubjectShape.SERVICE: _SERVICE_SUBJECT,
}


def lint_tbs(tbs: bytes, issuer: Issuer, profile: Profile, names: AlternativeNames) -> list[str]:
    """Every rule the to-be-signed certificate breaks, in words; empty when it may be signed."""
    encoded = assemble(tbs, issuer.signer.algorithm, _LINT_SIGNATURE)
    try:
        certificate = Certificate.parse(encoded)
        # The independent reader decodes every extension or raises.
        list(x509.load_der_x509_certificate(encoded).extensions)
        return [
            *_lint_fields(certificate, issuer, profile),
            *_lint_subject(certificate, profile),
            *_lint_extension_set(certificate, profile, names),
            *_lint_usages(certificate, issuer, profile),
            *_lint_pointers(certificate, issuer, profile),
            *_lint_names(certificate, names),
        ]
    except (TrustError, ValueError) as error:
        return [f"it cannot be read: {error}"]


def check_tbs(tbs: bytes, issuer: Issuer, profile: Profile, names: AlternativeNames) -> None:
    """Refuse a to-be-signed certificate that breaks any rule."""
    findings = lint_tbs(tbs, issuer, profile, names)
    if findings:
        raise LintError("the certificate would break its rules: " + "; ".join(findings), code="lint-failed")


def _lint_fields(certificate: Certificate, issuer: Issuer, profile: Profile) -> Iterator[str]:
    """Version, serial number, issuer, validity, key (RFC 5280 4.1.2)."""
    octets = certificate.serial_number.bit_length() // 8 + 1
    if certificate.version != _VERSION_3:
        yield "the version is not 3"
    if certificate.serial_number.bit_length() < _MINIMUM_SERIAL_BITS or certificate.serial_number < 0:
        yield "the serial number is not positive or has too few bits"
    if octets > _MAXIMUM_SERIAL_OCTETS:
        yield "the serial number has more than 20 octets"
    if certificate.issuer != issuer.certificate.subject:
        yield "the issuer's name is not, octet for octet, the issuing certificate's subject"
    begin, end = certificate.not_valid_before, certificate.not_valid_after
    if begin >= end or end - begin > profile.lifetime:
        yield "the validity is empty or longer than the profile allows"
    if begin < issuer.certificate.not_valid_before or end > issuer.certificate.not_valid_after:
        yield "the validity reaches beyond the issuing certificate's"
    if certificate.public_key == issuer.certificate.public_key:
        yield "the key is the authority's own"


def _lint_subject(certificate: Certificate, profile: Profile) -> Iterator[str]:
    """The subject has exactly its shape's attributes, and no identity number anywhere."""
    attributes = decode_name(certificate.subject)
    expected = [attribute.value for attribute in _SUBJECT_ATTRIBUTES[profile.shape]]
    if [oid for oid, _text in attributes] != expected:
        yield f"the subject does not have the attributes of a {profile.shape.value}, each once and in order"
    free_text = (text for oid, text in attributes if oid != NameAttribute.ORGANIZATION_IDENTIFIER.value)
    if any(_holds_identity_number(text) for text in free_text):
        yield "the subject holds a resident identity number"


def _holds_identity_number(text: str) -> bool:
    """Whether a resident identity number (GB 11643) stands anywhere in the text."""
    for match in _EIGHTEEN_CHARACTERS.finditer(text):
        try:
            check_resident_identity_number(match.group(1).upper())
        except IdentifierError:
            continue
        return True
    return False


def _lint_extension_set(certificate: Certificate, profile: Profile, names: AlternativeNames) -> Iterator[str]:
    """Exactly the profile's extensions, with their criticality (RFC 5280 4.2)."""
    expected = {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.CERTIFICATE_POLICIES: False,
    }
    if profile.extended_key_usage:
        expected[ExtensionOID.EXTENDED_KEY_USAGE] = profile.extended_key_usage_critical
    if profile.alternative_names and not names.empty:
        expected[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] = False
    if profile.status_published:
        expected[ExtensionOID.CRL_DISTRIBUTION_POINTS] = False
        expected[ExtensionOID.AUTHORITY_INFORMATION_ACCESS] = False
    if profile.ocsp_no_check:
        expected[ExtensionOID.OCSP_NO_CHECK] = False
    found = {oid: extension.critical for oid, extension in certificate.extensions.items()}
    for oid in sorted(expected.keys() | found.keys()):
        if expected.get(oid) != found.get(oid):
            yield f"extension {oid} is missing, not in the profile, or marked wrongly as (not) critical"


def _lint_usages(certificate: Certificate, issuer: Issuer, profile: Profile) -> Iterator[str]:
    """Key usage, purposes and policy are the profile's (RFC 5280 4.2.1.3, 4.2.1.4, 4.2.1.12)."""
    purposes = certificate.extended_key_usage or ()
    if certificate.key_usage != frozenset(profile.key_usage):
        yield "the key usage is not the profile's"
    if purposes != profile.extended_key_usage:
        yield "the extended key usage is not the profile's"
    if profile.kind.is_signature and ExtendedKeyUsage.CLIENT_AUTHENTICATION in purposes:
        yield "a signature certificate must not serve logins"
    if certificate.policies != (policy_oid(profile.kind, issuer.policy_arc),):
        yield "the certificate policy is not the profile's"


def _lint_pointers(certificate: Certificate, issuer: Issuer, profile: Profile) -> Iterator[str]:
    """Key identifiers match the keys; CRL and OCSP addresses are the issuer's (RFC 5280 4.2.1.1, .2, .13)."""
    if certificate.key_identifier != key_identifier(certificate.public_key):
        yield "the subject key identifier is not the key's"
    if certificate.authority_key_identifier != issuer.certificate.key_identifier:
        yield "the authority key identifier is not the issuing certificate's"
    published = profile.status_published
    addresses = issuer.addresses
    if certificate.crl_urls != ((addresses.crl,) if published else ()):
        yield "the CRL distribution point is not the issuer's"
    if certificate.ocsp_urls != ((addresses.ocsp,) if published else ()):
        yield "the OCSP address is not the issuer's"


def _lint_names(certificate: Certificate, names: AlternativeNames) -> Iterator[str]:
    """The alternative names are those ordered, and the subject is not the issuer."""
    found = certificate.subject_alternative_name
    if (found.dns, found.ip, found.uri) != (names.dns, names.ip, names.uri):
        yield "the subject alternative names are not those ordered"
    if names_match(certificate.subject, certificate.issuer):
        yield "the subject is the issuer"
