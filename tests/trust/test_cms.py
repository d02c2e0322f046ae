"""CMS: messages openssl verifies, messages of openssl we verify, and every kind of forgery refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, ECDSA_SHA256, authority, openssl, party
from trust import cms
from trust.algorithms import SignatureError
from trust.cms import (
    AttributeType,
    CMSError,
    ContentType,
    assemble_signed_data,
    encode_attribute,
    parse_signed_attributes,
    parse_signed_data,
    sign_cms,
    signature_timestamp_attribute,
    signed_attributes,
    verify_signed_data,
)
from trust.encoding import der
from trust.encoding.der import Tag
from trust.errors import EncodingError, TrustError

CONTENT = b"line one\nline two"
KINDS = ["rsa", "p256", "p384"]


def message(kind="p256", detached=False, content=CONTENT, **changes):
    signing = party(kind)
    return sign_cms(
        content, signing.signer, signing.der, chain=signing.chain_der, detached=detached, at=AT, **changes
    )


# --- both ways with openssl ---------------------------------------------------------------------


@pytest.mark.foreign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("detached", [False, True])
def test_openssl_verifies_our_message(tmp_path, kind, detached):
    path, content = tmp_path / "message.p7s", tmp_path / "content"
    path.write_bytes(message(kind, detached))
    content.write_bytes(CONTENT)
    root = authority().write(tmp_path / "root.pem")
    verify = ["cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", path, "-CAfile", root]
    verify += ["-purpose", "any", "-attime", int(AT.timestamp()), "-out", tmp_path / "out"]
    verify += ["-content", content] if detached else []
    assert "Verification successful" in openssl(*verify).stderr
    assert (tmp_path / "out").read_bytes() == CONTENT
    if detached:
        content.write_bytes(CONTENT + b"!")
        assert openssl(*verify, check=False).returncode != 0


@pytest.mark.foreign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("detached", [False, True])
def test_we_verify_the_message_of_openssl(tmp_path, kind, detached):
    signing = party(kind)
    (tmp_path / "content").write_bytes(CONTENT)
    digest = "sha384" if kind == "p384" else "sha256"
    sign = ["cms", "-sign", "-binary", "-cades", "-md", digest, "-in", tmp_path / "content"]
    sign += ["-signer", signing.write(tmp_path / "c.pem"), "-inkey", signing.write_key(tmp_path / "k.pem")]
    sign += ["-outform", "DER", "-out", tmp_path / "m"] + ([] if detached else ["-nodetach"])
    openssl(*sign)
    facts = parse_signed_data((tmp_path / "m").read_bytes())
    assert (facts.content is None) is detached
    certificate = verify_signed_data(facts, CONTENT if detached else None)
    assert certificate.der == signing.der
    assert facts.signing_time is not None
    with pytest.raises(CMSError) as caught:
        verify_signed_data(facts, CONTENT + b"!")
    assert caught.value.code == "cms-digest-mismatch"


@pytest.mark.foreign
def test_a_signer_named_by_key_identifier_is_found(tmp_path):
    signing = party("p256")
    (tmp_path / "content").write_bytes(CONTENT)
    openssl(
        *["cms", "-sign", "-binary", "-keyid", "-cades", "-nodetach", "-in", tmp_path / "content"],
        *["-signer", signing.write(tmp_path / "c.pem"), "-inkey", signing.write_key(tmp_path / "k.pem")],
        *["-outform", "DER", "-out", tmp_path / "m"],
    )
    facts = parse_signed_data((tmp_path / "m").read_bytes())
    assert facts.signer_key_identifier is not None
    assert verify_signed_data(facts).der == signing.der


@pytest.mark.foreign
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["-md", "sha1", "-cades"], "cms-weak-digest"),
        (["-md", "md5", "-cades"], "cms-weak-digest"),
        (["-noattr"], "cms-no-attributes"),
        ([], "cms-no-signing-certificate"),
        (["-nocerts", "-cades"], "cms-no-certificate"),
        (["-stream", "-cades"], "der-indefinite-length"),
    ],
)
def test_messages_of_openssl_that_are_refused(tmp_path, options, code):
    signing = party("rsa")
    (tmp_path / "content").write_bytes(CONTENT)
    openssl(
        *["cms", "-sign", "-binary", "-nodetach", "-in", tmp_path / "content"],
        *["-signer", signing.write(tmp_path / "c.pem"), "-inkey", signing.write_key(tmp_path / "k.pem")],
        *["-outform", "DER", "-out", tmp_path / "m"],
        *options,
    )
    with pytest.raises(CMSError) as caught:
        verify_signed_data(parse_signed_data((tmp_path / "m").read_bytes()))
    assert caught.value.code == code


@pytest.mark.foreign
def test_two_signers_of_openssl_are_refused(tmp_path):
    (tmp_path / "content").write_bytes(CONTENT)
    sign = ["cms", "-sign", "-binary", "-nodetach", "-in", tmp_path / "content"]
    for kind in ("rsa", "p256"):
        signing = party(kind)
        sign += ["-signer", signing.write(tmp_path / f"{kind}.pem")]
        sign += ["-inkey", signing.write_key(tmp_path / f"{kind}.key")]
    openssl(*sign, "-outform", "DER", "-out", tmp_path / "m")
    with pytest.raises(CMSError) as caught:
        parse_signed_data((tmp_path / "m").read_bytes())
    assert caught.value.code == "cms-several-signers"


# --- our own messages ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "ed25519"])
@pytest.mark.parametrize("detached", [False, True])
def test_a_message_comes_back(kind, detached):
    facts = parse_signed_data(message(kind, detached))
    assert verify_signed_data(facts, CONTENT if detached else None).der == party(kind).der
    assert facts.signing_time == AT
    assert facts.content_type == ContentType.DATA
    assert set(facts.certificates) == {party(kind).der, *party(kind).chain_der}
    assert facts.timestamp_tokens == ()


def test_two_steps_give_what_one_step_gives():
    signing = party("rsa")
    attributes = signed_attributes(hashlib.sha256(CONTENT).digest(), ContentType.DATA, signing.der, AT)
    signature = signing.signer.sign(attributes)
    together = assemble_signed_data(
        attributes,
        signature,
        signing.der,
        algorithm=signing.signer.algorithm,
        content=CONTENT,
        chain=signing.chain_der,
    )
    assert together == message("rsa")
    der.check_der(together)


def test_timestamps_ride_as_unsigned_attributes():
    signing = party("p256")
    attributes = signed_attributes(hashlib.sha256(CONTENT).digest(), ContentType.DATA, signing.der)
    token = der.sequence(der.oid(ContentType.SIGNED_DATA))
    encoded = assemble_signed_data(
        attributes,
        signing.signer.sign(attributes),
        signing.der,
        algorithm=signing.signer.algorithm,
        unsigned_attributes=[signature_timestamp_attribute(token)],
    )
    facts = parse_signed_data(encoded)
    assert facts.timestamp_tokens == (token,)
    assert facts.signing_time is None
    assert verify_signed_data(facts, CONTENT)


def test_the_certificate_may_come_from_elsewhere():
    signing = party("p256")
    attributes = signed_attributes(hashlib.sha256(CONTENT).digest(), ContentType.DATA, signing.der)
    facts = parse_signed_data(
        assemble_signed_data(
            attributes,
            signing.signer.sign(attributes),
            signing.der,
            algorithm=signing.signer.algorithm,
            embed_certificate=False,
        )
    )
    assert facts.certificates == ()
    with pytest.raises(CMSError):
        verify_signed_data(facts, CONTENT)
    assert verify_signed_data(facts, CONTENT, certificates=[party("rsa").der, signing.der])


def test_a_signer_with_another_key_than_the_certificate_is_refused():
    with pytest.raises(EncodingError) as caught:
        sign_cms(CONTENT, party("rsa").signer, party("p256").der)
    assert caught.value.code == "cms-signer-key"


def test_a_detached_signature_needs_its_content():
    with pytest.raises(CMSError) as caught:
        verify_signed_data(parse_signed_data(message(detached=True)))
    assert caught.value.code == "cms-no-content"


def test_an_empty_content_is_a_content():
    facts = parse_signed_data(message(content=b""))
    assert facts.content == b""
    assert verify_signed_data(facts)


def test_a_changed_signature_is_refused():
    changed = bytearray(message("rsa"))
    changed[-1] ^= 1
    with pytest.raises(SignatureError):
        verify_signed_data(parse_signed_data(bytes(changed)))


# --- forgeries ----------------------------------------------------------------------------------


def attribute_list(digest=None, content_type=ContentType.DATA, certificate=None):
    """The three attributes, to be spoiled."""
    ess = der.sequence(
        der.sequence(
            der.sequence(der.octet_string(hashlib.sha256(certificate or party("p256").der).digest()))
        )
    )
    return [
        encode_attribute(AttributeType.CONTENT_TYPE, der.oid(content_type)),
        encode_attribute(
            AttributeType.MESSAGE_DIGEST, der.octet_string(digest or hashlib.sha256(CONTENT).digest())
        ),
        encode_attribute(AttributeType.SIGNING_CERTIFICATE_V2, ess),
    ]


def signed_over(attributes, **changes):
    """A message whose signature is good over whatever attributes these are."""
    signing = party("p256")
    given_arguments = {"algorithm": signing.signer.algorithm, "content": CONTENT, **changes}
    return assemble_signed_data(attributes, signing.signer.sign(attributes), signing.der, **given_arguments)


BASE = attribute_list()
FORGERIES = {
    "wrong digest": (attribute_list(digest=bytes(32)), "cms-digest-mismatch"),
    "digest of wrong length": (attribute_list(digest=b"short"), "cms-digest-mismatch"),
    "no message-digest": ([BASE[0], BASE[2]], "cms-no-message-digest"),
    "no content-type": (BASE[1:], "cms-no-content-type"),
    "other content-type": (attribute_list(content_type=ContentType.TST_INFO), "cms-content-type"),
    "message-digest twice": ([*BASE, BASE[1]], "cms-attribute-repeated"),
    "another message-digest": (
        [*BASE, attribute_list(digest=bytes(32))[1]],
        "cms-attribute-repeated",
    ),
    "content-type twice": ([*BASE, BASE[0]], "cms-attribute-repeated"),
    "two values": (
        [
            BASE[0],
            encode_attribute(
                AttributeType.MESSAGE_DIGEST,
                der.octet_string(hashlib.sha256(CONTENT).digest()),
                der.octet_string(bytes(32)),
            ),
            BASE[2],
        ],
        "cms-attribute-repeated",
    ),
    "no value": (
        [BASE[0], encode_attribute(AttributeType.MESSAGE_DIGEST), BASE[2]],
        "cms-attribute-repeated",
    ),
    "no signing certificate": (BASE[:2], "cms-no-signing-certificate"),
    "another signing certificate": (
        attribute_list(certificate=b"another certificate"),
        "cms-signing-certificate",
    ),
    "signing certificate by SHA-1": (
        [
            *BASE[:2],
            encode_attribute(
                AttributeType.SIGNING_CERTIFICATE_V2,
                der.sequence(
                    der.sequence(
                        der.sequence(
                            der.sequence(der.oid("1.3.14.3.2.26"), der.null()), der.octet_string(bytes(20))
                        )
                    )
                ),
            ),
        ],
        "cms-weak-digest",
    ),
    "signing certificate of nothing": (
        [*BASE[:2], encode_attribute(AttributeType.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence()))],
        "der-truncated",
    ),
    "digest is no octet string": (
        [BASE[0], encode_attribute(AttributeType.MESSAGE_DIGEST, der.integer(5)), BASE[2]],
        "der-wrong-tag",
    ),
    "signing time is no time": (
        [*BASE, encode_attribute(AttributeType.SIGNING_TIME, der.utf8_string("noon"))],
        "der-wrong-tag",
    ),
    "too many": (
        [*BASE, *(encode_attribute(f"1.2.3.{n}", der.null()) for n in range(40))],
        "cms-too-many-attributes",
    ),
}


@pytest.mark.parametrize(("attributes", "code"), FORGERIES.values(), ids=FORGERIES.keys())
def test_attributes_that_prove_nothing_are_refused(attributes, code):
    with pytest.raises(CMSError) as caught:
        verify_signed_data(parse_signed_data(signed_over(der.set_of(*attributes))))
    assert caught.value.code == code


def test_the_attributes_unspoiled_are_accepted():
    assert verify_signed_data(parse_signed_data(signed_over(der.set_of(*BASE))))


def nested(levels):
    value = b""
    for _ in range(levels):
        value = der.sequence(value)
    return value


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        (der.tlv(Tag.SET, b"".join(sorted(BASE, reverse=True))), "der-set-order"),
        (der.set_of(*BASE, encode_attribute("1.2.3", b"\x01\x01\x01")), "der-boolean"),
        (der.set_of(*BASE, encode_attribute("1.2.3", b"\x02\x02\x00\x01")), "der-integer-not-minimal"),
        (der.set_of(*BASE, encode_attribute("1.2.3", b"\x30\x80\x00\x00")), "der-indefinite-length"),
        (der.set_of(*BASE, encode_attribute("1.2.3", b"\x24\x03\x04\x01\x61")), "der-tag"),
        (der.set_of(*BASE, encode_attribute("1.2.3", nested(60))), "der-too-deep"),
    ],
)
def test_attributes_that_are_not_der_are_refused(attributes, code):
    with pytest.raises(CMSError) as caught:
        parse_signed_data(signed_over(attributes))
    assert caught.value.code == code


def rebuilt(**changes):
    """A SignedData from parts, each of which can be replaced."""
    signing = party("p256")
    digest = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
    attributes = der.set_of(*BASE)
    certificate = signing.certificate
    part = {
        "outer_type": ContentType.SIGNED_DATA,
        "version": 1,
        "digests": der.set_of(digest),
        "content": der.sequence(der.oid(ContentType.DATA), der.explicit(0, der.octet_string(CONTENT))),
        "certificates": der.implicit(0, signing.der, constructed=True),
        "signer_version": 1,
        "identifier": der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
        "digest": digest,
        "algorithm": ECDSA_SHA256,
        "signers": 1,
        **changes,
    }
    signer = der.sequence(
        der.integer(part["signer_version"]),
        part["identifier"],
        part["digest"],
        b"\xa0" + attributes[1:],
        part["algorithm"],
        der.octet_string(signing.signer.sign(attributes)),
    )
    signed_data = der.sequence(
        der.integer(part["version"]),
        part["digests"],
        part["content"],
        part["certificates"],
        der.tlv(Tag.SET, signer * part["signers"]),
    )
    return der.sequence(der.oid(part["outer_type"]), der.explicit(0, signed_data))


STRUCTURES = {
    "not signed data": ({"outer_type": ContentType.DATA}, "cms-content-type"),
    "version 0": ({"version": 0}, "cms-version"),
    "version 6": ({"version": 6}, "cms-version"),
    "signer version 9": ({"signer_version": 9}, "cms-version"),
    "no signer": ({"signers": 0}, "cms-no-signer"),
    "two signers": ({"signers": 2}, "cms-several-signers"),
    "sha1": ({"digest": der.sequence(der.oid("1.3.14.3.2.26"))}, "cms-weak-digest"),
    "md5": ({"digest": der.sequence(der.oid("1.2.840.113549.2.5"))}, "cms-weak-digest"),
    "unknown digest": ({"digest": der.sequence(der.oid("1.2.3"))}, "algorithm-unknown"),
    "digest not announced": ({"digests": der.set_of()}, "cms-digest"),
    "signature by sha1": ({"algorithm": der.sequence(der.oid("1.2.840.10045.4.1"))}, "cms-digest"),
    "signature by another digest": (
        {"algorithm": der.sequence(der.oid("1.2.840.10045.4.3.3"))},
        "cms-digest",
    ),
    "rsa under an ecdsa key": (
        {"algorithm": der.sequence(der.oid("1.2.840.113549.1.1.1"), der.null())},
        "key-mismatch",
    ),
    "another serial number": (
        {"identifier": der.sequence(party("p256").certificate.issuer.public_bytes(), der.integer(12345))},
        "cms-no-certificate",
    ),
    "attribute certificate": (
        {"certificates": der.implicit(0, der.implicit(1, b"", constructed=True), constructed=True)},
        "der-wrong-tag",
    ),
    "broken certificate": (
        {"certificates": der.implicit(0, der.sequence(der.null()), constructed=True)},
        "der-wrong-tag",
    ),
    "too many certificates": (
        {"certificates": der.implicit(0, der.sequence() * 33, constructed=True)},
        "cms-too-many-certificates",
    ),
    "content in pieces": (
        {
            "content": der.sequence(
                der.oid(ContentType.DATA),
                der.explicit(0, der.tlv(0x24, der.octet_string(CONTENT))),
            )
        },
        "der-wrong-tag",
    ),
    "nested content": (
        {"content": der.sequence(der.oid(ContentType.DATA), der.explicit(0, nested(60)))},
        "der-wrong-tag",
    ),
}


@pytest.mark.parametrize(("changes", "code"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structures_that_are_refused(changes, code):
    assert verify_signed_data(parse_signed_data(rebuilt()))
    with pytest.raises(TrustError) as caught:
        verify_signed_data(parse_signed_data(rebuilt(**changes)))
    assert caught.value.code == code


def test_trailing_data_is_refused_wherever_it_hangs():
    for data in (message() + b"\0", der.sequence(rebuilt()[4:], der.null())):
        with pytest.raises(CMSError):
            parse_signed_data(data)


def test_size_is_bounded():
    with pytest.raises(CMSError) as caught:
        parse_signed_data(message(content=bytes(5000)), maximum_size=4000)
    assert caught.value.code == "der-too-large"


def test_facts_cannot_be_changed_and_say_little():
    facts = parse_signed_data(message())
    with pytest.raises(TypeError):
        facts.attributes["1.2.3"] = b""
    assert "line one" not in repr(facts)


GOOD = message("p256")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_only_trust_errors_escape_and_no_change_of_what_counts_is_accepted(data):
    changed = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    try:
        facts = parse_signed_data(bytes(changed))
        certificate = verify_signed_data(facts)
    except TrustError:
        return
    # A change in a certificate of the chain, or in a version, is not the signature's business.
    assert facts.content == CONTENT
    assert certificate.der == party("p256").der


@given(st.binary(max_size=100))
def test_noise_is_refused(data):
    with pytest.raises(TrustError):
        parse_signed_data(data)


def test_cms_offers_the_writer_too():
    assert cms.sign_cms is sign_cms


# --- attributes alone, as a card's agent sees them ----------------------------------------------


def test_attributes_are_read_before_they_are_signed():
    digest = hashlib.sha256(CONTENT).digest()
    attributes = signed_attributes(digest, ContentType.DATA, party("p256").der, AT)
    read = parse_signed_attributes(attributes)
    assert (read.content_type, read.message_digest, read.signing_time) == (ContentType.DATA, digest, AT)
    assert read.signing_certificate_digest is not None
    assert read.signing_certificate_digest[1] == hashlib.sha256(party("p256").der).digest()


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        (b"", "der-truncated"),
        (der.set_of(*BASE) + b"\0", "der-trailing-data"),
        (der.sequence(*sorted(BASE)), "der-wrong-tag"),
        (b"\xa0" + der.set_of(*BASE)[1:], "der-wrong-tag"),
        (der.set_of(), "cms-no-content-type"),
        (der.set_of(*BASE, encode_attribute("1.2.3", der.octet_string(bytes(70_000)))), "der-too-large"),
    ],
)
def test_what_are_no_attributes(encoded, code):
    with pytest.raises(CMSError) as caught:
        parse_signed_attributes(encoded)
    assert caught.value.code == code


@given(st.data())
def test_only_cms_errors_escape_from_attributes(data):
    good = der.set_of(*BASE)
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_signed_attributes(bytes(changed))
    except TrustError:
        return
