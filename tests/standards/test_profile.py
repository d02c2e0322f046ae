"""What a certificate may not say of itself (RFC 5280 4.1, 4.2), and what an anchor's certificate limits.

Section 6.1 alone would let these pass; each is forbidden elsewhere in the standard, and none occurs by honest
mistake in a certificate that has to be accepted.
"""

from __future__ import annotations

import pytest

from tests.standards.chains import (
    AT,
    CERT_SIGN,
    DAY,
    alternative,
    authority,
    authority_key,
    basic,
    codes,
    constraints,
    dn,
    dns,
    extension,
    identifiers,
    issued,
    judge,
    policies,
    purposes,
    subject_key,
    unknown,
    usage,
)
from trust.encoding import der
from trust.vocabulary import (
    POLICY_QUALIFIER_CPS,
    POLICY_QUALIFIER_USER_NOTICE,
    ExtendedKeyUsage,
    ExtensionOID,
)

ROOT = authority("Root")
MALFORMED = "certificate-malformed"
NAMES = alternative(dns("www.city.example"))


def leaf(*extensions, **fields):
    return codes(judge(issued("Leaf", ROOT, standard=extensions, **fields), [ROOT]))


# --- certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("020101", ["good"]),
        ("02147f" + "ff" * 19, ["good"]),
        ("020100", [MALFORMED]),
        ("0201ff", [MALFORMED]),
        ("020180", [MALFORMED]),
    ],
    ids=["1", "20 octets", "0", "-1", "-128"],
)
def test_serial_numbers_are_positive(serial, expected):
    """4.1.2.2."""
    assert leaf(NAMES, serial=bytes.fromhex(serial)) == expected


def test_an_anchor_may_have_the_serial_number_0():
    """Its certificate only carries a name and a key (6.1.1 (d)); old ones begin to count there."""
    old = ROOT.but(serial=der.integer(0))
    assert codes(judge(issued("Leaf", ROOT), [old])) == ["good"]


@pytest.mark.parametrize("middle", [authority_key(b"\1" * 20, critical=True), subject_key(b"\1" * 20, True)])
def test_key_identifiers_are_never_critical(middle):
    """4.2.1.1, 4.2.1.2."""
    above = authority("CA", ROOT, standard=(basic(), usage(*CERT_SIGN), middle))
    assert codes(judge(issued("Leaf", above), [ROOT], [above])) == ["critical-extension-unknown"]
    assert leaf(middle) == ["critical-extension-unknown"]


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((basic(False, critical=True), usage(0)), ["good"]),
        ((usage(*CERT_SIGN),), [MALFORMED]),
        ((usage(5),), [MALFORMED]),
        ((usage(0, 6),), ["good"]),
        ((basic(False), usage(5)), [MALFORMED]),
        ((basic(False, 0),), [MALFORMED]),
        ((basic(True, 0),), ["good"]),
    ],
    ids=[
        "plain",
        "signs",
        "signs only",
        "CRLs only",
        "signs, no authority",
        "length, no authority",
        "authority",
    ],
)
def test_who_is_no_authority_does_not_claim_to_be_one(extensions, expected):
    """4.2.1.9: keyCertSign and pathLenConstraint only with cA."""
    assert leaf(*extensions) == expected


def test_constraints_are_for_authorities():
    """4.2.1.10."""
    assert leaf(constraints([dns("city.example")])) == [MALFORMED]
    assert leaf(basic(), constraints([dns("city.example")])) == ["good"]


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((alternative(dns("www.city.example"), critical=True),), ["good"]),
        ((alternative(dns("www.city.example"), critical=False),), [MALFORMED]),
        ((), [MALFORMED]),
        ((basic(), alternative(dns("www.city.example"), critical=True)), [MALFORMED]),
    ],
    ids=["critical names", "names", "no names", "an authority"],
)
def test_who_has_no_subject_has_critical_names(extensions, expected):
    """4.1.2.6, 4.2.1.6; an authority always has a subject."""
    nameless = issued(dn(), ROOT, key="nameless", standard=extensions)
    assert codes(judge(nameless, [ROOT])) == expected


def qualified(critical, *qualifiers):
    listed = der.sequence(
        *(der.sequence(der.oid(oid), der.ia5_string("https://city.example")) for oid in qualifiers)
    )
    value = der.sequence(der.sequence(der.oid("1.2.3"), listed))
    return extension(ExtensionOID.CERTIFICATE_POLICIES, value, critical)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (qualified(False, POLICY_QUALIFIER_CPS), "good"),
        (qualified(True, POLICY_QUALIFIER_CPS, POLICY_QUALIFIER_USER_NOTICE), "good"),
        (qualified(False, "1.2.3.4"), "good"),
        (qualified(True, "1.2.3.4"), MALFORMED),
        (qualified(True, POLICY_QUALIFIER_CPS, "1.2.3.4"), MALFORMED),
    ],
)
def test_critical_policies_have_qualifiers_that_are_known(policy, expected):
    """4.2.1.4: interpret the extension "(including the optional qualifier)", or refuse the certificate."""
    assert leaf(policy) == [expected]
    above = authority("CA", ROOT, policy)
    assert codes(judge(issued("Leaf", above), [ROOT], [above])) == [expected]


def test_information_access_is_never_critical():
    """4.2.2.1."""
    location = der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), der.implicit(6, b"http://o.example")))
    assert leaf(extension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, location, True)) == [
        "critical-extension-unknown"
    ]


