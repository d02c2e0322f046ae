"""SM2 beside BouncyCastle, Botan and openssl: what one signs the other accepts, and nothing altered.

Over ten thousand cases with random identifiers and messages, the empty one among them. The referees are
asked in batches: starting one costs more than a thousand answers.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from asn1crypto.algos import DSASignature
from cryptography.exceptions import InvalidSignature

from trust.encoding import der
from trust.sm2 import DEFAULT_SIGNER_ID, SM2PrivateKey

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

FOLDER = Path(__file__).resolve().parent
JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ("bcprov", "bcpkix", "bcutil"))
BOUNCY_CASTLE = ("java", "-cp", JARS, str(FOLDER / "SM2Oracle.java"))
BOTAN = ("/usr/bin/python3", str(FOLDER / "sm2_botan.py"))
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
KEY_ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
CASES = 2600
KEYS = 40
RANDOM = random.Random(20261122)


@dataclass
class Key:
    """A key whose number we know, as the referees need it."""

    number: int = field(default_factory=lambda: RANDOM.randrange(1, N - 1))

    @cached_property
    def pkcs8(self) -> bytes:
        private = der.sequence(der.integer(1), der.octet_string(self.number.to_bytes(32, "big")))
        return der.sequence(der.integer(0), KEY_ALGORITHM, der.octet_string(private))

    @cached_property
    def private(self) -> SM2PrivateKey:
        return SM2PrivateKey.load(self.pkcs8)

    @cached_property
    def spki(self) -> bytes:
        return self.private.public_key().spki

    @cached_property
    def public(self):
        return self.private.public_key()

    @property
    def coordinates(self) -> str:
        return f"{self.spki[-64:-32].hex()} {self.spki[-32:].hex()}"


@dataclass
class Case:
    """A message, a signer's identifier, and a key."""

    key: Key
    signer_id: bytes
    data: bytes

    @classmethod
    def random(cls, key: Key, *, text: bool = False) -> Case:
        signer_id = RANDOM.choice((DEFAULT_SIGNER_ID, RANDOM.randbytes(RANDOM.randrange(1, 60))))
        data = RANDOM.randbytes(RANDOM.choice((0, 1, 31, 32, 64, 200)))
        if text:
            signer_id, data = signer_id.hex().encode(), data.hex().encode()
        return cls(key, signer_id, data)

    def accepts(self, signature: bytes) -> bool:
        """Our verdict."""
        try:
            self.key.public.verify(signature, self.data, self.signer_id)
        except (InvalidSignature, ValueError):
            return False
        return True


KEYRING = [Key() for _ in range(KEYS)]
# The edges of a private key, too.
KEYRING += [Key(1), Key(2), Key(N - 2)]


def cases(count: int, *, text: bool = False) -> list[Case]:
    return [Case.random(RANDOM.choice(KEYRING), text=text) for _ in range(count)]


def word(data: bytes) -> str:
    return data.hex() or "-"


def ask(oracle: tuple[str, ...], questions: list[str]) -> list[str]:
    """The answers to all questions, in order."""
    ran = subprocess.run(
        oracle, input="\n".join(questions) + "\n", capture_output=True, text=True, check=True, timeout=300
    )
    answers = ran.stdout.splitlines()
    assert len(answers) == len(questions)
    return answers


def raw(signature: bytes) -> bytes:
    """r and s, 32 octets each, by a parser that is not ours."""
    read = DSASignature.load(signature, strict=True).native
    return read["r"].to_bytes(32, "big") + read["s"].to_bytes(32, "big")


def encoded(signature: bytes) -> bytes:
    return DSASignature(
        {"r": int.from_bytes(signature[:32], "big"), "s": int.from_bytes(signature[32:], "big")}
    ).dump()


def altered(signature: bytes) -> bytes:
    """The same length, another value: the last octet of s."""
    return signature[:-1] + bytes([signature[-1] ^ 1])


