"""The one seam through which everything is signed: a key file, a PKCS#11 token, a card."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Signer(Protocol):
    """A private key that somebody else holds."""

    @property
    def algorithm(self) -> bytes:
        """DER AlgorithmIdentifier of the signatures this signer makes."""
        ...

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Signature over `data` (not over a digest); ECDSA signatures as DER ECDSA-Sig-Value."""
        ...
