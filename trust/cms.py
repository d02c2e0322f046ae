"""Signed messages: CMS SignedData with exactly one signer (RFC 5652 5, RFC 5035 for ESS).

The writer is in `trust.encoding.cms` and offered here, too.  Reading has two steps:
`parse_signed_data` returns bounded facts, `verify_signed_data` checks the digest, the ESS certificate
identifier and the signature.  Whether the certificate is trusted is the question of `trust.path`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from trust.algorithms import SignatureAlgorithm, SignatureScheme, parse_algorithm, verify_with
from trust.certificate import Certificate
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.encoding.cms import (
    AttributeType,
    ContentType,
    assemble_signed_data,
    digest_for,
    encode_attribute,
    sign_cms,
    signature_timestamp_attribute,
    signed_attributes,
)
from trust.encoding.der import DerError, Reader, Tag
from trust.names import names_match
from trust.public_key import split_algorithm
from trust.signed_attributes import (
    CMSError,
    SignedAttributes,
    accepted_digest,
    parse_signed_attributes,
    read_attributes,
    set_members,
)

__all__ = [
    "AttributeType",
    "CMSError",
    "ContentType",
    "SignedAttributes",
    "SignedDataFacts",
    "assemble_signed_data",
    "check_signing_certificate",
    "digest_for",
    "encode_attribute",
    "parse_signed_attributes",
    "parse_signed_data",
    "sign_cms",
    "signature_timestamp_attribute",
    "signed_attributes",
    "verify_signed_data",
]

MAXIMUM_CERTIFICATES: Final = 32
_FIRST_VERSION, _LAST_VERSION = 1, 5
_RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"


@dataclass(frozen=True)
class SignedDataFacts:
    """What a SignedData with one signer says; nothing of it is proven yet."""

    der: bytes = field(repr=False)
    content_type: str
    content: bytes | None = field(repr=False)
    digest_algorithm: DigestAlgorithm
    certificates: tuple[bytes, ...] = field(repr=False)
    signer_issuer: bytes | None = field(repr=False)
    signer_serial_number: int | None
    signer_key_identifier: bytes | None
    signed_attributes: bytes = field(repr=False)
    attributes: Mapping[str, bytes] = field(repr=False)
    message_digest: bytes
    signing_time: datetime | None
    signing_certificate_digest: tuple[DigestAlgorithm, bytes] | None
    signature_algorithm: SignatureAlgorithm
    signature: bytes = field(repr=False)
    unsigned_attributes: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def timestamp_tokens(self) -> tuple[bytes, ...]:
        """DER signature timestamp tokens among the unsigned attributes (RFC 3161 appendix A)."""
        return tuple(
            value for oid, value in self.unsigned_attributes if oid == AttributeType.SIGNATURE_TIMESTAMP
        )


def parse_signed_data(data: bytes, *, maximum_size: int = der.MAXIMUM_SIZE) -> SignedDataFacts:
    """Read a DER ContentInfo with SignedData and exactly one signer (RFC 5652 3 and 5.1)."""
    try:
        return _parse_content_info(bytes(data), maximum_size)
    except DerError as error:
        raise CMSError(
            f"not a signed message: {error.message}", code=error.code, clause=error.clause or "RFC 5652 5"
        ) from error


def _parse_content_info(data: bytes, maximum_size: int) -> SignedDataFacts:
    """ContentInfo and SignedData, in the order of their fields."""
    content_info = der.read_sequence(data, maximum_size=maximum_size)
    if content_info.read_oid() != ContentType.SIGNED_DATA:
        raise CMSError("the content is not signed data", code="cms-content-type", clause="RFC 5652 5.1")
    wrapper = content_info.enter(der.context(0))
    content_info.finish()
    signed_data = wrapper.enter()
    wrapper.finish()
    # 1. version, digestAlgorithms
    _check_version(signed_data.read_integer(), "SignedData")
    digests = signed_data.read_raw(Tag.SET)
    # 2. encapContentInfo
    encapsulated = signed_data.enter()
    content_type = encapsulated.read_oid()
    content = _read_content(encapsulated)
    # 3. certificates [0]; crls [1] are not used: revocation data is fetched, or carried by the formats.
    certificates = _read_certificates(signed_data.enter_optional(der.context(0)))
    signed_data.read_optional(der.context(1))
    # 4. signerInfos: one
    signers = signed_data.enter(Tag.SET)
    signed_data.finish()
    signer = _one_signer(signers)
    return _parse_signer(signer, data, digests, content_type, content, certificates)


def _check_version(version: int, what: str) -> None:
    """Versions 1 to 5 differ in what they may hold, not in how it is read (RFC 5652 5.1)."""
    if not _FIRST_VERSION <= version <= _LAST_VERSION:
        raise CMSError(f"{what} has an unknown version", code="cms-version", clause="RFC 5652 5.1")


def _read_content(encapsulated: Reader) -> bytes | None:
    """The eContent, [0] EXPLICIT OCTET STRING OPTIONAL."""
    wrapper = encapsulated.enter_optional(der.context(0))
    encapsulated.finish()
    if wrapper is None:
        return None
    content = wrapper.read_octet_string()
    wrapper.finish()
    return content


def _read_certificates(reader: Reader | None) -> tuple[bytes, ...]:
    """CertificateSet, of X.509 certificates only and a bounded number of them."""
    certificates: list[bytes] = []
    while reader is not None and not reader.at_end:
        if len(certificates) == MAXIMUM_CERTIFICATES:
            raise CMSError(f"more than {MAXIMUM_CERTIFICATES} certificates", code="cms-too-many-certificates")
        certificates.append(reader.read_raw(Tag.SEQUENCE))
    return tuple(certificates)


def _one_signer(signers: Reader) -> Reader:
    """The one SignerInfo."""
    if signers.peek() is None:
        raise CMSError("nobody signed the message", code="cms-no-signer", clause="RFC 5652 5.1")
    signer = signers.enter()
    if signers.peek() is not None:
        raise CMSError("more than one signer", code="cms-several-signers", clause="RFC 5652 5.1")
    return signer


def _parse_signer(
    signer: Reader,
    data: bytes,
    digests: bytes,
    content_type: str,
    content: bytes | None,
    certificates: tuple[bytes, ...],
) -> SignedDataFacts:
    """SignerInfo, in the order of its fields (RFC 5652 5.3)."""
    _check_version(signer.read_integer(), "SignerInfo")
    issuer, serial_number, key_identifier = _read_signer_identifier(signer)
    digest_identifier = signer.read_raw(Tag.SEQUENCE)
    digest = accepted_digest(digest_identifier)
    if digest_identifier not in set_members(digests):
        raise CMSError("the signer's digest is not announced", code="cms-digest", clause="RFC 5652 5.1")
    attributes = _read_signed_attributes(signer)
    algorithm = _signature_algorithm(signer.read_raw(Tag.SEQUENCE), digest)
    signature = signer.read_octet_string()
    unsigned = _read_unsigned_attributes(signer.enter_optional(der.context(1)))
    signer.finish()
    if attributes.content_type != content_type:
        raise CMSError(
            "the signed content type is not the content's", code="cms-content-type", clause="RFC 5652 11.1"
        )
    return SignedDataFacts(
        der=data,
        content_type=content_type,
        content=content,
        digest_algorithm=digest,
        certificates=certificates,
        signer_issuer=issuer,
        signer_serial_number=serial_number,
        signer_key_identifier=key_identifier,
        signed_attributes=attributes.encoded,
        attributes=attributes.values,
        message_digest=attributes.message_digest,
        signing_time=attributes.signing_time,
        signing_certificate_digest=attributes.signing_certificate_digest,
        signature_algorithm=algorithm,
        signature=signature,
        unsigned_attributes=unsigned,
    )


def _read_signer_identifier(signer: Reader) -> tuple[bytes | None, int | None, bytes | None]:
    """issuerAndSerialNumber, or subjectKeyIdentifier [0]."""
    if signer.peek() == der.context(0, constructed=False):
        return None, None, signer.read(der.context(0, constructed=False))
    identifier = signer.enter()
    issuer = identifier.read_raw(Tag.SEQUENCE)
    serial_number = identifier.read_integer()
    identifier.finish()
    return issuer, serial_number, None


def _signature_algorithm(identifier: bytes, digest: DigestAlgorithm) -> SignatureAlgorithm:
    """The signature algorithm; rsaEncryption takes the signer's digest (RFC 3370 3.2)."""
    oid, parameters = split_algorithm(identifier)
    if oid == _RSA_ENCRYPTION and parameters in (b"", der.null()):
        return SignatureAlgorithm(SignatureScheme.RSA_PKCS1, digest)
    algorithm = parse_algorithm(identifier)
    if (algorithm.digest or DigestAlgorithm.SHA512) is not digest:
        raise CMSError(
            "the signature algorithm's digest is not the signer's", code="cms-digest", clause="RFC 5754 3"
        )
    return algorithm


