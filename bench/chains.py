"""Chains of three certificates for measurements: a root, an issuing authority, a citizen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from OpenSSL import crypto

from bench.material import AT, LATER
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
from trust.names import NameAttribute, encode_name
from trust.path import RevocationPolicy, ValidationInputs
from trust.vocabulary import ANY_POLICY, ExtendedKeyUsage

MIDDLE = AT + (LATER - AT) / 2
POLICY = "1.3.6.1.4.1.32473.1.1.1"
AUTHORITY = (
    basic_constraints(True),
    key_usage(KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN),
    certificate_policies(ANY_POLICY),
)
CITIZEN = (
    key_usage(KeyUsage.DIGITAL_SIGNATURE),
    extended_key_usage(ExtendedKeyUsage.CLIENT_AUTHENTICATION),
    certificate_policies(POLICY),
    crl_distribution_points("http://va.example/crl/1.crl"),
    authority_information_access(ocsp=["http://va.example/ocsp"], ca_issuers=["http://va.example/1.cer"]),
)

# The issuing authority's and the citizen's certificate.
Chain = tuple[bytes, bytes]


def city_name(common_name: str) -> bytes:
    """A short name in the city's form."""
    return encode_name([(NameAttribute.COUNTRY, "CN"), (NameAttribute.COMMON_NAME, common_name)])


def certificate(
    number: int, subject: str, key: bytes, issuer: bytes, signer: KeySigner, *extensions: Extension
) -> bytes:
    """One certificate; the issuer's name is encoded already."""
    fields = CertificateFields(
        serial_number=(1 << 126) + number,
        algorithm=signer.algorithm,
        issuer=issuer,
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=city_name(subject),
        public_key=key,
        extensions=(*extensions, subject_key_identifier(key), authority_key_identifier(signer.public_key)),
    )
    return sign_certificate(fields, signer)


def root_certificate(signer: KeySigner) -> bytes:
    """The root's certificate, by its own key."""
    return certificate(0, "Root", signer.public_key, city_name("Root"), signer, *AUTHORITY)


def make_chains(
    root: KeySigner, new_signer: Callable[[], KeySigner], count: int, *, one_authority: bool
) -> list[Chain]:
    """Chains of so many citizens, under one issuing authority or each under its own."""
    chains: list[Chain] = []
    authority, issuing = b"", root
    for number in range(count):
        title = "Issuing" if one_authority else f"Issuing {number}"
        if not authority or not one_authority:
            issuing = new_signer()
            authority = certificate(number, title, issuing.public_key, city_name("Root"), root, *AUTHORITY)
        key = new_signer().public_key
        leaf = certificate(number, f"李明 {number}", key, city_name(title), issuing, *CITIZEN)
        chains.append((authority, leaf))
    return chains


def login_inputs(anchor: Certificate, authority: Certificate) -> ValidationInputs:
    """What a site that lets citizens log in asks for."""
    return ValidationInputs(
        anchors=(anchor,),
        intermediates=(authority,),
        revocation_policy=RevocationPolicy.NOT_CHECKED,
        initial_policies=frozenset((POLICY,)),
        required_extended_key_usage=ExtendedKeyUsage.CLIENT_AUTHENTICATION,
    )


def openssl_store(root: bytes) -> crypto.X509Store:
    """PyOpenSSL's store with the root, in the middle of its validity."""
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, root))
    store.set_time(MIDDLE)
    return store


def verify_by_openssl(store: crypto.X509Store, chains: Iterator[Chain]) -> None:
    """Parse and verify the next chain by pyOpenSSL, its store kept."""
    authority, leaf = (crypto.load_certificate(crypto.FILETYPE_ASN1, each) for each in next(chains))
    crypto.X509StoreContext(store, leaf, [authority]).verify_certificate()
