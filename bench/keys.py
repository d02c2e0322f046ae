"""Signing with a key on a PKCS#11 token (SoftHSM) beside the same kind of key from a file.

Rates are of one core's time, whichever threads spent it; four threads show what the one lock costs.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.harness import Comparison, Operation, compare
from runtime.key_location import TokenKey
from runtime.keys import KeyAlgorithm, load_signer, make_signer
from runtime.secret_file import write_secret
from trust.signer import Signer

_MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_PIN = "a PIN for measuring"
_DATA = b"tbs" * 300
_THREADS = 4
_SIGNATURES = 25


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(_THREADS) as pool:
        folder = Path(name)
        _make_token(folder)
        for algorithm in (KeyAlgorithm.P256, KeyAlgorithm.RSA3072):
            on_token = make_signer(_key(folder, algorithm), algorithm, folder / "pin")
            make_signer(folder / f"{algorithm}.p8", algorithm, folder / "pin")
            in_file = load_signer(folder / f"{algorithm}.p8", folder / "pin")
            yield compare(
                f"signature, {algorithm} on a token, 1 thread", lambda s=on_token: s.sign(_DATA),
                "the key in a file", lambda s=in_file: s.sign(_DATA),
            )  # fmt: skip
            yield compare(
                f"signature, {algorithm} on a token, {_THREADS} threads", _from_threads(pool, on_token),
                "the key in a file, as many", _from_threads(pool, in_file),
                our_units=_THREADS * _SIGNATURES, peer_units=_THREADS * _SIGNATURES,
            )  # fmt: skip


def _from_threads(pool: ThreadPoolExecutor, signer: Signer) -> Operation:
    """Sign from all threads of the pool at once."""

    def sign_some(_thread: int) -> None:
        for _ in range(_SIGNATURES):
            signer.sign(_DATA)

    return lambda: list(pool.map(sign_some, range(_THREADS)))


def _key(folder: Path, algorithm: KeyAlgorithm) -> TokenKey:
    """The key's place on the token."""
    return TokenKey(_MODULE, folder / "pin", token="bench", label=algorithm.value)  # noqa: S106 - its label


def _make_token(folder: Path) -> None:
    """Make a token of our own; SoftHSM is told by its environment where tokens lie."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.putenv("SOFTHSM2_CONF", str(configuration))
    write_secret(folder / "pin", _PIN.encode())
    command = ["softhsm2-util", "--init-token", "--free", "--label", "bench", "--so-pin", _PIN, "--pin", _PIN]
    subprocess.run(command, check=True, capture_output=True)
