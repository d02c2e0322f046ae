"""OCSP responses: a strict reader (RFC 6960 4.2). What it returns is read, not yet believed; see ocsp.py.

A relying party reads one response a login: each structure is taken apart at one go, and held to the fields
it may have.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from trust.certificate import Certificate, read_extensions
from trust.crl_entries import reason_named
from trust.crl_extensions import read_date
from trust.encoding import der
from trust.encoding.der import Element, Reader, Tag
from trust.encoding.extensions import Extension
from trust.encoding.ocsp import (
    MAXIMUM_NONCE_SIZE,
    OCSP_BASIC,
    SHA1_OID,
    SHA256_OID,
    CertID,
    OCSPResponseStatus,
    read_cert_id,
)
from trust.errors import TrustError
from trust.keeping import kept
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtensionOID

MAXIMUM_RESPONSE_SIZE = 1024 * 1024
MAXIMUM_ANSWERS = 1000
MAXIMUM_CERTIFICATES = 10

_UNDERSTOOD = frozenset((ExtensionOID.OCSP_NONCE, ExtensionOID.OCSP_ARCHIVE_CUTOFF))


class OCSPError(TrustError):
    """An OCSP answer that cannot be read, is not about this certificate, or must not be relied on."""


class OCSPAnswer(NamedTuple):
    """SingleResponse (RFC 6960 4.2.1), read."""

    cert_id: CertID
    status: CertStatus
    this_update: datetime
    next_update: datetime | None = None
    revoked_at: datetime | None = None
    reason: CRLReason | None = None
    critical_extensions: tuple[str, ...] = ()
    invalid_since: datetime | None = None
    archive_cutoff: datetime | None = None


class OCSPResponse(NamedTuple):
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

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates sent along that can be read; nothing follows from them being there."""
        read: list[Certificate] = []
        for encoded in self.unverified_certificates:
            try:
                read.append(_read_certificate(encoded))
            except TrustError:
                continue
        return tuple(read)


@lru_cache(maxsize=64)
def _read_certificate(encoded: bytes) -> Certificate:
    """A certificate sent along; kept, since a responder sends the same one with each answer."""
    return Certificate.parse(encoded)


# --- structures: the identifier octets of the fields that each may have ----------------------------------

_CONTEXT_0, _CONTEXT_1, _CONTEXT_2 = map(der.context, range(3))
_GOOD, _REVOKED, _UNKNOWN = der.context(0, constructed=False), _CONTEXT_1, der.context(2, constructed=False)

_Fields = frozenset[tuple[int, ...]]


def _fields(*choices: tuple[tuple[int, ...], ...]) -> _Fields:
    """Every sequence of identifier octets made of one choice after the other."""
    return frozenset(sum(chosen, ()) for chosen in product(*choices))


_ABSENT: tuple[int, ...] = ()
_RESPONSE = _fields(((Tag.ENUMERATED,),), ((_CONTEXT_0,), _ABSENT))
_BASIC = _fields(((Tag.SEQUENCE, Tag.SEQUENCE, Tag.BIT_STRING),), ((_CONTEXT_0,), _ABSENT))
_DATA = _fields(
    ((_CONTEXT_1,), (_CONTEXT_2,)), ((Tag.GENERALIZED_TIME, Tag.SEQUENCE),), ((_CONTEXT_1,), _ABSENT)
)
_ANSWER = _fields(
    ((Tag.SEQUENCE,),),
    ((_GOOD,), (_REVOKED,), (_UNKNOWN,)),
    ((Tag.GENERALIZED_TIME,),),
    ((_CONTEXT_0,), _ABSENT),
    ((_CONTEXT_1,), _ABSENT),
)
_REVOKED_INFO = _fields(((Tag.GENERALIZED_TIME,),), ((_CONTEXT_0,), _ABSENT))
_ONE_SEQUENCE = _fields(((Tag.SEQUENCE,),))


def _split(data: bytes, element: Element, allowed: _Fields, name: str) -> list[Element]:
    """The fields within an element, which must be those of the structure of that name."""
    fields = der.read_elements(data, element[2], element[3])
    if tuple([field[0] for field in fields]) not in allowed:
        raise _malformed(f"{name} has other fields than it should")
    return fields


