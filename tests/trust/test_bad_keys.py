"""Keys, algorithms and signatures that nobody should make: each refused by a typed error with its reason."""

from __future__ import annotations

import time

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto.algos import DSASignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from tests.bounds import BUSY_SECOND
from tests.trust.authorities import new_key
from tests.trust.test_algorithms import DATA, code_of, spki
from trust.algorithms import algorithm_for, parse_algorithm, verify_signature
from trust.encoding import der
from trust.errors import TrustError
from trust.public_key import load_public_key, parse_key_info

EC, RSA, PSS = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
P256, P384 = "1.2.840.10045.3.1.7", "1.3.132.0.34"
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY = new_key("p256")
POINT = parse_key_info(spki(KEY)).key
MODULUS = (1 << 2047) + (1 << 1000) + 1


def key_info(oid: str, parameters: bytes, key: bytes, unused: int = 0) -> bytes:
    return der.sequence(der.sequence(der.oid(oid), parameters), der.bit_string(key, unused))


def rsa_key(*numbers: int, more: bytes = b"") -> bytes:
    return der.sequence(*(der.integer(number) for number in numbers), more)


def explicit_parameters() -> bytes:
    """P-256 spelt out (RFC 3279 2.3.5), which lets an attacker choose the base point (CVE-2020-0601)."""
    field = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer((1 << 256) - (1 << 224) + 1))
    curve = der.sequence(der.octet_string(bytes(32)), der.octet_string(bytes(32)))
    return der.sequence(der.integer(1), field, curve, der.octet_string(POINT), der.integer(N), der.integer(1))


@pytest.mark.parametrize(
    ("parameters", "point", "code"),
    [
        pytest.param(explicit_parameters(), POINT, "key-unknown", id="explicit parameters"),
        pytest.param(der.null(), POINT, "key-unknown", id="implicitly the CA's curve"),
        pytest.param(b"", POINT, "key-unknown", id="no parameters"),
        pytest.param(der.oid("1.3.132.0.33"), b"\x04" + bytes(56), "key-unknown", id="P-224"),
        pytest.param(der.oid("1.2.840.10045.3.1.1"), b"\x04" + bytes(48), "key-unknown", id="P-192"),
        pytest.param(der.oid("1.3.36.3.3.2.8.1.1.7"), POINT, "key-unknown", id="brainpool"),
        pytest.param(der.oid("1.2.3.4.5"), POINT, "key-unknown", id="nobody's curve"),
        pytest.param(der.oid(P384), POINT, "key-invalid", id="a point of another curve"),
        pytest.param(der.oid(P256), b"\x02" + POINT[1:33], "key-invalid", id="compressed"),
        pytest.param(
            der.oid(P256), bytes([6 + POINT[-1] % 2]) + POINT[1:], "key-invalid", id="hybrid (X9.62 4.3.6)"
        ),
        pytest.param(der.oid(P256), b"\x00", "key-invalid", id="infinity"),
        pytest.param(der.oid(P256), b"\x04" + bytes(64), "key-invalid", id="(0, 0)"),
        pytest.param(der.oid(P256), b"\x04" + b"\xff" * 64, "key-invalid", id="beyond the field"),
        pytest.param(der.oid(P256), POINT + b"\x00", "key-invalid", id="an octet too many"),
        pytest.param(der.oid(P256), b"", "key-invalid", id="empty"),
        pytest.param(der.oid(P256), b"\x04" + bytes(1_000_000), "key-size", id="huge"),
    ],
)
def test_elliptic_keys(parameters, point, code):
    assert code_of(load_public_key, key_info(EC, parameters, point)) == code


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param(rsa_key(MODULUS, 1), "key-invalid", id="exponent 1"),
        pytest.param(rsa_key(MODULUS, 0), "key-invalid", id="exponent 0"),
        pytest.param(rsa_key(MODULUS, 65536), "key-invalid", id="exponent even"),
        pytest.param(rsa_key(MODULUS, -65537), "key-invalid", id="exponent negative"),
        pytest.param(rsa_key(MODULUS, MODULUS - 2), "key-invalid", id="exponent as long as the modulus"),
        pytest.param(rsa_key(-MODULUS, 65537), "key-invalid", id="modulus negative"),
        pytest.param(rsa_key(MODULUS + 1, 65537), "key-invalid", id="modulus even"),
        pytest.param(rsa_key(0, 65537), "key-size", id="modulus 0"),
        pytest.param(rsa_key((1 << 511) - 1, 65537), "key-size", id="511 bits"),
        pytest.param(rsa_key((1 << 16384) + 1, 65537), "key-size", id="16385 bits"),
        pytest.param(rsa_key((1 << 100_000) + 1, 65537), "key-size", id="a hundred thousand bits"),
        pytest.param(rsa_key(MODULUS), "der-truncated", id="no exponent"),
        pytest.param(rsa_key(MODULUS, 65537, more=der.null()), "der-trailing-data", id="a third member"),
        pytest.param(rsa_key(MODULUS, 65537) + b"\x00", "der-trailing-data", id="trailing data"),
        pytest.param(b"", "key-invalid", id="empty"),
        pytest.param(b"\x00" * 256, "der-wrong-tag", id="the bare modulus"),
    ],
)
def test_rsa_keys(key, code):
    assert code_of(load_public_key, key_info(RSA, der.null(), key)) == code


