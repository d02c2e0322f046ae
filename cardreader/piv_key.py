"""Public keys as PIV cards write them (SP 800-73-5 part 2, table 10), and what raw RSA needs around it."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cardreader import tlv
from cardreader.errors import ProtocolError, UnsupportedError
from cardreader.piv_terms import KeyAlgorithm

_MODULUS = 0x81
_EXPONENT = 0x82
_POINT = 0x86
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.P_256: ec.SECP256R1(),
    KeyAlgorithm.P_384: ec.SECP384R1(),
}
_SHA256_DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420")  # RFC 8017 9.2, note 1


def encode_public_key(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    """The data objects of a public key, as a card sends them."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        modulus = numbers.n.to_bytes(key.key_size // 8, "big")
        exponent = numbers.e.to_bytes(3, "big")
        return tlv.encode(_MODULUS, modulus) + tlv.encode(_EXPONENT, exponent)
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return tlv.encode(_POINT, point)


def decode_public_key(algorithm: KeyAlgorithm, template: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a public key as the card writes it (part 2, table 10)."""
    try:
        if algorithm.is_rsa:
            modulus = int.from_bytes(tlv.require(template, _MODULUS), "big")
            exponent = int.from_bytes(tlv.require(template, _EXPONENT), "big")
            key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            point = tlv.require(template, _POINT)
            key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[algorithm], point)
    except ValueError as error:
        raise ProtocolError(
            "The card's public key is not valid. Replace the card.", "卡的公钥无效，请换卡。"
        ) from error
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def algorithm_of(public_key: bytes) -> KeyAlgorithm:
    """The PIV algorithm of a DER SubjectPublicKeyInfo."""
    try:
        key = serialization.load_der_public_key(public_key)
    except ValueError:
        key = None
    if isinstance(key, ec.EllipticCurvePublicKey):
        found = {256: KeyAlgorithm.P_256, 384: KeyAlgorithm.P_384}.get(
            key.curve.key_size if key.curve.name.startswith("secp") else 0
        )
    elif isinstance(key, rsa.RSAPublicKey):
        found = {2048: KeyAlgorithm.RSA_2048, 3072: KeyAlgorithm.RSA_3072}.get(key.key_size)
    else:
        found = None
    if found is None:
        raise UnsupportedError(
            "A key of this kind is not one PIV cards hold (P-256, P-384, RSA-2048, RSA-3072).",
            "PIV 卡不支持此类密钥（支持 P-256、P-384、RSA-2048、RSA-3072）。",
        )
    return found


def pkcs1_block(digest: bytes, size: int) -> bytes:
    """EMSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017 9.2): the block a raw RSA operation turns into one."""
    information = _SHA256_DIGEST_INFO + digest
    return b"\x00\x01" + b"\xff" * (size - len(information) - 3) + b"\x00" + information
