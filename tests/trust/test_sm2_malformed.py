"""Over a thousand malformed SM2 keys and signatures: each refused, and by an error of our own."""

from __future__ import annotations

import pytest

from tests.trust.test_sm2 import EXAMPLE, MESSAGE, N, R, S, encode, key_info
from trust.algorithms import SignatureError, verify_signature
from trust.encoding import der
from trust.errors import TrustError
from trust.public_key import load_public_key, parse_key_info
from trust.sm2 import SM2_WITH_SM3

SIGNATURE = encode(R, S)
POINT = parse_key_info(EXAMPLE).key


def flipped(data: bytes) -> list[bytes]:
    """Every bit of the data turned over, one at a time."""
    return [
        bytes(octet ^ (1 << bit) if place == position else octet for place, octet in enumerate(data))
        for position in range(len(data))
        for bit in range(8)
    ]


def shortened(data: bytes) -> list[bytes]:
    return [data[:size] for size in range(len(data))]


def ber(r: bytes, s: bytes) -> list[bytes]:
    """The same numbers in forms that BER allows and DER does not."""
    plain_r, plain_s = b"\x02\x21" + r, b"\x02\x21" + s
    content = plain_r + plain_s
    return [
        b"\x30\x80" + content + b"\x00\x00",
        b"\x30\x81" + bytes([len(content)]) + content,
        b"\x30\x82\x00" + bytes([len(content)]) + content,
        b"\x30\x84\x00\x00\x00" + bytes([len(content)]) + content,
        der.sequence(b"\x02\x81\x21" + r, plain_s),
        der.sequence(plain_r, b"\x02\x81\x21" + s),
        *(der.sequence(b"\x02" + bytes([33 + n]) + bytes(n) + r, plain_s) for n in range(1, 30)),
        *(der.sequence(plain_r, b"\x02" + bytes([33 + n]) + bytes(n) + s) for n in range(1, 30)),
        # Without the octet that keeps them positive.
        der.sequence(b"\x02\x20" + r[1:], plain_s),
        der.sequence(plain_r, b"\x02\x20" + s[1:]),
        der.sequence(b"\x22\x23" + plain_r, plain_s),
        *(der.sequence(bytes([tag]) + b"\x21" + r, plain_s) for tag in range(256) if tag != 0x02),
        *(bytes([tag]) + bytes([len(content)]) + content for tag in range(256) if tag != 0x30),
    ]


def out_of_range() -> list[bytes]:
    edges = (0, -1, N, N + 1, 2 * N, 1 << 256, 1 << 264, -N, R + N, R - N, S + N, S - N, 1 << 30000)
    return [encode(edge, S) for edge in edges] + [encode(R, edge) for edge in edges]


SIGNATURES = {
    "flipped": flipped(SIGNATURE),
    "shortened": shortened(SIGNATURE),
    "lengthened": [SIGNATURE + bytes(n) for n in range(1, 20)],
    "twice": [SIGNATURE + SIGNATURE, der.sequence(SIGNATURE), der.octet_string(SIGNATURE)],
    "BER": ber(b"\x00" + R.to_bytes(32, "big"), b"\x00" + S.to_bytes(32, "big")),
    "range": out_of_range(),
    "raw": [R.to_bytes(32, "big") + S.to_bytes(32, "big"), bytes(64), b"\xff" * 64],
    "large": [b"\x30" * 100_000, bytes(1_000_000), encode(R, S) + bytes(1_000_000)],
}
KEYS = {
    "point flipped": [key_info(point) for point in flipped(POINT)],
    "point shortened": [key_info(point) for point in shortened(POINT)],
    "point lengthened": [key_info(POINT + bytes(n)) for n in range(1, 20)],
    "key shortened": shortened(EXAMPLE),
    "key lengthened": [EXAMPLE + bytes(n) for n in range(1, 20)],
    "infinity": [key_info(bytes(n)) for n in (1, 33, 65)],
    "large": [key_info(b"\x04" + bytes(1_000_000)), b"\x30" * 100_000],
}


def test_there_are_many():
    assert sum(map(len, SIGNATURES.values())) > 500
    assert sum(map(len, KEYS.values())) > 500
    verify_signature(EXAMPLE, SM2_WITH_SM3, SIGNATURE, MESSAGE)


@pytest.mark.parametrize("kind", SIGNATURES)
def test_signatures(kind):
    for signature in SIGNATURES[kind]:
        with pytest.raises(SignatureError) as refused:
            verify_signature(EXAMPLE, SM2_WITH_SM3, signature, MESSAGE)
        assert refused.value.code == "signature-invalid"


@pytest.mark.parametrize("kind", KEYS)
def test_keys(kind):
    for key in KEYS[kind]:
        with pytest.raises(TrustError) as refused:
            load_public_key(key)
        assert refused.value.code.startswith(("key-", "der-"))


def test_a_flipped_bit_of_a_whole_key():
    """The key is refused, or is another key, to which the signature does not belong."""
    for key in flipped(EXAMPLE):
        with pytest.raises(TrustError):
            verify_signature(key, SM2_WITH_SM3, SIGNATURE, MESSAGE)
