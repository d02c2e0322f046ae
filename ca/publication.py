"""CRLs (RFC 5280 5): made from the revoked certificates, checked by independent code, then published.

A CRL is made in one transaction that holds the authority's row: numbers rise by one, and two publishers
cannot overtake each other. The root's CRL is signed offline (`ca.ceremony`) and only brought in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ca import independent
from ca.context import AuthorityContext, lock_state
from ca.errors import PublicationError
from ca.models import IssuedCertificate, PublishedCRL, Standing, StatusChange, StatusEvent
from trust.certificate import Certificate
from trust.encoding.crl import RevokedEntry, encode_crl
from trust.encoding.extensions import key_identifier
from trust.signer import Signer
from trust.status import CRLReason

_ACTOR = "ca"
_FIRST_NUMBER = 1
# How long after its expiry a revoked certificate stays listed, so that it is on one CRL at least
# (RFC 5280 3.3) and late readers still find it.
_LISTED_AFTER_EXPIRY = timedelta(days=7)


@dataclass(frozen=True)
class CrlView:
    """A published CRL."""

    issuer_key_id: str
    number: int
    this_update: datetime
    next_update: datetime
    der: bytes


class CrlPublisher:
    """Makes the issuing CA's CRL and keeps the root's."""

    def __init__(self, context: AuthorityContext) -> None:
        self._context = context

    def publish(self, at: datetime, *, actor: str = _ACTOR) -> CrlView:
        """Sign, check and store the next CRL of the issuing CA."""
        context = self._context
        moment = at.replace(microsecond=0)
        with context.database.session() as session:
            state = lock_state(session)
            last = latest_crl(session, context.issuer.key_id)
            if last is not None and moment < last.this_update:
                raise PublicationError(
                    "the clock stands before the last CRL's thisUpdate; set the clock right",
                    code="crl-clock-back",
                )
            number = last.number + 1 if last is not None else _FIRST_NUMBER
            next_update = moment + timedelta(hours=context.settings.crl_hours)
            encoded = sign_crl(
                context.issuer.certificate,
                context.issuer.signer,
                number=number,
                this_update=moment,
                next_update=next_update,
                entries=tuple(_revoked_entries(session, moment)),
            )
            self._check_independently(session, encoded, at)
            view = CrlView(context.issuer.key_id, number, moment, next_update, encoded)
            self._store(session, view, state.feed_sequence, actor=actor, at=at)
        return view

    def publish_when_due(self, at: datetime) -> CrlView | None:
        """Publish when a status changed since the last CRL, or the interval has passed; the job's verb."""
        last = (
            sa.select(PublishedCRL.this_update, PublishedCRL.status_sequence)
            .where(PublishedCRL.issuer_key_id == self._context.issuer.key_id)
            .order_by(PublishedCRL.number.desc())
            .limit(1)
        )
        newest_change = sa.select(sa.func.max(StatusChange.sequence)).where(
            StatusChange.event != StatusEvent.ISSUED.value
        )
        with self._context.database.read() as connection:
            published = connection.execute(last).first()
            changed_at = connection.scalar(newest_change) or 0
        interval = timedelta(minutes=self._context.settings.crl_interval_minutes)
        if (
            published is None
            or changed_at > published.status_sequence
            or at >= published.this_update + interval
        ):
            return self.publish(at)
        return None

    def bring_in_root_crl(self, view: CrlView, *, actor: str, at: datetime) -> None:
        """Store the root's CRL, which was signed offline, after checking it independently."""
        independent.verify_crl(
            view.der, [self._context.root.der], at, good=self._context.issuer.certificate.der
        )
        with self._context.database.session() as session:
            state = lock_state(session)
            last = latest_crl(session, view.issuer_key_id)
            if last is not None and view.number <= last.number:
                raise PublicationError(
                    f"the root CRL's number {view.number} does not follow {last.number}", code="crl-number"
                )
            self._store(session, view, state.feed_sequence, actor=actor, at=at)

    def next_root_number(self) -> int:
        """The number the root's next CRL gets."""
        with self._context.database.session() as session:
            last = latest_crl(session, issuer_key_id(self._context.root))
            return last.number + 1 if last is not None else _FIRST_NUMBER

    def current(self) -> Sequence[CrlView]:
        """The newest CRL of each issuer."""
        with self._context.database.session() as session:
            return self.current_in(session)

    def root_crl_days_left(self, at: datetime) -> int:
        """Whole days until the root CRL's nextUpdate; none left when there is no root CRL."""
        with self._context.database.session() as session:
            view = latest_crl(session, issuer_key_id(self._context.root))
        return max(0, (view.next_update - at).days) if view else 0

    def current_numbers(self) -> dict[str, int]:
        """The number of each issuer's newest CRL, without the CRLs."""
        query = sa.select(PublishedCRL.issuer_key_id, sa.func.max(PublishedCRL.number)).group_by(
            PublishedCRL.issuer_key_id
        )
        with self._context.database.read() as connection:
            return {key_id: number for key_id, number in connection.execute(query)}  # noqa: C416

    def current_in(self, session: Session) -> Sequence[CrlView]:
        """The newest CRL of each issuer, within a transaction."""
        key_ids = (self._context.issuer.key_id, issuer_key_id(self._context.root))
        return [view for key_id in key_ids if (view := latest_crl(session, key_id)) is not None]

    def _check_independently(self, session: Session, encoded: bytes, at: datetime) -> None:
        """Let OpenSSL judge a good and a revoked sample by the new CRL."""
        unexpired = IssuedCertificate.not_valid_after > at
        newest = IssuedCertificate.issued_at.desc()

        def sample(*standings: Standing) -> bytes | None:
            return session.scalar(
                sa.select(IssuedCertificate.der)
                .where(IssuedCertificate.standing.in_(standings), unexpired)
                .order_by(newest)
                .limit(1)
            )

        independent.verify_crl(
            encoded,
            self._context.issuers,
            at,
            good=sample(Standing.GOOD),
            revoked=sample(Standing.REVOKED, Standing.SUSPENDED),
        )

    def _store(self, session: Session, view: CrlView, sequence: int, *, actor: str, at: datetime) -> None:
        """Insert the CRL and its audit record."""
        session.add(
            PublishedCRL(
                issuer_key_id=view.issuer_key_id,
                number=view.number,
                this_update=view.this_update,
                next_update=view.next_update,
                status_sequence=sequence,
                der=view.der,
            )
        )
        session.flush()
        self._context.audit.append(
            session,
            at=at,
            actor=actor,
            action="crl.published",
            subject=view.issuer_key_id,
            details={"number": view.number, "next_update": view.next_update.isoformat()},
        )


