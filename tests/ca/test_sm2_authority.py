"""An authority of SM2 keys: everything it signs is judged by our path validation and by OpenSSL's."""

from __future__ import annotations

import functools
from datetime import timedelta

import pytest
from cryptography import x509
from OpenSSL import crypto

from ca import independent
from ca.ceremony_plan import check_plan
from ca.errors import CeremonyError, PublicationError
from ca.profiles import PROFILES, SubjectShape
from runtime.key_file import load_private_key
from runtime.key_location import TokenKey
from runtime.keys import KeyAlgorithm, KeySigner
from tests.ca.desk import (
    AT,
    HAIFENG,
    HOUR,
    LI_MING,
    ROOT_PASSPHRASE,
    authority_settings,
    hold_ceremony,
    plan,
    secrets_in,
)
from tests.ca.test_status import NOW, Status
from trust.certificate import Certificate, load_pem_certificates
from trust.cms import parse_signed_data, sign_cms, verify_signed_data
from trust.digest import DigestAlgorithm
from trust.encoding.ocsp import encode_cert_id, encode_ocsp_request
from trust.encoding.timestamp import (
    encode_timestamp_request,
    encode_timestamp_token,
    parse_timestamp_request,
)
from trust.ocsp import verify_ocsp_response
from trust.ocsp_response import parse_ocsp_response
from trust.path import RevocationEvidence, ValidationInputs, validate_path
from trust.public_key import KeyKind, key_strength
from trust.sm2 import SM2_WITH_SM3
from trust.status import CertStatus, CRLReason
from trust.timestamp import parse_timestamp_token, verify_timestamp_token

SERVICES = ("ra", "ca", "va", "tsa", "idp", "signing")


class Hierarchy:
    """The authority after its ceremony, with two cards issued and one of them revoked."""

    def __init__(self, folder):
        self.desk = hold_ceremony(folder / "state", algorithm=KeyAlgorithm.SM2)
        self.state = self.desk.state
        self.root = self.only("trust/root.pem")
        self.issuing = self.only("trust/issuing.pem")
        _card, issued = self.desk.issue(LI_MING)
        _card, revoked = self.desk.issue(HAIFENG, SubjectShape.ENTERPRISE)
        self.cards = [Certificate.parse(each) for each in issued.certificates]
        self.revoked = [Certificate.parse(each) for each in revoked.certificates]
        for certificate in self.revoked:
            self.desk.authority.standing.revoke(
                f"{certificate.serial_number:x}", CRLReason.KEY_COMPROMISE, actor="t", at=NOW - HOUR / 2
            )
        self.desk.authority.publisher.publish(NOW)
        self.crls = [view.der for view in self.desk.authority.publisher.current()]

    def only(self, name):
        (certificate,) = load_pem_certificates((self.state / name).read_bytes())
        return certificate

    @functools.cached_property
    def services(self):
        """Profile to certificate, of every service."""
        return {
            (service, path.stem): load_pem_certificates(path.read_bytes())[0]
            for service in SERVICES
            for path in sorted((self.state / service / "keys").glob("*.pem"))
        }

    def signer(self, service, profile):
        passphrase = secrets_in(self.state / service)["key_passphrase_file"].read_bytes().strip()
        return KeySigner(load_private_key(self.state / service / "keys" / f"{profile}.p8", passphrase))

    def validate(self, certificate, at=NOW, crls=None):
        evidence = RevocationEvidence(tuple(self.crls if crls is None else crls))
        return validate_path(certificate, ValidationInputs((self.root,), (self.issuing,), evidence), at)


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory):
    built = Hierarchy(tmp_path_factory.mktemp("sm2"))
    yield built
    built.desk.authority.context.database.dispose()


def test_what_is_signed_and_by_which_kind_of_key(hierarchy):
    issued = [hierarchy.root, hierarchy.issuing, *hierarchy.cards, *hierarchy.services.values()]
    assert all(certificate.algorithm == SM2_WITH_SM3 for certificate in issued)
    kinds = {
        profile: key_strength(certificate.public_key).kind
        for (_service, profile), certificate in hierarchy.services.items()
    }
    assert kinds == {
        "tls-server": KeyKind.EC,
        "tls-client": KeyKind.EC,
        "ocsp-responder": KeyKind.SM2,
        "timestamping": KeyKind.SM2,
        "service-seal": KeyKind.SM2,
    }
    assert {key_strength(card.public_key).kind for card in hierarchy.cards} == {KeyKind.EC}
    for authority in (hierarchy.root, hierarchy.issuing):
        assert key_strength(authority.public_key).kind is KeyKind.SM2
    assert len(kinds) == sum(profile.slot.value == "service" for profile in PROFILES.values())


def test_path_validation_accepts_everything_with_its_crls(hierarchy):
    for certificate in (*hierarchy.cards, *hierarchy.services.values()):
        report = hierarchy.validate(certificate)
        assert report.valid, report.rejections
        assert [each.subject for each in report.path[1:]] == [
            hierarchy.issuing.subject,
            hierarchy.root.subject,
        ]


