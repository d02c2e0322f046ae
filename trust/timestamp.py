"""Timestamp tokens: read and verified (RFC 3161, RFC 5816). Asking an authority is the caller's.

`verify_timestamp_token` proves that one key signed "this digest existed at this time" and that its
certificate is a timestamping one; `validate_timestamp_path` says whether that certificate is trusted.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trust.certificate import Certificate, CertificateError, read_extensions
from trust.cms import ContentType, SignedDataFacts, parse_signed_data, verify_signed_data
from trust.digest import MESSAGE_DIGESTS, DigestAlgorithm, parse_digest_algorithm
from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import TrustError
from trust.extensions import read_true
from trust.general_names import read_general_name
from trust.path import ValidationInputs, validate_path
from trust.report import PathReport
from trust.vocabulary import ExtendedKeyUsage, ExtensionOID

MAXIMUM_RESPONSE_SIZE = 256 * 1024
_VERSION_1 = 1
_GRANTED = frozenset((0, 1))


class TimestampError(TrustError):
    """A timestamp token or response that cannot be read, or does not prove what it should."""


@dataclass(frozen=True)
class TimestampInfo:
    """TSTInfo (RFC 3161 2.4.2), read."""

    policy: str
    digest_algorithm: DigestAlgorithm
    message_digest: bytes
    serial_number: int
    gen_time: datetime
    accuracy: timedelta | None
    nonce: int | None


@dataclass(frozen=True)
class TimestampToken:
    """A timestamp token, read; not yet believed."""

    der: bytes
    info: TimestampInfo
    signed: SignedDataFacts


@dataclass(frozen=True)
class TimestampFacts:
    """What a verified token says; `certificate` signed it and still needs its path."""

    gen_time: datetime
    serial_number: int
    policy: str
    digest_algorithm: DigestAlgorithm
    accuracy: timedelta | None
    certificate: Certificate
    certificates: tuple[bytes, ...]


# --- reading ---------------------------------------------------------------------------------------------


def parse_timestamp_response(data: bytes) -> bytes:
    """The token of a TimeStampResp that grants one; TimestampError with the authority's reason otherwise."""
    try:
        reader = der.read_sequence(data, maximum_size=MAXIMUM_RESPONSE_SIZE)
        status = reader.enter()
        number = status.read_integer()
        if number not in _GRANTED:
            raise TimestampError(
                "the timestamp authority did not grant a timestamp",
                code="timestamp-refused",
                clause="RFC 3161 2.4.2",
            )
        token = reader.read_raw(Tag.SEQUENCE)
        reader.finish()
    except DerError as error:
        raise TimestampError(
            f"this is not a timestamp response: {error.message}",
            code="timestamp-malformed",
            clause="RFC 3161 2.4.2",
        ) from error
    return token


def parse_timestamp_token(data: bytes) -> TimestampToken:
    """Read a DER TimeStampToken: CMS with one signer over a TSTInfo (RFC 3161 2.4.2)."""
    signed = parse_signed_data(data, maximum_size=MAXIMUM_RESPONSE_SIZE)
    if signed.content_type != ContentType.TST_INFO or signed.content is None:
        raise TimestampError(
            "the signed content is not a timestamp", code="timestamp-content-type", clause="RFC 3161 2.4.2"
        )
    try:
        info = _read_info(der.read_sequence(signed.content))
    except (DerError, CertificateError) as error:
        raise TimestampError(
            f"this is not a timestamp: {error.message}", code="timestamp-malformed", clause="RFC 3161 2.4.2"
        ) from error
    return TimestampToken(bytes(data), info, signed)


def _read_info(reader: Reader) -> TimestampInfo:
    """TSTInfo in the order of its fields."""
    if reader.read_integer() != _VERSION_1:
        raise TimestampError(
            "the timestamp's version is not 1", code="timestamp-malformed", clause="RFC 3161 2.4.2"
        )
    policy = reader.read_oid()
    imprint = reader.enter()
    digest_algorithm = parse_digest_algorithm(imprint.read_raw(Tag.SEQUENCE))
    message_digest = imprint.read_octet_string()
    imprint.finish()
    serial_number = reader.read_integer()
    gen_time = reader.read_generalized_time(fraction=True)
    accuracy = _read_accuracy(reader.enter_optional(Tag.SEQUENCE))
    if reader.peek() == Tag.BOOLEAN:
        read_true(reader)
    nonce = reader.read_integer() if reader.peek() == Tag.INTEGER else None
    authority = reader.enter_optional(der.context(0))
    if authority is not None:
        read_general_name(authority)
        authority.finish()
    extensions = reader.enter_optional(der.context(1))
    reader.finish()
    if extensions is not None:
        _check_extensions(extensions)
    return TimestampInfo(policy, digest_algorithm, message_digest, serial_number, gen_time, accuracy, nonce)


