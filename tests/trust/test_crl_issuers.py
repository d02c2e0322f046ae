"""Who may sign a CRL: the issuer, or a CRL issuer with a path of its own (RFC 5280 6.3.3 (b)(1), (f))."""

from __future__ import annotations

import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.trust.authorities import AT, DAY, Party, authority, issue, make_crl, name, root
from tests.trust.samples import signer
from trust.encoding.crl import RevokedEntry, encode_crl, encode_revoked_entry, issuing_distribution_point
from trust.encoding.extensions import key_identifier
from trust.path import RevocationEvidence, ValidationInputs, validate_path
from trust.report import PathReport

TOP = root("Top")
ISSUING = authority("Issuing", TOP)
HELPER = issue("Lists", TOP, usage=("crl_sign",), ca=False)
INDIRECT = (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True)


def points(crl_issuer: Party | str) -> list:
    """A distribution point that names this CRL issuer and nothing else."""
    named = name(crl_issuer) if isinstance(crl_issuer, str) else crl_issuer.x509.subject
    point = x509.DistributionPoint(None, None, None, [x509.DirectoryName(named)])
    return [(x509.CRLDistributionPoints([point]), False)]


def indirect_crl(signer: Party, entries=(), **changes) -> bytes:
    """A list of entries (serial number, certificate issuer or None), signed by `signer`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.x509.subject)
        .last_update(changes.get("this_update", AT - DAY))
        .next_update(AT + DAY)
        .add_extension(*INDIRECT)
    )
    for serial, named in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(AT - 2 * DAY)
        if named is not None:
            entry = entry.add_extension(
                x509.CertificateIssuer([x509.DirectoryName(named.x509.subject)]), critical=True
            )
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def judged(leaf: Party, crls, intermediates=(ISSUING, HELPER), anchors=(TOP,)) -> PathReport:
    inputs = ValidationInputs(
        tuple(party.ours for party in anchors),
        tuple(party.ours for party in intermediates),
        RevocationEvidence(tuple(crls)),
    )
    return validate_path(leaf.ours, inputs, AT)


def outcome(report: PathReport) -> list[str]:
    return [rejection.code for rejection in report.rejections]


LEAF = issue("Leaf", ISSUING, extensions=points(HELPER))
GOOD_CHAIN = make_crl(TOP)


def test_indirect_crl_of_the_named_issuer():
    assert judged(LEAF, [GOOD_CHAIN, indirect_crl(HELPER)]).valid
    listed = indirect_crl(HELPER, [(LEAF.serial, ISSUING)])
    assert outcome(judged(LEAF, [GOOD_CHAIN, listed])) == ["certificate-revoked"]


def test_the_certificate_issuer_is_carried_along_the_entries():
    other = authority("Other", TOP)
    entries = [(1, ISSUING), (LEAF.serial, None), (2, other)]
    assert outcome(judged(LEAF, [GOOD_CHAIN, indirect_crl(HELPER, entries)])) == ["certificate-revoked"]
    # The same serial number of another issuer, and of the CRL issuer itself, is another certificate.
    for entries in ([(1, ISSUING), (2, other), (LEAF.serial, None)], [(LEAF.serial, None), (1, ISSUING)]):
        assert judged(LEAF, [GOOD_CHAIN, indirect_crl(HELPER, entries)]).valid


def test_named_issuers_list_that_is_not_indirect():
    report = judged(LEAF, [GOOD_CHAIN, make_crl(HELPER)])
    assert outcome(report) == ["revocation-unknown"]
    assert "crl-scope" in report.rejections[0].message_en


def test_indirect_crl_of_an_issuer_nobody_named():
    leaf = issue("Leaf", ISSUING)
    assert outcome(judged(leaf, [GOOD_CHAIN, indirect_crl(HELPER)])) == ["revocation-unknown"]


def test_crl_issuer_that_is_revoked():
    report = judged(LEAF, [make_crl(TOP, [HELPER.serial]), indirect_crl(HELPER)])
    assert outcome(report) == ["revocation-unknown"]
    assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_crl_issuer_that_is_expired():
    old = issue("Lists", TOP, usage=("crl_sign",), ca=False, not_after=AT - DAY)
    report = judged(LEAF, [GOOD_CHAIN, indirect_crl(old)], [ISSUING, old])
    assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_crl_issuer_that_may_not_sign_crls():
    other = issue("Lists", TOP, usage=("digital_signature",), ca=False)
    report = judged(LEAF, [GOOD_CHAIN, indirect_crl(other)], [ISSUING, other])
    assert "crl-key-usage" in report.rejections[0].message_en


def test_crl_issuer_below_another_anchor():
    stranger = root("Stranger")
    forger = issue("Lists", stranger, usage=("crl_sign",), ca=False)
    crls = [GOOD_CHAIN, make_crl(stranger), indirect_crl(forger)]
    report = judged(LEAF, crls, [ISSUING, forger], [TOP, stranger])
    assert outcome(report) == ["revocation-unknown"]
    assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_anchor_of_the_crl_issuers_name_that_is_another():
    stranger = root("Lists")
    report = judged(LEAF, [GOOD_CHAIN, indirect_crl(stranger)], [ISSUING], [TOP, stranger])
    assert outcome(report) == ["revocation-unknown"]


# --- cycles ----------------------------------------------------------------------------------------------

OWN = issue("Own lists", TOP, usage=("crl_sign",), ca=False, extensions=points("Own lists"))
OWN_LEAF = issue("Leaf", ISSUING, extensions=points(OWN))
ONLY_AUTHORITIES = (x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True)
FOR_AUTHORITIES = make_crl(TOP, extensions=[ONLY_AUTHORITIES])


def test_crl_issuer_covered_by_its_own_list():
    assert judged(OWN_LEAF, [FOR_AUTHORITIES, indirect_crl(OWN)], [ISSUING, OWN]).valid


def test_crl_issuer_revoked_by_its_own_list():
    listed = indirect_crl(OWN, [(OWN.serial, TOP)], this_update=AT)
    for others in (FOR_AUTHORITIES, GOOD_CHAIN):
        report = judged(OWN_LEAF, [others, listed], [ISSUING, OWN])
        assert outcome(report) == ["revocation-unknown"]
        assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_own_word_counts_only_when_nobody_else_can_tell():
    # Its authority has revoked it; its own younger list keeps silent about that.
    crls = [make_crl(TOP, [OWN.serial]), indirect_crl(OWN, this_update=AT)]
    report = judged(OWN_LEAF, crls, [ISSUING, OWN])
    assert outcome(report) == ["revocation-unknown"]
    assert "crl-issuer-invalid" in report.rejections[0].message_en


def test_crl_issuers_that_vouch_for_one_another():
    a = issue("Lists A", TOP, usage=("crl_sign",), ca=False, extensions=points("Lists B"))
    b = issue("Lists B", TOP, usage=("crl_sign",), ca=False, extensions=points("Lists A"))
    leaf = issue("Leaf", ISSUING, extensions=points(a))
    report = judged(leaf, [FOR_AUTHORITIES, indirect_crl(a), indirect_crl(b)], [ISSUING, a, b])
    assert outcome(report) == ["revocation-unknown"]


def test_chain_of_crl_issuers_is_followed_to_a_depth_only():
    parties = [issue("Lists 0", TOP, usage=("crl_sign",), ca=False)]
    for number in range(1, 8):
        extensions = points(f"Lists {number - 1}")
        parties.append(issue(f"Lists {number}", TOP, usage=("crl_sign",), ca=False, extensions=extensions))
    crls = [FOR_AUTHORITIES, *map(indirect_crl, parties)]
    leaf = issue("Leaf", ISSUING, extensions=points(parties[-1]))
    assert outcome(judged(leaf, crls, [ISSUING, *parties])) == ["revocation-unknown"]


def test_made_up_certificate_of_the_issuers_key_does_not_lend_it_a_usage():
    """Who brings the certificates may bring one of the issuer's name and key that nobody signed."""
    silent = authority("Silent", TOP, usage=("key_cert_sign",))
    leaf = issue("Leaf", silent)
    stranger = root("Top")
    made_up = issue("Silent", stranger, ca=True, key=silent.key)
    crls = [make_crl(TOP), make_crl(silent)]
    assert outcome(judged(leaf, crls, [silent, made_up])) == ["revocation-unknown"]
    rightful = authority("Silent", TOP, key=silent.key)
    assert outcome(judged(leaf, crls, [silent, made_up, rightful])) == []


