"""Issues a card in the design's order: register, apply, keys on the card, prepare, approve, issue, write.

One officer asks, another officer's card approves; the authority checks all of it itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ca.errors import CaError
from ca.personalization import CardCertificates, CardOrder
from ca.profiles import SubjectShape
from ca.registration.application import ApplicantClaim, ApplicationView
from ca.registration.gateway import AuthorityGateway
from ca.registration.service import RegistrationService
from runtime import clock
from tongxing.cards import CardDesk, fixed_pin, sign_approval, virtual_reader
from tongxing.errors import TownError
from tongxing.people import DemoCard, Kind
from trust.certificate import Certificate


@dataclass(frozen=True)
class IssuedCard:
    """The two certificates that were written to a card."""

    authentication: Certificate
    signature: Certificate


class IssuingDesk:
    """The desk of the demonstration town: its registration service, its card printer, its two officers."""

    def __init__(
        self,
        registration: RegistrationService,
        desk: CardDesk,
        cards: Path,
        requester: DemoCard,
        approver: DemoCard,
    ) -> None:
        self._registration = registration
        self._desk = desk
        self._cards = cards
        self._approver = approver
        self.requester = _officer_number(registration.gateway, requester.name)

    def register(self, card: DemoCard) -> None:
        """Enter the person, and the enterprise, of a card in the registers, unless they are there."""
        self._unless_there(
            lambda: self._registration.add_person(
                card.name, card.identity_number, actor=self.requester, at=clock.now()
            )
        )
        if card.kind is Kind.ENTERPRISE:
            self._unless_there(
                lambda: self._registration.add_enterprise(
                    card.enterprise_name, card.uscc, actor=self.requester, at=clock.now()
                )
            )

    def apply(self, card: DemoCard) -> ApplicationView:
        """Check the applicant against the registers and open an application."""
        claim = ApplicantClaim(
            SubjectShape(card.kind.value), card.name, card.identity_number, card.enterprise_name, card.uscc
        )
        return self._registration.apply(claim, requester=self.requester, at=clock.now())

    def prepare(self, application: ApplicationView, card: DemoCard) -> tuple[CardOrder, bytes]:
        """Make the keys on the card and have the certificates prepared; return what is to be approved."""
        order = self._registration.card_order(application.application_id, card.file_name)
        requests = self._desk.certification_requests(order)
        prepared = self._registration.submit(
            application.application_id, requests, requester=self.requester, at=clock.now()
        )
        return order, prepared.statement or b""

    def approve(self, statement: bytes) -> bytes:
        """Have the second officer's card sign the statement."""
        reader = virtual_reader(self._cards, self._approver.file_name)
        return sign_approval(reader, fixed_pin(self._approver.pin), statement, clock.now())

    def issue(self, application: ApplicationView, order: CardOrder, approval: bytes) -> IssuedCard:
        """Redeem the approval, and write what was issued to the card."""
        issued = self._registration.complete(
            application.application_id, approval, actor=self.requester, at=clock.now()
        )
        authentication, signature = issued.certificates
        self._desk.write_certificates(order, CardCertificates(authentication, signature, issued.chain))
        return IssuedCard(Certificate.parse(authentication), Certificate.parse(signature))

    def issue_card(self, card: DemoCard) -> IssuedCard:
        """Do the whole order for one card."""
        self.register(card)
        application = self.apply(card)
        order, statement = self.prepare(application, card)
        return self.issue(application, order, self.approve(statement))

    @staticmethod
    def _unless_there(enter: Callable[[], object]) -> None:
        """Make an entry; one that exists already is as good."""
        try:
            enter()
        except CaError as error:
            if error.code not in ("person-exists", "enterprise-exists"):
                raise


def _officer_number(gateway: AuthorityGateway, name: str) -> str:
    """Return an officer's subject number, by which the authority knows who asks."""
    for officer in gateway.officers():
        if officer.name == name and officer.active:
            return officer.subject_number
    raise TownError(f"{name} is not an officer of this authority", code="officer-unknown")
