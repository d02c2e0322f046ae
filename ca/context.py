"""What every verb of the issuing process stands on: settings, database, issuer, root, audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca.errors import CaError
from ca.issuance import Issuer
from ca.models import SCHEMA_REVISION, AuditRecord, AuthorityState, StatusChange, StatusEvent
from ca.settings import AuthoritySettings
from runtime.audit import AuditLog
from runtime.database import Database, check_schema
from runtime.keys import load_signer
from trust.certificate import Certificate, load_pem_certificates
from trust.status import CRLReason

SERVICE = "ca"
_STATE_ROW = 1


@dataclass(frozen=True)
class AuthorityContext:
    """An opened authority; made once a process, since loading an RSA key is dear."""

    settings: AuthoritySettings
    database: Database
    issuer: Issuer
    root: Certificate
    audit: AuditLog

    @property
    def issuers(self) -> tuple[bytes, bytes]:
        """Root and issuing certificate, DER, as the independent check takes them."""
        return (self.root.der, self.issuer.certificate.der)


def open_context(settings: AuthoritySettings) -> AuthorityContext:
    """Open the database (refusing an unknown schema), the key and the certificates named by the settings."""
    database = Database(settings.effective_database_url(SERVICE))
    check_schema(database, SCHEMA_REVISION)
    signer = load_signer(settings.issuing_key, settings.key_passphrase_file)
    certificate = load_pem_certificates(settings.issuing_certificate.read_text("ascii"))[0]
    roots = load_pem_certificates(settings.trust_anchors.read_text("ascii"))
    root = next((root for root in roots if root.subject == certificate.issuer), None)
    if root is None:
        raise CaError("the trust anchors do not hold the issuing CA's root", code="root-missing")
    issuer = Issuer(certificate, signer, settings.status_url, settings.policy_arc)
    return AuthorityContext(settings, database, issuer, root, AuditLog(AuditRecord))


def lock_state(session: Session) -> AuthorityState:
    """Take the authority's one row for this transaction: counters then move in commit order."""
    state = session.scalars(
        sa.select(AuthorityState)
        .where(AuthorityState.id == _STATE_ROW)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if state is None:
        state = AuthorityState(id=_STATE_ROW, feed_sequence=0, ceremony_closed_at=None)
        session.add(state)
        session.flush()
    return state


def append_status_change(
    session: Session, serial_number: str, event: StatusEvent, at: datetime, reason: CRLReason | None = None
) -> int:
    """Append to the status feed within the caller's transaction; return the new sequence number."""
    state = lock_state(session)
    state.feed_sequence += 1
    session.add(
        StatusChange(
            sequence=state.feed_sequence, at=at, serial_number=serial_number, event=event, reason=reason
        )
    )
    session.flush()
    return state.feed_sequence
