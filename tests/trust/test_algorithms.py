"""Algorithms and keys: what is read, what is refused, and by which name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import algos, keys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, mldsa, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.authorities import AT, new_key
from trust.algorithms import (
    AlgorithmPolicy,
    SignatureError,
    SignatureScheme,
    algorithm_for,
    check_algorithm,
    check_public_key,
    parse_algorithm,
    verify_signature,
)
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.errors import TrustError
from trust.public_key import AlgorithmError, inherit_parameters, load_public_key

DATA = b"what is signed"


def spki(key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def algorithm(name: str, **parameters) -> bytes:
    return algos.SignedDigestAlgorithm({"algorithm": name, **parameters}).dump()


def code_of(call, *arguments, **named) -> str:
    with pytest.raises(TrustError) as caught:
        call(*arguments, **named)
    return caught.value.code


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048"])
def test_sign_by_the_library_verify_here(kind, digest):
    key = new_key(kind)
    chosen = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[digest]
    if kind == "rsa2048":
        signature = key.sign(DATA, padding.PKCS1v15(), chosen)
        salted = key.sign(DATA, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
        verify_signature(spki(key), algorithm_for(spki(key), digest, pss=True), salted, DATA)
    else:
        signature = key.sign(DATA, ec.ECDSA(chosen))
    identifier = algorithm_for(spki(key), digest)
    verify_signature(spki(key), identifier, signature, DATA)
    assert code_of(verify_signature, spki(key), identifier, signature, DATA + b"!") == "signature-invalid"


def test_ed25519():
    key = new_key("ed25519")
    verify_signature(spki(key), algorithm_for(spki(key)), key.sign(DATA), DATA)
    assert (
        code_of(verify_signature, spki(key), algorithm_for(spki(key)), key.sign(DATA), b"")
        == "signature-invalid"
    )


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("p256", "sha256_ecdsa", "300a06082a8648ce3d040302"),
        ("rsa2048", "sha256_rsa", "300d06092a864886f70d01010b0500"),
        ("ed25519", "ed25519", "300506032b6570"),
    ],
)
def test_algorithm_identifiers_as_the_standards_write_them(kind, name, expected):
    assert algorithm_for(spki(new_key(kind))).hex() == expected


def test_pss_identifier_is_what_asn1crypto_writes():
    expected = algos.SignedDigestAlgorithm(
        {
            "algorithm": "rsassa_pss",
            "parameters": {
                "hash_algorithm": {"algorithm": "sha256"},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": "sha256"}},
                "salt_length": 32,
            },
        }
    )
    ours = algos.SignedDigestAlgorithm.load(algorithm_for(spki(new_key("rsa2048")), pss=True))
    assert ours.hash_algo == expected.hash_algo
    assert ours["parameters"]["salt_length"].native == 32
    assert ours["parameters"]["mask_gen_algorithm"].native["parameters"]["algorithm"] == "sha256"


def test_ecdsa_with_an_explicit_null_is_read():
    """The Finnish card's ecdsa-with-SHA384."""
    parsed = parse_algorithm(bytes.fromhex("300c06082a8648ce3d0403030500"))
    assert (parsed.scheme, parsed.digest) == (SignatureScheme.ECDSA, DigestAlgorithm.SHA384)


def test_rsa_without_null_is_read():
    assert parse_algorithm(bytes.fromhex("300b06092a864886f70d01010b")).digest is DigestAlgorithm.SHA256


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        ("300a06082a8648ce3d04030a", "algorithm-unknown"),
        ("300e06092a864886f70d01010b0101ff", "algorithm-parameters"),
        ("300706032b65700500", "algorithm-parameters"),
        ("300b06092a864886f70d01010a", "der-truncated"),
        ("", "der-truncated"),
        ("3080", "der-indefinite-length"),
    ],
)
def test_algorithms_that_are_refused(octets, code):
    assert code_of(parse_algorithm, bytes.fromhex(octets)) == code


@pytest.mark.parametrize(
    "parameters",
    [
        {"salt_length": 600},
        {"trailer_field": 2},
        {"hash_algorithm": {"algorithm": "sha256"}},
    ],
)
def test_pss_parameters_that_are_refused(parameters):
    identifier = algorithm("rsassa_pss", parameters=parameters)
    assert code_of(parse_algorithm, identifier) == "algorithm-parameters"


def test_sunsets():
    sha1 = algorithm("sha1_rsa")
    assert check_algorithm(sha1, datetime(2016, 12, 31, tzinfo=UTC)).digest is DigestAlgorithm.SHA1
    assert code_of(check_algorithm, sha1, datetime(2017, 1, 1, tzinfo=UTC)) == "algorithm-sunset"
    assert (
        code_of(check_algorithm, algorithm("md5_rsa"), datetime(1999, 1, 1, tzinfo=UTC)) == "algorithm-sunset"
    )
    lenient = AlgorithmPolicy(sunsets=())
    assert check_algorithm(sha1, AT, lenient)


