"""Names: the library's encodings, RFC 4514's text, RFC 5280's comparison, the city's subjects."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.samples import openssl
from trust.encoding import der
from trust.errors import TrustError
from trust.names import NameAttribute, NamingError, decode_name, encode_name, name_to_text, names_match
from trust.subjects import (
    new_subject_number,
)

NUMBER = new_subject_number(bytes(range(15)))
# The library counts octets where RFC 5280 counts characters: 16 are 64 octets at most.
visible = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=16)
PRINTABLE = st.text("ABCabc012 '()+,-./:=?", min_size=1, max_size=60)


@st.composite
def attributes(draw):
    kind = draw(st.sampled_from(list(NameAttribute)))
    if kind is NameAttribute.COUNTRY:
        return kind, draw(st.sampled_from(["CN", "FI"]))
    if kind in (NameAttribute.SERIAL_NUMBER, NameAttribute.DN_QUALIFIER):
        return kind, draw(PRINTABLE)
    if kind in (NameAttribute.EMAIL_ADDRESS, NameAttribute.DOMAIN_COMPONENT):
        return kind, draw(
            st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
        )
    return kind, draw(visible)


@given(st.lists(attributes(), max_size=5))
def test_names_are_encoded_as_the_library_does_and_come_back(given_attributes):
    ours = encode_name(given_attributes)
    theirs = x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(kind.value), text) for kind, text in given_attributes]
    )
    assert ours == theirs.public_bytes()
    assert decode_name(ours) == [(kind.value, text) for kind, text in given_attributes]
    assert names_match(ours, bytes(ours))
    assert isinstance(name_to_text(ours), str)


def name(*pairs):
    return encode_name(pairs)


CN, ORG, SN = NameAttribute.COMMON_NAME, NameAttribute.ORGANIZATION, NameAttribute.SERIAL_NUMBER


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('James "Jim" Smith, III', 'James \\"Jim\\" Smith\\, III'),  # RFC 4514 4
        ("Before\u00a0After", "Before\u00a0After"),
        ("#start", "\\#start"),
        (" both ", "\\ both\\ "),
        ("a+b;c<d>e\\f", "a\\+b\\;c\\<d\\>e\\\\f"),
        ("建设", "建设"),
        ("x\u202ey", "x\\e2\\80\\aey"),  # text direction cannot be turned in a log line
    ],
)
def test_text_by_rfc_4514(value, text):
    encoded = der.sequence(
        der.set_of(der.sequence(der.oid(CN.value), der.utf8_string(value))),
    )
    assert name_to_text(encoded) == "CN=" + text


def test_text_begins_with_the_last_attribute():
    assert (
        name_to_text(name((NameAttribute.COUNTRY, "CN"), (ORG, "Widget"), (CN, "S"))) == "CN=S,O=Widget,C=CN"
    )


def test_text_of_what_is_no_string():
    encoded = der.sequence(
        der.set_of(
            der.sequence(der.oid("1.3.6.1.4.1.1466.0"), der.octet_string(b"Hi")),
            der.sequence(der.oid(CN.value), der.utf8_string("x")),
        )
    )
    assert name_to_text(encoded) == "CN=x+1.3.6.1.4.1.1466.0=#04024869"  # RFC 4514 4
    assert ("1.3.6.1.4.1.1466.0", "#04024869") in decode_name(encoded)


def raw(value, tag):
    return der.sequence(der.set_of(der.sequence(der.oid(CN.value), der.tlv(tag, value))))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (raw(b"Ann", der.Tag.PRINTABLE_STRING), raw(b"Ann", der.Tag.UTF8_STRING)),
        (raw(b"ANN", der.Tag.PRINTABLE_STRING), raw(b"ann", der.Tag.PRINTABLE_STRING)),
        (raw(b" Ann  Lee ", der.Tag.UTF8_STRING), raw(b"ann lee", der.Tag.UTF8_STRING)),
        (raw("Straße".encode(), der.Tag.UTF8_STRING), raw(b"STRASSE", der.Tag.UTF8_STRING)),
        (raw("é".encode(), der.Tag.UTF8_STRING), raw("e\u0301".encode(), der.Tag.UTF8_STRING)),
        (raw("ﬁ\u00ad".encode(), der.Tag.UTF8_STRING), raw(b"fi", der.Tag.UTF8_STRING)),
        (raw("王".encode("utf-16-be"), der.Tag.BMP_STRING), raw("王".encode(), der.Tag.UTF8_STRING)),
        (raw("A\u3000B".encode(), der.Tag.UTF8_STRING), raw(b"a b", der.Tag.UTF8_STRING)),
    ],
)
def test_names_that_match(first, second):
    assert names_match(first, second)
    assert names_match(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (name((CN, "a")), name((CN, "b"))),
        (name((CN, "a")), name((ORG, "a"))),
        (name((CN, "a"), (ORG, "b")), name((ORG, "b"), (CN, "a"))),
        (name((CN, "a")), name((CN, "a"), (ORG, "b"))),
        (name((CN, "ab")), name((CN, "a b"))),
        (raw(b"#", der.Tag.OCTET_STRING), name((CN, "#040123"))),
    ],
)
def test_names_that_do_not_match(first, second):
    assert not names_match(first, second)


def test_attributes_of_one_relative_name_have_no_order():
    one, two = (der.sequence(der.oid(CN.value), der.utf8_string(text)) for text in "ab")
    assert names_match(
        der.sequence(der.tlv(der.Tag.SET, one + two)), der.sequence(der.tlv(der.Tag.SET, two + one))
    )


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"0\x80",
        der.sequence(der.set_of()),
        der.sequence(der.sequence()),
        raw(b"\xff", der.Tag.UTF8_STRING),
        raw(b"\xff", der.Tag.PRINTABLE_STRING),
        raw(b"\xd8\x00", der.Tag.BMP_STRING),
        raw(b"\x00", der.Tag.BMP_STRING),
        name((CN, "a")) + b"\0",
        der.sequence(der.set_of(der.sequence(der.oid(CN.value)))),
        der.sequence(der.octet_string(bytes(70_000))),
    ],
)
def test_bad_names_are_refused(bad):
    for read in (decode_name, name_to_text, lambda data: names_match(data, name((CN, "x")))):
        with pytest.raises(TrustError):
            read(bad)


@pytest.mark.parametrize(
    "pair",
    [
        (CN, ""),
        (CN, "x" * 65),
        (NameAttribute.COUNTRY, "CHN"),
        (NameAttribute.COUNTRY, "C"),
        (SN, "a@b"),
        (NameAttribute.EMAIL_ADDRESS, "王@example"),
        (CN, "a\x00b"),
        (CN, "a\nb"),
        (CN, "\ud800"),
        ("no oid", "x"),
    ],
)
def test_names_that_may_not_be_written(pair):
    with pytest.raises(TrustError):
        encode_name([pair])


@pytest.mark.foreign
def test_bounds_count_characters_not_octets(tmp_path):
    encoded = name((CN, "有" * 64))
    assert decode_name(encoded) == [(CN.value, "有" * 64)]
    (tmp_path / "name").write_bytes(encoded)
    shown = openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "name").stdout
    assert "l= 192 prim: UTF8STRING" in shown
    with pytest.raises(NamingError):
        name((CN, "有" * 65))


@given(st.data())
def test_only_trust_errors_escape(data):
    good = name((NameAttribute.COUNTRY, "CN"), (CN, "王"), (SN, "1"))
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        name_to_text(bytes(changed))
        names_match(bytes(changed), good)
    except TrustError:
        return
