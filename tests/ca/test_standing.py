"""Revoking, suspending, releasing; signed orders; CRLs."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509

from ca.errors import ApprovalError, CertificateStatusError, OfficerError, PreparationError, PublicationError
from ca.models import AuditRecord, StatusEvent
from tests.ca.desk import AT, HOUR
from trust.certificate import Certificate
from trust.status import CRLReason

NOW = AT + HOUR
REASON = CRLReason.KEY_COMPROMISE


@pytest.fixture
def serial(any_desk):
    _card, issued = any_desk.issue()
    return format(Certificate.parse(issued.certificates[0]).serial_number, "x")


def standing(desk, serial):
    return desk.authority.inventory.show(serial).standing


def refused(code, call, error=CertificateStatusError):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code


def crl_of(desk):
    return next(
        x509.load_der_x509_crl(view.der)
        for view in desk.authority.publisher.current()
        if view.issuer_key_id == desk.authority.context.issuer.key_id
    )


def test_suspended_released_revoked(any_desk, serial):
    verbs = any_desk.authority.standing
    verbs.suspend(serial, actor="t", at=NOW)
    assert standing(any_desk, serial) == "suspended"
    verbs.release(serial, actor="t", at=NOW)
    assert standing(any_desk, serial) == "good"
    verbs.revoke(serial, REASON, actor="t", at=NOW)
    assert standing(any_desk, serial) == "revoked"
    entries = [entry for entry in verbs.changes(0) if entry.serial_number == serial]
    assert [entry.event for entry in entries] == ["issued", "suspended", "released", "revoked"]
    assert [entry.sequence for entry in verbs.changes(0)] == list(range(1, verbs.last_sequence() + 1))


def test_changes_that_are_not_allowed(any_desk, serial):
    verbs = any_desk.authority.standing
    refused("standing-not-allowed", lambda: verbs.release(serial, actor="t", at=NOW))
    verbs.revoke(serial, REASON, actor="t", at=NOW)
    for call in (
        lambda: verbs.revoke(serial, REASON, actor="t", at=NOW),
        lambda: verbs.suspend(serial, actor="t", at=NOW),
        lambda: verbs.release(serial, actor="t", at=NOW),
    ):
        refused("standing-not-allowed", call)
    refused("serial-unknown", lambda: verbs.revoke("abc", REASON, actor="t", at=NOW))
    refused("reason-not-allowed", lambda: verbs.revoke(serial, CRLReason.CERTIFICATE_HOLD, actor="t", at=NOW))


def test_a_revocation_after_a_suspension_counts_from_the_suspension(any_desk, serial):
    any_desk.authority.standing.suspend(serial, actor="t", at=NOW)
    any_desk.authority.standing.revoke(serial, REASON, actor="t", at=NOW + HOUR)
    crl = x509.load_der_x509_crl(any_desk.authority.publisher.publish(NOW + HOUR).der)
    assert crl.get_revoked_certificate_by_serial_number(int(serial, 16)).revocation_date_utc == NOW


# --- signed orders -----------------------------------------------------------------------------


def order(desk, serial, event=StatusEvent.REVOKED, reason=REASON, at=NOW):
    return desk.authority.orders.prepare(serial, event, reason, desk.number("陈静"), at=at)


def test_an_officers_card_revokes(any_desk, serial):
    prepared = order(any_desk, serial)
    assert REASON.text.encode() in prepared.statement
    any_desk.authority.orders.carry_out(
        prepared.preparation_id, any_desk.chen.approve(prepared.statement, NOW), at=NOW
    )
    assert standing(any_desk, serial) == "revoked"
    with any_desk.authority.context.database.session() as session:
        actor = session.scalar(
            sa.select(AuditRecord.actor).where(AuditRecord.action == "certificate.revoked")
        )
    assert actor == any_desk.chen.signature_certificate.fingerprint
    assert any_desk.authority.complete_interrupted(at=NOW) == []


def test_suspend_and_release_by_order(desk):
    _card, issued = desk.issue()
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    hold = order(desk, serial, StatusEvent.SUSPENDED, CRLReason.CERTIFICATE_HOLD)
    signed = desk.zhao.approve(hold.statement, NOW)
    desk.authority.orders.carry_out(hold.preparation_id, signed, at=NOW)
    release = order(desk, serial, StatusEvent.RELEASED, None)
    desk.authority.orders.carry_out(release.preparation_id, desk.zhao.approve(release.statement, NOW), at=NOW)
    assert standing(desk, serial) == "good"
    # The old order does not suspend again.
    refused(
        "preparation-redeemed",
        lambda: desk.authority.orders.carry_out(hold.preparation_id, signed, at=NOW),
        PreparationError,
    )


def test_orders_that_are_refused(desk):
    card, issued = desk.issue()
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    prepared = order(desk, serial)
    carry_out = desk.authority.orders.carry_out
    for signer, error, code in (
        (desk.sun, OfficerError, "officer-role-missing"),
        (card, ApprovalError, "approval-certificate"),
    ):
        signed = signer.approve(prepared.statement, NOW)
        refused(code, lambda signed=signed: carry_out(prepared.preparation_id, signed, at=NOW), error)
    late = NOW + timedelta(minutes=16)
    refused(
        "preparation-expired",
        lambda: carry_out(prepared.preparation_id, desk.chen.approve(prepared.statement, late), at=late),
        PreparationError,
    )
    refused("standing-not-allowed", lambda: order(desk, serial, StatusEvent.RELEASED, None))
    refused("reason-not-allowed", lambda: order(desk, serial, reason=CRLReason.CA_COMPROMISE))
    assert standing(desk, serial) == "good"


def test_an_order_is_not_an_approval_and_an_approval_no_order(desk):
    from tests.ca.test_service import prepare

    _card, issued = desk.issue()
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    revocation, issuance = order(desk, serial), prepare(desk)
    refused(
        "approval-digest-mismatch",
        lambda: desk.authority.issue(
            revocation.preparation_id, desk.zhao.approve(revocation.statement, NOW), at=NOW
        ),
        ApprovalError,
    )
    refused(
        "approval-purpose",
        lambda: desk.authority.orders.carry_out(
            issuance.preparation_id, desk.zhao.approve(issuance.statement, NOW), at=NOW
        ),
        ApprovalError,
    )


# --- CRLs --------------------------------------------------------------------------------------


def test_a_crl_lists_what_is_revoked_and_nothing_else(any_desk, serial):
    any_desk.authority.standing.revoke(serial, REASON, actor="t", at=NOW)
    crl = x509.load_der_x509_crl(any_desk.authority.publisher.publish(NOW).der)
    (entry,) = list(crl)
    assert entry.serial_number == int(serial, 16)
    assert (
        entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        is x509.ReasonFlags.key_compromise
    )
    assert crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert (crl.last_update_utc, crl.next_update_utc) == (NOW, NOW + timedelta(hours=24))


def test_an_unspecified_reason_is_left_out(desk):
    _card, issued = desk.issue()
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    desk.authority.standing.revoke(serial, CRLReason.UNSPECIFIED, actor="t", at=NOW)
    (entry,) = list(x509.load_der_x509_crl(desk.authority.publisher.publish(NOW).der))
    assert len(entry.extensions) == 0


def test_crls_are_published_when_due(any_desk, serial):
    publisher = any_desk.authority.publisher
    assert publisher.publish_when_due(NOW + HOUR) is not None
    assert publisher.publish_when_due(NOW + HOUR) is None
    any_desk.authority.standing.suspend(serial, actor="t", at=NOW + HOUR)
    assert publisher.publish_when_due(NOW + HOUR) is not None
    assert publisher.publish_when_due(NOW + HOUR) is None
    assert publisher.publish_when_due(NOW + 2 * HOUR) is not None
    number = crl_of(any_desk).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number == publisher.current_numbers()[any_desk.authority.context.issuer.key_id]


def test_a_clock_that_went_back_publishes_nothing(desk):
    with pytest.raises(PublicationError) as caught:
        desk.authority.publisher.publish(AT - HOUR)
    assert caught.value.code == "crl-clock-back"


def test_two_publishers_do_not_overtake_each_other(any_desk):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        numbers = [
            view.number for view in pool.map(lambda _n: any_desk.authority.publisher.publish(NOW), range(4))
        ]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 4))


def test_a_crl_that_openssl_refuses_is_not_published(desk, monkeypatch):
    before = desk.authority.publisher.current_numbers()
    monkeypatch.setattr("ca.publication.sign_crl", lambda certificate, signer, **_: b"\x30\x03\x02\x01\x00")
    with pytest.raises(PublicationError) as caught:
        desk.authority.publisher.publish(NOW)
    assert caught.value.code == "crl-not-accepted"
    assert desk.authority.publisher.current_numbers() == before


def test_a_crl_that_loses_a_revocation_is_not_published(desk, monkeypatch):
    _card, issued = desk.issue()
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    desk.authority.standing.revoke(serial, REASON, actor="t", at=NOW)
    monkeypatch.setattr("ca.publication._revoked_entries", lambda _session, _at: ())
    with pytest.raises(PublicationError) as caught:
        desk.authority.publisher.publish(NOW)
    assert "does not see a revoked certificate" in str(caught.value)
