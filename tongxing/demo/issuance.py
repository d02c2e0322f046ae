"""Flow 1, issuance: apply, prepare, a second officer approves, issue to a card; then OCSP and revocation."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509 import ocsp

from ca.registration.gateway import HttpGateway
from ca.registration.service import RegistrationService
from ca.settings import RegistrationSettings
from runtime.internal import InternalClient
from runtime.settings import load_settings
from tongxing.demo.browser import Browser
from tongxing.demo.narration import expect
from tongxing.demo.stage import Stage
from tongxing.errors import DemoError
from tongxing.issuing import IssuedCard, IssuingDesk
from tongxing.making import open_desk
from tongxing.people import CHEN_JING, ZHANG_WEI, ZHAO_QIANG, DemoCard
from trust.certificate import Certificate

_AUTHORITY = "ca"
_STATUS_SECONDS = 15.0
_POLL_SECONDS = 0.1
_REASON = "keyCompromise"


@contextmanager
def open_issuing(stage: Stage) -> Iterator[tuple[IssuingDesk, InternalClient, DemoCard]]:
    """Open the desk over the town's running authority, with a new citizen's card to be issued."""
    town, card = stage.town, _new_card(stage)
    settings = load_settings(RegistrationSettings, "ra", town.document)
    client = InternalClient(settings.authority_url, settings, service=_AUTHORITY)
    desk = IssuingDesk(
        RegistrationService.open(settings, HttpGateway(client)),
        open_desk(town.layout, {card.file_name: card.pin}),
        town.layout.cards,
        requester=CHEN_JING,
        approver=ZHAO_QIANG,
    )
    yield desk, client, card
    client.close()


def play_issuance(stage: Stage) -> None:
    """Issue a card to a new citizen, see it good, revoke it, see it revoked."""
    stage.narrator.title("一、发证", "1. Issuance")
    with open_issuing(stage) as (desk, client, card):
        issued = _issue(stage, desk, card)
        browser, trust = stage.browser(), stage.town.layout.trust
        with stage.narrator.step("OCSP：有效", "OCSP: good"):
            _wait_for_status(browser, trust, issued.authentication, ocsp.OCSPCertStatus.GOOD)
        with stage.narrator.step("吊销后，OCSP：已吊销", "revoked; OCSP: revoked"):
            revoke_card(stage, client, desk.requester, issued)


def revoke_card(stage: Stage, client: InternalClient, requester: str, issued: IssuedCard) -> None:
    """Revoke a card's certificates and wait until the world is told."""
    for certificate in (issued.authentication, issued.signature):
        _revoke(stage, client, requester, certificate)
        _wait_for_status(stage.browser(), stage.town.layout.trust, certificate, ocsp.OCSPCertStatus.REVOKED)


def _issue(stage: Stage, desk: IssuingDesk, card: DemoCard) -> IssuedCard:
    """Issue the card, a step a line."""
    narrator = stage.narrator
    with narrator.step(
        f"{card.name}申请一卡通：身份证号校验通过，登记在册",
        f"{card.name} applies: the identity number passes GB 11643 and is in the register",
    ):
        desk.register(card)
        application = desk.apply(card)
    with narrator.step(
        "密钥在卡内生成，证书请求由卡签名；签发系统备好待签证书",
        "keys are made on the card, which signs the requests; the authority prepares what will be signed",
    ):
        order, statement = desk.prepare(application, card)
    with narrator.step(
        f"第二名人员{ZHAO_QIANG.name}在卡代理中核对并用卡签名批准",
        f"a second officer, {ZHAO_QIANG.name}, reads the statement in the card agent and signs the approval",
    ):
        stage.person.holds(ZHAO_QIANG)
        approval = stage.agent(stage.browser(), stage.town.url("ra") + "/").approve(statement)
    with narrator.step(
        "签发系统自行验证批准，一次性兑现，签发并写入卡内",
        "the authority verifies the approval itself, redeems it once, issues, and the card is written",
    ):
        return desk.issue(application, order, approval)


def _new_card(stage: Stage) -> DemoCard:
    """Return the new citizen's card under a file name that no earlier demonstration used."""
    count = len(list(stage.town.layout.cards.glob(f"{ZHANG_WEI.file_name}*.json")))
    return ZHANG_WEI.renamed(f"{ZHANG_WEI.file_name}{count + 1}")


def _revoke(stage: Stage, client: InternalClient, requester: str, certificate: Certificate) -> None:
    """Have an officer's card sign the order to revoke, and the authority carry it out."""
    body: Mapping[str, str] = {
        "serial_number": f"{certificate.serial_number:x}",
        "requester": requester,
        "reason": _REASON,
    }
    prepared = client.post_json("/internal/orders/revoke", body)
    stage.person.holds(ZHAO_QIANG)
    agent = stage.agent(stage.browser(), stage.town.url("ra") + "/")
    approval = agent.approve(base64.b64decode(prepared["statement"]))
    order = {
        "preparation_id": prepared["preparation_id"],
        "approval": base64.b64encode(approval).decode("ascii"),
    }
    client.post_json("/internal/orders", order)


def _wait_for_status(
    browser: Browser, trust: Path, certificate: Certificate, expected: ocsp.OCSPCertStatus
) -> None:
    """Ask the certificate's own OCSP address until it answers as expected: news takes a moment to travel."""
    issuer = x509.load_pem_x509_certificate((trust / "issuing.pem").read_bytes())
    subject = x509.load_der_x509_certificate(certificate.der)
    request = ocsp.OCSPRequestBuilder().add_certificate(subject, issuer, SHA1()).build()  # noqa: S303
    expect(certificate.ocsp_urls, "the certificate names no OCSP address")
    deadline = time.monotonic() + _STATUS_SECONDS
    while True:
        content = browser.post(certificate.ocsp_urls[0], _encode(request), "application/ocsp-request").content
        answer = ocsp.load_der_ocsp_response(content)
        successful = answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        if successful and answer.certificate_status is expected:
            return
        if time.monotonic() > deadline:
            found = answer.certificate_status if successful else answer.response_status
            raise DemoError(f"OCSP says {found}, expected {expected}", code="status-wrong")
        time.sleep(_POLL_SECONDS)


def _encode(request: ocsp.OCSPRequest) -> bytes:
    return request.public_bytes(serialization.Encoding.DER)
