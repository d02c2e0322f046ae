"""Web eID card tokens, formats web-eid:1.0 and 1.1: read, and the signature verified.

The card signs digest(origin) ‖ digest(nonce). Whether the nonce is ours and unused is the provider's to know;
whether the certificate is trusted is path.py's. Until then it is called `unverified_certificate`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from trust.algorithms import (
    SignatureAlgorithm,
    SignatureError,
    SignatureScheme,
    check_public_key,
    verify_with,
)
from trust.certificate import Certificate, CertificateError
from trust.digest import DigestAlgorithm
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.names import names_match
from trust.public_key import AlgorithmError, PublicKey, load_public_key

MINIMUM_LENGTH, MAXIMUM_LENGTH = 100, 10_000
MINIMUM_NONCE_LENGTH, MAXIMUM_NONCE_LENGTH = 44, 128
MAXIMUM_ORIGIN_LENGTH = 255
MAXIMUM_SIGNING_CERTIFICATES = 4
MAXIMUM_SUPPORTED_ALGORITHMS = 64
MAXIMUM_APP_VERSION_LENGTH = 255

_FORMAT = re.compile(r"web-eid:1(?:\.[0-9]{1,3})?\Z")
_HOST = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_PORT = r"(?::[1-9][0-9]{0,4})?"
_ORIGIN = re.compile(rf"https://(?:{_HOST}|\[[0-9a-f:.]+\]){_PORT}\Z")
# Plain http only on the machine itself, for development.
_LOOPBACK_ORIGIN = re.compile(rf"http://(?:localhost|127\.0\.0\.1|\[::1\]){_PORT}\Z")


class CardTokenError(TrustError):
    """A card token that cannot be read, or whose signature is not over our origin and nonce."""


class CardTokenAlgorithm(Enum):
    """Signature algorithms of card tokens, by their JWA names (RFC 7518 3.1)."""

    ES256 = ("ES256", SignatureScheme.ECDSA, DigestAlgorithm.SHA256)
    ES384 = ("ES384", SignatureScheme.ECDSA, DigestAlgorithm.SHA384)
    ES512 = ("ES512", SignatureScheme.ECDSA, DigestAlgorithm.SHA512)
    PS256 = ("PS256", SignatureScheme.RSA_PSS, DigestAlgorithm.SHA256)
    PS384 = ("PS384", SignatureScheme.RSA_PSS, DigestAlgorithm.SHA384)
    PS512 = ("PS512", SignatureScheme.RSA_PSS, DigestAlgorithm.SHA512)
    RS256 = ("RS256", SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA256)
    RS384 = ("RS384", SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA384)
    RS512 = ("RS512", SignatureScheme.RSA_PKCS1, DigestAlgorithm.SHA512)

    def __init__(self, label: str, scheme: SignatureScheme, digest: DigestAlgorithm) -> None:
        self.label = label
        self.scheme = scheme
        self.digest = digest


_ALGORITHMS = {algorithm.label: algorithm for algorithm in CardTokenAlgorithm}
# RFC 7518 3.4: each ES algorithm has its curve.
_CURVE_BITS = {CardTokenAlgorithm.ES256: 256, CardTokenAlgorithm.ES384: 384, CardTokenAlgorithm.ES512: 521}


@dataclass(frozen=True)
class SupportedAlgorithm:
    """A signature algorithm that the card offers, in Web eID's words."""

    crypto_algorithm: str
    hash_function: str
    padding_scheme: str


@dataclass(frozen=True)
class SigningCertificate:
    """The card's certificate for documents, as the token brings it (web-eid:1.1)."""

    unverified_certificate: Certificate
    supported_algorithms: tuple[SupportedAlgorithm, ...]


@dataclass(frozen=True)
class CardToken:
    """A card token, read; nothing of it is proven yet."""

    unverified_certificate: Certificate
    algorithm: CardTokenAlgorithm
    signature: bytes
    format: str
    app_version: str
    unverified_signing_certificates: tuple[SigningCertificate, ...]

    @classmethod
    def parse(cls, token: str | Mapping[str, Any]) -> CardToken:
        """Read a card token from its JSON text or the object already read; unknown fields are ignored."""
        document = _load(token)
        version = _text(document, "format")
        if not _FORMAT.match(version):
            raise CardTokenError("only tokens of format web-eid:1 are accepted", code="format-unknown")
        algorithm = _ALGORITHMS.get(_text(document, "algorithm"))
        if algorithm is None:
            raise CardTokenError("the signature algorithm is not accepted", code="algorithm-unknown")
        app_version = document.get("appVersion", "")
        if not isinstance(app_version, str) or len(app_version) > MAXIMUM_APP_VERSION_LENGTH:
            raise CardTokenError("appVersion is not a short text", code="field-malformed")
        return cls(
            _certificate(_text(document, "unverifiedCertificate")),
            algorithm,
            _decode(_text(document, "signature"), "signature"),
            version,
            app_version if app_version.isprintable() else "",
            _signing_certificates(document),
        )


# --- reading ---------------------------------------------------------------------------------------------


def _load(token: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The token's JSON object; too long or too short ones are refused before they are read."""
    try:
        text = token if isinstance(token, str) else json.dumps(token)
        if not MINIMUM_LENGTH <= len(text) <= MAXIMUM_LENGTH:
            raise CardTokenError(
                f"a card token has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters", code="token-length"
            )
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, TypeError, RecursionError) as error:
        raise CardTokenError("a card token is a JSON object", code="token-malformed") from error
    if not isinstance(document, dict):
        raise CardTokenError("a card token is a JSON object", code="token-malformed")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name occurs twice, so that no two readers see two tokens."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _text(document: Mapping[str, Any], name: str) -> str:
    """A field that must be there and be text."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise CardTokenError(f"the field {name} is missing or not text", code="field-missing")
    return value


def _decode(value: str, name: str) -> bytes:
    """A field's Base64, strict."""
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CardTokenError(f"the field {name} is not Base64", code="field-malformed") from error


