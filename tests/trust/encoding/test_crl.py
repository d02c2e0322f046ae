"""CRLs: byte for byte those of `cryptography`'s builder, accepted by openssl."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, name, openssl, party, signer
from trust.encoding.crl import RevokedEntry, encode_crl, encode_revoked_entry, encode_tbs_crl
from trust.encoding.extensions import key_identifier
from trust.errors import TrustError
from trust.status import CRLReason

REASONS = [reason for reason in CRLReason if reason not in (CRLReason.UNSPECIFIED, CRLReason.REMOVE_FROM_CRL)]
entries_strategy = st.lists(
    st.builds(
        RevokedEntry,
        st.integers(1, 2**159 - 1),
        st.integers(0, 10**8).map(lambda seconds: AT - timedelta(seconds=seconds)),
        st.none() | st.sampled_from(REASONS),
    ),
    max_size=8,
    unique_by=lambda entry: entry.serial_number,
)


def arguments(key, **changes):
    return {
        "issuer": name("Root").public_bytes(),
        "signer": key,
        "this_update": AT,
        "next_update": AT + timedelta(days=7),
        "number": 1,
        "authority_key_identifier": key_identifier(key.public_key),
        **changes,
    }


def their_crl(key, entries, number):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name("Root"))
        .last_update(AT)
        .next_update(AT + timedelta(days=7))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.key.public_key()), False)
        .add_extension(x509.CRLNumber(number), False)
    )
    for entry in entries:
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(entry.serial_number)
            .revocation_date(entry.revoked_at)
        )
        if entry.reason is not None:
            revoked = revoked.add_extension(x509.CRLReason(x509.ReasonFlags(entry.reason.text)), False)
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(key.key, key.digest)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["rsa", "p256", "p384"]), entries_strategy, st.integers(0, 2**80))
def test_a_crl_is_the_librarys_byte_for_byte(kind, entries, number):
    key = signer(kind)
    expected = their_crl(key, entries, number)
    ours = encode_crl(**arguments(key, number=number, entries=entries))
    loaded = x509.load_der_x509_crl(ours)
    assert loaded.tbs_certlist_bytes == expected.tbs_certlist_bytes
    assert loaded.is_signature_valid(key.key.public_key())
    if kind == "rsa":
        assert ours == expected.public_bytes(serialization.Encoding.DER)


def test_stored_entries_are_taken_as_they_are():
    key = signer("p256")
    entries = [RevokedEntry(number, AT, CRLReason.SUPERSEDED) for number in range(1, 50)]
    given_arguments = arguments(key, algorithm=key.algorithm)
    del given_arguments["signer"]
    stored = [encode_revoked_entry(entry) for entry in entries]
    assert encode_tbs_crl(**given_arguments, entries=stored) == encode_tbs_crl(
        **given_arguments, entries=iter(entries)
    )


def test_unspecified_is_left_out():
    assert encode_revoked_entry(RevokedEntry(1, AT, CRLReason.UNSPECIFIED)) == encode_revoked_entry(
        RevokedEntry(1, AT)
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"next_update": AT}, "crl-update-order"),
        ({"next_update": AT.replace(tzinfo=None)}, "der-time"),
        ({"this_update": AT.replace(tzinfo=None)}, "der-time"),
        ({"number": -1}, "crl-number"),
        ({"number": 2**159}, "crl-number"),
        ({"entries": [RevokedEntry(0, AT)]}, "serial-number"),
        ({"entries": [RevokedEntry(1, AT.replace(tzinfo=None))]}, "der-time"),
        ({"entries": [RevokedEntry(1, AT, CRLReason.REMOVE_FROM_CRL)]}, "crl-reason"),
    ],
)
def test_bad_crls_are_not_written(changes, code):
    with pytest.raises(TrustError) as caught:
        encode_crl(**arguments(signer("p256"), **changes))
    assert caught.value.code == code


@pytest.mark.foreign
def test_openssl_reads_the_crl_and_refuses_what_it_lists(tmp_path):
    root, good, revoked = authority(), party("p256"), party("rsa")
    crl = encode_crl(
        **arguments(
            root.signer,
            entries=[RevokedEntry(revoked.certificate.serial_number, AT, CRLReason.KEY_COMPROMISE)],
        )
    )
    path = tmp_path / "crl.pem"
    path.write_bytes(x509.load_der_x509_crl(crl).public_bytes(serialization.Encoding.PEM))
    root.write(tmp_path / "root.pem")
    moment = int((AT + timedelta(days=1)).timestamp())
    options = ["-x509_strict", "-crl_check_all", "-attime", moment, "-CAfile", tmp_path / "root.pem"]
    options += ["-CRLfile", path]
    openssl("verify", *options, good.write(tmp_path / "good.pem"))
    result = openssl("verify", *options, revoked.write(tmp_path / "revoked.pem"), check=False)
    assert result.returncode != 0
    assert "certificate revoked" in result.stderr
