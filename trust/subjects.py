"""The city's subjects: how people, enterprises, officers and services are named in its certificates."""

from __future__ import annotations

import re
from typing import Final

from trust.identifiers import check_unified_social_credit_code
from trust.names import NameAttribute, NamingError, encode_name

CITY_COUNTRY: Final = "CN"
# Semantics identifier of ETSI EN 319 412-1 5.1.4: an entry in the national trade register.
ORGANIZATION_IDENTIFIER_PREFIX: Final = "NTRCN-"

SUBJECT_NUMBER_PREFIX: Final = "TX"
SUBJECT_NUMBER_RANDOM_SIZE: Final = 15
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SUBJECT_NUMBER_DIGITS: Final = SUBJECT_NUMBER_RANDOM_SIZE * 8 // 5
_SUBJECT_NUMBER = re.compile(rf"{SUBJECT_NUMBER_PREFIX}[{_CROCKFORD}]{{{_SUBJECT_NUMBER_DIGITS}}}\Z")


def new_subject_number(random_bytes: bytes) -> str:
    """A subject number: TX and 24 characters of Crockford's base32, from the first 15 random bytes."""
    if len(random_bytes) < SUBJECT_NUMBER_RANDOM_SIZE:
        raise NamingError(
            f"a subject number needs {SUBJECT_NUMBER_RANDOM_SIZE} random bytes", code="subject-number-random"
        )
    value = int.from_bytes(random_bytes[:SUBJECT_NUMBER_RANDOM_SIZE], "big")
    digits = (_CROCKFORD[value >> 5 * place & 31] for place in reversed(range(_SUBJECT_NUMBER_DIGITS)))
    return SUBJECT_NUMBER_PREFIX + "".join(digits)


def check_subject_number(text: str) -> str:
    """Check the form of a subject number and return it."""
    if not _SUBJECT_NUMBER.match(text):
        raise NamingError("a subject number is TX and 24 characters of base32", code="subject-number-form")
    return text


def citizen_subject(name: str, subject_number: str) -> bytes:
    """C=CN, CN=name, serialNumber=subject number."""
    return encode_name(
        [
            (NameAttribute.COUNTRY, CITY_COUNTRY),
            (NameAttribute.COMMON_NAME, name),
            (NameAttribute.SERIAL_NUMBER, check_subject_number(subject_number)),
        ]
    )


def enterprise_subject(enterprise_name: str, uscc: str, subject_number: str) -> bytes:
    """C=CN, O=enterprise, organizationIdentifier=NTRCN-code, CN=enterprise, serialNumber=subject number."""
    code = check_unified_social_credit_code(uscc)
    return encode_name(
        [
            (NameAttribute.COUNTRY, CITY_COUNTRY),
            (NameAttribute.ORGANIZATION, enterprise_name),
            (NameAttribute.ORGANIZATION_IDENTIFIER, ORGANIZATION_IDENTIFIER_PREFIX + code.text),
            (NameAttribute.COMMON_NAME, enterprise_name),
            (NameAttribute.SERIAL_NUMBER, check_subject_number(subject_number)),
        ]
    )


def officer_subject(name: str, authority: str, subject_number: str) -> bytes:
    """C=CN, O=authority, CN=name, serialNumber=subject number."""
    return encode_name(
        [
            (NameAttribute.COUNTRY, CITY_COUNTRY),
            (NameAttribute.ORGANIZATION, authority),
            (NameAttribute.COMMON_NAME, name),
            (NameAttribute.SERIAL_NUMBER, check_subject_number(subject_number)),
        ]
    )


def service_subject(name: str, authority: str) -> bytes:
    """C=CN, O=authority, CN=name: services and certificate authorities."""
    return encode_name(
        [
            (NameAttribute.COUNTRY, CITY_COUNTRY),
            (NameAttribute.ORGANIZATION, authority),
            (NameAttribute.COMMON_NAME, name),
        ]
    )
