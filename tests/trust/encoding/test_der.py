"""DER: expected bytes from X.690, and the library's own DER where it has it; named bad inputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from trust.encoding import der
from trust.encoding.der import DerError, Reader, Tag
from trust.errors import EncodingError


@given(st.integers(-(2**200), 2**200))
def test_integers_are_those_of_another_encoder_and_come_back(value):
    encoded = der.integer(value)
    assert encoded == core.Integer(value).dump()
    assert Reader(encoded).read_integer() == value


@given(
    st.tuples(st.integers(0, 1), st.integers(0, 39)) | st.tuples(st.just(2), st.integers(0, 2**64)),
    st.lists(st.integers(0, 2**64), max_size=8),
)
def test_object_identifiers_come_back(head, rest):
    text = ".".join(map(str, (*head, *rest)))
    assert Reader(der.oid(text)).read_oid() == text


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("1.2.840.113549", "06062a864886f70d"),
        ("2.100.3", "0603813403"),  # X.690 8.19.5
        ("2.5.4.3", "0603550403"),
        ("1.2.156.10197.1.301", "06082a811ccf5501822d"),
    ],
)
def test_object_identifiers_of_the_standards(text, encoded):
    assert der.oid(text).hex() == encoded
    assert der.decode_oid(bytes.fromhex(encoded)[2:]) == text


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40", "1.2.", "1..2", "1.02", "a.b", "1.-2", "1.2\n"])
def test_what_is_no_object_identifier(text):
    with pytest.raises(EncodingError):
        der.oid(text)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths_are_minimal(size):
    encoded = der.octet_string(bytes(size))
    assert encoded == core.OctetString(bytes(size)).dump()
    assert Reader(encoded).read_octet_string() == bytes(size)


@pytest.mark.parametrize(
    ("bits", "encoded"),
    [([], "030100"), ([0], "03020780"), ([5, 6], "03020106"), ([8], "0303070080"), ([0, 7], "03020081")],
)
def test_named_bits(bits, encoded):
    assert der.named_bits(bits).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).read_named_bits() == frozenset(bits)


@pytest.mark.parametrize(
    ("at", "encoded"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), b"\x17\x0d500101000000Z"),
        (datetime(1991, 5, 6, 23, 45, 40, tzinfo=UTC), b"\x17\x0d910506234540Z"),  # X.690 11.8
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(1949, 12, 31, tzinfo=UTC), b"\x18\x0f19491231000000Z"),
        (datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), b"\x17\x0d260101000000Z"),
    ],
)
def test_times_follow_rfc_5280(at, encoded):
    assert der.time(at) == encoded
    assert Reader(encoded).read_time() == at


def test_a_time_without_zone_is_refused():
    with pytest.raises(EncodingError):
        der.time(datetime(2026, 1, 1))  # noqa: DTZ001 - the bad input


class _ClockSetBack(tzinfo):
    """A zone whose every hour happens twice: an hour ahead first, then (fold 1) in UTC."""

    def utcoffset(self, at):
        return timedelta(hours=1 - at.fold)

    def dst(self, at):
        return None


def test_the_hour_that_happens_twice_is_written_as_two_moments():
    zone = _ClockSetBack()
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold) for fold in (0, 1))
    assert der.time(first) == b"\x17\x0d261025013000Z"
    assert der.time(second) == b"\x17\x0d261025023000Z"
    assert der.generalized_time(first) == b"\x18\x0f20261025013000Z"
    assert der.generalized_time(second) == b"\x18\x0f20261025023000Z"


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_sets_are_in_order(values):
    encoded = der.set_of(*(der.octet_string(value) for value in values))
    der.check_der(encoded)
    assert encoded == core.SetOf(values, spec=core.OctetString).dump(force=True)


def test_context_tags():
    assert der.explicit(0, der.null()).hex() == "a0020500"
    assert der.implicit(2, b"x").hex() == "820178"
    assert der.implicit(1, der.null(), constructed=True).hex() == "a1020500"
    with pytest.raises(EncodingError):
        der.explicit(31, b"")


def test_strings_are_held_to_their_alphabets():
    assert der.printable_string("A-1 (x)").hex() == "130741" + b"-1 (x)".hex()
    with pytest.raises(EncodingError):
        der.printable_string("a@b")
    with pytest.raises(EncodingError):
        der.ia5_string("é")
    with pytest.raises(EncodingError):
        der.utf8_string("\ud800")


BAD = [
    ("empty", "", "der-truncated"),
    ("header only", "30", "der-truncated"),
    ("cut content", "0402aa", "der-truncated"),
    ("cut length", "0482", "der-truncated"),
    ("indefinite length", "3080020101 0000", "der-indefinite-length"),
    ("long form of a short length", "04810161", "der-length-not-minimal"),
    ("leading zero in a length", "0482008061", "der-length-not-minimal"),
    ("length of 127 octets", "04ff" + "01" * 127, "der-truncated"),
    ("high tag", "1f810100", "der-tag"),
    ("trailing data", "050000", "der-trailing-data"),
    ("padded integer", "02020001", "der-integer-not-minimal"),
    ("padded negative integer", "0202ff80", "der-integer-not-minimal"),
    ("empty integer", "0200", "der-integer"),
    ("boolean 01", "010101", "der-boolean"),
    ("boolean of two octets", "0102ffff", "der-boolean"),
    ("null with content", "050100", "der-null"),
    ("empty object identifier", "0600", "der-oid"),
    ("cut object identifier", "060188", "der-oid"),
    ("padded arc", "06032a8001", "der-oid"),
    ("huge arc", "0616" + "2a" + "ff" * 20 + "01", "der-oid"),
    ("bit string without count", "0300", "der-bit-string"),
    ("eight unused bits", "03020800", "der-bit-string"),
    ("unused bits of nothing", "030101", "der-bit-string"),
    ("unused bits set", "03020301", "der-bit-string"),
    ("octet string in pieces", "2403040161", "der-tag"),
    ("set out of order", "3106020102020101", "der-set-order"),
]


@pytest.mark.parametrize(("encoded", "code"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_refused_by_name(encoded, code):
    with pytest.raises(DerError) as caught:
        der.check_der(bytes.fromhex(encoded))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "content",
    [
        b"991332000000Z",
        b"990231000000Z",
        b"9902280000Z",
        b"990228000000+0000",
        b"990228000000",
        b"990228246000Z",
        b"\xd9\xa099999999999Z",
    ],
)
def test_bad_utc_times(content):
    with pytest.raises(DerError) as caught:
        Reader(der.tlv(Tag.UTC_TIME, content)).read_time()
    assert caught.value.code == "der-time"


@pytest.mark.parametrize(
    "content",
    [b"20500101000000", b"20500101000000.5Z", b"20500101000000,5Z", b"00000101000000Z", b"2050010100Z"],
)
def test_bad_generalized_times(content):
    with pytest.raises(DerError) as caught:
        Reader(der.tlv(Tag.GENERALIZED_TIME, content)).read_time()
    assert caught.value.code == "der-time"


def test_fractions_only_where_they_are_allowed_and_without_trailing_zero():
    half = der.tlv(Tag.GENERALIZED_TIME, b"20260101000000.5Z")
    assert Reader(half).read_generalized_time(fraction=True).microsecond == 500_000
    for bad in (b"20260101000000.50Z", b"20260101000000.Z", b"20260101000000.0Z"):
        with pytest.raises(DerError):
            Reader(der.tlv(Tag.GENERALIZED_TIME, bad)).read_generalized_time(fraction=True)


def test_trailing_zero_bits_in_named_bits_are_refused():
    assert Reader(bytes.fromhex("03020640")).read_named_bits() == {1}
    for bad in ("03020540", "03020000"):
        with pytest.raises(DerError):
            Reader(bytes.fromhex(bad)).read_named_bits()


def test_named_bits_are_few():
    """Every bit costs a number in a set: a list's reasons of two megabytes would take a gigabyte."""
    assert len(Reader(bytes.fromhex("030500ffffffff")).read_named_bits()) == 32
    with pytest.raises(DerError) as caught:
        Reader(bytes.fromhex("030600ffffffffff")).read_named_bits()
    assert caught.value.code == "der-bit-string"


