"""What missing information means, until when it is missing, and how long what was settled counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509 import ocsp

from tests.trust.authorities import AT, DAY, authority, issue, make_crl, make_ocsp, root
from trust.algorithms import AlgorithmPolicy, DigestAlgorithm
from trust.path import Freshness, RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.report import PathReport

TOP = root()
ISSUING = authority("Issuing", TOP)
LEAF = issue("Leaf", TOP)
HOLD = x509.ReasonFlags.certificate_hold
HOUR = timedelta(hours=1)


def judged(*crls: bytes, answers: tuple[bytes, ...] = (), at: datetime = AT, **changes) -> PathReport:
    changes.setdefault("revocation_policy", RevocationPolicy.TRY_LATER)
    inputs = ValidationInputs((TOP.ours,), revocation=RevocationEvidence(crls, answers), **changes)
    return validate_path(LEAF.ours, inputs, at)


def codes(report: PathReport) -> list[str]:
    return [rejection.code for rejection in report.rejections]


# --- try later -------------------------------------------------------------------------------------------


def test_nothing_at_hand_is_to_be_asked_again():
    report = judged()
    assert not report.valid
    assert report.try_later
    assert codes(report) == ["revocation-try-later"]
    assert report.rejections[0].again_at is None


def test_list_that_has_ended_is_to_be_fetched_now():
    report = judged(make_crl(TOP, next_update=AT - HOUR))
    assert report.try_later
    assert report.rejections[0].again_at is None
    assert "crl-expired" in report.rejections[0].message_en


def test_list_too_old_for_the_policy_is_due_at_its_next_update():
    report = judged(make_crl(TOP, next_update=AT + DAY), freshness=Freshness(maximum_crl_age=HOUR))
    assert report.try_later
    assert report.rejections[0].again_at == AT + DAY


def test_answer_too_old_for_the_policy_is_due_at_its_next_update():
    answer = make_ocsp(LEAF, TOP, next_update=AT + HOUR)
    report = judged(answers=(answer,), freshness=Freshness(maximum_ocsp_age=timedelta(seconds=1)))
    assert report.try_later
    assert report.rejections[0].again_at == AT + HOUR


def test_responder_that_does_not_know_the_certificate_has_said_so():
    answer = make_ocsp(LEAF, TOP, status=ocsp.OCSPCertStatus.UNKNOWN)
    report = judged(answers=(answer,))
    assert codes(report) == ["revocation-unknown"]
    assert not report.try_later


def test_responder_that_does_not_know_the_certificate_is_no_missing_information():
    """Certificates that intruders had made were unknown to the authority's responder (DigiNotar, 2011)."""
    answer = make_ocsp(LEAF, TOP, status=ocsp.OCSPCertStatus.UNKNOWN)
    report = judged(answers=(answer,), revocation_policy=RevocationPolicy.SOFT_FAIL)
    assert codes(report) == ["revocation-unknown"]
    known = judged(make_crl(TOP), answers=(answer,), revocation_policy=RevocationPolicy.SOFT_FAIL)
    assert known.valid


def test_revoked_is_revoked_under_every_policy_that_asks():
    for policy in (RevocationPolicy.HARD_FAIL, RevocationPolicy.TRY_LATER, RevocationPolicy.SOFT_FAIL):
        report = judged(make_crl(TOP, [LEAF.serial]), revocation_policy=policy)
        assert codes(report) == ["certificate-revoked"]
        assert not report.try_later


def test_suspension_may_be_lifted_by_the_next_list():
    report = judged(make_crl(TOP, [(LEAF.serial, AT - 2 * DAY, HOLD)], next_update=AT + DAY))
    assert codes(report) == ["certificate-on-hold"]
    assert report.rejections[0].again_at == AT + DAY


def test_another_broken_rule_is_not_mended_by_asking_again():
    late = LEAF.ours.not_valid_after + DAY
    report = judged(at=late)
    assert "certificate-expired" in codes(report)
    assert not report.try_later


def test_missing_information_by_policy():
    assert codes(judged(revocation_policy=RevocationPolicy.HARD_FAIL)) == ["revocation-unknown"]
    assert judged(revocation_policy=RevocationPolicy.SOFT_FAIL).valid
    assert judged(revocation_policy=RevocationPolicy.NOT_CHECKED).valid


# --- what was settled before -----------------------------------------------------------------------------


def inputs_of(*crls: bytes, **changes) -> ValidationInputs:
    return ValidationInputs((TOP.ours,), revocation=RevocationEvidence(crls), **changes)


def test_settled_list_ends():
    inputs = inputs_of(make_crl(TOP, next_update=AT + DAY))
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert validate_path(LEAF.ours, inputs, AT + DAY).valid
    assert codes(validate_path(LEAF.ours, inputs, AT + DAY + HOUR)) == ["revocation-unknown"]
    assert codes(validate_path(LEAF.ours, inputs, AT - 2 * DAY)) == ["revocation-unknown"]


