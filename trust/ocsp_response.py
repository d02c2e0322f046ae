"""OCSP responses: a strict reader (RFC 6960 4.2). What it returns is read, not yet believed; see ocsp.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from trust.certificate import Certificate, CertificateError, read_extensions
from trust.crl_entries import reason_named
from trust.crl_extensions import CRLError
from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.encoding.ocsp import OCSP_BASIC, CertID, OCSPRequestError, OCSPResponseStatus, parse_cert_id
from trust.errors import TrustError
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtensionOID

MAXIMUM_RESPONSE_SIZE = 1024 * 1024
MAXIMUM_ANSWERS = 1000
MAXIMUM_CERTIFICATES = 10


class OCSPError(TrustError):
    """An OCSP answer that cannot be read, is not about this certificate, or must not be relied on."""


@dataclass(frozen=True)
class OCSPAnswer:
    """SingleResponse (RFC 6960 4.2.1), read."""

    cert_id: CertID
    status: CertStatus
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None
    reason: CRLReason | None
    critical_extensions: tuple[str, ...]


@dataclass(frozen=True)
class OCSPResponse:
    """An OCSP response, read; not yet believed. All but `response_status` is empty unless successful."""

    response_status: OCSPResponseStatus
    tbs: bytes = b""
    algorithm: bytes = b""
    signature: bytes = b""
    responder_name: bytes | None = None
    responder_key_digest: bytes | None = None
    produced_at: datetime | None = None
    answers: tuple[OCSPAnswer, ...] = ()
    nonce: bytes | None = None
    critical_extensions: tuple[str, ...] = ()
    unverified_certificates: tuple[bytes, ...] = ()

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates sent along that can be read; nothing follows from them being there."""
        read: list[Certificate] = []
        for encoded in self.unverified_certificates:
            try:
                read.append(Certificate.parse(encoded))
            except TrustError:
                continue
        return tuple(read)


# --- reading ---------------------------------------------------------------------------------------------


def parse_ocsp_response(data: bytes) -> OCSPResponse:
    """Read a DER OCSPResponse; OCSPError when it is anything else."""
    try:
        return _read_response(bytes(data))
    except (DerError, CertificateError, OCSPRequestError, CRLError) as error:
        raise OCSPError(
            f"this is not an OCSP response: {error.message}", code="ocsp-malformed", clause="RFC 6960 4.2.1"
        ) from error


def _read_response(data: bytes) -> OCSPResponse:
    """OCSPResponse and BasicOCSPResponse (RFC 6960 4.2.1)."""
    outer = der.read_sequence(data, maximum_size=MAXIMUM_RESPONSE_SIZE)
    number = outer.read_enumerated()
    if number not in set(OCSPResponseStatus):
        raise _malformed("its response status is not known")
    status = OCSPResponseStatus(number)
    tagged = outer.enter_optional(der.context(0))
    outer.finish()
    if (tagged is None) != (status is not OCSPResponseStatus.SUCCESSFUL):
        raise _malformed("a successful response has bytes, any other has none")
    if tagged is None:
        return OCSPResponse(status)
    response_bytes = tagged.enter()
    tagged.finish()
    if response_bytes.read_oid() != OCSP_BASIC:
        raise _malformed("only basic responses are known")
    basic = der.read_sequence(response_bytes.read_octet_string())
    response_bytes.finish()
    return _read_basic(basic)


def _read_basic(basic: Reader) -> OCSPResponse:
    """BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm, signature, certs [0] }."""
    tbs, algorithm = basic.read_raw(Tag.SEQUENCE), basic.read_raw(Tag.SEQUENCE)
    signature, unused = basic.read_bit_string()
    tagged = basic.enter_optional(der.context(0))
    basic.finish()
    certificates: list[bytes] = []
    if tagged is not None:
        listed = tagged.enter()
        tagged.finish()
        while not listed.at_end and len(certificates) <= MAXIMUM_CERTIFICATES:
            certificates.append(listed.read_raw(Tag.SEQUENCE))
    if unused or len(certificates) > MAXIMUM_CERTIFICATES:
        raise _malformed("its signature is not whole octets, or it brings too many certificates")
    return _read_data(tbs, algorithm, signature, tuple(certificates))