def issuer_key_id(certificate: Certificate) -> str:
    """A CA's key identifier as addresses and tables write it."""
    return key_identifier(certificate.public_key).hex()


def sign_crl(
    certificate: Certificate,
    signer: Signer,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Sequence[RevokedEntry] = (),
) -> bytes:
    """Sign a CRL in the name of a CA certificate."""
    return encode_crl(
        issuer=certificate.subject,
        signer=signer,
        this_update=this_update,
        next_update=next_update,
        number=number,
        authority_key_identifier=key_identifier(certificate.public_key),
        entries=entries,
    )


def latest_crl(session: Session, key_id: str) -> CrlView | None:
    """The newest CRL of one issuer."""
    row = session.scalars(
        sa.select(PublishedCRL)
        .where(PublishedCRL.issuer_key_id == key_id)
        .order_by(PublishedCRL.number.desc())
        .limit(1)
    ).first()
    return CrlView(row.issuer_key_id, row.number, row.this_update, row.next_update, row.der) if row else None


def _revoked_entries(session: Session, at: datetime) -> Iterator[RevokedEntry]:
    """What the CRL lists: everything revoked or suspended that has not long expired."""
    rows = session.execute(
        sa.select(IssuedCertificate.serial_number, IssuedCertificate.standing_since, IssuedCertificate.reason)
        .where(
            IssuedCertificate.standing != Standing.GOOD.value,
            IssuedCertificate.not_valid_after > at - _LISTED_AFTER_EXPIRY,
        )
        .order_by(IssuedCertificate.standing_since, IssuedCertificate.serial_number)
    )
    for serial_number, since, reason in rows:
        # RFC 5280 5.3.1: an unspecified reason is left out.
        known = CRLReason(reason) if reason else None
        yield RevokedEntry(int(serial_number, 16), since.replace(microsecond=0), known)
