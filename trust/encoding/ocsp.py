"""OCSP: responses are written, requests are read and written (RFC 6960; nonces by RFC 9654).

A response holds any number of answers, so a client that asks for several certificates at once gets
all of them under one signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from trust.encoding import der
from trust.encoding.der import DerError, Element, Reader, Tag
from trust.encoding.extensions import key_bits, key_identifier
from trust.errors import EncodingError, TrustError
from trust.keeping import kept
from trust.signer import Signer
from trust.status import CertStatus, CRLReason
from trust.vocabulary import ExtensionOID

OCSP_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
SHA1_OID: Final = "1.3.14.3.2.26"
SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"

MAXIMUM_REQUEST_SIZE: Final = 64 * 1024
MAXIMUM_CERT_IDS: Final = 256
MAXIMUM_NONCE_SIZE: Final = 128
_MAXIMUM_EXTENSIONS: Final = 16
_CERT_ID_FIELDS: Final = [Tag.SEQUENCE, Tag.OCTET_STRING, Tag.OCTET_STRING, Tag.INTEGER]
_DIGESTS = {SHA1_OID: "sha1", SHA256_OID: "sha256"}


class OCSPResponseStatus(IntEnum):
    """OCSPResponseStatus (RFC 6960 4.2.1)."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


class OCSPRequestError(TrustError):
    """A request that a responder answers with malformedRequest."""


class CertID(NamedTuple):
    """Which certificate is asked about (RFC 6960 4.1.1); `raw` is its DER, to be echoed."""

    raw: bytes
    hash_algorithm: str
    issuer_name_digest: bytes
    issuer_key_digest: bytes
    serial_number: int


@dataclass(frozen=True)
class OCSPRequest:
    """What a client asks."""

    cert_ids: tuple[CertID, ...]
    nonce: bytes | None = None


class SingleAnswer(NamedTuple):
    """The answer about one certificate (RFC 6960 4.2.1 SingleResponse); `cert_id` is DER."""

    cert_id: bytes
    status: CertStatus
    this_update: datetime
    next_update: datetime | None = None
    revoked_at: datetime | None = None
    reason: CRLReason | None = None


# --- responses ----------------------------------------------------------------------------------

_SUCCESSFUL = der.enumerated(OCSPResponseStatus.SUCCESSFUL)
_BASIC = der.oid(OCSP_BASIC)
_NONCE = der.oid(ExtensionOID.OCSP_NONCE)
_GOOD, _UNKNOWN = der.implicit(0, b""), der.implicit(2, b"")


def responder_by_key(public_key: bytes) -> bytes:
    """DER ResponderID: the SHA-1 digest of the responder's SubjectPublicKeyInfo's key (RFC 6960 4.2.1)."""
    return der.explicit(2, der.octet_string(key_identifier(public_key)))


def responder_by_name(name: bytes) -> bytes:
    """DER ResponderID: the subject of the responder's certificate, a DER Name (RFC 6960 4.2.1)."""
    return der.explicit(1, name)


class OCSPResponseWriter:
    """Writes and signs the responses of one responder (RFC 6960 4.2.1).

    What all of them share - who answers, the algorithm, the certificates that go with them - is encoded once.
    """

    def __init__(self, signer: Signer, responder_id: bytes, certificates: Sequence[bytes] = ()) -> None:
        self._signer = signer
        self._responder_id = responder_id
        self._algorithm = signer.algorithm
        self._certificates = der.explicit(0, der.sequence(*certificates)) if certificates else b""

    def write(
        self, answers: Sequence[SingleAnswer], *, produced_at: datetime, nonce: bytes | None = None
    ) -> bytes:
        """DER OCSPResponse, signed."""
        data = self._encode_response_data(answers, produced_at=produced_at, nonce=nonce)
        signature = der.bit_string(self._signer.sign(data))
        basic = der.sequence(data, self._algorithm, signature, self._certificates)
        response_bytes = der.sequence(_BASIC, der.octet_string(basic))
        return der.sequence(_SUCCESSFUL, der.explicit(0, response_bytes))

    def _encode_response_data(
        self, answers: Sequence[SingleAnswer], *, produced_at: datetime, nonce: bytes | None = None
    ) -> bytes:
        """DER ResponseData, that is, what the responder signs."""
        if not answers:
            raise EncodingError(
                "an OCSP response without answers", code="ocsp-empty", clause="RFC 6960 4.2.1"
            )
        return der.sequence(
            self._responder_id,
            der.generalized_time(produced_at),
            der.sequence(*[_single_response(answer) for answer in answers]),
            _nonce_extensions(1, nonce),
        )


