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
from OpenSSL import crypto

from bench.harness import Comparison, Operation, compare
from bench.material import AT, LATER, name
from runtime.keys import KeySigner
from trust.certificate import Certificate
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_information_access,
    authority_key_identifier,
    basic_constraints,
    certificate_policies,
    crl_distribution_points,
    extended_key_usage,
    key_usage,
    subject_key_identifier,
)
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.path_builder import _verify_kept
from trust.path_run import _AUTHORITY_STATES
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage

_MIDDLE = AT + (LATER - AT) / 2
_POLICY = "1.3.6.1.4.1.32473.1.1.1"
# More than any cache keeps.
_CHAINS = 4000
_AUTHORITY = (
    basic_constraints(True),
    key_usage(KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN),
    certificate_policies(ANY_POLICY),
)
_CITIZEN = (
    key_usage(KeyUsage.DIGITAL_SIGNATURE),
    extended_key_usage(ExtendedKeyUsage.CLIENT_AUTHENTICATION),
    certificate_policies(_POLICY),
    crl_distribution_points("http://va.example/crl/1.crl"),
    authority_information_access(ocsp=["http://va.example/ocsp"], ca_issuers=["http://va.example/1.cer"]),
)

# The issuing authority's and the citizen's certificate.
Chain = tuple[bytes, bytes]


def _new_signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def _certificate(
    number: int, subject: str, key: KeySigner, issuer: str, signer: KeySigner, *extensions: Extension
) -> bytes:
    """One certificate of a path."""
    fields = CertificateFields(
        serial_number=(1 << 126) + number,
        algorithm=signer.algorithm,
        issuer=name(issuer).public_bytes(),
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=name(subject).public_bytes(),
        public_key=key.public_key,
        extensions=(
            *extensions, subject_key_identifier(key.public_key), authority_key_identifier(signer.public_key)
        ),
    )  # fmt: skip
    return sign_certificate(fields, signer)


def _chains(root: KeySigner, *, one_authority: bool) -> list[Chain]:
    """Chains of citizens, under one issuing authority or each under its own."""
    chains: list[Chain] = []
    authority, issuing = b"", root
    for number in range(_CHAINS):
        title = "Issuing" if one_authority else f"Issuing {number}"
        if not authority or not one_authority:
            issuing = _new_signer()
            authority = _certificate(number, title, issuing, "Root", root, *_AUTHORITY)
        leaf = _certificate(number, f"李明 {number}", _new_signer(), title, issuing, *_CITIZEN)
        chains.append((authority, leaf))
    return chains


def _inputs(anchor: Certificate, authority: Certificate) -> ValidationInputs:
    """What a site that lets citizens log in asks for."""
    return ValidationInputs(
        anchors=(anchor,),
        intermediates=(authority,),
        revocation_policy=RevocationPolicy.NOT_CHECKED,
        initial_policies=frozenset((_POLICY,)),
        required_extended_key_usage=ExtendedKeyUsage.CLIENT_AUTHENTICATION,
    )


def _validated_cold(anchor: Certificate, chains: Iterator[Chain]) -> None:
    """Parse and validate the next chain, nothing known of its authority."""
    _verify_kept.cache_clear()
    _AUTHORITY_STATES.clear()
    authority, leaf = next(chains)
    inputs = _inputs(anchor, Certificate.parse(authority))
    assert validate_path(Certificate.parse(leaf), inputs, _MIDDLE).valid


def _validated(inputs: ValidationInputs, chains: Iterator[Chain]) -> None:
    """Parse and validate the next certificate of a known authority."""
    assert validate_path(Certificate.parse(next(chains)[1]), inputs, _MIDDLE).valid


def _openssl(store: crypto.X509Store, chains: Iterator[Chain]) -> None:
    """The same by pyOpenSSL, its store kept."""
    authority, leaf = (crypto.load_certificate(crypto.FILETYPE_ASN1, each) for each in next(chains))
    crypto.X509StoreContext(store, leaf, [authority]).verify_certificate()


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
    root = _certificate(0, "Root", signer, "Root", signer, *_AUTHORITY)
    anchor = Certificate.parse(root)
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, root))
    store.set_time(_MIDDLE)
    chains = _chains(signer, one_authority=True)
    unseen, known = cycle(_chains(signer, one_authority=False)), cycle(chains)
    authority = Certificate.parse(chains[0][0])

    inputs = _inputs(anchor, authority)
    same = cycle(chains[:1])
    for title, cold, below in (("the same", same, same), ("new", unseen, known)):
        ours = partial(_validated_cold, anchor, cold)
        of_three = f"path of three, {title}"
        yield compare(of_three, ours, "pyOpenSSL X509Store", partial(_openssl, store, cold))
        yield compare(of_three, ours, "limit: two verifications", _verifications(chains, authority, 2))
        yield compare(
            f"{of_three}, authority known", partial(_validated, inputs, below),
            "limit: one verification", _verifications(chains, authority, 1),
        )  # fmt: skip
