"""The JOSE wrapper: what it signs, what it believes, and that nothing else escapes it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.errors import SignedTokenError
from idp.strict_json import StrictJsonError, decode_base64url, encode_base64url, read_json_object
from idp.tokens import Purpose, SigningKey, VerificationKey, half_digest, sign_token, thumbprint, verify_token
from runtime.keys import KeySigner, generate_private_key
from tests.idp.harness import ISSUER, START

MOMENT = int(START.timestamp())


@pytest.fixture(scope="module")
def key():
    return SigningKey.from_signer(KeySigner(generate_private_key("p256")))


@pytest.fixture(scope="module")
def rsa_key():
    return SigningKey.from_signer(KeySigner(generate_private_key("rsa3072")))


def claims(**changes) -> dict:
    values = {
        "iss": ISSUER, "sub": "s", "aud": "site", "iat": MOMENT, "exp": MOMENT + 300, "sid": "x", **changes,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def verify(token, key, purpose=Purpose.ID_TOKEN, at=START, **changes):
    values = {"issuer": ISSUER, "audience": "site", **changes}
    return verify_token(token, purpose, keys=[key.verification], at=at, **values)


def reassemble(header: dict | None, payload: dict | None, key, token: str | None = None) -> str:
    """A token with any header and payload, truly signed by the key."""
    head, body = (
        encode_base64url(json.dumps(part).encode() if not isinstance(part, bytes) else part)
        for part in (header, payload)
    )
    signature = key.key.sign(f"{head}.{body}".encode())
    return f"{head}.{body}.{encode_base64url(signature)}"


def good_header(key) -> dict:
    return {"alg": key.algorithm.value, "kid": key.verification.kid, "typ": "JWT"}


@pytest.mark.parametrize("kind", ["key", "rsa_key"])
def test_signed_tokens_verify(kind, request):
    key = request.getfixturevalue(kind)
    given = claims()
    token = sign_token(Purpose.ID_TOKEN, given, key)
    assert verify(token, key) == given == claims(), "signing leaves the caller's claims alone"


def test_signing_without_a_required_claim_is_refused(key):
    with pytest.raises(SignedTokenError):
        sign_token(Purpose.ID_TOKEN, claims(sub=None), key)


def test_reassembled_token_is_good(key):
    assert verify(reassemble(good_header(key), claims(), key), key) == claims()


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": {}},
        {"typ": None},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": ["JWT"]},
        {"typ": {}},
        {"kid": None, "alg": "RS256"},
        {"kid": "other"},
        {"kid": 1},
        {"kid": ["a"]},
        {"crit": []},
        {"crit": ["exp"]},
        {"jku": "https://evil.example"},
        {"jwk": {}},
        {"x5u": "x"},
        {"x5c": []},
        {"zip": "DEF"},
        {"b64": False},
        {"cty": "JWT"},
        {"enc": "A128GCM"},
    ],
    ids=str,
)
def test_header_is_held_to_the_purpose(key, change):
    header = {**good_header(key), **change}
    header = {name: value for name, value in header.items() if value is not None}
    with pytest.raises(SignedTokenError):
        verify(reassemble(header, claims(), key), key)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": None},
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"aud": None},
        {"aud": "other"},
        {"aud": ["site"]},
        {"aud": ["site", "other"]},
        {"exp": None},
        {"exp": str(MOMENT + 300)},
        {"exp": MOMENT - 11},
        {"exp": -1},
        {"exp": True},
        {"exp": 1e300},
        {"exp": MOMENT + 10_000},
        {"iat": MOMENT + 61},
        {"iat": None},
        {"iat": "x"},
        {"nbf": MOMENT + 61},
        {"sid": 5},
        {"jti": []},
    ],
    ids=str,
)
def test_claims_are_held_to_the_purpose(key, change):
    with pytest.raises(SignedTokenError):
        verify(reassemble(good_header(key), claims(**change), key), key)


def test_hint_may_be_expired_but_must_name_a_session(key):
    token = sign_token(Purpose.ID_TOKEN_HINT, claims(exp=MOMENT - 3000, iat=MOMENT - 3300), key)
    assert verify(token, key, Purpose.ID_TOKEN_HINT)["sid"] == "x"
    with pytest.raises(SignedTokenError):
        verify(token, key, Purpose.ID_TOKEN)
    with pytest.raises(SignedTokenError):
        verify(reassemble(good_header(key), claims(sid=None), key), key, Purpose.ID_TOKEN_HINT)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"a","iss":"b"}',
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"{}x",
        b"\xff",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"exp":1e400}',
        b'{"a":' + b"1" * 4000 + b"}",
        b"[" * 3000,
        b'{"a":' * 3000,
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b"{'a':1}",
        b"\xef\xbb\xbf{}",
        b"",
    ],
    ids=range(18),
)
def test_payload_is_read_strictly(key, payload):
    with pytest.raises(SignedTokenError):
        verify(reassemble(good_header(key), payload, key), key)


def test_overlong_token_is_refused(key):
    with pytest.raises(SignedTokenError, match="too long"):
        verify(reassemble(good_header(key), claims(extra="x" * 20_000), key), key)


def malleate(token: str):
    """Other spellings of the same signature."""
    head, payload, signature = token.split(".")
    yield f"{head}.{payload}.{signature}="
    yield f"{head}.{payload}.{signature}=="
    yield f"{head}.{payload}.{signature}\n"
    yield f" {token}"
    yield f"{head}.{payload}.{signature}."
    yield f"{head}..{signature}"
    yield token.replace("_", "/").replace("-", "+") + "/"
    # 64 octets end on a character with four stray bits.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield f"{head}.{payload}.{signature[:-1]}{alphabet[alphabet.index(signature[-1]) | 1]}"


def test_malleable_spellings_are_refused(key):
    token = sign_token(Purpose.ID_TOKEN, claims(), key)
    for spelling in malleate(token):
        with pytest.raises(SignedTokenError):
            verify(spelling, key)


def test_signature_by_another_key_is_refused(key):
    other = SigningKey.from_signer(KeySigner(generate_private_key("p256")))
    token = reassemble(good_header(key), claims(), other)
    with pytest.raises(SignedTokenError, match="signature"):
        verify(token, key)


def test_p384_key_never_verifies_es256():
    with pytest.raises(SignedTokenError):
        VerificationKey.from_spki(KeySigner(generate_private_key("p384")).public_key)


def test_thumbprint_of_rfc_7638():
    """The example of RFC 7638 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4"
        "n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
        "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur"
        "-kEgU8awapJzKnqDKgw"
    )
    expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"}) == expected