def test_short_rsa_key():
    key = spki(new_key("rsa1024"))
    check_public_key(key, datetime(2013, 12, 31, tzinfo=UTC))
    assert code_of(check_public_key, key, datetime(2014, 1, 1, tzinfo=UTC)) == "key-size"
    check_public_key(key, AT, AlgorithmPolicy(key_sunsets=()))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    return keys.PublicKeyInfo.wrap(
        keys.RSAPublicKey({"modulus": modulus, "public_exponent": exponent}), "rsa"
    ).dump()


@pytest.mark.parametrize(
    ("modulus", "exponent", "code"),
    [
        ((1 << 2047) + 1, 1, "key-invalid"),
        ((1 << 2047) + 1, 2, "key-invalid"),
        ((1 << 2047) + 1, (1 << 65) + 1, "key-invalid"),
        ((1 << 2047) + 1, -3, "key-invalid"),
        ((1 << 2048), 65537, "key-invalid"),
        ((1 << 16384) + 1, 65537, "key-size"),
        (0, 65537, "key-size"),
        (15, 3, "key-size"),
    ],
    ids=["exponent 1", "even", "exponent long", "exponent negative", "even modulus", "long", "zero", "short"],
)
def test_rsa_keys_that_are_refused(modulus, exponent, code):
    assert code_of(load_public_key, rsa_spki(modulus, exponent)) == code


def ec_spki(parameters: str, point: bytes) -> bytes:
    content = bytes.fromhex("06072a8648ce3d0201") + bytes.fromhex(parameters)
    bits = b"\x03" + bytes([len(point) + 1]) + b"\x00" + point
    body = b"\x30" + bytes([len(content)]) + content + bits
    return b"\x30" + bytes([len(body)]) + body


P256 = "06082a8648ce3d030107"


@pytest.mark.parametrize(
    ("parameters", "point", "code"),
    [
        (P256, b"\x04" + b"\x01" * 64, "key-invalid"),
        (P256, b"\x00", "key-invalid"),
        (P256, b"", "key-invalid"),
        (P256, b"\x02" + b"\x01" * 32, "key-invalid"),
        (P256, b"\x04" + b"\x01" * 63, "key-invalid"),
        ("06052b8104000a", b"\x04" + b"\x01" * 64, "key-unknown"),
        ("0500", b"\x04" + b"\x01" * 64, "key-unknown"),
        ("3000", b"\x04" + b"\x01" * 64, "key-unknown"),
    ],
)
def test_ec_keys_that_are_refused(parameters, point, code):
    assert code_of(load_public_key, ec_spki(parameters, point)) == code


DSA_KEY = dsa.generate_private_key(2048)
# id-dsa, and dsa-with-sha256 (RFC 5758 3.1).
ID_DSA, DSA_WITH_SHA256 = "06072a8648ce380401", bytes.fromhex("300b0609608648016503040302")


def test_dsa_verifies_and_ended_with_its_standard():
    signature = DSA_KEY.sign(DATA, hashes.SHA256())
    verify_signature(spki(DSA_KEY), DSA_WITH_SHA256, signature, DATA)
    assert code_of(verify_signature, spki(DSA_KEY), DSA_WITH_SHA256, signature, b"") == "signature-invalid"
    check_public_key(spki(DSA_KEY), datetime(2024, 2, 2, tzinfo=UTC))
    assert code_of(check_public_key, spki(DSA_KEY), datetime(2024, 2, 3, tzinfo=UTC)) == "key-size"
    assert code_of(algorithm_for, spki(DSA_KEY)) == "key-mismatch"


def without_parameters(key: bytes) -> bytes:
    info = keys.PublicKeyInfo.load(key)
    return der.sequence(der.sequence(bytes.fromhex(ID_DSA)), info["public_key"].dump())


def test_dsa_key_inherits_its_parameters_from_a_dsa_key_only():
    bare = without_parameters(spki(DSA_KEY))
    assert code_of(load_public_key, bare) == "key-parameters-missing"
    assert inherit_parameters(bare, spki(DSA_KEY)) == spki(DSA_KEY)
    assert inherit_parameters(spki(DSA_KEY), spki(DSA_KEY)) == spki(DSA_KEY)
    for nothing in (bare, spki(KEYS["p256"]), spki(KEYS["rsa2048"]), b"", b"0"):
        assert code_of(load_public_key, inherit_parameters(bare, nothing)) == "key-parameters-missing"
    assert inherit_parameters(bare[:-1], spki(DSA_KEY)) == bare[:-1]


