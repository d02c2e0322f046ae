"""A `trust.signer.Signer` over a key on a PKCS#11 token.

Digests are made outside: SoftHSM knows ECDSA over a digest only, and a CRL of megabytes need not travel to
an HSM. A token that was away is used again as soon as it is back, without a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import MGF, Mechanism

from runtime.errors import KeyTokenError
from runtime.key_algorithm import check_strength, digest_for
from runtime.key_location import TokenKey
from runtime.pkcs11.module import module_at
from runtime.pkcs11.objects import find_signing_key, read_public_key
from trust.algorithms import algorithm_for, verify_signature
from trust.digest import DigestAlgorithm
from trust.encoding import der
from trust.errors import TrustError
from trust.public_key import PublicKey, load_public_key

_PROBE = b"Tongxing: does this key belong to this public key?"

_PSS_PARAMETERS = {
    DigestAlgorithm.SHA256: (Mechanism.SHA256, MGF.SHA256, 32),
    DigestAlgorithm.SHA384: (Mechanism.SHA384, MGF.SHA384, 48),
    DigestAlgorithm.SHA512: (Mechanism.SHA512, MGF.SHA512, 64),
}


@dataclass(frozen=True)
class _Method:
    """How a token is asked for a signature: by which mechanism, for what, and what its answer becomes."""

    mechanism: Mechanism
    prepare: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes] = bytes
    parameter: Any = None


class TokenSigner:
    """Signs with a key that never leaves its token. Safe for threads, and after a fork."""

    def __init__(self, key: TokenKey, *, pss: bool = False) -> None:
        """Find the key and sign once to see that it works; raises KeyTokenError saying what to do."""
        self._key = key
        self._module = module_at(key.module_path)
        self._generation, self._handle, self.public_key = self._module.use(key, self._find)
        try:
            check_strength(self.public_key)
        except ValueError as error:
            raise KeyTokenError(f"{key}: cannot sign here ({error})", code="key-unsupported") from None
        loaded = load_public_key(self.public_key)
        digest = digest_for(loaded)
        method = _method(loaded, digest, pss=pss)
        if method is None:
            raise KeyTokenError(f"{key}: keys of this kind do not sign on a token", code="key-unsupported")
        self._method = method
        self.algorithm = algorithm_for(self.public_key, digest.label, pss=pss)
        self._check_itself()

    def sign(self, data: bytes) -> bytes:
        """Sign the data; KeyTokenError while the token is away, and the next call tries again."""
        prepared = self._method.prepare(data)
        answer = self._module.use(self._key, lambda session: self._ask(session, prepared))
        return self._method.encode(answer)

    def __repr__(self) -> str:
        """Name the key and nothing of its content."""
        return f"<TokenSigner {self._key}>"

    def _ask(self, session: pkcs11.Session, prepared: bytes) -> bytes:
        """Ask the token, with a handle of the module's present life."""
        if self._generation != self._module.generation:
            self._find_again(session)
        answer: bytes = self._handle.sign(
            prepared, mechanism=self._method.mechanism, mechanism_param=self._method.parameter
        )
        return answer

    def _find(self, session: pkcs11.Session) -> tuple[int, Any, bytes]:
        """The key's handle, the life of the module it belongs to, and its public key."""
        handle = find_signing_key(session, self._key)
        return self._module.generation, handle, read_public_key(session, handle, self._key)

    def _find_again(self, session: pkcs11.Session) -> None:
        """Find the key in a new life of the module; another token of that name is not taken for ours."""
        generation, handle, public_key = self._find(session)
        if public_key != self.public_key:
            raise KeyTokenError(
                f"{self._key}: the token put in holds another key of this name; put the right one in",
                code="key-changed",
            )
        self._generation, self._handle = generation, handle

    def _check_itself(self) -> None:
        """Sign once and verify: a public key or certificate of another key must not go unnoticed."""
        try:
            verify_signature(self.public_key, self.algorithm, self.sign(_PROBE), _PROBE)
        except TrustError as error:
            raise KeyTokenError(
                f"{self._key}: its signatures do not verify under the public key beside it ({error}); import "
                "the right one",
                code="key-self-check",
            ) from error


def _method(key: PublicKey, digest: DigestAlgorithm, *, pss: bool) -> _Method | None:
    """The mechanism for a kind of key (PKCS #11 2.40; CKM_EDDSA in 3.0).

    None for what the standard has no mechanism for: SM2 is every maker's own.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _Method(Mechanism.ECDSA, digest.digest, _encode_ecdsa)
    if isinstance(key, rsa.RSAPublicKey) and pss:
        return _Method(Mechanism.RSA_PKCS_PSS, digest.digest, parameter=_PSS_PARAMETERS[digest])
    if isinstance(key, rsa.RSAPublicKey):
        return _Method(Mechanism.RSA_PKCS, lambda data: _digest_info(digest, data))
    return _Method(Mechanism.EDDSA, bytes) if isinstance(key, ed25519.Ed25519PublicKey) else None


def _digest_info(digest: DigestAlgorithm, data: bytes) -> bytes:
    """DigestInfo (RFC 8017 section 9.2): what PKCS#1 v1.5 pads and signs."""
    return der.sequence(der.sequence(der.oid(digest.oid), der.null()), der.octet_string(digest.digest(data)))


def _encode_ecdsa(answer: bytes) -> bytes:
    """Two numbers of one length (PKCS #11 2.40, CKM_ECDSA) as ECDSA-Sig-Value (RFC 3279 2.2.3)."""
    half = len(answer) // 2
    return encode_dss_signature(int.from_bytes(answer[:half], "big"), int.from_bytes(answer[half:], "big"))
