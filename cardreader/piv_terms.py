"""The vocabulary of PIV (SP 800-73-5 part 1 and 2, SP 800-78-5): slots, algorithms, objects, containers."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from cardreader import tlv
from cardreader.errors import PinFormatError, PukFormatError, TlvError, UnsupportedError

PIV_AID = bytes.fromhex("A000000308000010000100")  # SP 800-73 part 1, 2.2
PIV_AID_PREFIX = PIV_AID[:9]  # without the version: selects any

PIN_LENGTH = 8  # padded with FF (part 2, 2.4.3)
PIN_MINIMUM = 6
PIN_PADDING = 0xFF
PUK_LENGTH = 8
GUID_LENGTH = 16
MAXIMUM_CERTIFICATE = 16_384


class Instruction(IntEnum):
    """INS bytes of the PIV card commands (SP 800-73 part 2, table 2) and of Yubico's additions."""

    VERIFY = 0x20
    CHANGE_REFERENCE_DATA = 0x24
    RESET_RETRY_COUNTER = 0x2C
    GENERATE_KEY_PAIR = 0x47
    GENERAL_AUTHENTICATE = 0x87
    SELECT = 0xA4
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCB
    PUT_DATA = 0xDB
    YUBICO_METADATA = 0xF7
    YUBICO_SERIAL = 0xF8
    YUBICO_VERSION = 0xFD
    YUBICO_SET_MANAGEMENT_KEY = 0xFF


class Slot(IntEnum):
    """Key references of the asymmetric keys (part 1, table 4b)."""

    AUTHENTICATION = 0x9A
    SIGNATURE = 0x9C
    KEY_MANAGEMENT = 0x9D
    CARD_AUTHENTICATION = 0x9E

    @property
    def certificate_object(self) -> ObjectTag:
        """The data object that holds this slot's certificate."""
        return _CERTIFICATE_OBJECTS[self]

    @property
    def label(self) -> str:
        """The slot as cards and manuals write it: 9A."""
        return f"{self.value:02X}"


class Reference(IntEnum):
    """Key references that are not asymmetric keys (part 1, table 4a)."""

    PIN = 0x80
    PUK = 0x81
    MANAGEMENT_KEY = 0x9B


class ObjectTag(IntEnum):
    """BER-TLV tags of the data objects (part 1, table 3)."""

    DISCOVERY = 0x7E
    CARD_AUTHENTICATION_CERTIFICATE = 0x5FC101
    CHUID = 0x5FC102
    FINGERPRINTS = 0x5FC103
    AUTHENTICATION_CERTIFICATE = 0x5FC105
    SECURITY = 0x5FC106
    CAPABILITIES = 0x5FC107
    FACIAL_IMAGE = 0x5FC108
    PRINTED_INFORMATION = 0x5FC109
    SIGNATURE_CERTIFICATE = 0x5FC10A
    KEY_MANAGEMENT_CERTIFICATE = 0x5FC10B
    KEY_HISTORY = 0x5FC10C
    IRIS_IMAGES = 0x5FC121


_CERTIFICATE_OBJECTS = {
    Slot.AUTHENTICATION: ObjectTag.AUTHENTICATION_CERTIFICATE,
    Slot.SIGNATURE: ObjectTag.SIGNATURE_CERTIFICATE,
    Slot.KEY_MANAGEMENT: ObjectTag.KEY_MANAGEMENT_CERTIFICATE,
    Slot.CARD_AUTHENTICATION: ObjectTag.CARD_AUTHENTICATION_CERTIFICATE,
}


class KeyAlgorithm(IntEnum):
    """Algorithm identifiers of the asymmetric keys (SP 800-78-5 table 9; RSA-3072 is new in -5)."""

    RSA_3072 = 0x05
    RSA_2048 = 0x07
    P_256 = 0x11
    P_384 = 0x14

    @property
    def is_rsa(self) -> bool:
        """Whether this is an RSA key."""
        return self in (KeyAlgorithm.RSA_2048, KeyAlgorithm.RSA_3072)

    @property
    def bits(self) -> int:
        """The size of the modulus or of the curve's field."""
        return {
            KeyAlgorithm.RSA_2048: 2048,
            KeyAlgorithm.RSA_3072: 3072,
            KeyAlgorithm.P_256: 256,
            KeyAlgorithm.P_384: 384,
        }[self]

    @property
    def digest(self) -> str:
        """The digest a key of this kind signs with (SP 800-78-5 table 3)."""
        return "sha384" if self is KeyAlgorithm.P_384 else "sha256"

    @classmethod
    def named(cls, name: str) -> KeyAlgorithm:
        """The algorithm called p256, p384, rsa2048 or rsa3072."""
        return cls[{"p256": "P_256", "p384": "P_384", "rsa2048": "RSA_2048", "rsa3072": "RSA_3072"}[name]]


