"""Redeeming a preparation: it exists, it has not expired, and it is used up at most once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.approval import ApprovalTrust
from ca.context import AuthorityContext, lock_state
from ca.errors import PreparationError
from ca.models import Preparation, PreparedCertificate
from ca.preparation import CEREMONY, check_keys_unused
from ca.publication import CrlPublisher


def redeemable(session: Session, preparation_id: str, at: datetime) -> Preparation:
    """The preparation, if it exists, was not redeemed and has not expired."""
    preparation = session.get(Preparation, preparation_id)
    if preparation is None:
        raise PreparationError("there is no such preparation", code="preparation-unknown")
    if preparation.redeemed_at is not None:
        raise _redeemed_before()
    if preparation.expires_at <= at:
        raise PreparationError("the preparation has expired; prepare again", code="preparation-expired")
    return preparation


def redeem(
    session: Session,
    context: AuthorityContext,
    preparation: Preparation,
    approval: bytes | None,
    approver: str | None,
    at: datetime,
) -> None:
    """Use the preparation up; whoever comes second finds nothing to redeem."""
    lock_state(session)
    redeemed = session.execute(
        sa.update(Preparation)
        .where(
            Preparation.id == preparation.id,
            Preparation.redeemed_at.is_(None),
            Preparation.expires_at > at,
        )
        .values(redeemed_at=at, approval=approval, approver=approver)
        .returning(Preparation.id)
        .execution_options(synchronize_session=False)
    ).first()
    if redeemed is None:
        raise _redeemed_before()
    rows = prepared_rows(session, preparation.id)
    check_keys_unused(session, [row.key_digest for row in rows], preparation.id)
    context.audit.append(
        session,
        at=at,
        actor=approver or CEREMONY,
        action="preparation.redeemed",
        subject=preparation.id,
        details={
            "application": preparation.application_id,
            "requester": preparation.requester,
            "serial_numbers": [row.serial_number for row in rows],
        },
    )


def prepared_rows(session: Session, preparation_id: str) -> Sequence[PreparedCertificate]:
    """The prepared certificates in order."""
    return session.scalars(
        sa.select(PreparedCertificate)
        .where(PreparedCertificate.preparation_id == preparation_id)
        .order_by(PreparedCertificate.position)
    ).all()


def approval_trust(session: Session, context: AuthorityContext, publisher: CrlPublisher) -> ApprovalTrust:
    """The authorities and CRLs an approval is held against."""
    return ApprovalTrust(
        anchors=(context.root,),
        intermediates=(context.issuer.certificate,),
        crls=tuple(view.der for view in publisher.current_in(session)),
        policy_arc=context.settings.policy_arc,
    )


def _redeemed_before() -> PreparationError:
    """The refusal of whoever comes second."""
    return PreparationError("the preparation has been redeemed; prepare again", code="preparation-redeemed")