def _certificate(value: str) -> Certificate:
    """A certificate in a field."""
    try:
        return Certificate.parse(_decode(value, "certificate"))
    except CertificateError as error:
        raise CardTokenError(
            f"the card's certificate cannot be read: {error.message}", code="certificate-malformed"
        ) from error


def _signing_certificates(document: Mapping[str, Any]) -> tuple[SigningCertificate, ...]:
    """The list of web-eid:1.1, or the single certificate of its earlier form; none in 1.0."""
    listed = document.get("unverifiedSigningCertificates")
    if listed is None and "unverifiedSigningCertificate" in document:
        listed = [
            {
                "certificate": document["unverifiedSigningCertificate"],
                "supportedSignatureAlgorithms": document.get("supportedSignatureAlgorithms"),
            }
        ]
    if listed is None:
        return ()
    if not isinstance(listed, list) or len(listed) > MAXIMUM_SIGNING_CERTIFICATES:
        raise CardTokenError("the signing certificates are not a short list", code="field-malformed")
    return tuple(_signing_certificate(entry) for entry in listed)


def _signing_certificate(entry: object) -> SigningCertificate:
    """One signing certificate with what the card can do with it."""
    if not isinstance(entry, dict):
        raise CardTokenError("a signing certificate is not an object", code="field-malformed")
    supported = entry.get("supportedSignatureAlgorithms") or []
    if not isinstance(supported, list) or len(supported) > MAXIMUM_SUPPORTED_ALGORITHMS:
        raise CardTokenError("the supported algorithms are not a short list", code="field-malformed")
    return SigningCertificate(
        _certificate(_text(entry, "certificate")), tuple(_supported_algorithm(item) for item in supported)
    )


def _supported_algorithm(item: object) -> SupportedAlgorithm:
    """One supported signature algorithm."""
    if not isinstance(item, dict):
        raise CardTokenError("a supported algorithm is not an object", code="field-malformed")
    return SupportedAlgorithm(
        _text(item, "cryptoAlgorithm"), _text(item, "hashFunction"), _text(item, "paddingScheme")
    )


# --- verifying -------------------------------------------------------------------------------------------


def verify_card_token(token: CardToken, *, origin: str, nonce: str, at: datetime) -> None:
    """The card's signature over our origin and our nonce (the nonce as its Base64 text, never decoded)."""
    check_origin(origin)
    if not MINIMUM_NONCE_LENGTH <= len(nonce) <= MAXIMUM_NONCE_LENGTH:
        raise CardTokenError("a nonce has 44 to 128 characters", code="nonce-length")
    digest = token.algorithm.digest
    data = digest.digest(origin.encode("utf-8")) + digest.digest(nonce.encode("utf-8"))
    try:
        key = load_public_key(token.unverified_certificate.public_key)
        signature = _signature_for(token, key)
        check_public_key(token.unverified_certificate.public_key, at)
        algorithm = SignatureAlgorithm(token.algorithm.scheme, digest, digest.new().digest_size)
        verify_with(token.unverified_certificate.public_key, algorithm, signature, data)
    except SignatureError as error:
        raise CardTokenError(
            "the card did not sign this origin and nonce", code="signature-invalid", clause="Web eID 1.1"
        ) from error
    except AlgorithmError as error:
        raise CardTokenError(
            f"the card's key is not accepted: {error.message}", code=error.code, clause=error.clause
        ) from error


def check_origin(origin: str) -> None:
    """One rule: the origin is https://host[:port], or plain http on the machine itself."""
    well_formed = _ORIGIN.match(origin) or _LOOPBACK_ORIGIN.match(origin)
    if len(origin) > MAXIMUM_ORIGIN_LENGTH or not well_formed:
        raise CardTokenError("an origin is https://host[:port]", code="origin-malformed")


def _signature_for(token: CardToken, key: PublicKey) -> bytes:
    """The signature as the key's verifier takes it; the algorithm must be of the key's kind and curve."""
    algorithm = token.algorithm
    if isinstance(key, rsa.RSAPublicKey) and algorithm.scheme is not SignatureScheme.ECDSA:
        return token.signature
    if isinstance(key, ec.EllipticCurvePublicKey) and _CURVE_BITS.get(algorithm) == key.key_size:
        return _from_raw(token.signature, (key.key_size + 7) // 8)
    raise CardTokenError(
        f"{algorithm.label} is not an algorithm of the card's key",
        code="algorithm-mismatch",
        clause="RFC 7518 3.1",
    )


def _from_raw(signature: bytes, size: int) -> bytes:
    """ECDSA r ‖ s of fixed size (RFC 7518 3.4) as DER."""
    if len(signature) != 2 * size:
        raise CardTokenError("an ECDSA signature has the wrong length", code="signature-invalid")
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


def check_signing_certificate(token: CardToken, signing: SigningCertificate, at: datetime) -> None:
    """One rule: the signing certificate is the same holder's, of the same issuer, current, for documents."""
    login, document = token.unverified_certificate, signing.unverified_certificate
    if not names_match(login.subject, document.subject) or not names_match(login.issuer, document.issuer):
        raise CardTokenError("the signing certificate is somebody else's", code="signing-certificate-other")
    if not document.not_valid_before <= at <= document.not_valid_after:
        raise CardTokenError("the signing certificate is not current", code="signing-certificate-expired")
    if KeyUsage.NON_REPUDIATION not in (document.key_usage or ()):
        raise CardTokenError("the signing certificate is not for documents", code="signing-certificate-usage")