class ManagementAlgorithm(IntEnum):
    """Algorithm identifiers of the management key 9B (SP 800-78-5 table 8)."""

    TRIPLE_DES = 0x03
    AES_128 = 0x08
    AES_192 = 0x0A
    AES_256 = 0x0C

    @property
    def key_length(self) -> int:
        """How many bytes the key has."""
        return {3: 24, 8: 16, 10: 24, 12: 32}[self.value]

    @property
    def block_length(self) -> int:
        """How many bytes a challenge has."""
        return 8 if self is ManagementAlgorithm.TRIPLE_DES else 16


@dataclass(frozen=True)
class ManagementKey:
    """The key that may write a card: never shown."""

    algorithm: ManagementAlgorithm
    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != self.algorithm.key_length:
            raise UnsupportedError(
                f"A management key for {self.algorithm.name} has {self.algorithm.key_length} bytes.",
                f"{self.algorithm.name} 管理密钥应为 {self.algorithm.key_length} 字节。",
            )

    @classmethod
    def factory(cls, algorithm: ManagementAlgorithm) -> Self:
        """The well-known key that blank cards are delivered with."""
        return cls(algorithm, (bytes(range(1, 9)) * 4)[: algorithm.key_length])


class Compression(IntEnum):
    """CertInfo of a certificate container (part 1, appendix A, table 10)."""

    NONE = 0
    GZIP = 1


@dataclass(frozen=True)
class Chuid:
    """The Card Holder Unique Identifier (part 1, 3.1.2): here the card's own random identifier."""

    guid: bytes
    expires: str = "20991231"

    _FASC_N = 0x30
    _GUID = 0x34
    _EXPIRATION = 0x35
    _ISSUER_SIGNATURE = 0x3E
    _ERROR_DETECTION = 0xFE
    # No FASC-N outside the United States government: agency 9999, everything else nines (part 1, 3.1.2).
    _NON_FEDERAL = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")

    def encode(self) -> bytes:
        """The content of the container."""
        return (
            tlv.encode(self._FASC_N, self._NON_FEDERAL)
            + tlv.encode(self._GUID, self.guid)
            + tlv.encode(self._EXPIRATION, self.expires.encode("ascii"))
            + tlv.encode(self._ISSUER_SIGNATURE)
            + tlv.encode(self._ERROR_DETECTION)
        )

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a CHUID; only the GUID must be there."""
        guid = tlv.require(content, cls._GUID)
        if len(guid) != GUID_LENGTH:
            raise TlvError("the card's GUID does not have 16 bytes")
        expires = tlv.find(content, cls._EXPIRATION) or b""
        return cls(guid, expires.decode("ascii", "replace"))


def encode_capabilities(card_identifier: bytes) -> bytes:
    """A Card Capability Container (part 1, 3.1.1) with a 14-byte card identifier."""
    issuer = bytes.fromhex("A000000116FF02")  # GSC-RID, manufacturer 255, card type "other"
    empty = b"".join(tlv.encode(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE))
    return (
        tlv.encode(0xF0, issuer + card_identifier)
        + tlv.encode(0xF1, b"\x21")
        + tlv.encode(0xF2, b"\x21")
        + tlv.encode(0xF3)
        + tlv.encode(0xF4, b"\x00")
        + tlv.encode(0xF5, b"\x10")
        + empty
    )


def encode_certificate_container(certificate: bytes) -> bytes:
    """The content of a certificate object: 70 the certificate, 71 not compressed, FE."""
    return (
        tlv.encode(_CERTIFICATE, certificate) + tlv.encode(_CERT_INFO, b"\x00") + tlv.encode(_ERROR_DETECTION)
    )


def parse_certificate_container(content: bytes) -> bytes:
    """The certificate of a certificate object, unpacked (never beyond 16 KiB) when it is compressed."""
    certificate = tlv.require(content, _CERTIFICATE)
    info = tlv.find(content, _CERT_INFO) or b"\x00"
    if info[0] & Compression.GZIP:
        return _unpack(certificate)
    return certificate


_CERTIFICATE = 0x70
_CERT_INFO = 0x71
_ERROR_DETECTION = 0xFE


def _unpack(packed: bytes) -> bytes:
    """A gzip-compressed certificate, bounded."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        certificate = unpacker.decompress(packed, MAXIMUM_CERTIFICATE)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise TlvError("a compressed certificate cannot be unpacked") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise TlvError("a compressed certificate is too long or cut short")
    return certificate


def check_pin(pin: bytes | bytearray) -> None:
    """SP 800-73 part 2, 2.4.3: six to eight decimal digits."""
    if not PIN_MINIMUM <= len(pin) <= PIN_LENGTH or any(not 0x30 <= digit <= 0x39 for digit in pin):
        raise PinFormatError


def check_puk(puk: bytes | bytearray) -> None:
    """SP 800-73 part 2, 2.4.3: eight bytes; printable, since a person types them."""
    if len(puk) != PUK_LENGTH or any(not 0x20 < character < 0x7F for character in puk):
        raise PukFormatError


def pad_pin(pin: bytes | bytearray) -> bytearray:
    """The PIN as the card takes it: eight bytes, padded with FF. The caller wipes it."""
    check_pin(pin)
    padded = bytearray(b"\xff" * PIN_LENGTH)
    padded[: len(pin)] = pin
    return padded
