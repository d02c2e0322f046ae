"""Paths of three P-256 certificates validated, beside pyOpenSSL and the bare verifications they need.

Every call parses its certificates anew. "The same": one chain again and again, whose verdicts are forgotten
between calls where it is not said that the authority is known. "New": certificates not seen for thousands of
calls, so that what the readers remember of shared values does not serve either.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bench.chains import (
    MIDDLE,
    Chain,
    login_inputs,
    make_chains,
    openssl_store,
    root_certificate,
    verify_by_openssl,
)
from bench.harness import Comparison, Operation, compare
from runtime.keys import KeySigner
from trust.certificate import Certificate
from trust.path import ValidationInputs, validate_path
from trust.path_builder import _verify_kept
from trust.path_run import _AUTHORITY_STATES

# More than any cache keeps.
_CHAINS = 4000


def _new_signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def _validated_cold(anchor: Certificate, chains: Iterator[Chain]) -> None:
    """Parse and validate the next chain, nothing known of its authority."""
    _verify_kept.cache_clear()
    _AUTHORITY_STATES.clear()
    authority, leaf = next(chains)
    inputs = login_inputs(anchor, Certificate.parse(authority))
    assert validate_path(Certificate.parse(leaf), inputs, MIDDLE).valid


def _validated(inputs: ValidationInputs, chains: Iterator[Chain]) -> None:
    """Parse and validate the next certificate of a known authority."""
    assert validate_path(Certificate.parse(next(chains)[1]), inputs, MIDDLE).valid


def _verifications(chains: list[Chain], authority: Certificate, count: int) -> Operation:
    """So many bare verifications of the certificates' own signatures."""
    key = load_der_public_key(authority.public_key)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    algorithm = ec.ECDSA(hashes.SHA256())
    leaves = cycle((leaf.signature, leaf.tbs) for leaf in (Certificate.parse(each) for _, each in chains))

    def verify() -> None:
        for _ in range(count):
            key.verify(*next(leaves), algorithm)

    return verify


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    signer = _new_signer()
    root = root_certificate(signer)
    anchor, store = Certificate.parse(root), openssl_store(root)
    chains = make_chains(signer, _new_signer, _CHAINS, one_authority=True)
    unseen = cycle(make_chains(signer, _new_signer, _CHAINS, one_authority=False))
    known, authority = cycle(chains), Certificate.parse(chains[0][0])
    inputs = login_inputs(anchor, authority)
    same = cycle(chains[:1])
    for title, cold, below in (("the same", same, same), ("new", unseen, known)):
        ours = partial(_validated_cold, anchor, cold)
        of_three = f"path of three, {title}"
        yield compare(of_three, ours, "pyOpenSSL X509Store", partial(verify_by_openssl, store, cold))
        yield compare(of_three, ours, "limit: two verifications", _verifications(chains, authority, 2))
        yield compare(
            f"{of_three}, authority known", partial(_validated, inputs, below),
            "limit: one verification", _verifications(chains, authority, 1),
        )  # fmt: skip
