"""Timestamps, the authority's side: read a request, write the token and the response (RFC 3161, RFC 5816).

`trust.timestamp` is the other side, which reads and verifies tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from trust.digest import MESSAGE_DIGESTS, DigestAlgorithm, parse_digest_algorithm
from trust.encoding import der
from trust.encoding.cms import ContentType, assemble_signed_data, digest_for, signed_attributes
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import EncodingError, TrustError
from trust.public_key import AlgorithmError
from trust.signer import Signer

MAXIMUM_REQUEST_SIZE: Final = 16 * 1024
_MAXIMUM_SERIAL_BITS: Final = 160
_VERSION_1: Final = 1


class PKIStatus(IntEnum):
    """PKIStatus (RFC 3161 2.4.2), the two this authority answers with."""

    GRANTED = 0
    REJECTION = 2


class PKIFailureInfo(IntEnum):
    """Bits of PKIFailureInfo (RFC 3161 2.4.2)."""

    BAD_ALG = 0
    BAD_REQUEST = 2
    BAD_DATA_FORMAT = 5
    TIME_NOT_AVAILABLE = 14
    UNACCEPTED_POLICY = 15
    UNACCEPTED_EXTENSION = 16
    ADD_INFO_NOT_AVAILABLE = 17
    SYSTEM_FAILURE = 25


_FAILURE_TEXTS = {
    PKIFailureInfo.BAD_ALG: "badAlg",
    PKIFailureInfo.BAD_REQUEST: "badRequest",
    PKIFailureInfo.BAD_DATA_FORMAT: "badDataFormat",
    PKIFailureInfo.UNACCEPTED_EXTENSION: "unacceptedExtension",
}


class TimestampRequestError(TrustError):
    """A request that is answered with a rejection; `failure` is the bit that says why."""

    failure: PKIFailureInfo = PKIFailureInfo.BAD_REQUEST


@dataclass(frozen=True)
class TimestampRequest:
    """TimeStampReq (RFC 3161 2.4.1); `message_imprint` is its DER, to be echoed."""

    digest_algorithm: DigestAlgorithm
    digest: bytes
    message_imprint: bytes = field(repr=False)
    policy: str | None = None
    nonce: int | None = None
    certificate_requested: bool = False


# --- request ------------------------------------------------------------------------------------


def parse_timestamp_request(data: bytes) -> TimestampRequest:
    """Read a TimeStampReq strictly (RFC 3161 2.4.1)."""
    try:
        return _parse_request(data)
    except DerError as error:
        raise _refusal(PKIFailureInfo.BAD_DATA_FORMAT, f"not a timestamp request: {error.message}") from error
    except AlgorithmError as error:
        raise _refusal(PKIFailureInfo.BAD_ALG, "the digest algorithm is not known here") from error


def _parse_request(data: bytes) -> TimestampRequest:
    """The fields of TimeStampReq in order."""
    reader = der.read_sequence(data, maximum_size=MAXIMUM_REQUEST_SIZE)
    if reader.read_integer() != _VERSION_1:
        raise _refusal(PKIFailureInfo.BAD_REQUEST, "the request's version is not 1")
    imprint = reader.read_raw(Tag.SEQUENCE)
    algorithm, digest = _read_imprint(imprint)
    policy = reader.read_oid() if reader.peek() == Tag.OBJECT_IDENTIFIER else None
    nonce = reader.read_integer() if reader.peek() == Tag.INTEGER else None
    certificate_requested = reader.peek() == Tag.BOOLEAN and reader.read_boolean()
    if reader.peek() == der.context(0):
        raise _refusal(PKIFailureInfo.UNACCEPTED_EXTENSION, "extensions are not supported")
    reader.finish()
    return TimestampRequest(algorithm, digest, imprint, policy, nonce, certificate_requested)


def _read_imprint(imprint: bytes) -> tuple[DigestAlgorithm, bytes]:
    """MessageImprint: a digest algorithm that is still good, and a digest of its length."""
    reader: Reader = der.read_sequence(imprint)
    algorithm = parse_digest_algorithm(reader.read_raw(Tag.SEQUENCE))
    digest = reader.read_octet_string()
    reader.finish()
    if algorithm not in MESSAGE_DIGESTS:
        message = f"{algorithm.label} is not accepted; use sha256 or better"
        raise _refusal(PKIFailureInfo.BAD_ALG, message)
    if len(digest) != algorithm.new().digest_size:
        raise _refusal(PKIFailureInfo.BAD_DATA_FORMAT, "the digest does not have its algorithm's length")
    return algorithm, digest


def _refusal(failure: PKIFailureInfo, message: str) -> TimestampRequestError:
    """A request error with its failure bit."""
    error = TimestampRequestError(message, code=_FAILURE_TEXTS[failure], clause="RFC 3161 2.4.2")
    error.failure = failure
    return error


def encode_timestamp_request(
    digest_algorithm: DigestAlgorithm,
    digest: bytes,
    *,
    policy: str | None = None,
    nonce: int | None = None,
    certificate_requested: bool = True,
) -> bytes:
    """DER TimeStampReq, as a client of this or another authority sends it (RFC 3161 2.4.1)."""
    return der.sequence(
        der.integer(_VERSION_1),
        der.sequence(der.sequence(der.oid(digest_algorithm.oid)), der.octet_string(digest)),
        b"" if policy is None else der.oid(policy),
        b"" if nonce is None else der.integer(nonce),
        der.boolean(True) if certificate_requested else b"",
    )


# --- token and response -------------------------------------------------------------------------


def encode_tst_info(
    request: TimestampRequest,
    *,
    policy: str,
    serial_number: int,
    gen_time: datetime,
    accuracy: timedelta | None = None,
) -> bytes:
    """DER TSTInfo for a request, with whole seconds (RFC 3161 2.4.2)."""
    if serial_number < 0 or serial_number.bit_length() > _MAXIMUM_SERIAL_BITS:
        raise EncodingError(
            "a token's serial number is not negative and has at most 160 bits",
            code="timestamp-serial-number",
            clause="RFC 3161 2.4.2",
        )
    return der.sequence(
        der.integer(_VERSION_1),
        der.oid(policy),
        request.message_imprint,
        der.integer(serial_number),
        der.generalized_time(gen_time),
        b"" if accuracy is None else _encode_accuracy(accuracy),
        b"" if request.nonce is None else der.integer(request.nonce),
    )


def _encode_accuracy(accuracy: timedelta) -> bytes:
    """DER Accuracy: seconds, milliseconds [0], microseconds [1], what is zero left out."""
    if accuracy <= timedelta(0):
        raise EncodingError("an accuracy is positive", code="timestamp-accuracy", clause="RFC 3161 2.4.2")
    seconds = accuracy.days * 86400 + accuracy.seconds
    milliseconds, microseconds = divmod(accuracy.microseconds, 1000)
    return der.sequence(
        der.integer(seconds) if seconds else b"",
        der.retag(0, der.integer(milliseconds)) if milliseconds else b"",
        der.retag(1, der.integer(microseconds)) if microseconds else b"",
    )


def encode_timestamp_token(
    request: TimestampRequest,
    *,
    signer: Signer,
    certificate: bytes,
    policy: str,
    serial_number: int,
    gen_time: datetime,
    accuracy: timedelta | None = None,
    chain: Sequence[bytes] = (),
) -> bytes:
    """DER TimeStampToken: TSTInfo signed as CMS, naming the certificate by ESSCertIDv2 (RFC 5816 2.2.1).

    The certificates are put in only when the request asks for them (RFC 3161 2.4.1).
    """
    info = encode_tst_info(
        request, policy=policy, serial_number=serial_number, gen_time=gen_time, accuracy=accuracy
    )
    digest = digest_for(signer.algorithm).digest(info)
    attributes = signed_attributes(digest, ContentType.TST_INFO, certificate, gen_time)
    return assemble_signed_data(
        attributes,
        signer.sign(attributes),
        certificate,
        algorithm=signer.algorithm,
        content=info,
        content_type=ContentType.TST_INFO,
        chain=chain if request.certificate_requested else (),
        embed_certificate=request.certificate_requested,
    )


def encode_timestamp_response(token: bytes) -> bytes:
    """DER TimeStampResp that grants a token (RFC 3161 2.4.2)."""
    return der.sequence(der.sequence(der.integer(PKIStatus.GRANTED)), token)


def encode_timestamp_rejection(failure: PKIFailureInfo, text: str) -> bytes:
    """DER TimeStampResp that refuses: why as a bit, and in words (RFC 3161 2.4.2)."""
    status = der.sequence(
        der.integer(PKIStatus.REJECTION),
        der.sequence(der.utf8_string(text)),
        der.named_bits([failure]),
    )
    return der.sequence(status)
