"""SM2 signatures, certificates and paths, beside the bare calls of libcrypto that they need.

The bare calls are made straight through cffi here, without anything of `trust.sm2` but the opened library.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any

from OpenSSL import crypto

from bench.chains import (
    CITIZEN,
    MIDDLE,
    Chain,
    certificate,
    city_name,
    login_inputs,
    make_chains,
    openssl_store,
    root_certificate,
    verify_by_openssl,
)
from bench.harness import Comparison, Operation, compare
from runtime.keys import KeyAlgorithm, KeySigner, generate_private_key
from trust.algorithms import verify_signature
from trust.certificate import Certificate
from trust.libcrypto import open_libcrypto
from trust.path import validate_path
from trust.public_key import parse_key_info
from trust.sm2 import DEFAULT_SIGNER_ID

# More than the caches keep.
_CHAINS = 2200


class Bare:
    """The calls of libcrypto for one signature and one verification, and no others."""

    def __init__(self) -> None:
        opened = open_libcrypto()
        self._library, self._none, self._sm3 = opened._library, opened._ffi.NULL, opened._sm3
        self._new = opened._ffi.new
        self._private, self._load = opened.generate_key(), opened.load_public_key

    def _contexts(self, key: Any) -> tuple[Any, Any]:
        """Contexts of the key, with the identifier set."""
        key_context = self._library.EVP_PKEY_CTX_new_from_pkey(self._none, key, self._none)
        context = self._library.EVP_MD_CTX_new()
        self._library.EVP_PKEY_CTX_set1_id(key_context, DEFAULT_SIGNER_ID, len(DEFAULT_SIGNER_ID))
        self._library.EVP_MD_CTX_set_pkey_ctx(context, key_context)
        return context, key_context

    def _free(self, context: Any, key_context: Any) -> None:
        """Free both."""
        self._library.EVP_MD_CTX_free(context)
        self._library.EVP_PKEY_CTX_free(key_context)

    def sign(self, data: bytes) -> None:
        """One signature."""
        contexts = self._contexts(self._private)
        none, key = self._none, self._private
        assert self._library.EVP_DigestSignInit(contexts[0], none, self._sm3, none, key) == 1
        signature, size = self._new("unsigned char[]", 80), self._new("size_t *", 80)
        assert self._library.EVP_DigestSign(contexts[0], signature, size, data, len(data)) == 1
        self._free(*contexts)

    def verify(self, key: Any, signature: bytes, data: bytes) -> None:
        """One verification."""
        contexts = self._contexts(key)
        none = self._none
        assert self._library.EVP_DigestVerifyInit(contexts[0], none, self._sm3, none, key) == 1
        assert self._library.EVP_DigestVerify(contexts[0], signature, len(signature), data, len(data)) == 1
        self._free(*contexts)

    def twice(self, authority: Certificate, leaves: Iterator[Certificate]) -> Operation:
        """The two verifications of a path of three; the key is loaded already."""
        key = self._load(parse_key_info(authority.public_key).key)

        def verify() -> None:
            for leaf in (next(leaves), next(leaves)):
                self.verify(key, leaf.signature, leaf.tbs)

        return verify


def _new_signer() -> KeySigner:
    return KeySigner(generate_private_key(KeyAlgorithm.SM2))


def _validated(anchor: Certificate, chains: Iterator[Chain]) -> None:
    """Parse and validate the next chain."""
    authority, leaf = next(chains)
    inputs = login_inputs(anchor, Certificate.parse(authority))
    assert validate_path(Certificate.parse(leaf), inputs, MIDDLE).valid


def _edges(authority: Certificate, leaf: Certificate) -> Iterator[Comparison]:
    """One certificate's signature by our route and by pyOpenSSL's, the two that are open to us."""
    store = openssl_store(authority.der)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    kept = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der)

    def ours() -> None:
        verify_signature(authority.public_key, leaf.algorithm, leaf.signature, leaf.tbs)

    def anew() -> None:
        loaded = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der)
        crypto.X509StoreContext(store, loaded).verify_certificate()

    title = "one certificate's signature, SM2"
    yield compare(title, ours, "pyOpenSSL, certificate read anew", anew)
    yield compare(
        title, ours,
        "pyOpenSSL, certificate kept", lambda: crypto.X509StoreContext(store, kept).verify_certificate(),
    )  # fmt: skip


def _signing(bare: Bare) -> Iterator[Comparison]:
    """Signatures, and certificates built and signed."""
    signer, subject = _new_signer(), _new_signer().public_key
    issuer, numbers = city_name("Issuing"), iter(range(1 << 40))

    def build() -> bytes:
        number = next(numbers)
        return certificate(number, f"李明 {number}", subject, issuer, signer, *CITIZEN)

    data = build()
    limit = "limit: the bare signature"
    yield compare("signature, SM2", lambda: signer.sign(data), limit, lambda: bare.sign(data))
    yield compare("certificate, SM2, built and signed", build, limit, lambda: bare.sign(data))


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    bare = Bare()
    yield from _signing(bare)
    signer = _new_signer()
    root = root_certificate(signer)
    anchor, store = Certificate.parse(root), openssl_store(root)
    chains = make_chains(signer, _new_signer, _CHAINS, one_authority=True)
    authority = Certificate.parse(chains[0][0])
    leaves = cycle(Certificate.parse(leaf) for _, leaf in chains)
    yield from _edges(authority, next(leaves))
    unseen = cycle(make_chains(signer, _new_signer, _CHAINS, one_authority=False))
    title, ours = "path of three, SM2, nothing seen before", partial(_validated, anchor, unseen)
    yield compare(title, ours, "limit: two bare verifications", bare.twice(authority, leaves))
    yield compare(title, ours, "pyOpenSSL X509Store", partial(verify_by_openssl, store, unseen))
