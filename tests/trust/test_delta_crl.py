"""Delta CRLs: which complete list they continue, and what they change (RFC 5280 5.2.4, 6.3.3)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.trust.authorities import AT, DAY, Party, issue, make_crl, root
from trust.crl import CRLError, load_crl
from trust.crl_check import CombinedCRL, check_delta_crl
from trust.path import RevocationEvidence, ValidationInputs, validate_path

TOP = root()
LEAF = issue("Leaf", TOP)
HOLD, REMOVED = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.remove_from_crl
COMPROMISED = x509.ReasonFlags.key_compromise
ONLY_USERS = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)

Entry = tuple[int, datetime, x509.ReasonFlags | None]


def crl(number: int | None, *entries: Entry, base: int | None = None, **changes) -> bytes:
    """A complete CRL, or a delta CRL when it has a base."""
    key = changes.get("key", TOP.key)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(changes.get("issuer", TOP.x509.subject))
        .last_update(changes.get("this_update", AT - DAY))
        .next_update(changes.get("next_update", AT + DAY))
    )
    if changes.get("key_identifier", True):
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(identifier, False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), False)
    if base is not None:
        builder = builder.add_extension(x509.DeltaCRLIndicator(base), True)
    if "scope" in changes:
        builder = builder.add_extension(changes["scope"], True)
    for serial, when, reason in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def codes(*crls: bytes, leaf: Party = LEAF, at: datetime = AT, evidence_at: datetime | None = None):
    evidence = RevocationEvidence(crls)
    report = validate_path(
        leaf.ours, ValidationInputs((TOP.ours,), revocation=evidence, evidence_at=evidence_at), at
    )
    # The second time, what was settled the first time is asked.
    again = validate_path(
        leaf.ours, ValidationInputs((TOP.ours,), revocation=evidence, evidence_at=evidence_at), at
    )
    assert again.rejections == report.rejections
    return [rejection.code for rejection in report.rejections]


BASE = crl(5)
NEWER = {"this_update": AT - DAY / 2}


def test_revoked_since_the_complete_list():
    assert codes(BASE) == []
    delta = crl(6, (LEAF.serial, AT - DAY / 2, COMPROMISED), base=5, **NEWER)
    assert codes(BASE, delta) == ["certificate-revoked"]
    assert codes(delta, BASE) == ["certificate-revoked"]


def test_entry_of_the_complete_list_stays():
    base = crl(5, (LEAF.serial, AT - 2 * DAY, COMPROMISED))
    assert codes(base, crl(6, base=5, **NEWER)) == ["certificate-revoked"]


def test_suspension_that_is_lifted():
    base = crl(5, (LEAF.serial, AT - 2 * DAY, HOLD))
    assert codes(base) == ["certificate-on-hold"]
    assert codes(base, crl(6, (LEAF.serial, AT - DAY, REMOVED), base=5, **NEWER)) == []


def test_suspension_that_becomes_final():
    base = crl(5, (LEAF.serial, AT - 2 * DAY, HOLD))
    delta = crl(6, (LEAF.serial, AT - DAY, COMPROMISED), base=5, **NEWER)
    assert codes(base, delta) == ["certificate-revoked"]


def test_removal_does_not_undo_a_final_revocation():
    """An entry is also removed when its certificate expires (RFC 5280 5.3.1); the past does not change."""
    base = crl(5, (LEAF.serial, AT - 2 * DAY, COMPROMISED))
    delta = crl(6, (LEAF.serial, AT - DAY, REMOVED), base=5, **NEWER)
    assert codes(base, delta) == ["certificate-revoked"]


def test_entry_of_later_date_leaves_the_one_before():
    base = crl(5, (LEAF.serial, AT - 20 * DAY, HOLD))
    delta = crl(6, (LEAF.serial, AT - DAY, COMPROMISED), base=5, **NEWER)
    assert codes(base, delta, at=AT - 10 * DAY, evidence_at=AT) == ["certificate-on-hold"]
    assert codes(base, delta, at=AT - 30 * DAY, evidence_at=AT) == []


def test_removal_in_a_complete_list():
    with pytest.raises(CRLError) as caught:
        load_crl(crl(5, (1, AT - DAY, REMOVED))).find(1)
    assert caught.value.clause == "RFC 5280 5.3.1"


def test_complete_list_that_has_ended_goes_on_with_its_delta():
    """RFC 5280 6.3.3 (a)(1)(i)."""
    base = crl(5, this_update=AT - 9 * DAY, next_update=AT - DAY)
    assert codes(base) == ["revocation-unknown"]
    assert codes(base, crl(6, base=5, **NEWER)) == []


def test_delta_that_has_ended_leaves_the_complete_list():
    stale = crl(6, (LEAF.serial, AT - DAY, None), base=5, this_update=AT - DAY, next_update=AT - DAY / 2)
    assert codes(BASE, stale) == []


def test_delta_signed_by_another_key():
    forged = crl(6, (LEAF.serial, AT - DAY, None), base=5, key=root().key, **NEWER)
    assert codes(BASE, forged) == []


def test_delta_without_its_complete_list():
    report = validate_path(
        LEAF.ours, ValidationInputs((TOP.ours,), revocation=RevocationEvidence((crl(6, base=5),))), AT
    )
    assert [rejection.code for rejection in report.rejections] == ["revocation-unknown"]
    assert "crl-delta-without-base" in report.rejections[0].message_en


def test_the_youngest_delta_counts():
    first = crl(6, (LEAF.serial, AT - DAY, HOLD), base=5, this_update=AT - DAY / 2)
    second = crl(7, (LEAF.serial, AT - DAY, REMOVED), base=5, this_update=AT - DAY / 4)
    assert codes(BASE, first, second) == []
    assert codes(BASE, second, first) == []
    assert codes(BASE, first) == ["certificate-on-hold"]


def test_numbers_of_twenty_octets():
    large = 2**159 - 3
    check_delta_crl(load_crl(crl(large + 1, base=large)), load_crl(crl(large)))


@pytest.mark.parametrize(
    ("delta", "base"),
    [
        (crl(9, base=6), crl(5)),
        (crl(5, base=5), crl(5)),
        (crl(4, base=3), crl(5)),
        (crl(6, base=5), crl(5, scope=ONLY_USERS)),
        (crl(6, base=5, scope=ONLY_USERS), crl(5)),
        (crl(6, base=5, key=root().key), crl(5)),
        (crl(6, base=5, key_identifier=False), crl(5)),
        (crl(6, base=5), crl(None)),
        (crl(None, base=5), crl(5)),
        (crl(6, base=5, issuer=root("Else").x509.subject), crl(5)),
    ],
    ids=[
        "starts after the complete list",
        "is not newer",
        "is older",
        "other scope",
        "narrower scope",
        "other key",
        "no key identifier",
        "complete list without number",
        "delta without number",
        "other issuer",
    ],
)
def test_delta_that_does_not_continue_the_list(delta, base):
    with pytest.raises(CRLError) as caught:
        check_delta_crl(load_crl(delta), load_crl(base))
    assert caught.value.code == "crl-delta"


def test_combined_list_of_an_empty_delta_has_its_dates():
    combined = CombinedCRL(load_crl(BASE), load_crl(crl(6, base=5, next_update=AT + timedelta(hours=3))))
    assert combined.latest.next_update == AT + timedelta(hours=3)


def test_other_list_of_the_same_number_rules():
    """A complete list that is younger than the delta stands alone."""
    younger = make_crl(TOP, this_update=AT - timedelta(hours=1))
    delta = crl(6, (LEAF.serial, AT - DAY, HOLD), base=5, this_update=AT - DAY / 2)
    assert codes(BASE, delta, younger) == []