def _content(data: bytes, element: Element) -> bytes:
    """The content octets of an element."""
    return data[element[2] : element[3]]


def _raw(data: bytes, element: Element) -> bytes:
    """The whole encoding of an element."""
    return data[element[1] : element[3]]


# Answers of one moment share their times.
_read_time = lru_cache(maxsize=4096)(der.decode_generalized_time)


_read_date_alone = kept(read_date)


# --- reading ---------------------------------------------------------------------------------------------


def parse_ocsp_response(data: bytes) -> OCSPResponse:
    """Read a DER OCSPResponse; OCSPError when it is anything else."""
    try:
        return _read_response(bytes(data))
    except OCSPError:
        raise
    except TrustError as error:
        raise OCSPError(
            f"this is not an OCSP response: {error.message}", code="ocsp-malformed", clause="RFC 6960 4.2.1"
        ) from error


def _read_response(data: bytes) -> OCSPResponse:
    """OCSPResponse ::= SEQUENCE { responseStatus, responseBytes [0] EXPLICIT OPTIONAL } (RFC 6960 4.2.1)."""
    if len(data) > MAXIMUM_RESPONSE_SIZE:
        raise _malformed(f"it has more than {MAXIMUM_RESPONSE_SIZE} octets")
    headers = _successful_headers(len(data))
    if headers is not None and data.startswith(headers):
        return _read_basic(data, (Tag.SEQUENCE, 0, len(headers), len(data)))
    number, *tagged = _split(
        data, (Tag.SEQUENCE, 0, *der.whole(data, Tag.SEQUENCE)), _RESPONSE, "OCSPResponse"
    )
    status = _read_response_status(_raw(data, number))
    if not tagged and status is not OCSPResponseStatus.SUCCESSFUL:
        return OCSPResponse(status)
    raise _malformed("it is neither a basic response nor the reason why there is none")


@lru_cache(maxsize=4096)
def _successful_headers(size: int) -> bytes | None:
    """How a successful basic response of so many octets begins.

    Every header down to BasicOCSPResponse spans to the end of the data, so that its size settles them all.
    """
    return der.nested_headers(
        size,
        (
            (Tag.SEQUENCE, der.enumerated(OCSPResponseStatus.SUCCESSFUL)),
            (_CONTEXT_0, b""),
            (Tag.SEQUENCE, der.oid(OCSP_BASIC)),
            (Tag.OCTET_STRING, b""),
            (Tag.SEQUENCE, b""),
        ),
    )


@kept
def _read_response_status(field: bytes) -> OCSPResponseStatus:
    """OCSPResponseStatus; 4 is not used."""
    number = Reader(field).read_enumerated()
    if number not in set(OCSPResponseStatus):
        raise _malformed("its response status is not known")
    return OCSPResponseStatus(number)


def _read_basic(data: bytes, basic: Element) -> OCSPResponse:
    """BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm, signature, certs [0] }."""
    tbs, algorithm, signature, *tagged = _split(data, basic, _BASIC, "BasicOCSPResponse")
    if data[signature[2] : signature[2] + 1] != b"\0":
        raise _malformed("its signature is not whole octets")
    responder, produced_at, answers, *extensions = _split(data, tbs, _DATA, "ResponseData")
    name, key_digest = _read_responder_id(_raw(data, responder))
    nonce, critical = _read_response_extensions(data, extensions)
    return OCSPResponse(
        OCSPResponseStatus.SUCCESSFUL,
        _raw(data, tbs),
        _raw(data, algorithm),
        data[signature[2] + 1 : signature[3]],
        name,
        key_digest,
        _read_time(_content(data, produced_at)),
        _read_answers(data, answers),
        nonce,
        critical,
        _read_certificates(data, tagged[0]) if tagged else (),
    )


