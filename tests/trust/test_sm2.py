"""SM2: the published examples, what is refused, and what happens when the library cannot be relied on."""

from __future__ import annotations

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

import trust.libcrypto
from tests.trust.authorities import AT, new_key
from tests.trust.test_algorithms import code_of, spki
from trust.algorithms import (
    DEFAULT_ALGORITHM_POLICY,
    SignatureScheme,
    algorithm_for,
    check_algorithm,
    check_public_key,
    parse_algorithm,
    verify_signature,
)
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.libcrypto import SM2Error, open_libcrypto
from trust.public_key import KeyKind, key_strength, load_public_key, parse_key_info
from trust.sm2 import (
    DEFAULT_SIGNER_ID,
    MAXIMUM_SIGNER_ID_SIZE,
    SM2_WITH_SM3,
    SM2PrivateKey,
    SM2PublicKey,
    _TestedLibrary,
)
from trust.sm2_self_test import run_self_test

# GB/T 32918.5-2017 annex A.2: the key, the message, the signature.
D = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
MESSAGE = b"message digest"

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
POINT = b"\x04" + bytes.fromhex(X + Y)
EC_WITH_SM2_CURVE = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
KEY = SM2PrivateKey.generate()
PUBLIC = KEY.public_key()


def key_info(point: bytes, algorithm: bytes = EC_WITH_SM2_CURVE) -> bytes:
    return der.sequence(algorithm, der.bit_string(point))


def encode(r: int, s: int) -> bytes:
    return der.sequence(der.integer(r), der.integer(s))


EXAMPLE = key_info(POINT)


def test_published_signature():
    verify_signature(EXAMPLE, SM2_WITH_SM3, encode(R, S), MESSAGE)
    assert code_of(verify_signature, EXAMPLE, SM2_WITH_SM3, encode(R, S), b"other") == "signature-invalid"


