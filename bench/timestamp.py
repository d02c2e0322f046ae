"""One timestamp token, built and signed, without and with its certificate, beside the signature alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.certificate import ours as certificate_der
from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY
from trust.digest import DigestAlgorithm
from trust.encoding.timestamp import (
    TimestampRequest,
    encode_timestamp_request,
    encode_timestamp_response,
    encode_timestamp_token,
    parse_timestamp_request,
)

_POLICY = "1.3.6.1.4.1.32473.1.4.3"
_CERTIFICATE = certificate_der()
_NUMBERS = count(2**100)


def _request(*, certificate_requested: bool) -> TimestampRequest:
    """What a client asks for, read."""
    digest = hashlib.sha256(b"a filing").digest()
    return parse_timestamp_request(
        encode_timestamp_request(
            DigestAlgorithm.SHA256, digest, nonce=2**63, certificate_requested=certificate_requested
        )
    )


def _respond(request: TimestampRequest) -> bytes:
    """Build and sign a token with a serial number of its own, and the response around it."""
    token = encode_timestamp_token(
        request,
        signer=ISSUER,
        certificate=_CERTIFICATE,
        policy=_POLICY,
        serial_number=next(_NUMBERS),
        gen_time=AT,
        accuracy=timedelta(seconds=1),
    )
    return encode_timestamp_response(token)


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    data, ecdsa = bytes(200), ec.ECDSA(hashes.SHA256())
    for operation, requested in (("timestamp, P-256", False), ("timestamp with certificate, P-256", True)):
        request = _request(certificate_requested=requested)
        yield compare(
            operation, lambda request=request: _respond(request),
            "limit: the signature alone", lambda: ISSUER_KEY.sign(data, ecdsa),
        )  # fmt: skip
