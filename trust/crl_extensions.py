"""Readers of CRL extension values (RFC 5280 5.2): bytes in, small frozen objects out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trust.encoding import der
from trust.encoding.der import DerError, Reader
from trust.errors import TrustError
from trust.extensions import read_distribution_point_name, read_true
from trust.general_names import GeneralName

# RFC 5280 5.2.3: readers handle twenty octets, writers must not use more.
MAXIMUM_NUMBER_OCTETS = 20


class CRLError(TrustError):
    """A CRL that cannot be read, is not for this certificate, or must not be relied on."""


@dataclass(frozen=True)
class IssuingDistributionPoint:
    """The scope of a CRL (RFC 5280 5.2.5); everything of its issuer when nothing is stated."""

    full_name: tuple[GeneralName, ...] = ()
    relative_name: bytes = b""
    only_user_certificates: bool = False
    only_ca_certificates: bool = False
    reasons: frozenset[int] | None = None
    indirect: bool = False
    only_attribute_certificates: bool = False

    @property
    def has_name(self) -> bool:
        """Whether the CRL is bound to a distribution point's name."""
        return bool(self.full_name or self.relative_name)


def read_issuing_distribution_point(value: bytes) -> IssuingDistributionPoint:
    """IssuingDistributionPoint (RFC 5280 5.2.5): not empty, and of one kind of certificate at most."""
    reader = der.read_sequence(value)
    name = reader.enter_optional(der.context(0))
    full_name, relative_name = read_distribution_point_name(name) if name else ((), b"")
    only_user, only_ca = _read_flag(reader, 1), _read_flag(reader, 2)
    reasons_tag = der.context(3, constructed=False)
    reasons = reader.read_named_bits(reasons_tag) if reader.peek() == reasons_tag else None
    indirect, only_attribute = _read_flag(reader, 4), _read_flag(reader, 5)
    reader.finish()
    if value == der.sequence() or only_user + only_ca + only_attribute > 1:
        raise CRLError(
            "the CRL's scope is empty or contradicts itself", code="crl-malformed", clause="RFC 5280 5.2.5"
        )
    return IssuingDistributionPoint(
        full_name, relative_name, only_user, only_ca, reasons, indirect, only_attribute
    )


def _read_flag(reader: Reader, number: int) -> bool:
    """[number] IMPLICIT BOOLEAN DEFAULT FALSE."""
    tag = der.context(number, constructed=False)
    return reader.peek() == tag and read_true(reader, tag)


def read_crl_number(value: bytes) -> int:
    """CRLNumber and BaseCRLNumber: not negative, at most twenty octets (RFC 5280 5.2.3, 5.2.4)."""
    reader = Reader(value)
    number = reader.read_integer()
    reader.finish()
    if not 0 <= number < 1 << 8 * MAXIMUM_NUMBER_OCTETS:
        raise DerError("a CRL number out of bounds", code="crl-number", clause="RFC 5280 5.2.3")
    return number


def read_date(value: bytes) -> datetime:
    """A GeneralizedTime alone: InvalidityDate (RFC 5280 5.3.2), ExpiredCertsOnCRL (X.509 9.5.2.8)."""
    reader = Reader(value)
    date = reader.read_generalized_time()
    reader.finish()
    return date