def test_path_validation_refuses_what_is_revoked_altered_or_unproven(hierarchy):
    for certificate in hierarchy.revoked:
        assert [r.code for r in hierarchy.validate(certificate).rejections] == ["certificate-revoked"]
    card = hierarchy.cards[0]
    altered = Certificate.parse(card.der[:-1] + bytes([card.der[-1] ^ 1]))
    assert [r.code for r in hierarchy.validate(altered).rejections] == ["signature-invalid"]
    crls = [crl[:-1] + bytes([crl[-1] ^ 1]) for crl in hierarchy.crls]
    assert {r.code for r in hierarchy.validate(card, crls=crls).rejections} == {"revocation-unknown"}


def pyopenssl(hierarchy, certificate):
    """The verdict of OpenSSL's store, with the CRLs of the whole path."""
    store = crypto.X509Store()
    for authority in (hierarchy.root, hierarchy.issuing):
        store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(authority.der)))
    for crl in hierarchy.crls:
        store.add_crl(x509.load_der_x509_crl(crl))
    store.set_time(NOW.replace(tzinfo=None))
    flags = crypto.X509StoreFlags
    store.set_flags(flags.CRL_CHECK | flags.CRL_CHECK_ALL | flags.X509_STRICT)
    loaded = crypto.X509.from_cryptography(x509.load_der_x509_certificate(certificate.der))
    crypto.X509StoreContext(store, loaded).verify_certificate()


def test_pyopenssl_agrees(hierarchy):
    for certificate in (*hierarchy.cards, *hierarchy.services.values()):
        pyopenssl(hierarchy, certificate)
    with pytest.raises(crypto.X509StoreContextError, match="certificate revoked"):
        pyopenssl(hierarchy, hierarchy.revoked[0])


def test_the_second_opinion_refuses_a_crl_of_another_key(hierarchy):
    root, issuing = hierarchy.crls[1], hierarchy.crls[0]
    independent.verify_crl(issuing, [hierarchy.root.der, hierarchy.issuing.der], NOW)
    for crl, issuers in (
        (root, [hierarchy.root.der, hierarchy.issuing.der]),
        (issuing[:-1] + bytes([issuing[-1] ^ 1]), [hierarchy.root.der, hierarchy.issuing.der]),
        (issuing, [hierarchy.root.der]),
    ):
        with pytest.raises(PublicationError) as refused:
            independent.verify_crl(crl, issuers, NOW)
        assert refused.value.code == "crl-not-accepted"


def test_ocsp_answers(hierarchy):
    status = Status(hierarchy.desk)
    status.follow()
    try:
        for certificate, expected in (
            (hierarchy.cards[0], CertStatus.GOOD),
            (hierarchy.revoked[0], CertStatus.REVOKED),
        ):
            identifier = encode_cert_id(
                hierarchy.issuing.subject, hierarchy.issuing.public_key, certificate.serial_number
            )
            answer = status.call("POST", "/ocsp", encode_ocsp_request([identifier]))
            response = parse_ocsp_response(answer["body"])
            assert response.algorithm == SM2_WITH_SM3
            verdict = verify_ocsp_response(response, certificate, hierarchy.issuing, NOW)
            assert verdict.status is expected
    finally:
        status.database.dispose()


def test_seals_and_timestamps(hierarchy):
    """SM2 with SM3 in CMS, by the services' own keys."""
    seal = hierarchy.services["signing", "service-seal"]
    sealed = sign_cms(b"a receipt", hierarchy.signer("signing", "service-seal"), seal.der, at=NOW)
    facts = parse_signed_data(sealed)
    assert facts.digest_algorithm is DigestAlgorithm.SM3
    assert verify_signed_data(facts) == seal
    digest = DigestAlgorithm.SM3.digest(b"a receipt")
    authority = hierarchy.services["tsa", "timestamping"]
    token = encode_timestamp_token(
        parse_timestamp_request(encode_timestamp_request(DigestAlgorithm.SM3, digest)),
        signer=hierarchy.signer("tsa", "timestamping"),
        certificate=authority.der,
        policy="1.3.6.1.4.1.32473.1.5.1",
        serial_number=1,
        gen_time=NOW.replace(microsecond=0),
    )
    stamped = verify_timestamp_token(parse_timestamp_token(token), digest)
    assert stamped.certificate == authority
    assert stamped.gen_time == NOW.replace(microsecond=0)


def test_the_next_root_crl(hierarchy):
    from ca.ceremony import renew_root_crl

    view = renew_root_crl(
        hierarchy.desk.settings,
        hierarchy.state / "offline/root.p8",
        ROOT_PASSPHRASE,
        actor="t",
        at=AT + timedelta(days=30),
    )
    assert view.number == 2


def test_an_sm2_key_is_not_ordered_of_a_token(tmp_path):
    state = tmp_path / "state"
    token = TokenKey(tmp_path / "module.so", tmp_path / "pin", token="city", label="issuing")
    settings = authority_settings(state, issuing_key=token)
    with pytest.raises(CeremonyError) as refused:
        check_plan(plan(state, algorithm=KeyAlgorithm.SM2), settings)
    assert refused.value.code == "ceremony-algorithm"
