"""Orders to revoke, suspend or release, signed by an officer's card.

The same two steps as issuing: a statement is prepared that names the certificate and what will happen to
it; an officer signs it; the signature is verified here and redeemed once, together with the change.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from ca.approval import verify_approval
from ca.context import AuthorityContext
from ca.errors import ApprovalError, OfficerError
from ca.inventory import Inventory
from ca.issuance import digest_of
from ca.models import Preparation, StatusEvent
from ca.officers import OfficerRole, OfficerView, officer_by_certificate, officer_by_subject
from ca.preparation import PreparationView
from ca.publication import CrlPublisher
from ca.redemption import approval_trust, redeem, redeemable
from ca.standing import StandingService, check_reason
from trust.approval import (
    ApprovalPurpose,
    ApprovalStatement,
    encode_statement,
    parse_statement,
    visible_text,
)
from trust.certificate import Certificate
from trust.status import CRLReason

ORDER_LIFETIME = timedelta(minutes=15)
_IDENTIFIER_BYTES = 16
_PURPOSES = {
    StatusEvent.REVOKED: ApprovalPurpose.REVOKE,
    StatusEvent.SUSPENDED: ApprovalPurpose.SUSPEND,
    StatusEvent.RELEASED: ApprovalPurpose.RELEASE,
}
_EVENTS = {purpose: event for event, purpose in _PURPOSES.items()}
_WORDLESS = "-"


class StatusOrders:
    """Prepares and carries out signed orders that change how a certificate stands."""

    def __init__(self, context: AuthorityContext, standing: StandingService, publisher: CrlPublisher) -> None:
        self._context = context
        self._standing = standing
        self._publisher = publisher
        self._inventory = Inventory(context)

    def prepare(
        self,
        serial_number: str,
        event: StatusEvent,
        reason: CRLReason | None,
        requester: str,
        *,
        at: datetime,
    ) -> PreparationView:
        """Prepare the statement an officer signs; its application member says what is meant, in words."""
        certificate = self._inventory.show(serial_number)
        self._standing.check_allowed(certificate.serial_number, certificate.standing, event)
        if event is StatusEvent.REVOKED:
            check_reason(reason)
        expires_at = at.replace(microsecond=0) + ORDER_LIFETIME
        statement = encode_statement(
            ApprovalStatement(
                purpose=_PURPOSES[event],
                application=f"{serial_number} {reason.text if reason is not None else _WORDLESS}",
                issuer_key_id=self._context.issuer.key_id,
                profiles=(certificate.profile,),
                subjects=(visible_text(certificate.subject),),
                tbs_digests=(digest_of(Certificate.parse(certificate.der).tbs),),
                requester=requester,
                expires_at=expires_at,
            )
        )
        preparation_id = secrets.token_hex(_IDENTIFIER_BYTES)
        with self._context.database.session() as session:
            _check_may_change(officer_by_subject(session, requester))
            session.add(
                Preparation(
                    id=preparation_id,
                    application_id=f"{_PURPOSES[event].value} {serial_number}",
                    requester=requester,
                    statement=statement,
                    created_at=at,
                    expires_at=expires_at,
                )
            )
            self._context.audit.append(
                session,
                at=at,
                actor=requester,
                action="order.stored",
                subject=preparation_id,
                details={"purpose": _PURPOSES[event].value, "serial_number": serial_number},
            )
        return PreparationView(preparation_id, statement, (), expires_at)

    def carry_out(self, preparation_id: str, approval: bytes, *, at: datetime) -> str:
        """Verify the officer's signature, redeem the order, and change the standing, in one transaction.

        Returns the serial number of the certificate that was changed.
        """
        self._publisher.publish_when_due(at)
        with self._context.database.session() as session:
            order = redeemable(session, preparation_id, at)
            statement = parse_statement(order.statement)
            if statement.purpose not in _EVENTS:
                raise ApprovalError("this approval is for issuing", code="approval-purpose")
            trust = approval_trust(session, self._context, self._publisher)
            signer = verify_approval(approval, order.statement, trust, at)
            officer = officer_by_certificate(session, signer.fingerprint)
            _check_may_change(officer)
            redeem(session, self._context, order, approval, signer.fingerprint, at)
            order.completed_at = at
            serial_number, word = statement.application.split(" ")
            self._standing.change(
                session,
                serial_number,
                _EVENTS[statement.purpose],
                None if word == _WORDLESS else CRLReason.from_text(word),
                signer.fingerprint,
                at,
            )
        return serial_number


def _check_may_change(officer: OfficerView) -> None:
    """Any officer may have a certificate revoked, suspended or released; who audits changes nothing."""
    if OfficerRole.AUDITOR in officer.roles:
        raise OfficerError("an auditor does not change how certificates stand", code="officer-role-missing")
