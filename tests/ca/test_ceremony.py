"""The ceremony: what it makes, what it refuses, and that the root stays where it is."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca import ceremony
from ca.ceremony import describe, renew_root_crl
from ca.errors import CaError, CeremonyError, OfficerError, PublicationError
from ca.models import AuditRecord
from ca.officers import OfficerRole
from ca.service import CertificateAuthority
from ca.web import watch_root_crl
from runtime.errors import KeyFileError
from runtime.key_file import load_private_key
from runtime.keys import KeyAlgorithm
from tests.ca.desk import (
    AT,
    CHEN,
    HOUR,
    ROOT_PASSPHRASE,
    SUN,
    CardBox,
    authority_settings,
    hold_ceremony,
    plan,
)
from trust.subjects import new_subject_number


def load(path):
    return x509.load_pem_x509_certificates(path.read_bytes())


def attempt(state, **changes):
    keywords = {"root_passphrase": ROOT_PASSPHRASE, **changes.pop("keywords", {})}
    return ceremony.initialise(
        plan(state, **changes),
        authority_settings(state),
        personaliser=CardBox(),
        register_officer=lambda _officer, _at: new_subject_number(b"0" * 15),
        at=AT,
        **keywords,
    )


def test_what_is_made(held):
    (root,) = load(held.state / "trust/root.pem")
    (issuing,) = load(held.state / "trust/issuing.pem")
    root.verify_directly_issued_by(root)
    issuing.verify_directly_issued_by(root)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    constraints = issuing.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    for path in held.state.glob("*/keys/*.pem"):
        leaf, chain = load(path)
        assert chain == issuing
        leaf.verify_directly_issued_by(issuing)
        with pytest.raises(x509.ExtensionNotFound):
            leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert len(list(held.state.glob("*/keys/*.pem"))) == 13


def test_service_certificates_name_their_service(held):
    server, _chain = load(held.state / "ra/keys/tls-server.pem")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:tongxing:service:ra"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    client, _chain = load(held.state / "ra/keys/tls-client.pem")
    names = client.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [each.value for each in names] == ["urn:tongxing:service:ra"]
    stamping, _chain = load(held.state / "tsa/keys/timestamping.pem")
    assert stamping.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical
    responder, _chain = load(held.state / "va/keys/ocsp-responder.pem")
    assert responder.extensions.get_extension_for_class(x509.OCSPNoCheck)


def test_keys_are_encrypted_and_private(held):
    keys = [*held.state.glob("*/keys/*.p8"), held.state / "offline/root.p8"]
    assert len(keys) == 15
    for path in keys:
        assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyFileError):
        load_private_key(held.state / "offline/root.p8", b"a passphrase of this service")
    load_private_key(held.state / "offline/root.p8", ROOT_PASSPHRASE)


def test_no_server_settings_name_the_root_key(held):
    assert "offline" not in repr(held.settings)


def test_officers_and_roles(desk):
    officers = {officer.name: officer for officer in desk.authority.officers()}
    assert officers["陈静"].roles == {OfficerRole.REGISTRATION, OfficerRole.APPROVING}
    assert officers["孙丽"].roles == {OfficerRole.AUDITOR}
    assert officers["赵强"].fingerprint == desk.zhao.signature_certificate.fingerprint


def test_everything_is_on_record(desk):
    with desk.authority.context.database.session() as session:
        actions = list(session.scalars(sa.select(AuditRecord.action).order_by(AuditRecord.sequence)))
    assert actions[:2] == ["ceremony.root-made", "ceremony.issuing-made"]
    assert actions.count("officer.added") == 3
    assert actions[-2:] == ["crl.published", "ceremony.closed"]


def test_rsa_by_choice(tmp_path):
    desk = hold_ceremony(tmp_path / "state", algorithm=KeyAlgorithm.RSA3072)
    (root,) = load(desk.state / "trust/root.pem")
    assert isinstance(root.public_key(), rsa.RSAPublicKey)
    assert root.public_key().key_size == 3072
    _card, issued = desk.issue()
    assert isinstance(
        x509.load_der_x509_certificate(issued.certificates[0]).public_key(), ec.EllipticCurvePublicKey
    )


def test_a_dry_run_tells_everything_and_makes_nothing(tmp_path):
    state = tmp_path / "state"
    lines = describe(plan(state), authority_settings(state))
    text = "\n".join(lines)
    assert "ocsp-responder" in text
    assert "孙丽 (auditor)" in text
    assert CHEN.identity_number not in text
    assert not (state / "trust").exists()


def test_a_second_ceremony_is_refused(desk):
    with pytest.raises(CeremonyError) as caught:
        attempt(desk.state)
    assert caught.value.code == "ceremony-held"


def test_one_officer_is_not_enough(tmp_path):
    with pytest.raises(CeremonyError) as caught:
        attempt(tmp_path, officers=(CHEN, SUN))
    assert caught.value.code == "ceremony-officers"


def test_an_auditor_with_another_role_is_refused(tmp_path):
    import dataclasses

    both = dataclasses.replace(SUN, roles=(OfficerRole.AUDITOR, OfficerRole.APPROVING))
    with pytest.raises(OfficerError) as caught:
        attempt(tmp_path, officers=(CHEN, both))
    assert caught.value.code == "officer-roles-exclusive"


def test_a_short_root_passphrase_is_refused(tmp_path):
    with pytest.raises(CeremonyError) as caught:
        attempt(tmp_path, keywords={"root_passphrase": b"short"})
    assert caught.value.code == "root-passphrase-short"
    assert not (tmp_path / "offline").exists()


# --- the root's CRL ----------------------------------------------------------------------------


def test_the_roots_crl_is_renewed_with_the_offline_key(desk):
    view = renew_root_crl(
        desk.settings, desk.state / "offline/root.p8", ROOT_PASSPHRASE, actor="t", at=AT + HOUR
    )
    crl = x509.load_der_x509_crl(view.der)
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    assert (crl.next_update_utc - crl.last_update_utc).days == 365


@pytest.mark.parametrize(("days", "warned"), [(0, False), (304, False), (306, True), (366, True)])
def test_the_log_warns_in_time_of_the_root_crls_end(desk, caplog, days, warned):
    watch_root_crl(desk.authority, AT + timedelta(days=days))
    assert ("tongxing ca root-crl" in caplog.text) is warned


def test_another_key_is_not_the_roots(desk):
    with pytest.raises(CeremonyError) as caught:
        renew_root_crl(
            desk.settings,
            desk.settings.issuing_key,
            desk.settings.key_passphrase_file.read_bytes().strip(),
            actor="t",
            at=AT + HOUR,
        )
    assert caught.value.code == "root-key-wrong"


def test_a_wrong_root_passphrase(desk):
    with pytest.raises(KeyFileError):
        renew_root_crl(desk.settings, desk.state / "offline/root.p8", b"wrong", actor="t", at=AT + HOUR)


def test_an_old_root_crl_does_not_come_back(desk):
    old = next(
        view
        for view in desk.authority.publisher.current()
        if view.issuer_key_id != desk.authority.context.issuer.key_id
    )
    with pytest.raises(PublicationError) as caught:
        desk.authority.publisher.bring_in_root_crl(old, actor="t", at=AT + HOUR)
    assert caught.value.code == "crl-number"


def test_a_half_configured_authority_does_not_open(desk, tmp_path):
    import dataclasses

    empty = tmp_path / "empty.pem"
    empty.write_text((desk.state / "trust/issuing.pem").read_text())
    with pytest.raises(CaError) as caught:
        CertificateAuthority.open(dataclasses.replace(desk.settings, trust_anchors=empty))
    assert caught.value.code == "root-missing"
    swapped = dataclasses.replace(desk.settings, issuing_certificate=desk.state / "trust/root.pem")
    with pytest.raises(CaError) as caught:
        CertificateAuthority.open(swapped)
    assert caught.value.code == "issuer-key"