def _read_signed_attributes(signer: Reader) -> SignedAttributes:
    """The signed attributes, stored as [0] IMPLICIT and signed as SET OF (RFC 5652 5.4)."""
    if signer.peek() != der.context(0):
        raise CMSError("there are no signed attributes", code="cms-no-attributes", clause="RFC 5652 5.3")
    return parse_signed_attributes(bytes((Tag.SET,)) + signer.read_raw(der.context(0))[1:])


def _read_unsigned_attributes(reader: Reader | None) -> tuple[tuple[str, bytes], ...]:
    """Unsigned attributes as (type, value), a pair for each value."""
    if reader is None:
        return ()
    return tuple((oid, value) for oid, values in read_attributes(reader) for value in values)


# --- verifying ----------------------------------------------------------------------------------


def verify_signed_data(
    facts: SignedDataFacts,
    content: bytes | None = None,
    *,
    certificates: Sequence[bytes] = (),
    require_signing_certificate: bool = True,
) -> Certificate:
    """Verify that one signer signed the content and named its certificate; return that certificate.

    `content` is given for a detached signature; `certificates` are candidates beside the embedded
    ones.  The steps of RFC 5652 5.6, then RFC 5035 3:
    """
    # 1. There is one content, and its digest is the signed one.
    digest = facts.digest_algorithm.digest(_content_of(facts, content))
    if not hmac.compare_digest(digest, facts.message_digest):
        raise CMSError(
            "the content is not the one that was signed", code="cms-digest-mismatch", clause="RFC 5652 5.6"
        )
    # 2. The certificate the signer names, by identifier and by digest.
    certificate = _signer_certificate(facts, (*facts.certificates, *certificates))
    check_signing_certificate(facts, certificate.der, required=require_signing_certificate)
    # 3. The signature over the attributes.
    verify_with(certificate.public_key, facts.signature_algorithm, facts.signature, facts.signed_attributes)
    return certificate