@kept
def _read_responder_id(field: bytes) -> tuple[bytes | None, bytes | None]:
    """ResponderID ::= CHOICE { byName [1] Name, byKey [2] KeyHash }: the name, or the digest of the key."""
    reader = Reader(field)
    choice = reader.enter(reader.peek() or 0)
    if field[0] == _CONTEXT_1:
        name, key_digest = choice.read_raw(Tag.SEQUENCE), None
    else:
        name, key_digest = None, choice.read_octet_string()
    choice.finish()
    return name, key_digest


def _read_certificates(data: bytes, tagged: Element) -> tuple[bytes, ...]:
    """The certificates sent along, not read yet."""
    [listed] = _split(data, tagged, _ONE_SEQUENCE, "certs")
    elements = der.read_elements(data, listed[2], listed[3])
    if len(elements) > MAXIMUM_CERTIFICATES or any(element[0] != Tag.SEQUENCE for element in elements):
        raise _malformed("it brings too many certificates, or something else")
    return tuple(_raw(data, element) for element in elements)


def _read_answers(data: bytes, listed: Element) -> tuple[OCSPAnswer, ...]:
    """responses: one SingleResponse or more."""
    elements = der.read_elements(data, listed[2], listed[3])
    if not 0 < len(elements) <= MAXIMUM_ANSWERS or any(element[0] != Tag.SEQUENCE for element in elements):
        raise _malformed("it has no answers, or too many")
    return tuple([_read_usual_answer(data, element) or _read_answer(data, element) for element in elements])


# A CertID by SHA-1 or SHA-256 up to the length octet of its serial number, and what follows in an answer
# that is good and has no extensions.
_USUAL_CERT_ID = re.compile(
    rb"0[\x00-\x7f](?:%b\x04\x14(.{20})\x04\x14(.{20})|%b\x04\x20(.{32})\x04\x20(.{32}))\x02[\x01-\x7f]"
    % tuple(re.escape(der.sequence(der.oid(oid), der.null())) for oid in (SHA1_OID, SHA256_OID)),
    re.DOTALL,
)
_USUAL_END = re.compile(rb"\x80\x00\x18\x0f([0-9]{14}Z)(?:\xa0\x11\x18\x0f([0-9]{14}Z))?")


def _read_usual_answer(data: bytes, element: Element) -> OCSPAnswer | None:
    """An answer of the form that nearly all have, taken apart at one go; None when it is another."""
    start, end = element[2], element[3]
    issuer = _USUAL_CERT_ID.match(data, start, end)
    if issuer is None:
        return None
    serial_end = issuer.end() + data[issuer.end() - 1]
    times = _USUAL_END.fullmatch(data, serial_end, end)
    if times is None or data[start + 1] != serial_end - start - 2:
        return None
    oid = SHA1_OID if issuer[1] is not None else SHA256_OID
    name_digest, key_digest = issuer[1] or issuer[3], issuer[2] or issuer[4]
    serial_number = der.decode_integer(data[issuer.end() : serial_end])
    cert_id = CertID(data[start:serial_end], oid, name_digest, key_digest, serial_number)
    next_update = None if times[2] is None else _read_time(times[2])
    return OCSPAnswer(cert_id, CertStatus.GOOD, _read_time(times[1]), next_update)


def _read_answer(data: bytes, element: Element) -> OCSPAnswer:
    """SingleResponse (RFC 6960 4.2.1)."""
    cert_id, certificate_status, this_update, *optional = _split(data, element, _ANSWER, "SingleResponse")
    next_update = None
    if optional and optional[0][0] == _CONTEXT_0:
        next_update = _read_date_alone(_content(data, optional.pop(0)))
    status, revoked_at, reason = _read_status(data, certificate_status)
    answer = OCSPAnswer(
        read_cert_id(data, cert_id),
        status,
        _read_time(_content(data, this_update)),
        next_update,
        revoked_at,
        reason,
    )
    return _with_extensions(answer, _read_extensions(data, optional)) if optional else answer