@pytest.mark.parametrize("parameters", [b"", der.sequence(), der.oid(P256)])
def test_rsa_keys_take_null_and_nothing_else(parameters):
    assert code_of(load_public_key, key_info(RSA, parameters, rsa_key(MODULUS, 65537))) == "key-invalid"


@pytest.mark.parametrize("oid", ["1.3.101.112", "1.3.101.113"])
def test_edwards_keys(oid):
    size = {"1.3.101.112": 32, "1.3.101.113": 57}[oid]
    for parameters, key in ((der.null(), bytes(size)), (b"", bytes(size - 1)), (b"", bytes(size + 1))):
        assert code_of(load_public_key, key_info(oid, parameters, key)) == "key-invalid"
    # X25519 and X448 sign nothing.
    assert code_of(load_public_key, key_info("1.3.101.110", b"", bytes(32))) == "key-unknown"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        pytest.param(b"", "der-truncated", id="nothing"),
        pytest.param(der.sequence(), "der-wrong-tag", id="an empty SEQUENCE"),
        pytest.param(der.sequence(der.sequence(), der.bit_string(b"x")), "der-truncated", id="no algorithm"),
        pytest.param(
            der.sequence(der.sequence(der.oid(EC)), der.octet_string(POINT)), "der-wrong-tag", id="no bits"
        ),
        pytest.param(key_info(EC, der.oid(P256), POINT[:-1] + b"\x80", 7), "key-invalid", id="loose bits"),
        pytest.param(key_info("1.2.3.4", b"", b"x"), "key-unknown", id="nobody's algorithm"),
        pytest.param(key_info(EC, der.oid(P256), POINT) + b"\x00", "der-trailing-data", id="trailing data"),
        pytest.param(
            der.sequence(der.sequence(der.oid(EC), der.oid(P256), der.null()), der.bit_string(POINT)),
            "der-trailing-data",
            id="two parameters",
        ),
    ],
)
def test_key_infos(octets, code):
    assert code_of(load_public_key, octets) == code


# --- PSS -------------------------------------------------------------------------------------------------

SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.null())
SHA512 = der.sequence(der.oid("2.16.840.1.101.3.4.2.3"), der.null())
MGF1 = "1.2.840.113549.1.1.8"


def pss(*parts: bytes) -> bytes:
    return der.sequence(der.oid(PSS), der.sequence(*parts))


HASH, MASK = der.explicit(0, SHA256), der.explicit(1, der.sequence(der.oid(MGF1), SHA256))
SALT = der.explicit(2, der.integer(32))


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [
        pytest.param(der.sequence(der.oid(PSS)), "der-truncated", id="no parameters (RFC 4055 3.1)"),
        pytest.param(der.sequence(der.oid(PSS), der.null()), "der-wrong-tag", id="NULL"),
        pytest.param(pss(HASH, SALT), "algorithm-parameters", id="the mask's digest left at SHA-1"),
        pytest.param(
            pss(HASH, der.explicit(1, der.sequence(der.oid(MGF1), SHA512)), SALT),
            "algorithm-parameters",
            id="another digest for the mask",
        ),
        pytest.param(
            pss(HASH, der.explicit(1, der.sequence(der.oid("1.2.3"), SHA256)), SALT),
            "algorithm-parameters",
            id="another mask",
        ),
        pytest.param(pss(HASH, MASK, der.explicit(2, der.integer(-1))), "algorithm-parameters", id="salt -1"),
        pytest.param(
            pss(HASH, MASK, der.explicit(2, der.integer(1 << 40))), "algorithm-parameters", id="huge salt"
        ),
        pytest.param(
            pss(HASH, MASK, SALT, der.explicit(3, der.integer(0xCC))), "algorithm-parameters", id="trailer"
        ),
        pytest.param(pss(MASK, HASH, SALT), "der-trailing-data", id="out of order"),
        pytest.param(pss(HASH, MASK, SALT, SALT), "der-trailing-data", id="salt twice"),
        pytest.param(
            pss(HASH, MASK, der.explicit(2, der.integer(32) + der.null())),
            "der-trailing-data",
            id="two salts",
        ),
        pytest.param(pss(HASH, MASK, SALT, der.null()), "der-trailing-data", id="trailing data"),
        pytest.param(
            pss(der.explicit(0, der.sequence(der.oid("1.2.3"))), MASK), "algorithm-unknown", id="digest"
        ),
    ],
)
def test_pss_parameters(algorithm, code):
    assert code_of(parse_algorithm, algorithm) == code