def expectations(count: int) -> list[bool]:
    """Every eighth signature is altered on its way."""
    return [number % 8 != 7 for number in range(count)]


def test_we_sign_bouncycastle_verifies():
    asked, good = cases(CASES), expectations(CASES)
    signatures = [case.key.private.sign(case.data, case.signer_id) for case in asked]
    sent = [
        signature if sound else altered(signature) for signature, sound in zip(signatures, good, strict=True)
    ]
    answers = ask(
        BOUNCY_CASTLE,
        [
            f"verify {case.key.spki.hex()} {word(case.signer_id)} {word(case.data)} {signature.hex()}"
            for case, signature in zip(asked, sent, strict=True)
        ],
    )
    assert [answer == "true" for answer in answers] == good
    assert [case.accepts(signature) for case, signature in zip(asked, sent, strict=True)] == good


def test_bouncycastle_signs_we_verify():
    asked, good = cases(CASES), expectations(CASES)
    answers = ask(
        BOUNCY_CASTLE,
        [f"sign {case.key.pkcs8.hex()} {word(case.signer_id)} {word(case.data)}" for case in asked],
    )
    for case, answer, sound in zip(asked, answers, good, strict=True):
        signature = bytes.fromhex(answer)
        assert case.accepts(signature if sound else altered(signature)) is sound


def test_we_sign_botan_verifies():
    asked, good = cases(CASES), expectations(CASES)
    for case in asked:
        case.signer_id = case.signer_id.hex().encode()
    signatures = [case.key.private.sign(case.data, case.signer_id) for case in asked]
    answers = ask(
        BOTAN,
        [
            f"verify {case.key.coordinates} {case.signer_id.decode()} {word(case.data)} "
            f"{(raw(signature) if sound else altered(raw(signature))).hex()}"
            for case, signature, sound in zip(asked, signatures, good, strict=True)
        ],
    )
    assert [answer == "true" for answer in answers] == good


def test_botan_signs_we_verify():
    asked, good = cases(CASES, text=True), expectations(CASES)
    answers = ask(
        BOTAN,
        [f"sign {case.key.number:x} {case.signer_id.decode()} {case.data.decode() or '-'}" for case in asked],
    )
    for case, answer, sound in zip(asked, answers, good, strict=True):
        signature = encoded(bytes.fromhex(answer))
        assert case.accepts(signature if sound else altered(signature)) is sound


def pkeyutl(folder: Path, case: Case, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """`openssl pkeyutl` over the data, which it reads from a file; the identifier in hexadecimal."""
    (folder / "data").write_bytes(case.data)
    identifier = ["-pkeyopt", f"hexdistid:{case.signer_id.hex()}"]
    return subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-rawin",
            "-digest",
            "sm3",
            "-in",
            str(folder / "data"),
            *identifier,
            *arguments,
        ],
        capture_output=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("number", range(20))
def test_openssl_both_ways(tmp_path, number):
    case = Case(KEYRING[number], RANDOM.randbytes(number + 1), RANDOM.randbytes(3 * number + 1))
    (tmp_path / "key").write_bytes(case.key.pkcs8)
    (tmp_path / "public").write_bytes(case.key.spki)
    key = ("-inkey", str(tmp_path / "key"), "-keyform", "DER")
    public = ("-pubin", "-inkey", str(tmp_path / "public"), "-keyform", "DER")
    theirs = pkeyutl(tmp_path, case, "-sign", *key)
    assert theirs.returncode == 0, theirs.stderr
    assert case.accepts(theirs.stdout)
    ours = case.key.private.sign(case.data, case.signer_id)
    for signature, sound in ((ours, True), (altered(ours), False)):
        (tmp_path / "signature").write_bytes(signature)
        verdict = pkeyutl(tmp_path, case, "-verify", *public, "-sigfile", str(tmp_path / "signature"))
        assert (verdict.returncode == 0) is sound