def test_published_private_key_has_the_published_public_key():
    """PrivateKeyInfo of dA (RFC 5915, RFC 5958), written here without any library."""
    private = der.sequence(der.integer(1), der.octet_string(D.to_bytes(32, "big")))
    info = der.sequence(der.integer(0), EC_WITH_SM2_CURVE, der.octet_string(private))
    key = SM2PrivateKey.load(info)
    assert key.public_key().spki == EXAMPLE
    verify_signature(EXAMPLE, SM2_WITH_SM3, key.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_published_sm3_digests(data, digest):
    """GB/T 32905-2016 annex A."""
    assert DigestAlgorithm.SM3.digest(data).hex() == digest


def test_identifiers():
    """GM/T 0006: SM2-with-SM3, parameters absent."""
    assert SM2_WITH_SM3.hex() == "300a06082a811ccf55018375"
    assert algorithm_for(EXAMPLE) == SM2_WITH_SM3
    parsed = parse_algorithm(SM2_WITH_SM3)
    assert (parsed.scheme, parsed.digest) == (SignatureScheme.SM2, DigestAlgorithm.SM3)
    # Certificates in the field carry a NULL, too.
    assert parse_algorithm(bytes.fromhex("300c06082a811ccf550183750500")) == parsed
    assert key_strength(EXAMPLE) == (KeyKind.SM2, 256)
    check_public_key(EXAMPLE, AT, DEFAULT_ALGORITHM_POLICY)
    assert check_algorithm(SM2_WITH_SM3, AT) == parsed


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_what_is_signed_verifies_under_its_identifier_only(data, signer_id):
    signature = KEY.sign(data, signer_id)
    key = SM2PublicKey(parse_key_info(PUBLIC.spki).key)
    key.verify(signature, data, signer_id)
    for other_data, other_id in ((data + b"\x00", signer_id), (data, signer_id + b"\x00")):
        with pytest.raises(InvalidSignature):
            key.verify(signature, other_data, other_id)


def test_no_signature_is_made_twice():
    assert KEY.sign(b"x") != KEY.sign(b"x")
    assert repr(KEY) == "<SM2PrivateKey>"
    verify_signature(PUBLIC.spki, SM2_WITH_SM3, KEY.sign(b""), b"")


def test_the_longest_identifier():
    longest = b"i" * MAXIMUM_SIGNER_ID_SIZE
    load_public_key(PUBLIC.spki).verify(KEY.sign(b"x", longest), b"x", longest)
    assert code_of(KEY.sign, b"x", longest + b"i") == "sm2-signer-id"
    key = load_public_key(PUBLIC.spki)
    assert code_of(key.verify, encode(1, 1), b"x", longest + b"i") == "sm2-signer-id"


# --- key files -------------------------------------------------------------------------------------------


def test_encrypted_key():
    encrypted = KEY.encrypt(b"a passphrase")
    assert SM2PrivateKey.decrypt(encrypted, b"a passphrase").public_key().spki == PUBLIC.spki
    for wrong in (b"another", b""):
        assert code_of(SM2PrivateKey.decrypt, encrypted, wrong) == "sm2-refused"
    assert code_of(SM2PrivateKey.decrypt, encrypted[:-1], b"a passphrase") == "sm2-refused"
    assert code_of(SM2PrivateKey.decrypt, b"", b"a passphrase") == "sm2-refused"


def test_another_kind_of_private_key():
    from cryptography.hazmat.primitives import serialization

    other = new_key("p256").private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert code_of(SM2PrivateKey.load, other) == "sm2-refused"


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x30\x00",
        encode(0, S),
        encode(R, 0),
        encode(N, S),
        encode(R, N),
        encode(R + N, S),
        encode(-R, S),
        encode(R, S - N),
        encode(1 << 4000, S),
        encode(R, S) + b"\x00",
        der.sequence(der.integer(R), der.integer(S), der.null()),
        der.sequence(der.integer(R)),
        bytes.fromhex("3080") + der.integer(R) + der.integer(S) + b"\x00\x00",
        der.sequence(b"\x02\x22\x00\x00" + R.to_bytes(32, "big"), der.integer(S)),
        der.sequence(der.octet_string(R.to_bytes(32, "big")), der.integer(S)),
        R.to_bytes(32, "big") + S.to_bytes(32, "big"),
        b"\x31" + encode(R, S)[1:],
        encode(S, R),
        encode(R, N - S),
    ],
)
def test_signatures_that_are_refused(signature):
    assert code_of(verify_signature, EXAMPLE, SM2_WITH_SM3, signature, MESSAGE) == "signature-invalid"


B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


def smallest_point() -> tuple[int, int]:
    """The point of the curve with the smallest x, so small that x + p fits 32 octets, too."""
    for x in range(100):
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y
    raise AssertionError


SMALL_X, SMALL_Y = smallest_point()