def encode_ocsp_error(status: int) -> bytes:
    """DER OCSPResponse that only says why there is no answer, unsigned (RFC 6960 2.3)."""
    if status == OCSPResponseStatus.SUCCESSFUL or status not in set(OCSPResponseStatus):
        raise EncodingError(f"{status} is not an error status", code="ocsp-status", clause="RFC 6960 4.2.1")
    return der.sequence(der.enumerated(status))


def _nonce_extensions(number: int, nonce: bytes | None) -> bytes:
    """[number] Extensions with the nonce, of 1 to 128 octets, or nothing (RFC 9654 2.1)."""
    if nonce is None:
        return b""
    if not 0 < len(nonce) <= MAXIMUM_NONCE_SIZE:
        raise EncodingError("a nonce has 1 to 128 octets", code="ocsp-nonce", clause="RFC 9654 2.1")
    extension = der.sequence(_NONCE, der.octet_string(der.octet_string(nonce)))
    return der.explicit(number, der.sequence(extension))


def _single_response(answer: SingleAnswer) -> bytes:
    """DER SingleResponse."""
    cert_id, status, this_update, next_update, _, _ = answer
    this_field, next_field = der.generalized_time(this_update), b""
    if next_update is not None:
        next_field = der.explicit(0, der.generalized_time(next_update))
        if next_update < this_update:
            raise EncodingError("nextUpdate precedes thisUpdate", code="ocsp-update-order")
    cert_status = _GOOD if status is CertStatus.GOOD else _other_status(answer)
    return der.sequence(cert_id, cert_status, this_field, next_field)


def _other_status(answer: SingleAnswer) -> bytes:
    """DER CertStatus that is not good: [1] RevokedInfo, [2] unknown."""
    if answer.status is CertStatus.UNKNOWN:
        return _UNKNOWN
    if answer.revoked_at is None:
        raise EncodingError("revoked, but not since when", code="ocsp-revoked", clause="RFC 6960 4.2.1")
    reason = b"" if answer.reason is None else der.explicit(0, der.enumerated(answer.reason))
    return der.implicit(1, der.generalized_time(answer.revoked_at) + reason, constructed=True)


# --- requests -----------------------------------------------------------------------------------


def encode_cert_id(issuer: bytes, issuer_key: bytes, serial_number: int, digest: str = "sha1") -> bytes:
    """DER CertID from the issuer's DER Name and the bits of its key (RFC 6960 4.1.1)."""
    algorithms = {name: oid for oid, name in _DIGESTS.items()}
    if digest not in algorithms:
        raise EncodingError(f"a CertID is not made with {digest}", code="ocsp-digest")
    return der.sequence(
        der.sequence(der.oid(algorithms[digest]), der.null()),
        der.octet_string(hashlib.new(digest, issuer, usedforsecurity=False).digest()),
        der.octet_string(hashlib.new(digest, key_bits(issuer_key), usedforsecurity=False).digest()),
        der.integer(serial_number),
    )


def encode_ocsp_request(cert_ids: Sequence[bytes], nonce: bytes | None = None) -> bytes:
    """DER OCSPRequest, unsigned (RFC 6960 4.1.1)."""
    if not cert_ids:
        raise EncodingError("an OCSP request for nothing", code="ocsp-empty", clause="RFC 6960 4.1.1")
    requests = der.sequence(*[der.sequence(cert_id) for cert_id in cert_ids])
    return der.sequence(der.sequence(requests, _nonce_extensions(2, nonce)))


def parse_ocsp_request(data: bytes) -> OCSPRequest:
    """Read an OCSPRequest strictly; a signature on it is not needed and not checked (RFC 6960 4.1.2)."""
    try:
        return _parse_request(data)
    except DerError as error:
        raise OCSPRequestError(
            f"not an OCSP request: {error.message}", code="malformedRequest", clause="RFC 6960 4.1.1"
        ) from error