def dsa_spki(p: int, q: int, g: int, y: int) -> bytes:
    parameters = der.sequence(*(der.integer(number) for number in (p, q, g)))
    return der.sequence(der.sequence(bytes.fromhex(ID_DSA), parameters), der.bit_string(der.integer(y)))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"y": 1}, "key-invalid"),
        ({"y": -2}, "key-invalid"),
        ({"g": 1}, "key-invalid"),
        ({"g": 2}, "key-invalid"),
        ({"q": 3}, "key-invalid"),
        ({"q": 0}, "key-size"),
        ({"p": (1 << 4095) + 1}, "key-size"),
        ({"p": 23, "q": 11, "g": 4, "y": 9}, "key-invalid"),
    ],
)
def test_dsa_keys_that_are_refused(change, code):
    public = DSA_KEY.public_key().public_numbers()
    group = public.parameter_numbers
    numbers = {"p": group.p, "q": group.q, "g": group.g, "y": public.y} | change
    assert code_of(load_public_key, dsa_spki(**numbers)) == code


ML_DSA = {
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PrivateKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PrivateKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PrivateKey,
}


@pytest.mark.parametrize("oid", ML_DSA)
def test_ml_dsa(oid):
    """RFC 9881: identifiers of key and signature are the same, without parameters."""
    key = ML_DSA[oid].generate()
    public, identifier = spki(key), der.sequence(der.oid(oid))
    assert algorithm_for(public) == identifier
    signature = key.sign(DATA)
    verify_signature(public, identifier, signature, DATA)
    check_public_key(public, AT)
    assert code_of(verify_signature, public, identifier, signature, b"") == "signature-invalid"
    assert code_of(verify_signature, public, identifier, signature[:-1], DATA) == "signature-invalid"
    for other in set(ML_DSA) - {oid}:
        assert (
            code_of(verify_signature, public, der.sequence(der.oid(other)), signature, DATA) == "key-mismatch"
        )
    raw = key.public_key().public_bytes_raw()
    short = der.sequence(identifier, der.bit_string(raw[:-1]))
    with_null = der.sequence(der.sequence(der.oid(oid), der.null()), der.bit_string(raw))
    assert code_of(load_public_key, short) == code_of(load_public_key, with_null) == "key-invalid"
    assert code_of(parse_algorithm, der.sequence(der.oid(oid), der.null())) == "algorithm-parameters"


def test_ed448():
    key = ed448.Ed448PrivateKey.generate()
    verify_signature(spki(key), algorithm_for(spki(key)), key.sign(DATA), DATA)
    assert code_of(verify_signature, spki(key), algorithm_for(spki(key)), key.sign(b""), DATA) == (
        "signature-invalid"
    )


def test_key_of_one_kind_under_a_signature_of_another():
    elliptic, modular, edwards = (spki(new_key(kind)) for kind in ("p256", "rsa2048", "ed25519"))
    for key, other in ((elliptic, modular), (modular, elliptic), (modular, edwards), (edwards, modular)):
        assert code_of(verify_signature, key, algorithm_for(other), b"x", DATA) == "key-mismatch"


def pss_spki(key: rsa.RSAPrivateKey, **parameters) -> bytes:
    info = keys.PublicKeyInfo.load(spki(key))
    info["algorithm"] = {"algorithm": "rsassa_pss", **parameters}
    return info.dump(force=True)


def test_pss_key_signs_with_pss_only():
    key = new_key("rsa2048")
    digest = hashes.SHA256()
    salted = key.sign(DATA, padding.PSS(padding.MGF1(digest), 32), digest)
    identifier = algorithm_for(spki(key), pss=True)
    verify_signature(pss_spki(key), identifier, salted, DATA)
    plain = key.sign(DATA, padding.PKCS1v15(), digest)
    assert code_of(verify_signature, pss_spki(key), algorithm_for(spki(key)), plain, DATA) == "key-mismatch"
    limited = pss_spki(
        key,
        parameters={
            "hash_algorithm": {"algorithm": "sha384"},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": "sha384"}},
            "salt_length": 48,
        },
    )
    assert code_of(verify_signature, limited, identifier, salted, DATA) == "key-mismatch"


@given(st.binary(max_size=80))
def test_any_bytes_as_key_or_algorithm_give_own_errors(data):
    for call in (load_public_key, parse_algorithm):
        with pytest.raises(TrustError):
            call(data)


@given(st.binary(max_size=100))
def test_any_bytes_as_signature_are_refused(signature):
    for kind in KEYS:
        with pytest.raises((SignatureError, AlgorithmError)):
            verify_signature(spki(KEYS[kind]), algorithm_for(spki(KEYS[kind])), signature, DATA)


KEYS = {kind: new_key(kind) for kind in ("p256", "rsa2048", "ed25519")}
