"""What the formats share between prepare and embed: one digest, one check of the value that comes back."""

from __future__ import annotations

from typing import Final

from signing.errors import SignatureMismatchError
from trust.algorithms import algorithm_for, verify_signature
from trust.certificate import Certificate
from trust.errors import TrustError

DIGEST_ALGORITHM: Final = "sha256"


def verify_prepared_signature(certificate: bytes, signed_attributes: bytes, signature: bytes) -> None:
    """Check the signature value over the attributes with the certificate's key (RFC 5652 5.4)."""
    try:
        public_key = Certificate.parse(certificate).public_key
        verify_signature(
            public_key, algorithm_for(public_key, DIGEST_ALGORITHM), signature, signed_attributes
        )
    except TrustError as error:
        raise SignatureMismatchError(
            "The signature does not belong to the document that was prepared, or was made by another "
            "certificate's key. Sign again."
        ) from error