def _read_data(
    tbs: bytes, algorithm: bytes, signature: bytes, certificates: tuple[bytes, ...]
) -> OCSPResponse:
    """ResponseData (RFC 6960 4.2.1); version v1 is the default and not written."""
    reader = der.read_sequence(tbs)
    by_name = reader.enter_optional(der.context(1))
    name = by_name.read_raw(Tag.SEQUENCE) if by_name else None
    by_key = None if by_name else reader.enter(der.context(2))
    key_digest = by_key.read_octet_string() if by_key else None
    for choice in (by_name, by_key):
        if choice is not None:
            choice.finish()
    produced_at = reader.read_generalized_time()
    listed = reader.enter()
    answers: list[OCSPAnswer] = []
    while not listed.at_end and len(answers) <= MAXIMUM_ANSWERS:
        answers.append(_read_answer(listed.enter()))
    if not 0 < len(answers) <= MAXIMUM_ANSWERS:
        raise _malformed("it has no answers, or too many")
    nonce, critical = _read_extensions(reader)
    reader.finish()
    return OCSPResponse(
        OCSPResponseStatus.SUCCESSFUL,
        tbs,
        algorithm,
        signature,
        name,
        key_digest,
        produced_at,
        tuple(answers),
        nonce,
        critical,
        certificates,
    )


def _read_answer(reader: Reader) -> OCSPAnswer:
    """SingleResponse (RFC 6960 4.2.1)."""
    cert_id = parse_cert_id(reader.read_raw(Tag.SEQUENCE))
    status, revoked_at, reason = _read_status(reader)
    this_update = reader.read_generalized_time()
    tagged = reader.enter_optional(der.context(0))
    next_update = None
    if tagged is not None:
        next_update = tagged.read_generalized_time()
        tagged.finish()
    _, critical = _read_extensions(reader)
    reader.finish()
    return OCSPAnswer(cert_id, status, this_update, next_update, revoked_at, reason, critical)


def _read_status(reader: Reader) -> tuple[CertStatus, datetime | None, CRLReason | None]:
    """CertStatus ::= CHOICE { good [0] NULL, revoked [1] RevokedInfo, unknown [2] NULL }."""
    revoked = reader.enter_optional(der.context(1))
    if revoked is None:
        good = reader.read_optional(der.context(0, constructed=False))
        content = reader.read(der.context(2, constructed=False)) if good is None else good
        if content:
            raise _malformed("a status that is NULL has content")
        return (CertStatus.UNKNOWN if good is None else CertStatus.GOOD), None, None
    revoked_at = revoked.read_generalized_time()
    tagged = revoked.enter_optional(der.context(0))
    reason = None
    if tagged is not None:
        reason = reason_named(tagged.read_enumerated())
        tagged.finish()
    revoked.finish()
    return CertStatus.REVOKED, revoked_at, reason


def _read_extensions(reader: Reader) -> tuple[bytes | None, tuple[str, ...]]:
    """[1] Extensions: the nonce, and the critical ones that are not understood (all but the nonce)."""
    tagged = reader.enter_optional(der.context(1))
    if tagged is None:
        return None, ()
    extensions = read_extensions(tagged.enter())
    tagged.finish()
    critical = tuple(e.oid for e in extensions.values() if e.critical and e.oid != ExtensionOID.OCSP_NONCE)
    nonce = extensions.get(ExtensionOID.OCSP_NONCE)
    if nonce is None:
        return None, critical
    value = Reader(nonce.value)
    content = value.read_octet_string()
    value.finish()
    return content, critical


def _malformed(why: str) -> OCSPError:
    """The error for a response of the wrong shape."""
    return OCSPError(f"this is not an OCSP response: {why}", code="ocsp-malformed", clause="RFC 6960 4.2.1")
