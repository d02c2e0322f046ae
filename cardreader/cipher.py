"""One block under a management key (SP 800-78-5 table 8): what both sides of the authentication compute."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardreader.piv_terms import ManagementAlgorithm, ManagementKey


def encrypt_block(key: ManagementKey, block: bytes, *, decrypt: bool = False) -> bytes:
    """Encrypt (or decrypt) exactly one block; PIV's challenge is one block, so ECB is what it means."""
    kind = TripleDES if key.algorithm is ManagementAlgorithm.TRIPLE_DES else algorithms.AES
    cipher = Cipher(kind(key.value), modes.ECB())  # noqa: S305 - a single block of random data
    context = cipher.decryptor() if decrypt else cipher.encryptor()
    return context.update(block) + context.finalize()
