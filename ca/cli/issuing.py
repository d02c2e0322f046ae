"""`tongxing ca issue` and `approve`: the guided way from an applicant to a card."""

from __future__ import annotations

from pathlib import Path

import click

from ca.certification_request import decode_pem_request
from ca.cli.context import (
    card_door,
    officer_number,
    open_authority,
    open_registration,
    settings_option,
    sign_statement,
)
from ca.errors import CaError
from ca.personalization import CardCertificates
from ca.preparation import CertificateOrder
from ca.presentation import facts_of
from ca.profiles import AlternativeNames, SubjectDescription, SubjectShape
from ca.registration.application import ApplicantClaim, ApplicationState
from runtime import clock
from trust.certificate import Certificate

_KINDS = [SubjectShape.CITIZEN.value, SubjectShape.ENTERPRISE.value, SubjectShape.OFFICER.value]

requester_option = click.option(
    "--requester", required=True, metavar="OFFICER", help="The registering officer: name or subject number."
)
approver_option = click.option(
    "--approver", required=True, metavar="CARD", help="The card of the second officer, who approves."
)
output_option = click.option(
    "--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write certificates (PEM) here."
)


@click.group("issue")
def issue() -> None:
    """Issue a card's certificates, or a certificate for a request."""


@issue.command("card")
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="Whose card it is.")
@click.option("--name", required=True, help="The holder's name, as registered.")
@click.option("--enterprise", default="", help="The enterprise's name, as registered.")
@click.option("--uscc", default="", help="The enterprise's unified social credit code.")
@click.option("--card", required=True, metavar="CARD", help="The card to personalise.")
@click.option(
    "--identity-number", prompt="Identity number", hide_input=True,
    help="Better left to the prompt: a command line is seen by others.",
)  # fmt: skip
@requester_option
@approver_option
@output_option
@settings_option
@click.pass_context
def issue_card(
    context: click.Context,
    kind: str,
    name: str,
    enterprise: str,
    uscc: str,
    card: str,
    identity_number: str,
    requester: str,
    approver: str,
    folder: Path | None,
    settings_file: Path,
) -> None:
    """Check the applicant, make keys on the card, have a second officer approve, write the card."""
    authority = open_authority(settings_file)
    registration = open_registration(settings_file, authority)
    who = officer_number(authority, requester)
    # 1. Who is it?
    claim = ApplicantClaim(SubjectShape(kind), name, identity_number, enterprise, uscc)
    application = registration.apply(claim, requester=who, at=clock.now())
    click.echo(f"application {application.application_id}: {application.name} is registered")
    # 2. Keys on the card.
    personaliser = card_door(context).personaliser()
    order = registration.card_order(application.application_id, card)
    requests = personaliser.certification_requests(order)
    application = registration.submit(application.application_id, requests, requester=who, at=clock.now())
    # 3. What will be signed, and the second officer's signature.
    _show_all([each.tbs or b"" for each in application.certificates])
    approval = sign_statement(context, approver, application.statement or b"")
    # 4. Issued, and written to the card.
    issued = registration.complete(application.application_id, approval, actor=who, at=clock.now())
    authentication, signature = issued.certificates
    personaliser.write_certificates(order, CardCertificates(authentication, signature, issued.chain))
    _tell(issued.certificates, folder)


@issue.command("request")
@click.argument("request_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--profile", required=True, help="tls-server, tls-client, service-seal, timestamping …")
@click.option("--common-name", required=True, help="The subject's common name.")
@click.option("--dns", multiple=True, help="DNS name; repeatable.")
@click.option("--ip", multiple=True, help="IP address; repeatable.")
@click.option("--uri", multiple=True, help="URI; repeatable.")
@requester_option
@approver_option
@output_option
@settings_option
@click.pass_context
def issue_request(
    context: click.Context,
    request_file: Path,
    profile: str,
    common_name: str,
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    uri: tuple[str, ...],
    requester: str,
    approver: str,
    folder: Path | None,
    settings_file: Path,
) -> None:
    """Certify a service's key from a certification request (PEM or DER)."""
    authority = open_authority(settings_file)
    order = CertificateOrder(
        profile,
        decode_pem_request(request_file.read_bytes()),
        SubjectDescription(common_name),
        AlternativeNames(dns, ip, uri),
    )
    who = officer_number(authority, requester)
    prepared = authority.prepare(f"request {request_file.name}", who, [order], at=clock.now())
    _show_all(prepared.tbs)
    approval = sign_statement(context, approver, prepared.statement)
    issued = authority.issue(prepared.preparation_id, approval, at=clock.now())
    _tell(issued.certificates, folder)


@click.command("approve")
@click.argument("application_id", required=False)
@click.option("--approver", metavar="CARD", help="The card of the approving officer.")
@output_option
@settings_option
@click.pass_context
def approve(
    context: click.Context,
    application_id: str | None,
    approver: str | None,
    folder: Path | None,
    settings_file: Path,
) -> None:
    """Approve a prepared application; without one, list those that wait."""
    authority = open_authority(settings_file)
    registration = open_registration(settings_file, authority)
    if application_id is None:
        waiting = registration.applications(ApplicationState.PREPARED)
        for each in waiting:
            click.echo(f"{each.application_id}  {each.shape.value:10}  {each.enterprise_name or each.name}")
        click.echo(f"{len(waiting)} waiting")
        return
    if approver is None:
        raise click.UsageError("name the approving officer's card with --approver")
    application = registration.application(application_id, actor="approve", at=clock.now())
    if application.statement is None:
        raise CaError(
            "the application is not prepared; submit the card's requests first", code="not-prepared"
        )
    _show_all([each.tbs or b"" for each in application.certificates])
    approval = sign_statement(context, approver, application.statement)
    issued = registration.complete(application_id, approval, actor="approve", at=clock.now())
    _tell(issued.certificates, folder)


def _show_all(encoded: list[bytes] | tuple[bytes, ...]) -> None:
    """Show exactly what will be signed."""
    for tbs in encoded:
        facts = facts_of(tbs)
        click.echo(f"  {facts.subject}")
        click.echo(f"    serial number {facts.serial_number}, key {facts.key}")
        click.echo(
            f"    from {facts.not_valid_before:%Y-%m-%d %H:%M} to {facts.not_valid_after:%Y-%m-%d %H:%M} UTC"
        )
        click.echo(f"    for {', '.join(facts.purposes)}")
        for name in facts.alternative_names:
            click.echo(f"    name {name}")
        click.echo(f"    SHA-256 of what is signed {facts.tbs_digest}")


def _tell(certificates: tuple[bytes, ...], folder: Path | None) -> None:
    """Tell the serial numbers, and write the certificates where asked."""
    for encoded in certificates:
        certificate = Certificate.parse(encoded)
        serial_number = format(certificate.serial_number, "x")
        click.echo(f"issued {serial_number}  {certificate.subject_text}")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{serial_number}.pem").write_text(certificate.pem, "ascii")