def test_a_salt_of_another_length_than_the_parameters_say():
    key = new_key("rsa2048")
    digest = hashes.SHA256()
    short = key.sign(DATA, padding.PSS(padding.MGF1(digest), 20), digest)
    algorithm = algorithm_for(spki(key), pss=True)
    assert code_of(verify_signature, spki(key), algorithm, short, DATA) == "signature-invalid"


# --- signatures ------------------------------------------------------------------------------------------


def ecdsa_signatures() -> dict[str, bytes]:
    signature = KEY.sign(DATA, ec.ECDSA(hashes.SHA256()))
    read = DSASignature.load(signature).native
    r, s = read["r"], read["s"]
    content = der.integer(r) + der.integer(s)
    return {
        "empty": b"",
        "an empty SEQUENCE": der.sequence(),
        "zeros": der.sequence(der.integer(0), der.integer(0)),
        "r zero": der.sequence(der.integer(0), der.integer(s)),
        "s zero": der.sequence(der.integer(r), der.integer(0)),
        "r + n": der.sequence(der.integer(r + N), der.integer(s)),
        "s + n": der.sequence(der.integer(r), der.integer(s + N)),
        "r negative": der.sequence(der.integer(r - N), der.integer(s)),
        "s negative": der.sequence(der.integer(r), der.integer(-s)),
        "n": der.sequence(der.integer(N), der.integer(N)),
        "one number": der.sequence(der.integer(r)),
        "three numbers": der.sequence(content, der.integer(1)),
        "trailing data": signature + b"\x00",
        "trailing data within": der.sequence(content, b"\x05\x00"),
        "indefinite length": b"\x30\x80" + content + b"\x00\x00",
        "a long length": b"\x30\x81" + bytes([len(content)]) + content,
        "r padded": der.sequence(b"\x02\x22\x00" + bytes(1) + r.to_bytes(32, "big"), der.integer(s)),
        "raw": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        "huge": der.sequence(der.integer(1 << 800_000), der.integer(s)),
    }


ECDSA = ecdsa_signatures()


@pytest.mark.parametrize("kind", ECDSA)
def test_ecdsa_signatures(kind):
    algorithm = algorithm_for(spki(KEY))
    assert code_of(verify_signature, spki(KEY), algorithm, ECDSA[kind], DATA) == "signature-invalid"


def test_rsa_signatures():
    key = new_key("rsa2048")
    signature = key.sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    number, modulus = int.from_bytes(signature, "big"), key.public_key().public_numbers().n
    wrong = [b"", b"\x00", signature[1:], b"\x00" + signature, signature + b"\x00", bytes(256), b"\xff" * 256]
    wrong += [bytes(255) + b"\x01", (modulus - 1).to_bytes(256, "big"), bytes(1_000_000)]
    if number + modulus < 1 << 2048:
        wrong.append((number + modulus).to_bytes(256, "big"))
    for algorithm in (algorithm_for(spki(key)), algorithm_for(spki(key), pss=True)):
        for each in wrong:
            assert code_of(verify_signature, spki(key), algorithm, each, DATA) == "signature-invalid"


def test_an_edwards_signature_with_s_beyond_the_order():
    """RFC 8032 5.1.7: s is below the order of the group, or the signature could be changed at will."""
    key = ed25519.Ed25519PrivateKey.generate()
    signature = key.sign(DATA)
    order = (1 << 252) + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    changed = signature[:32] + s.to_bytes(32, "little")
    assert (
        code_of(verify_signature, spki(key), algorithm_for(spki(key)), changed, DATA) == "signature-invalid"
    )


def test_huge_keys_cost_nothing():
    started = time.process_time()
    for key in (
        key_info(RSA, der.null(), rsa_key((1 << 8_000_000) + 1, 65537)),
        key_info(RSA, der.null(), rsa_key(MODULUS, (1 << 8_000_000) + 1)),
        key_info(EC, der.oid(P256), b"\x04" + bytes(8_000_000)),
        key_info("1.3.101.112", b"", bytes(8_000_000)),
        b"\x30" * 8_000_000,
    ):
        with pytest.raises(TrustError):
            load_public_key(key)
    assert time.process_time() - started < BUSY_SECOND


def test_a_good_key_with_much_around_it_is_not_remembered():
    """Loaded keys are kept by their bytes: two thousand of this size would be two hundred megabytes."""
    parameters = der.sequence(der.explicit(0, SHA256), der.octet_string(bytes(100_000)))
    assert code_of(load_public_key, key_info(PSS, parameters, rsa_key(MODULUS, 65537))) == "key-size"


def test_an_rsa_key_as_asn1crypto_writes_it_is_read():
    """The tests above refuse for the reason they name, not for their way of writing."""
    written = asn1_keys.PublicKeyInfo.wrap(
        asn1_keys.RSAPublicKey({"modulus": MODULUS, "public_exponent": 65537}), "rsa"
    ).dump()
    assert written == key_info(RSA, der.null(), rsa_key(MODULUS, 65537))
    assert load_public_key(written).key_size == 2048
    assert parse_algorithm(pss(HASH, MASK, SALT)).salt_length == 32
    assert load_public_key(key_info(EC, der.oid(P256), POINT))