def test_depth_is_bounded():
    nested = b""
    for _ in range(der.MAXIMUM_DEPTH + 1):
        nested = der.sequence(nested)
    with pytest.raises(DerError) as caught:
        der.check_der(nested)
    assert caught.value.code == "der-too-deep"
    with pytest.raises(DerError) as caught:
        der.check_der(b"\x30\x80" * 100_000)
    assert caught.value.code == "der-indefinite-length"


def test_size_is_bounded():
    with pytest.raises(DerError) as caught:
        Reader(bytes(101), maximum_size=100)
    assert caught.value.code == "der-too-large"
    with pytest.raises(DerError):
        Reader(der.tlv(Tag.INTEGER, b"\x01" + bytes(der.MAXIMUM_INTEGER_SIZE))).read_integer()


def test_a_reader_goes_through_a_structure():
    reader = der.read_sequence(der.sequence(der.integer(5), der.explicit(0, der.boolean(True)), der.null()))
    assert reader.read_integer() == 5
    assert reader.read_optional(Tag.OCTET_STRING) is None
    inner = reader.enter_optional(der.context(0))
    assert inner is not None
    assert inner.read_boolean() is True
    inner.finish()
    assert not reader.at_end
    assert reader.read_raw(Tag.NULL) == b"\x05\x00"
    assert reader.peek() is None
    reader.finish()


def test_an_element_of_another_type_is_refused():
    for read in (Reader.read_integer, Reader.read_oid, Reader.read_time, Reader.enter, Reader.read_boolean):
        with pytest.raises(DerError) as caught:
            read(Reader(der.octet_string(b"x")))
        assert caught.value.code == "der-wrong-tag"
    with pytest.raises(DerError):
        Reader(der.octet_string(b"x")).read_raw(Tag.NULL)


@given(st.binary(max_size=200))
def test_only_der_errors_escape(data):
    for read in (
        der.check_der,
        der.read_sequence,
        lambda d: Reader(d).read_time(),
        lambda d: Reader(d).read_oid(),
        lambda d: Reader(d).read_named_bits(),
        lambda d: Reader(d).read_generalized_time(fraction=True),
    ):
        try:
            read(data)
        except DerError:
            continue


@given(
    st.recursive(
        st.binary(max_size=4).map(der.octet_string),
        lambda inner: st.lists(inner, max_size=4).map(lambda parts: der.sequence(*parts)),
        max_leaves=12,
    ),
    st.data(),
)
def test_one_changed_octet_never_does_worse_than_an_error(encoded, data):
    position = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[position] = data.draw(st.integers(0, 255))
    try:
        der.check_der(bytes(changed))
    except DerError:
        return
    # What is accepted has one encoding: reading it whole consumed every octet.
    assert Reader(bytes(changed)).read_raw() == bytes(changed)
