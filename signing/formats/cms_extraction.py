"""Evidence from CMS signed data (RFC 5652, CAdES EN 319 122-1), detached, enveloping, or inside a PDF.

Never raises for the data's sake: what cannot be read becomes a fault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from signing.evidence import (
    Coverage,
    DigestFact,
    DocumentEvidence,
    Fault,
    FaultCode,
    SignatureEvidence,
    SignatureFormat,
    TimestampEvidence,
)
from signing.formats.limits import MAXIMUM_CMS_BYTES
from trust.certificate import Certificate
from trust.cms import CMSError, ContentType, SignedDataFacts, check_signing_certificate, parse_signed_data
from trust.digest import DigestAlgorithm
from trust.errors import TrustError

Buffer = bytes | memoryview
_WEAK_DIGEST: Final = "cms-weak-digest"
_CMS_IDENTIFIER: Final = "cms"


def extract_cms(signature: bytes, content: bytes | None = None) -> DocumentEvidence:
    """Return the evidence of a CMS signature; `content` is what a detached one signs."""
    container = decode_pem(signature)
    try:
        embedded = parse_signed_data(container, maximum_size=MAXIMUM_CMS_BYTES).content
    except TrustError:
        embedded = None
    signed = embedded if embedded is not None else content
    evidence = extract_signed_data(
        container,
        None if signed is None else (signed,),
        identifier=_CMS_IDENTIFIER,
        signature_format=SignatureFormat.CADES,
        detached=embedded is None,
    )
    subject = signed if signed is not None else container
    digest = hashlib.sha256(subject).hexdigest()
    return DocumentEvidence(SignatureFormat.CADES, len(subject), digest, (evidence,))


def decode_pem(signature: bytes) -> bytes:
    """The DER inside a PEM text ("-----BEGIN CMS-----", also PKCS7), or the bytes as they are."""
    if not signature.lstrip().startswith(b"-----BEGIN"):
        return signature
    import base64
    import binascii

    lines = [line for line in signature.split(b"\n") if line.strip() and not line.startswith(b"-----")]
    try:
        return base64.b64decode(b"".join(line.strip() for line in lines), validate=True)
    except binascii.Error:
        return signature


def extract_signed_data(
    container: bytes,
    signed_parts: Sequence[Buffer] | None,
    *,
    identifier: str,
    signature_format: SignatureFormat,
    coverage: Coverage | None = None,
    detached: bool = True,
) -> SignatureEvidence:
    """Return the evidence of one signed-data object over the given parts of bytes (None: not at hand)."""
    try:
        facts = parse_signed_data(container, maximum_size=MAXIMUM_CMS_BYTES)
        certificates = _unique(Certificate.parse(der) for der in facts.certificates)
    except TrustError as error:
        weak = isinstance(error, CMSError) and error.code == _WEAK_DIGEST
        code = FaultCode.ALGORITHM_REFUSED if weak else FaultCode.SIGNATURE_MALFORMED
        return faulty(identifier, signature_format, code, error.message)
    if facts.content_type != ContentType.DATA or (detached and facts.content is not None):
        return faulty(
            identifier, signature_format, FaultCode.SIGNATURE_MALFORMED, "the signature carries other content"
        )
    signer = _signing_certificate(facts, certificates)
    return SignatureEvidence(
        identifier=identifier,
        format=signature_format,
        coverage=coverage,
        content_digest=_digest_fact(facts, signed_parts),
        signed_attributes=facts.signed_attributes,
        signature_algorithm=facts.signature_algorithm,
        signature_value=facts.signature,
        unverified_signing_certificate=signer,
        certificate_reference_matches=signer is not None and _reference_matches(facts, signer),
        unverified_certificates=certificates,
        timestamps=tuple(TimestampEvidence(token, facts.signature) for token in facts.timestamp_tokens),
        claimed_signing_time=facts.signing_time,
    )


def faulty(
    identifier: str, signature_format: SignatureFormat, code: FaultCode, detail: str
) -> SignatureEvidence:
    """The evidence of a signature whose form is wrong."""
    return SignatureEvidence(identifier, signature_format, faults=(Fault(code, detail),))


def digest_of(parts: Sequence[Buffer], algorithm: DigestAlgorithm) -> bytes:
    """The digest of consecutive parts, without joining them."""
    digest = hashlib.new(algorithm.label, usedforsecurity=True)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _digest_fact(facts: SignedDataFacts, parts: Sequence[Buffer] | None) -> DigestFact | None:
    """The digest as stated and as computed; None when the data are not at hand."""
    if parts is None:
        return None
    computed = digest_of(parts, facts.digest_algorithm)
    return DigestFact(facts.digest_algorithm.label, facts.message_digest, computed)


def _unique(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The certificates, each once, in order."""
    return tuple(dict.fromkeys(certificates))


def _signing_certificate(facts: SignedDataFacts, certificates: Sequence[Certificate]) -> Certificate | None:
    """The embedded certificate that the signer identifier names (RFC 5652 5.3), byte for byte.

    The identifier is not signed; comparing names more freely would let changed bytes pass.
    """
    for certificate in certificates:
        try:
            named = (
                certificate.key_identifier == facts.signer_key_identifier
                if facts.signer_issuer is None
                else (certificate.issuer, certificate.serial_number)
                == (facts.signer_issuer, facts.signer_serial_number)
            )
        except TrustError:
            continue
        if named:
            return certificate
    return None


def _reference_matches(facts: SignedDataFacts, certificate: Certificate) -> bool:
    """Whether the signed reference names this certificate (RFC 5035 3)."""
    try:
        check_signing_certificate(facts, certificate.der)
    except TrustError:
        return False
    return True
