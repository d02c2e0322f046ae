"""What a certificate may not say of itself (RFC 5280 4.1, 4.2), though section 6.1 would let it pass.

Only what the standard forbids outright and no honest authority writes: each rule stops a certificate that
claims to be what it is not, or leaves open what it is. Path validation applies them to every certificate
below the anchor.
"""

from __future__ import annotations

from trust.certificate import Certificate, CertificateError
from trust.encoding.extensions import KeyUsage
from trust.extensions import read_policy_qualifiers
from trust.vocabulary import ANY_POLICY, POLICY_QUALIFIER_CPS, POLICY_QUALIFIER_USER_NOTICE, ExtensionOID

_EMPTY_NAME = b"\x30\x00"
_KNOWN_QUALIFIERS = frozenset((POLICY_QUALIFIER_CPS, POLICY_QUALIFIER_USER_NOTICE))


def check_conformance(certificate: Certificate, *, final: bool) -> None:
    """Every rule of this module; CertificateError for the first that is broken.

    Two of them 6.1.4 (a) and (k) apply to the authorities of a path; `final` asks for them at its end too.
    """
    if certificate.serial_number <= 0:
        raise _forbidden("the serial number is not positive", "serial-number", "4.1.2.2")
    constraints = certificate.basic_constraints
    if final and any(ANY_POLICY in pair for pair in certificate.policy_mappings):
        raise _forbidden("it maps from or to any policy", "policy-mapping-any", "4.2.1.5")
    if final and (constraints is None or not constraints.ca):
        _check_end_entity(certificate)
    if certificate.subject == _EMPTY_NAME:
        _check_without_subject(certificate)
    policies = certificate.extensions.get(ExtensionOID.CERTIFICATE_POLICIES)
    if (
        policies is not None
        and policies.critical
        and not read_policy_qualifiers(policies.value) <= _KNOWN_QUALIFIERS
    ):
        raise _forbidden("a critical policy has an unknown qualifier", "policy-qualifier", "4.2.1.4")


def _check_end_entity(certificate: Certificate) -> None:
    """Who is no authority does not claim what only authorities may."""
    constraints, key_usage = certificate.basic_constraints, certificate.key_usage
    if key_usage is not None and KeyUsage.KEY_CERT_SIGN in key_usage:
        raise _forbidden("its key may sign certificates, but it is no authority", "key-usage", "4.2.1.9")
    if constraints is not None and constraints.path_length is not None:
        raise _forbidden("it limits a path, but it is no authority", "path-length", "4.2.1.9")
    if ExtensionOID.NAME_CONSTRAINTS in certificate.extensions:
        raise _forbidden("it constrains names, but it is no authority", "name-constraints", "4.2.1.10")


def _check_without_subject(certificate: Certificate) -> None:
    """Who has no subject is no authority, and has critical alternative names."""
    constraints = certificate.basic_constraints
    if constraints is not None and constraints.ca:
        raise _forbidden("an authority has no subject", "subject-empty", "4.1.2.6")
    names = certificate.extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    if names is None or not names.critical:
        raise _forbidden("it has neither subject nor critical names", "subject-empty", "4.1.2.6")


def _forbidden(message: str, code: str, clause: str) -> CertificateError:
    """The error for a certificate that says what it may not."""
    return CertificateError(message, code=code, clause=f"RFC 5280 {clause}")