def _read_accuracy(reader: Reader | None) -> timedelta | None:
    """Accuracy ::= SEQUENCE { seconds, millis [0] (1..999), micros [1] (1..999) }, all optional."""
    if reader is None:
        return None
    parts = []
    for tag in (Tag.INTEGER, der.context(0, constructed=False), der.context(1, constructed=False)):
        parts.append(reader.read_integer(tag) if reader.peek() == tag else 0)
    reader.finish()
    seconds, milliseconds, microseconds = parts
    if not (0 <= seconds <= 86400 and 0 <= milliseconds <= 999 and 0 <= microseconds <= 999):
        raise TimestampError(
            "the accuracy is out of range", code="timestamp-malformed", clause="RFC 3161 2.4.2"
        )
    return timedelta(seconds=seconds, milliseconds=milliseconds, microseconds=microseconds)


def _check_extensions(reader: Reader) -> None:
    """One rule: no critical extension, since none is understood (RFC 3161 2.4.2)."""
    for extension in read_extensions(reader).values():
        if extension.critical:
            raise TimestampError(
                f"the timestamp has a critical extension that is not understood: {extension.oid}",
                code="timestamp-critical-extension",
                clause="RFC 3161 2.4.2",
            )


# --- verifying -------------------------------------------------------------------------------------------


def verify_timestamp_token(
    token: TimestampToken,
    data_digest: bytes,
    *,
    digest_algorithm: DigestAlgorithm | None = None,
    nonce: int | None = None,
    policy: str | None = None,
    certificates: Sequence[bytes] = (),
) -> TimestampFacts:
    """Verify that the token's signer saw this digest; `certificates` are candidates beside its own.

    The digest is of the algorithm the token names; give `digest_algorithm` to insist on one, `nonce` and
    `policy` to insist on those of the request (RFC 3161 2.4.2).
    """
    info = token.info
    # 1. The imprint is ours, by a digest that still counts.
    if info.digest_algorithm not in MESSAGE_DIGESTS or digest_algorithm not in (
        None,
        info.digest_algorithm,
    ):
        raise TimestampError(
            f"the timestamp is over a {info.digest_algorithm.label} digest", code="timestamp-digest-algorithm"
        )
    if not hmac.compare_digest(info.message_digest, data_digest):
        raise TimestampError(
            "the timestamp is of something else", code="timestamp-imprint", clause="RFC 3161 2.4.2"
        )
    # 2. Nonce and policy are those that were asked for.
    if nonce is not None and info.nonce != nonce:
        raise TimestampError("the nonce is not ours", code="timestamp-nonce", clause="RFC 3161 2.4.2")
    if policy is not None and info.policy != policy:
        raise TimestampError(
            "the policy is not the one asked for", code="timestamp-policy", clause="RFC 3161 2.4.2"
        )
    # 3. One signature, by the certificate that the signed attributes name.
    certificate = verify_signed_data(token.signed, certificates=certificates)
    # 4. That certificate is for timestamps and nothing else, and was current then.
    check_timestamping_certificate(certificate, info.gen_time)
    return TimestampFacts(
        info.gen_time,
        info.serial_number,
        info.policy,
        info.digest_algorithm,
        info.accuracy,
        certificate,
        token.signed.certificates,
    )


def check_timestamping_certificate(certificate: Certificate, gen_time: datetime) -> None:
    """One rule: its one, critical purpose is timestamping (RFC 3161 2.3), and it was current at that time."""
    extension = certificate.extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    only_timestamps = certificate.extended_key_usage == (ExtendedKeyUsage.TIME_STAMPING,)
    if extension is None or not extension.critical or not only_timestamps:
        raise TimestampError(
            "the certificate is not a timestamp authority's",
            code="timestamp-certificate",
            clause="RFC 3161 2.3",
        )
    if not certificate.not_valid_before <= gen_time <= certificate.not_valid_after:
        raise TimestampError(
            "the timestamp authority's certificate was not current", code="timestamp-certificate-expired"
        )


def validate_timestamp_path(facts: TimestampFacts, inputs: ValidationInputs, at: datetime) -> PathReport:
    """The whole verdict on the authority's certificate: `validate_path` with the purpose of timestamping."""
    brought = []
    for encoded in facts.certificates:
        try:
            brought.append(Certificate.parse(encoded))
        except TrustError:
            continue
    purposed = replace(
        inputs,
        intermediates=(*inputs.intermediates, *brought),
        required_extended_key_usage=ExtendedKeyUsage.TIME_STAMPING,
    )
    return validate_path(facts.certificate, purposed, at)