def _content_of(facts: SignedDataFacts, content: bytes | None) -> bytes:
    """The embedded content or the given one; both must be the same where there are both."""
    if facts.content is None and content is None:
        raise CMSError("the signature is detached: give the content, too", code="cms-no-content")
    if facts.content is not None and content is not None and facts.content != content:
        raise CMSError("the embedded content is not the given one", code="cms-digest-mismatch")
    return facts.content if facts.content is not None else content or b""


def _signer_certificate(facts: SignedDataFacts, candidates: Iterable[bytes]) -> Certificate:
    """The candidate that the signer identifier names."""
    for encoded in candidates:
        certificate = Certificate.parse(encoded)
        if _is_signer(facts, certificate):
            return certificate
    raise CMSError(
        "the signer's certificate is not in the message", code="cms-no-certificate", clause="RFC 5652 5.3"
    )


def _is_signer(facts: SignedDataFacts, certificate: Certificate) -> bool:
    """Whether the signer identifier names this certificate (RFC 5652 5.3)."""
    if facts.signer_issuer is None:
        return certificate.key_identifier == facts.signer_key_identifier
    return certificate.serial_number == facts.signer_serial_number and names_match(
        certificate.issuer, facts.signer_issuer
    )


def check_signing_certificate(facts: SignedDataFacts, certificate: bytes, *, required: bool = True) -> None:
    """Check that signing-certificate-v2 names this certificate (RFC 5035 3)."""
    named = facts.signing_certificate_digest
    if named is None:
        if required:
            raise CMSError(
                "the signature does not name its certificate (signing-certificate-v2)",
                code="cms-no-signing-certificate",
                clause="RFC 5035 3",
            )
        return
    digest, value = named
    if not hmac.compare_digest(digest.digest(certificate), value):
        raise CMSError(
            "the signature names another certificate", code="cms-signing-certificate", clause="RFC 5035 3"
        )