@pytest.mark.parametrize("oid", ["2.5.29.19", "2.5.29.15", "1.3.6.1.4.1.32473.9"])
def test_no_extension_occurs_twice(oid):
    """4.2."""
    from trust.certificate import Certificate, CertificateError

    twice = issued("Leaf", ROOT, extension(oid, der.null()), extension(oid, der.null()), standard=())
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(twice.der)
    assert caught.value.code == "extension-twice"


# --- anchors ---------------------------------------------------------------------------------------------

PAIR = identifiers(ROOT.key, ROOT.key)


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((basic(), usage(*CERT_SIGN), *PAIR), ["good"]),
        ((basic(critical=False), *PAIR), ["good"]),
        ((basic(), usage(*CERT_SIGN)), ["good"]),
        ((usage(*CERT_SIGN), *PAIR), ["not-a-ca"]),
        ((basic(False), *PAIR), ["not-a-ca"]),
        ((basic(), usage(6), *PAIR), ["key-usage-certificate-signing"]),
        ((basic(), *PAIR, unknown(True)), ["critical-extension-unknown"]),
        ((basic(), *PAIR, unknown(False)), ["good"]),
        ((basic(), *PAIR, constraints([dns("city.example")])), ["good"]),
        ((basic(), *PAIR, constraints([dns("town.example")])), ["name-not-permitted"]),
        ((basic(), *PAIR, constraints((), [dns("city.example")])), ["name-excluded"]),
        ((basic(True, 0), *PAIR), ["path-too-long"]),
        ((basic(True, 1), *PAIR), ["good"]),
    ],
)
def test_an_anchors_certificate_limits_what_is_below(extensions, expected):
    """4.2.1.3, 4.2.1.9: such a key "MUST NOT be used to verify"; limits by RFC 5937 3.2."""
    anchor = ROOT.but(extensions=extensions)
    above = authority("CA", anchor)
    end = issued("Leaf", above, NAMES)
    assert codes(judge(end, [anchor], [above])) == expected


def test_another_anchor_without_the_limit_is_found():
    limited = ROOT.but(extensions=(basic(True, 0), *PAIR))
    above = authority("CA", ROOT)
    assert codes(judge(issued("Leaf", above), [limited, ROOT], [above])) == ["good"]


def test_an_anchors_purposes_and_policies_do_not_limit():
    """RFC 5280 6.1.1 gives the policies as inputs; nothing gives an anchor's purposes a meaning."""
    anchor = ROOT.but(
        extensions=(basic(), *PAIR, policies("1.2.9"), purposes(ExtendedKeyUsage.SERVER_AUTHENTICATION))
    )
    end = issued("Leaf", anchor, policies("1.2.3"), purposes(ExtendedKeyUsage.CLIENT_AUTHENTICATION))
    asked = {
        "required_extended_key_usage": ExtendedKeyUsage.CLIENT_AUTHENTICATION,
        "initial_policies": frozenset(("1.2.3",)),
    }
    assert codes(judge(end, [anchor], **asked)) == ["good"]


# --- dates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("not_after", "expected"),
    [
        (der.tlv(0x18, b"99991231235959Z"), ["good"]),
        (der.tlv(0x18, b"20270101000000Z"), ["good"]),
        (der.tlv(0x17, b"491231235959Z"), ["good"]),
        (der.tlv(0x17, b"500101000000Z"), ["certificate-expired"]),
        (der.tlv(0x18, b"00010101000000Z"), ["certificate-expired"]),
        (der.time(AT - DAY), ["certificate-expired"]),
    ],
    ids=["no expiry", "generalized before 2050", "UTC 2049", "UTC 1950", "year 1", "yesterday"],
)
def test_dates(not_after, expected):
    """4.1.2.5; 99991231235959Z says that no date is known (4.1.2.5)."""
    assert leaf(NAMES, not_after=not_after) == expected


@pytest.mark.parametrize(
    "moment",
    [
        der.tlv(0x18, b"00000101000000Z"),
        der.tlv(0x18, b"20271301000000Z"),
        der.tlv(0x18, b"20270230000000Z"),
        der.tlv(0x18, b"20270101240000Z"),
        der.tlv(0x18, b"20270101000060Z"),
        der.tlv(0x18, b"20270101000000.5Z"),
        der.tlv(0x18, b"20270101000000"),
        der.tlv(0x18, b"20270101000000+0000"),
        der.tlv(0x18, b"202701010000Z"),
        der.tlv(0x18, b"270101000000Z"),
        der.tlv(0x18, b"2027010100000\xd9\xa0Z"),
        der.tlv(0x17, b"2701010000Z"),
        der.tlv(0x17, b"270101000000+0800"),
        der.tlv(0x17, b"270101000060Z"),
        der.tlv(0x17, b"20270101000000Z"),
        der.tlv(0x17, b"270101000000Z\0"),
        der.tlv(0x17, b" 70101000000Z"),
        der.tlv(0x17, b""),
        der.tlv(0x16, b"270101000000Z"),
        der.integer(20270101),
    ],
)
def test_moments_that_are_none(moment):
    """4.1.2.5.1, 4.1.2.5.2: seconds, Z, no fractions, and a day of the calendar."""
    from trust.certificate import Certificate, CertificateError

    for field in ("not_before", "not_after"):
        with pytest.raises(CertificateError):
            Certificate.parse(issued("Leaf", ROOT, **{field: moment}).der)