def test_list_of_another_key_of_the_same_name_does_not_outweigh_the_issuers_own():
    """Any authority below the anchor may certify a key under another's name (RFC 5280 8)."""
    rogue = authority("Rogue", TOP)
    sibling = authority("Issuing", rogue)
    leaf = issue("Leaf", ISSUING)
    above = [make_crl(TOP), make_crl(rogue)]
    younger = make_crl(sibling, this_update=AT - DAY / 2)
    parties = [ISSUING, rogue, sibling]
    assert outcome(judged(leaf, [*above, younger, make_crl(ISSUING)], parties)) == []
    revoking = make_crl(ISSUING, [leaf.serial])
    assert outcome(judged(leaf, [*above, younger, revoking], parties)) == ["certificate-revoked"]
    # Nor does it count when nothing else is at hand, in either direction.
    assert outcome(judged(leaf, [*above, younger], parties)) == ["revocation-unknown"]
    revoking = make_crl(sibling, [leaf.serial], this_update=AT - DAY / 2)
    assert outcome(judged(leaf, [*above, make_crl(ISSUING), revoking], parties)) == []


@pytest.mark.parametrize("roll_over", ["same authority", "new with old", "old with new"])
def test_list_of_another_key_that_is_the_issuers_counts(roll_over):
    """Key changes (RFC 4210 4.4): both keys are certified by the same authority, or one by the other."""
    old = authority("Rolled", TOP)
    new = authority("Rolled", TOP if roll_over == "same authority" else old)
    issuer, lister = (new, old) if roll_over == "old with new" else (old, new)
    leaf = issue("Leaf", issuer)
    crls = [make_crl(TOP), make_crl(lister)]
    if roll_over != "same authority":
        crls.append(make_crl(old))
    assert outcome(judged(leaf, crls, [old, new])) == []
    crls.append(make_crl(lister, [leaf.serial], this_update=AT - DAY / 2))
    assert outcome(judged(leaf, crls, [old, new])) == ["certificate-revoked"]


def test_large_list_with_hundreds_of_possible_signers_is_given_up_in_time():
    entries = b"".join(encode_revoked_entry(RevokedEntry(number, AT)) for number in range(1, 200_000))
    look_alikes = [
        issue("Lists", TOP, usage=("crl_sign",), ca=False, key_identifiers=False) for _ in range(200)
    ]
    stranger = signer("p256")
    data = encode_crl(
        issuer=look_alikes[0].x509.subject.public_bytes(),
        signer=stranger,
        this_update=AT - DAY,
        next_update=AT + DAY,
        number=1,
        authority_key_identifier=key_identifier(stranger.public_key),
        entries=[entries],
        extensions=[issuing_distribution_point(indirect=True)],
    )
    started = time.process_time()
    report = judged(LEAF, [GOOD_CHAIN, data], [ISSUING, *look_alikes])
    assert time.process_time() - started < 5
    assert outcome(report) == ["revocation-unknown"]