def _parse_request(data: bytes) -> OCSPRequest:
    """OCSPRequest ::= SEQUENCE { tbsRequest, optionalSignature [0] EXPLICIT OPTIONAL }."""
    outer = der.read_sequence(data, maximum_size=MAXIMUM_REQUEST_SIZE)
    tbs = outer.enter()
    outer.read_optional(der.context(0))
    outer.finish()
    # 1. version [0] DEFAULT v1: DER leaves the default out, so nothing may be there.
    if tbs.peek() == der.context(0):
        raise _malformed("its version is not 1")
    # 2. requestorName [1], of no consequence for an unsigned request.
    tbs.read_optional(der.context(1))
    # 3. requestList
    cert_ids: list[CertID] = []
    requests = tbs.enter()
    while not requests.at_end:
        if len(cert_ids) == MAXIMUM_CERT_IDS:
            raise _malformed(f"it asks for more than {MAXIMUM_CERT_IDS} certificates")
        cert_ids.append(_read_request(requests.enter()))
    if not cert_ids:
        raise _malformed("it asks for nothing")
    # 4. requestExtensions [2]
    nonce = _read_extensions(tbs, 2)
    tbs.finish()
    return OCSPRequest(tuple(cert_ids), nonce)


def _read_request(request: Reader) -> CertID:
    """Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] EXPLICIT OPTIONAL }."""
    cert_id = parse_cert_id(request.read_raw(Tag.SEQUENCE))
    _read_extensions(request, 0)
    request.finish()
    return cert_id


def parse_cert_id(data: bytes) -> CertID:
    """Read a DER CertID; the lengths of known digests are checked."""
    start, end = der.whole(data, Tag.SEQUENCE)
    return read_cert_id(data, (Tag.SEQUENCE, 0, start, end))


def read_cert_id(data: bytes, element: Element) -> CertID:
    """CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } within `data`."""
    _, start, content, end = element
    fields = der.read_elements(data, content, end)
    if [field[0] for field in fields] != _CERT_ID_FIELDS:
        raise _malformed("a CertID does not have its four fields")
    algorithm, name, key, serial = fields
    oid, size = _read_digest_algorithm(data[algorithm[1] : algorithm[3]])
    name_digest, key_digest = data[name[2] : name[3]], data[key[2] : key[3]]
    if size is not None and not len(name_digest) == len(key_digest) == size:
        raise _malformed("a digest has the wrong length")
    serial_number = Reader(data[serial[1] : serial[3]]).read_integer()
    return CertID(data[start:end], oid, name_digest, key_digest, serial_number)


@kept
def _read_digest_algorithm(data: bytes) -> tuple[str, int | None]:
    """The digest algorithm of a CertID: its OID, and the digest's size when it is known here."""
    reader = der.read_sequence(data)
    oid = reader.read_oid()
    if not reader.at_end:
        reader.read_null()
    reader.finish()
    return oid, hashlib.new(_DIGESTS[oid]).digest_size if oid in _DIGESTS else None


def _read_extensions(reader: Reader, number: int) -> bytes | None:
    """Read [number] Extensions; return the nonce. A critical extension not known here is refused."""
    wrapper = reader.enter_optional(der.context(number))
    if wrapper is None:
        return None
    extensions = wrapper.enter()
    wrapper.finish()
    seen: dict[str, bytes] = {}
    while not extensions.at_end:
        extension = extensions.enter()
        oid = extension.read_oid()
        critical = extension.peek() == Tag.BOOLEAN and extension.read_boolean()
        value = extension.read_octet_string()
        extension.finish()
        if oid in seen or len(seen) == _MAXIMUM_EXTENSIONS:
            raise _malformed("an extension is repeated, or there are too many")
        if critical and oid != ExtensionOID.OCSP_NONCE:
            raise _malformed(f"the critical extension {oid} is not known here")
        seen[oid] = value
    return _read_nonce(seen[ExtensionOID.OCSP_NONCE]) if ExtensionOID.OCSP_NONCE in seen else None


def _read_nonce(value: bytes) -> bytes:
    """Nonce ::= OCTET STRING (SIZE(1..128)) (RFC 9654 2.1)."""
    reader = Reader(value)
    nonce = reader.read_octet_string()
    reader.finish()
    if not 0 < len(nonce) <= MAXIMUM_NONCE_SIZE:
        raise _malformed("its nonce does not have 1 to 128 octets")
    return nonce


def _malformed(why: str) -> OCSPRequestError:
    """The refusal of a request."""
    message = f"not a good OCSP request: {why}"
    return OCSPRequestError(message, code="malformedRequest", clause="RFC 6960 4.1.1")