def test_at_hash_of_openid_connect_core():
    """The example of OIDC Core A.3: access token and at_hash."""
    assert half_digest("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_verification_of_the_rfc_7515_example_key():
    """The ES256 example of RFC 7515 A.3: a signature made elsewhere verifies with the key built here."""
    jwk = {
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }  # fmt: skip
    signing_input = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    built = VerificationKey.from_jwk(jwk)
    assert built.key.verify(signing_input.encode(), base64.urlsafe_b64decode(signature + "=="))


# --- fuzzing ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(
    ["alg", "typ", "kid", "crit", "jku", "zip", "iss", "sub", "aud", "exp", "iat", "nbf", "sid"]
)
objects = st.dictionaries(names, json_values, max_size=6)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(header=objects, payload=objects)
def test_any_signed_objects_are_refused_or_returned(key, header, payload):
    """Whatever a key holder signs: a verdict, never another exception."""
    token = reassemble({**good_header(key), **header}, {**claims(), **payload}, key)
    try:
        found = verify(token, key)
    except SignedTokenError:
        return
    assert found["iss"] == ISSUER
    assert found["aud"] == "site"


@settings(max_examples=600, deadline=None)
@given(token=st.text(max_size=300) | st.text(alphabet="eyJ.AB-_=0", max_size=200))
def test_any_text_is_refused(token):
    for purpose in Purpose:
        with pytest.raises(SignedTokenError):
            verify_token(token, purpose, keys=[], issuer=ISSUER, audience="site", at=START)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_changed_character_is_refused(key, data):
    token = sign_token(Purpose.ID_TOKEN, claims(), key)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(min_codepoint=0, max_codepoint=255))
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(SignedTokenError):
            verify(changed, key)


@settings(max_examples=400, deadline=None)
@given(jwk=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "use", "kid"]),
                           json_values | st.sampled_from(["EC", "RSA", "P-256", "AQAB", "sig"])))  # fmt: skip
def test_any_jwk_is_refused_or_built(jwk):
    try:
        VerificationKey.from_jwk(jwk)
    except SignedTokenError:
        return


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(data):
    try:
        value = read_json_object(data)
    except StrictJsonError:
        return
    assert value == json.loads(data)


@given(st.binary(max_size=80))
def test_base64url_round_trip(data):
    assert decode_base64url(encode_base64url(data)) == data


# --- the library and its baggage ---


def test_ecdsa_and_rsa_are_never_imported():
    """They come with the JOSE library, one of them with an unfixed timing leak (CVE-2024-23342)."""
    program = "import sys, idp.web, idp.cli; print(sorted({'ecdsa', 'rsa'} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_only_one_module_imports_the_library():
    root = Path(__file__).resolve().parents[2]
    importers = [
        path.relative_to(root).as_posix()
        for package in ("ca", "idp", "cardreader", "signing", "runtime", "trust", "tongxing", "examples")
        for path in (root / package).rglob("*.py")
        if re.search(r"^\s*(from|import) jose\b", path.read_text(), re.MULTILINE)
    ]
    assert importers == ["idp/tokens.py"]
