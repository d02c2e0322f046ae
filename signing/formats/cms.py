"""CMS and CAdES signatures beside a document, made in two steps (RFC 5652, CAdES EN 319 122-1).

`prepare_cms` yields the signed attributes that the card signs; `assemble_cms` checks the value, has it
timestamped (B-T) and builds the detached signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from signing.formats.prepared_signature import signature_algorithm, verify_prepared_signature
from trust.cms import (
    ContentType,
    assemble_signed_data,
    digest_for,
    signature_timestamp_attribute,
    signed_attributes,
)

Timestamp = Callable[[bytes], bytes]
"""Returns a timestamp token over the digest of the given bytes."""


@dataclass(frozen=True)
class PreparedCms:
    """A detached signature that waits for its value."""

    signed_attributes: bytes
    certificate: bytes
    chain: tuple[bytes, ...]
    algorithm: bytes


def prepare_cms(
    content: bytes, certificate: bytes, *, chain: tuple[bytes, ...] = (), at: datetime | None = None
) -> PreparedCms:
    """Step 1: return the attributes to be signed; `at`, when given, becomes the claimed signing time."""
    algorithm = signature_algorithm(certificate)
    digest = digest_for(algorithm).digest(content)
    attributes = signed_attributes(digest, ContentType.DATA, certificate, at)
    return PreparedCms(attributes, certificate, chain, algorithm)


def assemble_cms(
    prepared: PreparedCms,
    signature: bytes,
    *,
    timestamp: Timestamp | None = None,
    content: bytes | None = None,
) -> bytes:
    """Step 2: return the DER signature, detached unless content is given.

    Raises SignatureMismatchError when the value was not made by the certificate's key over exactly the
    prepared attributes.
    """
    verify_prepared_signature(prepared.certificate, prepared.signed_attributes, signature)
    unsigned = (signature_timestamp_attribute(timestamp(signature)),) if timestamp else ()
    return assemble_signed_data(
        prepared.signed_attributes,
        signature,
        prepared.certificate,
        algorithm=prepared.algorithm,
        content=content,
        chain=prepared.chain,
        unsigned_attributes=unsigned,
    )
