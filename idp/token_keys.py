"""The keys that sign tokens: for each algorithm a current one, the next, and the previous.

All three are published, so that a site that caches our key set knows the next key before it is used and the
previous one until the last token it signed has expired. `keys.json` says which file is which; it is replaced
in one step, so that a rotation that is cut short leaves the old state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from idp.errors import SigningKeyError
from idp.strict_json import StrictJsonError, read_json_object
from idp.tokens import SigningKey, VerificationKey
from idp.vocabulary import SigningAlgorithm
from runtime.key_file import load_private_key, save_private_key
from runtime.keys import KeyAlgorithm, KeySigner, generate_private_key
from runtime.secret_file import write_secret

_MANIFEST = "keys.json"
_KINDS = {SigningAlgorithm.ES256: KeyAlgorithm.P256, SigningAlgorithm.RS256: KeyAlgorithm.RSA3072}


class KeyState(StrEnum):
    """Where a key is in its life."""

    CURRENT = "current"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class TokenKeys:
    """The keys in memory, built once."""

    signing: Mapping[SigningAlgorithm, SigningKey]
    published: tuple[VerificationKey, ...]
    states: Mapping[str, KeyState]

    def signing_key(self, algorithm: SigningAlgorithm) -> SigningKey:
        """Return the current key of an algorithm."""
        return self.signing[algorithm]


def create_token_keys(directory: Path, passphrase: bytes) -> None:
    """Make a current and a next key for each algorithm."""
    if (directory / _MANIFEST).exists():
        raise SigningKeyError(f"{directory}: keys exist already and are not replaced", code="keys-exist")
    manifest = {
        algorithm: {state: _make_key(directory, algorithm, passphrase) for state in _FIRST_STATES}
        for algorithm in SigningAlgorithm
    }
    _write_manifest(directory, manifest)


_FIRST_STATES = (KeyState.CURRENT, KeyState.NEXT)


def load_token_keys(directory: Path, passphrase: bytes) -> TokenKeys:
    """Load every key named by the manifest."""
    manifest = _read_manifest(directory)
    signing: dict[SigningAlgorithm, SigningKey] = {}
    published: list[VerificationKey] = []
    states: dict[str, KeyState] = {}
    for algorithm, keys in manifest.items():
        for state, kid in keys.items():
            key = SigningKey.from_signer(KeySigner(load_private_key(_key_path(directory, kid), passphrase)))
            if key.verification.kid != kid or key.algorithm is not algorithm:
                raise SigningKeyError(f"{directory}: {kid}.p8 holds another key", code="key-mismatch")
            published.append(key.verification)
            states[kid] = state
            if state is KeyState.CURRENT:
                signing[algorithm] = key
    return TokenKeys(signing, tuple(published), states)


def rotate_token_keys(directory: Path, passphrase: bytes) -> None:
    """Make the next keys current and the current ones previous; the oldest go."""
    before = _read_manifest(directory)
    after = {
        algorithm: {
            KeyState.PREVIOUS: keys[KeyState.CURRENT],
            KeyState.CURRENT: keys[KeyState.NEXT],
            KeyState.NEXT: _make_key(directory, algorithm, passphrase),
        }
        for algorithm, keys in before.items()
    }
    _write_manifest(directory, after)
    kept = {kid for keys in after.values() for kid in keys.values()}
    for path in directory.glob("*.p8"):
        if path.stem not in kept:
            path.unlink()


def _make_key(directory: Path, algorithm: SigningAlgorithm, passphrase: bytes) -> str:
    """Make one key file, named by the key's thumbprint; return that."""
    key = generate_private_key(_KINDS[algorithm])
    kid = VerificationKey.from_spki(KeySigner(key).public_key).kid or ""
    save_private_key(key, _key_path(directory, kid), passphrase)
    return kid


def _key_path(directory: Path, kid: str) -> Path:
    """Return the file of a key."""
    return directory / f"{kid}.p8"


def _write_manifest(directory: Path, manifest: Mapping[SigningAlgorithm, Mapping[KeyState, str]]) -> None:
    """Replace the manifest in one step."""
    temporary = directory / f"{_MANIFEST}.new"
    temporary.unlink(missing_ok=True)
    write_secret(temporary, json.dumps(manifest, indent=1).encode())
    temporary.replace(directory / _MANIFEST)


def _read_manifest(directory: Path) -> dict[SigningAlgorithm, dict[KeyState, str]]:
    """Read which file is which; refuse a manifest without a current key for each algorithm."""
    path = directory / _MANIFEST
    try:
        content = read_json_object(path.read_bytes())
        manifest = {
            SigningAlgorithm(algorithm): {KeyState(state): str(kid) for state, kid in keys.items()}
            for algorithm, keys in content.items()
        }
    except OSError:
        raise SigningKeyError(
            f"{directory}: no token keys; `tongxing idp init` makes them", code="keys-missing"
        ) from None
    except (StrictJsonError, ValueError, AttributeError):
        raise SigningKeyError(
            f"{path}: not readable; restore it from the backup", code="keys-unreadable"
        ) from None
    for algorithm in SigningAlgorithm:
        if not {KeyState.CURRENT, KeyState.NEXT} <= manifest.get(algorithm, {}).keys():
            raise SigningKeyError(f"{path}: lacks a key for {algorithm}", code="keys-incomplete")
    return manifest
