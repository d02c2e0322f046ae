"""Certificates as authorities publish them at caIssuers addresses (RFC 5280 4.2.2.1).

One DER certificate, or a certs-only CMS message (RFC 5272 4.1): SignedData without content and signers. PEM
is read too, since it is what many servers really send.
"""

from __future__ import annotations

from typing import Final

from trust.certificate import Certificate, load_pem_certificates
from trust.encoding import der
from trust.encoding.cms import ContentType
from trust.encoding.der import DerError, Reader, Tag
from trust.signed_attributes import CMSError

MAXIMUM_PUBLISHED_CERTIFICATES: Final = 32
_PEM_BEGIN = b"-----BEGIN"
_FIRST_VERSION, _LAST_VERSION = 1, 5


def load_certificates(data: bytes) -> list[Certificate]:
    """Read what a caIssuers address holds; TrustError when it is none of the three forms, or empty.

    The certificates are read, not believed.
    """
    if data.lstrip().startswith(_PEM_BEGIN):
        certificates = load_pem_certificates(data)
    elif _is_content_info(data):
        certificates = [Certificate.parse(each) for each in _read_certs_only(data)]
    else:
        certificates = [Certificate.parse(data)]
    if not 0 < len(certificates) <= MAXIMUM_PUBLISHED_CERTIFICATES:
        raise CMSError(
            f"expected 1 to {MAXIMUM_PUBLISHED_CERTIFICATES} certificates, there are {len(certificates)}",
            code="cms-too-many-certificates",
        )
    return certificates


def _is_content_info(data: bytes) -> bool:
    """Whether a SEQUENCE begins with an OBJECT IDENTIFIER, as ContentInfo does (RFC 5652 3)."""
    try:
        return der.read_sequence(data).peek() == Tag.OBJECT_IDENTIFIER
    except DerError:
        return False


def _read_certs_only(data: bytes) -> list[bytes]:
    """The certificates of a SignedData that nobody signed (RFC 5272 4.1)."""
    try:
        return _read_signed_data(der.read_sequence(data))
    except DerError as error:
        raise CMSError(
            f"not a certs-only message: {error.message}",
            code=error.code,
            clause=error.clause or "RFC 5652 5.1",
        ) from error


def _read_signed_data(content_info: Reader) -> list[bytes]:
    """ContentInfo and SignedData, in the order of their fields (RFC 5652 3, 5.1)."""
    if content_info.read_oid() != ContentType.SIGNED_DATA:
        raise CMSError("the content is not signed data", code="cms-content-type", clause="RFC 5652 5.1")
    wrapper = content_info.enter(der.context(0))
    content_info.finish()
    signed_data = wrapper.enter()
    wrapper.finish()
    # 1. version, digestAlgorithms, encapContentInfo: without meaning where nobody signs.
    if not _FIRST_VERSION <= signed_data.read_integer() <= _LAST_VERSION:
        raise CMSError("SignedData has an unknown version", code="cms-version", clause="RFC 5652 5.1")
    signed_data.read_raw(Tag.SET)
    signed_data.read_raw(Tag.SEQUENCE)
    # 2. certificates [0]; crls [1] are passed over.
    listed = signed_data.enter_optional(der.context(0))
    signed_data.read_optional(der.context(1))
    # 3. signerInfos: none.
    signers = signed_data.enter(Tag.SET)
    signed_data.finish()
    if not signers.at_end:
        raise CMSError("a certs-only message has no signers", code="cms-signers", clause="RFC 5272 4.1")
    return _read_listed(listed)


def _read_listed(listed: Reader | None) -> list[bytes]:
    """CertificateSet, of X.509 certificates only (RFC 5652 10.2.2)."""
    found: list[bytes] = []
    while listed is not None and not listed.at_end and len(found) <= MAXIMUM_PUBLISHED_CERTIFICATES:
        found.append(listed.read_raw(Tag.SEQUENCE))
    return found
