"""Certificates a document brings: they only help to build paths, but altered ones betray a changed file.

A signature does not cover the certificates beside it (RFC 5652 5.4). One that is nearly a certificate we
know, and that no known authority signed, is that certificate with bytes changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from signing.judge.inputs import JudgeInputs
from trust.algorithms import verify_signature
from trust.certificate import Certificate
from trust.errors import TrustError

# Of issuer, serial number, subject and public key: one changed byte leaves at least three.
_LOOKS_ALIKE: Final = 3


def find_altered(
    brought: Sequence[Certificate], path: Sequence[Certificate], inputs: JudgeInputs
) -> Certificate | None:
    """The first certificate that is a known one with bytes changed, if any."""
    known = tuple(dict.fromkeys((*inputs.anchors, *inputs.intermediates, *path)))
    for certificate in brought:
        if certificate in known or not any(_look_alike(certificate, other) for other in known):
            continue
        if not is_issued_by(certificate, known):
            return certificate
    return None


def is_issued_by(certificate: Certificate, authorities: Sequence[Certificate]) -> bool:
    """Whether one of the authorities signed the certificate."""
    for authority in authorities:
        if authority.subject != certificate.issuer:
            continue
        try:
            verify_signature(
                authority.public_key, certificate.algorithm, certificate.signature, certificate.tbs
            )
        except TrustError:
            continue
        return True
    return False


def _look_alike(first: Certificate, second: Certificate) -> bool:
    """Whether two certificates agree in nearly everything that names them."""
    agreements = (
        first.issuer == second.issuer,
        first.serial_number == second.serial_number,
        first.subject == second.subject,
        first.public_key == second.public_key,
    )
    return sum(agreements) >= _LOOKS_ALIKE