def coordinate(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize(
    "point",
    [
        b"\x00",
        b"\x00" * 65,
        b"\x04",
        POINT[:-1],
        POINT + b"\x00",
        b"\x02" + POINT[1:33],
        b"\x06" + POINT[1:],
        POINT[:-1] + bytes([POINT[-1] ^ 1]),
        b"\x04" + coordinate(0) + coordinate(0),
        b"\x04" + coordinate(SMALL_X + P) + coordinate(SMALL_Y),
        b"\x04" + bytes.fromhex(Y + X),
        b"\x04" + b"\xff" * 64,
    ],
)
def test_points_that_are_refused(point):
    assert code_of(load_public_key, key_info(point)) == "key-invalid"


def test_a_small_point_is_accepted():
    assert load_public_key(key_info(b"\x04" + coordinate(SMALL_X) + coordinate(SMALL_Y)))


def test_keys_under_the_wrong_algorithm():
    elliptic = new_key("p256")
    signature = KEY.sign(MESSAGE)
    for key, algorithm in (
        (spki(elliptic), SM2_WITH_SM3),
        (PUBLIC.spki, algorithm_for(spki(elliptic))),
        (PUBLIC.spki, algorithm_for(spki(new_key("ed25519")))),
    ):
        assert code_of(verify_signature, key, algorithm, signature, MESSAGE) == "key-mismatch"
    # A point of P-256 is not one of SM2.
    point = parse_key_info(spki(elliptic)).key
    assert code_of(load_public_key, key_info(point)) == "key-invalid"


# --- the library -----------------------------------------------------------------------------------------


def test_a_missing_library_is_refused_once_and_for_all(monkeypatch):
    library = _TestedLibrary()
    monkeypatch.setattr(trust.libcrypto, "LIBRARY", "libcrypto-that-is-not-there.so.3")
    assert code_of(library.get) == "sm2-unavailable"
    monkeypatch.undo()
    assert code_of(library.get) == "sm2-unavailable"


class Altered:
    """The real library, with one function that does wrong."""

    def __init__(self, **changes) -> None:
        self._real, self._changes = open_libcrypto(), changes

    def __getattr__(self, name):
        return self._changes.get(name) or getattr(self._real, name)


def refuse(*_arguments):
    raise SM2Error("refused", code="sm2-refused")


@pytest.mark.parametrize(
    "changes",
    [
        {"sm3": lambda _data: bytes(32)},
        {"verify": lambda *_arguments: True},
        {"verify": lambda *_arguments: False},
        {"sign": lambda *_arguments: encode(R, S)},
        {"load_public_key": refuse},
    ],
    ids=["digest", "accepts all", "refuses all", "signs the same", "knows no key"],
)
def test_a_library_that_fails_its_self_test(changes):
    run_self_test(Altered())
    assert code_of(run_self_test, Altered(**changes)) == "sm2-self-test"


def test_an_old_library_is_refused(monkeypatch):
    monkeypatch.setattr(trust.libcrypto, "_OLDEST_VERSION", 0xF0000000)
    assert code_of(open_libcrypto) == "sm2-unavailable"


def test_a_library_without_sm2_is_refused(monkeypatch):
    """A build option of OpenSSL (no-sm2); here another curve's key stands for it."""
    monkeypatch.setattr(trust.libcrypto, "_BASE_POINT", spki(new_key("p256")))
    assert code_of(open_libcrypto) == "sm2-unavailable"


def test_nothing_is_opened_at_import():
    """A citizen's PC imports `trust`, and has no libcrypto.so.3."""
    program = (
        "import trust.libcrypto\n"
        "del trust.libcrypto.LIBRARY\n"
        "import cardreader.signer, trust.algorithms, trust.path\n"
        "from trust.sm2 import SM2PrivateKey\n"
        "try:\n    SM2PrivateKey.generate()\nexcept NameError:\n    print('opened at the first use')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "opened at the first use\n"


def test_threads_share_a_key():
    key = load_public_key(PUBLIC.spki)

    def work(number: int) -> bool:
        data = b"%d" % number
        signature = KEY.sign(data)
        key.verify(signature, data)
        with pytest.raises(InvalidSignature):
            key.verify(signature, data + b"!")
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_a_failed_call_leaves_nothing_behind():
    """Contexts are freed on the way out, also when the call fails: 20,000 leaked ones take 10 MB."""
    library = open_libcrypto()
    key = library.load_public_key(POINT)
    too_long = b"i" * (MAXIMUM_SIGNER_ID_SIZE + 1)

    def fail(times: int) -> None:
        for _ in range(times):
            with pytest.raises(SM2Error):
                library.sign(key, b"", too_long)

    fail(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fail(20_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024


def test_a_public_key_cannot_sign():
    library = open_libcrypto()
    with pytest.raises(SM2Error):
        library.sign(library.load_public_key(POINT), b"", DEFAULT_SIGNER_ID)
