"""BER-TLV: examples by hand from ISO/IEC 7816-4, and anything at all without a foreign error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader import tlv
from cardreader.errors import TlvError


@pytest.mark.parametrize(
    ("tag", "length", "header"),
    [
        (0x53, 0, "5300"),
        (0x53, 127, "537F"),
        (0x53, 128, "538180"),
        (0x53, 255, "5381FF"),
        (0x53, 256, "53820100"),
        (0x53, 65000, "5382FDE8"),
        (0x7F49, 2, "7F4902"),
        (0x5FC105, 1, "5FC10501"),
    ],
)
def test_headers(tag, length, header):
    encoded = tlv.encode(tag, bytes(length))
    assert encoded == bytes.fromhex(header) + bytes(length)
    assert tlv.parse(encoded) == (tlv.DataObject(tag, bytes(length)),)


def test_the_discovery_object_of_the_standard():
    """SP 800-73-4 part 2, C.1: 7E 12 {4F 0B AID, 5F2F 02 policy}."""
    encoded = bytes.fromhex("7E124F0BA0000003080000100001005F2F024000")
    objects = tlv.parse(tlv.parse_one(encoded, 0x7E))
    assert [item.tag for item in objects] == [0x4F, 0x5F2F]
    assert tlv.require(encoded[2:], 0x5F2F) == b"\x40\x00"
    assert tlv.find(encoded[2:], 0x50) is None


@pytest.mark.parametrize(
    "text",
    [
        "53",  # no length
        "5F",  # tag cut short
        "5FFFFFFF00",  # tag too long
        "5302AA",  # value cut short
        "5381",  # length cut short
        "5380AA0000",  # indefinite length
        "538401000000",  # length of four bytes
        "53FF",  # reserved length
        "530100 5302AA",  # the second one is cut short
    ],
)
def test_bad_objects(text):
    with pytest.raises(TlvError):
        tlv.parse(bytes.fromhex(text))


def test_limits():
    with pytest.raises(TlvError):
        tlv.parse(bytes(tlv.MAXIMUM_SIZE + 1))
    with pytest.raises(TlvError):
        tlv.encode_length(1 << 24)
    with pytest.raises(TlvError):
        tlv.parse_one(bytes.fromhex("53005300"), 0x53)
    with pytest.raises(TlvError):
        tlv.require(b"", 0x53)


@given(st.binary(max_size=300))
def test_anything_is_parsed_or_refused(data):
    try:
        objects = tlv.parse(data)
    except TlvError:
        return
    assert sum(len(item.value) for item in objects) <= len(data)


@given(
    st.lists(st.tuples(st.sampled_from([0x30, 0x53, 0x7F49, 0x5FC102]), st.binary(max_size=300)), max_size=5)
)
def test_what_is_written_is_read(items):
    encoded = b"".join(tlv.encode(tag, value) for tag, value in items)
    assert [(item.tag, item.value) for item in tlv.parse(encoded)] == items
