"""PAdES signatures made in two steps, so that the key can be on a card elsewhere (EN 319 142-1 clause 5).

1. `prepare_pdf` places the signature field, computes the digest of the byte range and formats the
   signed attributes; their DER encoding is what the card signs.
2. `embed_signature` checks that the value belongs to exactly these attributes and this document, has
   it timestamped (B-T) and writes the CMS into the reserved space.

`PreparedPdf` holds everything between the two; whoever keeps it seals it (`filing.prepared`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from signing.errors import AlreadySignedError, SignatureMismatchError, SigningError
from signing.formats.limits import DEFAULT_MAXIMUM_DOCUMENT_BYTES
from signing.formats.pdf_reading import guarded, open_pdf, signed_fields
from signing.formats.prepared_signature import signature_digest, verify_prepared_signature
from trust.certificate import Certificate

if TYPE_CHECKING:
    from pyhanko.sign.timestamps import TimeStamper

_FIELD_NAME_DIGITS: Final = 12
# The CMS is written in hexadecimal into space reserved before its size is known: attributes, signature,
# the timestamp token with its certificates; the signer's own certificates are counted exactly.
_RESERVED_BYTES_BESIDES_CERTIFICATES: Final = 12 * 1024


@dataclass(frozen=True)
class PreparedPdf:
    """A PDF that waits for its signature value."""

    document: bytes
    signed_attributes: bytes
    document_digest: bytes
    reserved_start: int
    reserved_end: int
    certificate: bytes
    chain: tuple[bytes, ...]


def prepare_pdf(
    document: bytes,
    certificate: bytes,
    *,
    chain: tuple[bytes, ...] = (),
    at: datetime,
    reason: str = "",
    maximum: int = DEFAULT_MAXIMUM_DOCUMENT_BYTES,
) -> PreparedPdf:
    """Step 1: return the document with room for a signature, and the attributes to be signed.

    `chain` are the certificates between the signer's and the trust anchor, which goes in no signature.
    """
    reader = open_pdf(document, maximum)
    with guarded():
        signatures = signed_fields(reader)
    if signatures:
        raise AlreadySignedError(
            "The PDF already carries a signature. Another one would change what that one covers: "
            "start from the unsigned document."
        )
    digest = signature_digest(Certificate.parse(certificate).public_key)
    reserved = 2 * (_RESERVED_BYTES_BESIDES_CERTIFICATES + len(certificate) + sum(map(len, chain)))
    with guarded():
        return asyncio.run(
            _prepare(reader, certificate, chain, at, reason, reserved, digest, _field_name(document))
        )


async def _prepare(
    reader: Any,
    certificate: bytes,
    chain: tuple[bytes, ...],
    at: datetime,
    reason: str,
    reserved: int,
    digest: str,
    field_name: str,
) -> PreparedPdf:
    """Let pyHanko write the revision, its digest and the signed attributes."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

    external = _external_signer(certificate, chain)
    metadata = PdfSignatureMetadata(
        field_name=field_name,
        md_algorithm=digest,
        subfilter=SigSeedSubFilter.PADES,
        reason=reason or None,
    )
    session = PdfSigner(metadata, signer=external).init_signing_session(
        IncrementalPdfFileWriter.from_reader(reader)
    )
    session.system_time = at
    to_be_signed = session.prepare_tbs_document(validation_info=None, bytes_reserved=reserved)
    prepared, output = to_be_signed.digest_tbs_document(output=BytesIO())
    attributes = await external.signed_attrs(prepared.document_digest, digest, use_pades=True)
    return PreparedPdf(
        document=output.getvalue(),
        signed_attributes=attributes.dump(),
        document_digest=prepared.document_digest,
        reserved_start=prepared.reserved_region_start,
        reserved_end=prepared.reserved_region_end,
        certificate=certificate,
        chain=chain,
    )


def embed_signature(
    prepared: PreparedPdf, signature: bytes, *, timestamper: TimeStamper | None = None
) -> bytes:
    """Step 2: return the signed document, with a signature timestamp when a timestamper is given.

    Raises SignatureMismatchError when the value was not made by the certificate's key over exactly the
    prepared attributes, or the prepared document is not the one whose digest they hold.
    """
    _check_prepared_document(prepared)
    verify_prepared_signature(prepared.certificate, prepared.signed_attributes, signature)
    return asyncio.run(_embed(prepared, signature, timestamper))


def _check_prepared_document(prepared: PreparedPdf) -> None:
    """Compare the prepared document with the digest in the attributes the card signed."""
    document = memoryview(prepared.document)
    digest = hashlib.new(_digest_of(prepared.certificate), document[: prepared.reserved_start])
    digest.update(document[prepared.reserved_end :])
    if not hmac.compare_digest(digest.digest(), prepared.document_digest):
        raise SignatureMismatchError("The prepared document was changed. Start again from the upload.")
    if prepared.document_digest not in prepared.signed_attributes:
        raise SignatureMismatchError("The prepared attributes belong to another document. Start again.")


async def _embed(prepared: PreparedPdf, signature: bytes, timestamper: TimeStamper | None) -> bytes:
    """Let pyHanko build the CMS, fetch the timestamp and fill the reserved space."""
    from asn1crypto import cms
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
    from pyhanko.sign.signers.pdf_signer import PdfTBSDocument

    external = _external_signer(prepared.certificate, prepared.chain, signature)
    attributes = cms.CMSAttributes.load(prepared.signed_attributes)
    container = await external.async_sign_prescribed_attributes(
        _digest_of(prepared.certificate), signed_attrs=attributes, timestamper=timestamper
    )
    output = BytesIO(prepared.document)
    region = PreparedByteRangeDigest(prepared.document_digest, prepared.reserved_start, prepared.reserved_end)
    try:
        await PdfTBSDocument.async_finish_signing(output, prepared_digest=region, signature_cms=container)
    except PdfError as error:
        raise SigningError(f"the signature cannot be written into the document: {error}") from error
    return output.getvalue()


def _field_name(document: bytes) -> str:
    """A name no field of the document has: a field prepared by others could bring its own conditions."""
    return f"Signature-{hashlib.sha256(document).hexdigest()[:_FIELD_NAME_DIGITS]}"


def _digest_of(certificate: bytes) -> str:
    """The digest that the certificate's key signs with."""
    return signature_digest(Certificate.parse(certificate).public_key)


def _external_signer(certificate: bytes, chain: tuple[bytes, ...], signature: bytes | None = None) -> Any:
    """PyHanko's signer whose value comes from elsewhere."""
    from asn1crypto import x509
    from pyhanko.sign.signers import ExternalSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    store = SimpleCertificateStore.from_certs([x509.Certificate.load(der) for der in (certificate, *chain)])
    return ExternalSigner(
        x509.Certificate.load(certificate), store, signature_value=signature, embed_roots=False
    )