def _with_extensions(answer: OCSPAnswer, extensions: dict[str, Extension]) -> OCSPAnswer:
    """The answer with what its singleExtensions say (RFC 6960 4.4)."""
    return answer._replace(
        critical_extensions=_critical(extensions),
        invalid_since=_read_date(extensions, ExtensionOID.INVALIDITY_DATE),
        archive_cutoff=_read_date(extensions, ExtensionOID.OCSP_ARCHIVE_CUTOFF),
    )


def _read_status(data: bytes, element: Element) -> tuple[CertStatus, datetime | None, CRLReason | None]:
    """CertStatus ::= CHOICE { good [0] NULL, revoked [1] RevokedInfo, unknown [2] NULL }."""
    tag, _, start, end = element
    if tag != _REVOKED:
        if start != end:
            raise _malformed("a status that is NULL has content")
        return (CertStatus.GOOD if tag == _GOOD else CertStatus.UNKNOWN), None, None
    revoked_at, *tagged = _split(data, element, _REVOKED_INFO, "RevokedInfo")
    reason = None
    if tagged:
        reader = Reader(_content(data, tagged[0]))
        reason = reason_named(reader.read_enumerated())
        reader.finish()
    return CertStatus.REVOKED, _read_time(_content(data, revoked_at)), reason


# --- extensions (RFC 6960 4.4) ---------------------------------------------------------------------------


def _read_extensions(data: bytes, tagged: list[Element]) -> dict[str, Extension]:
    """[1] EXPLICIT Extensions, if there."""
    return read_extensions(Reader(_one(data, tagged[0]))) if tagged else {}


def _one(data: bytes, tagged: Element) -> bytes:
    """The content of the one SEQUENCE within a tag."""
    [listed] = _split(data, tagged, _ONE_SEQUENCE, "Extensions")
    return _content(data, listed)


def _critical(extensions: dict[str, Extension]) -> tuple[str, ...]:
    """The critical extensions that are not understood."""
    return tuple([e.oid for e in extensions.values() if e.critical and e.oid not in _UNDERSTOOD])


def _read_response_extensions(data: bytes, tagged: list[Element]) -> tuple[bytes | None, tuple[str, ...]]:
    """The nonce, and the critical extensions that are not understood; the nonce is mostly the only one."""
    if not tagged:
        return None, ()
    _, start, _, end = tagged[0]
    headers = _nonce_headers(end - start)
    if headers is not None and data.startswith(headers, start):
        return _check_nonce(data[start + len(headers) : end]), ()
    extensions = _read_extensions(data, tagged)
    nonce = extensions.get(ExtensionOID.OCSP_NONCE)
    return None if nonce is None else _read_nonce(nonce.value), _critical(extensions)


@lru_cache(maxsize=256)
def _nonce_headers(size: int) -> bytes | None:
    """How responseExtensions of so many octets begin when a nonce is all there is."""
    nested = ((_CONTEXT_1, b""), (Tag.SEQUENCE, b""), (Tag.SEQUENCE, der.oid(ExtensionOID.OCSP_NONCE)))
    return der.nested_headers(size, (*nested, (Tag.OCTET_STRING, b""), (Tag.OCTET_STRING, b"")))


def _read_nonce(value: bytes) -> bytes:
    """Nonce ::= OCTET STRING (SIZE(1..128)) (RFC 9654 2.1)."""
    reader = Reader(value)
    nonce = reader.read_octet_string()
    reader.finish()
    return _check_nonce(nonce)


def _check_nonce(nonce: bytes) -> bytes:
    """A nonce of a length that it may have."""
    if not 0 < len(nonce) <= MAXIMUM_NONCE_SIZE:
        raise _malformed("its nonce does not have 1 to 128 octets")
    return nonce


def _read_date(extensions: dict[str, Extension], oid: str) -> datetime | None:
    """ArchiveCutoff (RFC 6960 4.4.4) or InvalidityDate (RFC 5280 5.3.2): a GeneralizedTime."""
    extension = extensions.get(oid)
    return None if extension is None else _read_date_alone(extension.value)


def _malformed(why: str) -> OCSPError:
    """The error for a response of the wrong shape."""
    return OCSPError(f"this is not an OCSP response: {why}", code="ocsp-malformed", clause="RFC 6960 4.2.1")
