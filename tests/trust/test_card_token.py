"""Web eID card tokens: read, verified, and refused by name."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.authorities import AT, DAY, issue, new_key, root
from trust.card_token import (
    CardToken,
    CardTokenAlgorithm,
    CardTokenError,
    check_signing_certificate,
    verify_card_token,
)
from trust.errors import TrustError

ORIGIN = "https://id.city.example"
NONCE = base64.b64encode(bytes(range(33))).decode()
TOP = root()
CARDS = {
    kind: issue("Citizen", TOP, key=new_key(kind))
    for kind in ("p256", "p384", "p521", "rsa2048", "ed25519", "rsa1024")
}
SIGNING = issue("Citizen", TOP, usage=("content_commitment",))
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def sign(card, algorithm: str, origin=ORIGIN, nonce=NONCE) -> bytes:
    """The card's part, by the library: ECDSA as raw r ‖ s."""
    digest = DIGESTS[algorithm[2:]]
    name = digest.name
    data = hashlib.new(name, origin.encode()).digest() + hashlib.new(name, nonce.encode()).digest()
    if algorithm.startswith("ES"):
        r, s = decode_dss_signature(card.key.sign(data, ec.ECDSA(digest)))
        size = (card.key.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if algorithm.startswith("PS"):
        return card.key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return card.key.sign(data, padding.PKCS1v15(), digest)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def token(card="p256", algorithm="ES256", **changes) -> dict:
    party = CARDS[card]
    document = {
        "unverifiedCertificate": b64(party.der),
        "algorithm": algorithm,
        "signature": b64(changes.pop("signature", None) or sign(party, changes.pop("sign_as", algorithm))),
        "format": "web-eid:1.0",
        "appVersion": "https://web-eid.eu/web-eid-app/releases/2.6.0",
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def refusal(document, origin=ORIGIN, nonce=NONCE) -> str:
    with pytest.raises(CardTokenError) as caught:
        verify_card_token(CardToken.parse(document), origin=origin, nonce=nonce, at=AT)
    return caught.value.code


@pytest.mark.parametrize(
    ("card", "algorithm"),
    [
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        *(("rsa2048", name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    ],
)
def test_good(card, algorithm):
    document = token(card, algorithm)
    for form in (document, json.dumps(document)):
        parsed = CardToken.parse(form)
        assert parsed.algorithm is CardTokenAlgorithm[algorithm]
        assert parsed.unverified_certificate == CARDS[card].ours
        verify_card_token(parsed, origin=ORIGIN, nonce=NONCE, at=AT)


def test_version_1_1_with_signing_certificates():
    supported = [{"cryptoAlgorithm": "ECC", "hashFunction": "SHA-256", "paddingScheme": "NONE"}]
    listed = {"certificate": b64(SIGNING.der), "supportedSignatureAlgorithms": supported}
    parsed = CardToken.parse(token(format="web-eid:1.1", unverifiedSigningCertificates=[listed]))
    (signing,) = parsed.unverified_signing_certificates
    assert signing.unverified_certificate == SIGNING.ours
    assert signing.supported_algorithms[0].hash_function == "SHA-256"
    check_signing_certificate(parsed, signing, AT)
    flat = token(
        format="web-eid:1.1",
        unverifiedSigningCertificate=b64(SIGNING.der),
        supportedSignatureAlgorithms=supported,
    )
    assert CardToken.parse(flat).unverified_signing_certificates == (signing,)


@pytest.mark.parametrize(
    ("party", "code"),
    [
        (issue("Somebody", TOP, usage=("content_commitment",)), "signing-certificate-other"),
        (issue("Citizen", root("Else"), usage=("content_commitment",)), "signing-certificate-other"),
        (
            issue("Citizen", TOP, usage=("content_commitment",), not_after=AT - DAY),
            "signing-certificate-expired",
        ),
        (issue("Citizen", TOP), "signing-certificate-usage"),
    ],
    ids=["subject", "issuer", "expired", "usage"],
)
def test_signing_certificate_of_somebody_else(party, code):
    listed = {"certificate": b64(party.der), "supportedSignatureAlgorithms": []}
    parsed = CardToken.parse(token(format="web-eid:1.1", unverifiedSigningCertificates=[listed]))
    with pytest.raises(CardTokenError) as caught:
        check_signing_certificate(parsed, parsed.unverified_signing_certificates[0], AT)
    assert caught.value.code == code


def test_unknown_fields_are_ignored():
    verify_card_token(
        CardToken.parse(token(future={"a": [1]}, other=None)), origin=ORIGIN, nonce=NONCE, at=AT
    )


def test_wrong_origin():
    assert refusal(token(), origin="https://evil.example") == "signature-invalid"
    assert refusal(token(), origin=ORIGIN + ":8443") == "signature-invalid"


def test_foreign_nonce():
    assert refusal(token(), nonce=b64(bytes(33))) == "signature-invalid"


def test_nonce_is_signed_as_text():
    """A card that signs the decoded nonce is wrong (the nonce is its Base64 text)."""
    card = CARDS["p256"]
    data = hashlib.sha256(ORIGIN.encode()).digest() + hashlib.sha256(base64.b64decode(NONCE)).digest()
    r, s = decode_dss_signature(card.key.sign(data, ec.ECDSA(hashes.SHA256())))
    assert refusal(token(signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))) == "signature-invalid"


def test_tampered_signature():
    signature = bytearray(sign(CARDS["p256"], "ES256"))
    signature[5] ^= 1
    assert refusal(token(signature=bytes(signature))) == "signature-invalid"


@pytest.mark.parametrize(
    "signature",
    [b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65, b"x"],
    ids=["zeros", "above the order", "short", "long", "one octet"],
)
def test_signatures_that_are_none(signature):
    assert refusal(token(signature=signature)) == "signature-invalid"


def test_der_signature_is_not_raw():
    card = CARDS["p256"]
    data = hashlib.sha256(ORIGIN.encode()).digest() + hashlib.sha256(NONCE.encode()).digest()
    assert refusal(token(signature=card.key.sign(data, ec.ECDSA(hashes.SHA256())))) == "signature-invalid"


def test_signature_of_another_card():
    assert refusal(token(signature=sign(issue("Thief", TOP), "ES256"))) == "signature-invalid"


@pytest.mark.parametrize(
    ("card", "algorithm", "sign_as"),
    [
        ("p256", "ES384", "ES384"),
        ("p384", "ES256", "ES256"),
        ("p256", "RS256", "ES256"),
        ("rsa2048", "ES256", "RS256"),
    ],
)
def test_wrong_algorithm_for_the_key(card, algorithm, sign_as):
    assert refusal(token(card, algorithm, sign_as=sign_as)) == "algorithm-mismatch"


def test_pss_is_not_pkcs1():
    assert refusal(token("rsa2048", "PS256", sign_as="RS256")) == "signature-invalid"
    assert refusal(token("rsa2048", "RS256", sign_as="PS256")) == "signature-invalid"


def test_keys_that_are_not_accepted():
    assert refusal(token("ed25519", signature=b"x" * 64)) == "algorithm-mismatch"
    assert refusal(token("rsa1024", "RS256")) == "key-size"


GOOD = token()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "token-length"),
        ("{}", "token-length"),
        ({}, "token-length"),
        ({**GOOD, "x": "y" * 10_000}, "token-length"),
        (" " * 200, "token-malformed"),
        ("x" * 200, "token-malformed"),
        ("[" * 5000, "token-malformed"),
        ('{"a":' * 1500, "token-malformed"),
        (json.dumps([GOOD]), "token-malformed"),
        (json.dumps("x" * 200), "token-malformed"),
        ("9" * 6000, "token-malformed"),
        (json.dumps(GOOD)[:-1] + ', "format": "web-eid:1.0"}', "token-malformed"),
        ({"x": "y" * 100}, "field-missing"),
        (token(format="web-eid:2"), "format-unknown"),
        (token(format="web-eid:10"), "format-unknown"),
        (token(format="WEB-EID:1"), "format-unknown"),
        (token(format=1), "field-missing"),
        (token(format=None), "field-missing"),
        ({**GOOD, "algorithm": "none"}, "algorithm-unknown"),
        ({**GOOD, "algorithm": "HS256"}, "algorithm-unknown"),
        ({**GOOD, "algorithm": ["ES256"]}, "field-missing"),
        ({**GOOD, "signature": "%%%%"}, "field-malformed"),
        ({**GOOD, "signature": "签名"}, "field-malformed"),
        ({**GOOD, "signature": ""}, "field-missing"),
        ({**GOOD, "unverifiedCertificate": "AAAA"}, "certificate-malformed"),
        ({**GOOD, "unverifiedCertificate": 7}, "field-missing"),
        ({**GOOD, "appVersion": 7}, "field-malformed"),
        ({**GOOD, "unverifiedSigningCertificates": "x"}, "field-malformed"),
        ({**GOOD, "unverifiedSigningCertificates": [1]}, "field-malformed"),
        ({**GOOD, "unverifiedSigningCertificates": [{}]}, "field-missing"),
        ({**GOOD, "unverifiedSigningCertificates": [{}] * 9}, "field-malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_named_bad_tokens(document, code):
    assert refusal(document) == code


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "id.city.example",
        "http://id.city.example",
        "https://id.city.example/",
        "https://ID.example",
        "https://a b",
        "https://user@id.example",
        "https://" + "a" * 300,
        "ftp://localhost",
        "null",
    ],
)
def test_origins_that_are_none(origin):
    assert refusal(GOOD, origin=origin) == "origin-malformed"


@pytest.mark.parametrize("origin", ["http://localhost:8404", "http://127.0.0.1:8404", "https://[::1]:8404"])
def test_loopback_origins(origin):
    document = token(signature=sign(CARDS["p256"], "ES256", origin=origin))
    verify_card_token(CardToken.parse(document), origin=origin, nonce=NONCE, at=AT)


@pytest.mark.parametrize("nonce", ["", "short", "x" * 43, "x" * 129])
def test_nonces_of_wrong_length(nonce):
    assert refusal(GOOD, nonce=nonce) == "nonce-length"


def test_hidden_characters_of_the_version_are_dropped():
    assert CardToken.parse({**GOOD, "appVersion": "a\u202eb"}).app_version == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.text(min_size=90, max_size=300) | st.dictionaries(st.sampled_from([*GOOD, "x"]), json_values))
def test_anything_gives_own_errors(document):
    try:
        CardToken.parse(document)
    except TrustError:
        return


@given(st.sampled_from(list(GOOD)), json_values)
def test_any_value_in_any_field_gives_own_errors(field, value):
    try:
        parsed = CardToken.parse({**GOOD, field: value})
        verify_card_token(parsed, origin=ORIGIN, nonce=NONCE, at=AT)
    except TrustError:
        return
    assert field in ("appVersion", "format")
