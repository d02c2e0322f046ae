"""CRLs: byte for byte those of `cryptography`'s builder, accepted by openssl."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, name, openssl, party, signer
from trust.encoding.crl import (
    RevokedEntry,
    delta_crl_indicator,
    encode_crl,
    encode_revoked_entry,
    encode_tbs_crl,
    issuing_distribution_point,
)
from trust.encoding.extensions import freshest_crl, key_identifier
from trust.encoding.general_names import uniform_resource_identifier
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


# --- scopes, deltas, entries with more -------------------------------------------------------------------

POINT = uniform_resource_identifier("http://va.example/1.crl")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            issuing_distribution_point(POINT),
            x509.IssuingDistributionPoint(
                [x509.UniformResourceIdentifier("http://va.example/1.crl")],
                None, False, False, None, False, False,
            ),
        ),
        (
            issuing_distribution_point(only_user_certificates=True),
            x509.IssuingDistributionPoint(None, None, True, False, None, False, False),
        ),
        (
            issuing_distribution_point(only_ca_certificates=True, indirect=True),
            x509.IssuingDistributionPoint(None, None, False, True, None, True, False),
        ),
        (
            issuing_distribution_point(only_attribute_certificates=True),
            x509.IssuingDistributionPoint(None, None, False, False, None, False, True),
        ),
        (
            issuing_distribution_point(reasons=[CRLReason.KEY_COMPROMISE, CRLReason.CA_COMPROMISE]),
            x509.IssuingDistributionPoint(
                None, None, False, False,
                frozenset((x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise)),
                False, False,
            ),
        ),
        (delta_crl_indicator(2**150), x509.DeltaCRLIndicator(2**150)),
    ],
    ids=["name", "users", "authorities, indirect", "attributes", "reasons", "delta"],
)  # fmt: skip
def test_extensions_are_the_librarys(ours, theirs):
    assert ours.value == theirs.public_bytes()
    assert ours.critical


@pytest.mark.parametrize(
    "arguments_",
    [{}, {"only_user_certificates": True, "only_ca_certificates": True}],
    ids=["nothing said", "two kinds"],
)
def test_scopes_that_are_not_written(arguments_):
    with pytest.raises(TrustError) as caught:
        issuing_distribution_point(**arguments_)
    assert caught.value.code == "crl-scope"


def test_invalidity_date_and_certificate_issuer():
    issuer = name("Else")
    when = AT - timedelta(days=3)
    entry = RevokedEntry(5, AT, CRLReason.KEY_COMPROMISE, when, issuer.public_bytes())
    indirect = issuing_distribution_point(indirect=True)
    encoded = encode_crl(**arguments(signer("p256"), entries=[entry], extensions=[indirect]))
    [theirs] = x509.load_der_x509_crl(encoded)
    extensions = theirs.extensions
    assert extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc == when
    named = extensions.get_extension_for_class(x509.CertificateIssuer)
    assert named.critical
    assert list(named.value) == [x509.DirectoryName(issuer)]


def test_removal_is_written_in_delta_crls_only():
    removed = [RevokedEntry(5, AT, CRLReason.REMOVE_FROM_CRL)]
    encoded = encode_crl(
        **arguments(signer("p256"), number=2, entries=removed, extensions=[delta_crl_indicator(1)])
    )
    [theirs] = x509.load_der_x509_crl(encoded)
    reason = theirs.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.remove_from_crl


@pytest.mark.foreign
def test_openssl_lays_the_delta_over_the_complete_list(tmp_path):
    root, held = authority(), party("p256")
    serial = held.certificate.serial_number
    url = "http://va.example/delta.crl"

    def write(number, entries, *extensions):
        data = encode_crl(
            **arguments(
                root.signer,
                number=number,
                entries=entries,
                extensions=extensions,
                this_update=AT + timedelta(minutes=number),
            )
        )
        path = tmp_path / f"{number}.pem"
        path.write_bytes(x509.load_der_x509_crl(data).public_bytes(serialization.Encoding.PEM))
        return path

    def verdict(*paths):
        crls = tmp_path / "all.pem"
        crls.write_bytes(b"".join(path.read_bytes() for path in paths))
        moment = int((AT + timedelta(hours=1)).timestamp())
        return openssl(
            "verify", "-crl_check", "-extended_crl", "-use_deltas", "-attime", moment,
            "-CAfile", root.write(tmp_path / "root.pem"), "-CRLfile", crls, held.write(tmp_path / "leaf.pem"),
            check=False,
        ).returncode == 0  # fmt: skip

    complete = write(1, [RevokedEntry(serial, AT, CRLReason.CERTIFICATE_HOLD)], freshest_crl(url))
    lifted = write(2, [RevokedEntry(serial, AT, CRLReason.REMOVE_FROM_CRL)], delta_crl_indicator(1))
    final = write(3, [RevokedEntry(serial, AT, CRLReason.KEY_COMPROMISE)], delta_crl_indicator(1))
    assert not verdict(complete)
    assert verdict(complete, lifted)
    assert not verdict(complete, final)