def test_settled_list_is_held_against_each_certificate():
    other = issue("Other", TOP)
    inputs = inputs_of(make_crl(TOP, [other.serial]))
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert codes(validate_path(other.ours, inputs, AT)) == ["certificate-revoked"]
    assert validate_path(LEAF.ours, inputs, AT).valid


def test_settled_list_is_not_for_certificates_of_another_kind():
    scope = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    inputs = inputs_of(make_crl(TOP, extensions=[(scope, True)]))
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert codes(validate_path(ISSUING.ours, inputs, AT)) == ["revocation-unknown"]


def test_settled_list_is_asked_anew_by_a_stricter_policy():
    inputs = inputs_of(make_crl(TOP))
    assert validate_path(LEAF.ours, inputs, AT).valid
    stricter = replace(inputs, freshness=Freshness(maximum_crl_age=HOUR))
    assert codes(validate_path(LEAF.ours, stricter, AT)) == ["revocation-unknown"]


def test_settled_list_is_not_relied_on_after_its_digest_has_ended():
    sunset = ((DigestAlgorithm.SHA256, AT + HOUR),)
    inputs = inputs_of(make_crl(TOP), algorithms=AlgorithmPolicy(sunsets=sunset))
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert not validate_path(LEAF.ours, inputs, AT + 2 * HOUR).valid


def test_younger_list_that_begins_later_counts_from_then_on():
    later = make_crl(TOP, [LEAF.serial], this_update=AT + HOUR, next_update=AT + DAY)
    inputs = inputs_of(make_crl(TOP), later)
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert validate_path(LEAF.ours, inputs, AT).valid
    assert codes(validate_path(LEAF.ours, inputs, AT + 2 * HOUR)) == ["certificate-revoked"]


def test_settled_list_says_nothing_about_the_past():
    crl = make_crl(TOP, [(LEAF.serial, AT - 2 * DAY, None)])
    inputs = inputs_of(crl, make_crl(TOP, this_update=AT - 3 * DAY))
    assert codes(validate_path(LEAF.ours, inputs, AT)) == ["certificate-revoked"]
    past = replace(inputs, evidence_at=AT)
    assert validate_path(LEAF.ours, past, AT - 5 * DAY).valid
    assert codes(validate_path(LEAF.ours, inputs, AT)) == ["certificate-revoked"]


# --- the past --------------------------------------------------------------------------------------------


def past_of(crl: bytes, days: int, leaf=LEAF) -> list[str]:
    inputs = replace(inputs_of(crl), evidence_at=AT)
    return codes(validate_path(leaf.ours, inputs, AT - days * DAY))


def test_revocation_counts_from_its_time_or_from_the_invalidity_date():
    """EN 319 102-1 5.5.4 goes by the revocation time; RFC 5280 5.3.2 has an earlier date."""
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(LEAF.serial)
        .revocation_date(AT - 2 * DAY)
        .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False)
    )
    suspected = entry.add_extension(x509.InvalidityDate((AT - 6 * DAY).replace(tzinfo=None)), False)
    for revoked, days, expected in (
        (entry, 1, ["certificate-revoked"]),
        (entry, 3, []),
        (suspected, 3, ["certificate-revoked"]),
        (suspected, 7, []),
    ):
        assert past_of(make_crl(TOP, built=[revoked.build()]), days) == expected


def test_list_that_forgets_the_expired_says_nothing_of_them():
    old = issue("Old", TOP, not_after=AT - 10 * DAY)
    assert past_of(make_crl(TOP), 20, old) == ["revocation-unknown"]
    for since, expected in ((AT - 30 * DAY, []), (AT - 5 * DAY, ["revocation-unknown"])):
        value = b"\x18\x0f" + f"{since.astimezone(UTC):%Y%m%d%H%M%SZ}".encode()
        keeps = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), value)
        assert past_of(make_crl(TOP, extensions=[(keeps, False)]), 20, old) == expected
    listed = make_crl(TOP, [(old.serial, AT - 15 * DAY, None)])
    assert past_of(listed, 20, old) == []
    assert past_of(listed, 12, old) == ["certificate-revoked"]


# --- the calendar's ends ---------------------------------------------------------------------------------


def test_times_at_the_ends_of_the_calendar_are_judged():
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    for at, evidence_at in ((first, None), (last, None), (AT, last), (first, last)):
        for evidence in (
            (make_crl(TOP),),
            (),
            (make_crl(TOP, next_update=datetime(9999, 12, 31, tzinfo=UTC)),),
        ):
            report = judged(*evidence, answers=(make_ocsp(LEAF, TOP),), at=at, evidence_at=evidence_at)
            assert not report.valid


def test_ages_and_clocks_without_bound():
    """An age or a difference that reaches beyond the calendar is none."""
    for freshness in (Freshness(timedelta.max, timedelta.max), Freshness(clock_skew=timedelta.max)):
        for crls, answers in (((make_crl(TOP),), ()), ((), (make_ocsp(LEAF, TOP),))):
            inputs = ValidationInputs(
                (TOP.ours,), revocation=RevocationEvidence(crls, answers), freshness=freshness
            )
            assert validate_path(LEAF.ours, inputs, AT).valid
            assert validate_path(LEAF.ours, inputs, AT).valid
