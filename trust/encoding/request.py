"""Certification requests (PKCS#10, RFC 2986), the extensions inside an extensionRequest (RFC 2985 5.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trust.encoding import der
from trust.encoding.certificate import assemble
from trust.encoding.extensions import Extension, encode_extensions
from trust.signer import Signer

EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
_VERSION_1: Final = 0


def encode_request_info(subject: bytes, public_key: bytes, extensions: Sequence[Extension] = ()) -> bytes:
    """DER CertificationRequestInfo (RFC 2986 4.1)."""
    attributes = b""
    if extensions:
        attributes = der.sequence(der.oid(EXTENSION_REQUEST), der.set_of(encode_extensions(extensions)))
    return der.sequence(
        der.integer(_VERSION_1), subject, public_key, der.implicit(0, attributes, constructed=True)
    )


def sign_request(subject: bytes, signer: Signer, extensions: Sequence[Extension] = ()) -> bytes:
    """DER CertificationRequest for the signer's own key (RFC 2986 4.2)."""
    info = encode_request_info(subject, signer.public_key, extensions)
    return assemble(info, signer.algorithm, signer.sign(info))
