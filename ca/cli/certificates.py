"""`tongxing ca revoke, suspend, release, list, show`: certificates that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ca.cli.context import (
    answer,
    card_door,
    json_option,
    officer_option,
    open_authority,
    settings_option,
)
from ca.errors import CaError
from ca.inventory import CertificateQuery, CertificateView
from ca.issuance import parse_serial, serial_text
from ca.models import Standing, StatusEvent
from ca.standing import REVOCATION_REASONS
from runtime import clock
from trust.approval import sign_approval
from trust.certificate import Certificate
from trust.status import CRLReason

_REASONS = [reason.text for reason in REVOCATION_REASONS]


@click.command("revoke")
@click.argument("serial")
@click.option("--reason", type=click.Choice(_REASONS), required=True, help="Why (RFC 5280 5.3.1).")
@officer_option
@settings_option
@click.pass_context
def revoke(context: click.Context, serial: str, reason: str, officer_card: str, settings_file: Path) -> None:
    """Revoke a certificate for good, on an officer's signed order."""
    _order(context, settings_file, serial, StatusEvent.REVOKED, CRLReason.from_text(reason), officer_card)


@click.command("suspend")
@click.argument("serial")
@officer_option
@settings_option
@click.pass_context
def suspend(context: click.Context, serial: str, officer_card: str, settings_file: Path) -> None:
    """Suspend a certificate until it is released or revoked: a lost card, for instance."""
    _order(context, settings_file, serial, StatusEvent.SUSPENDED, CRLReason.CERTIFICATE_HOLD, officer_card)


@click.command("release")
@click.argument("serial")
@officer_option
@settings_option
@click.pass_context
def release(context: click.Context, serial: str, officer_card: str, settings_file: Path) -> None:
    """End a suspension: the card was found, and its holder is here."""
    _order(context, settings_file, serial, StatusEvent.RELEASED, None, officer_card)


@click.command("list")
@click.option("--subject-number", default="", help="Only this subject's.")
@click.option("--profile", default="", help="Only this profile.")
@click.option("--standing", type=click.Choice([each.value for each in Standing]), help="Only these.")
@settings_option
@json_option
def list_command(
    subject_number: str, profile: str, standing: str | None, settings_file: Path, as_json: bool
) -> None:
    """List certificates, newest first."""
    query = CertificateQuery(subject_number, profile, standing or "")
    views = open_authority(settings_file).inventory.list_certificates(query)
    lines = [
        f"{view.serial_number:32}  {view.standing:9}  {view.not_valid_after:%Y-%m-%d}  "
        f"{view.profile:26}  {view.subject}"
        for view in views
    ]
    answer([_document(view) for view in views], as_json=as_json, lines=[*lines, f"{len(views)} certificates"])


@click.command("show")
@click.argument("serial")
@click.option("--pem", is_flag=True, help="The certificate itself, in PEM.")
@settings_option
@json_option
def show(serial: str, pem: bool, settings_file: Path, as_json: bool) -> None:
    """Show one certificate and how it stands."""
    view = open_authority(settings_file).inventory.show(serial_text(parse_serial(serial)))
    if pem:
        click.echo(Certificate.parse(view.der).pem, nl=False)
        return
    document = _document(view)
    answer(
        document,
        as_json=as_json,
        lines=[f"{name}: {value}" for name, value in document.items() if value is not None],
    )


def _order(
    context: click.Context,
    settings_file: Path,
    serial: str,
    event: StatusEvent,
    reason: CRLReason | None,
    card: str,
) -> None:
    """Prepare the order, have the officer's card sign it, carry it out, publish the CRL."""
    authority = open_authority(settings_file)
    serial_number = serial_text(parse_serial(serial))
    view = authority.inventory.show(serial_number)
    click.echo(f"{view.subject}\n  {view.profile}, serial number {serial_number}, {view.standing}")
    with card_door(context).card_signer(card) as signer:
        fingerprint = Certificate.parse(signer.certificate).fingerprint
        officers = {each.fingerprint: each.subject_number for each in authority.officers()}
        if fingerprint not in officers:
            raise CaError("this is not the card of an officer of this authority", code="officer-unknown")
        prepared = authority.orders.prepare(
            serial_number, event, reason, officers[fingerprint], at=clock.now()
        )
        approval = sign_approval(prepared.statement, signer, signer.certificate)
    authority.orders.carry_out(prepared.preparation_id, approval, at=clock.now())
    crl = authority.publisher.publish_when_due(clock.now())
    click.echo(f"{event.value}; CRL {crl.number}" if crl else event.value)


def _document(view: CertificateView) -> dict[str, Any]:
    """A certificate for a program."""
    return {
        "serial_number": view.serial_number,
        "standing": view.standing,
        "standing_since": view.standing_since.isoformat(),
        "reason": CRLReason(view.reason).text if view.reason is not None else None,
        "profile": view.profile,
        "subject": view.subject,
        "subject_number": view.subject_number,
        "not_valid_before": view.not_valid_before.isoformat(),
        "not_valid_after": view.not_valid_after.isoformat(),
        "fingerprint": view.fingerprint,
    }
