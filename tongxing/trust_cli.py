"""The command `trust`: judge certificates from the shell, from files alone; nothing is fetched.

Exit codes of `validate`: 0 the certificate is valid, 1 it is not, or a file cannot be read, 2 wrong usage.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from cardreader import clock
from trust.certificate import Certificate, load_pem_certificates
from trust.crl import load_crl
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.ocsp_response import parse_ocsp_response
from trust.path import RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.report_form import report_json, report_text
from trust.vocabulary import ExtendedKeyUsage

T = TypeVar("T")

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_PEM_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----")
_DER_START: Final = b"\x30"

PURPOSES: Final = {
    "client-authentication": ExtendedKeyUsage.CLIENT_AUTHENTICATION,
    "server-authentication": ExtendedKeyUsage.SERVER_AUTHENTICATION,
    "email-protection": ExtendedKeyUsage.EMAIL_PROTECTION,
    "document-signing": ExtendedKeyUsage.DOCUMENT_SIGNING,
    "time-stamping": ExtendedKeyUsage.TIME_STAMPING,
    "ocsp-signing": ExtendedKeyUsage.OCSP_SIGNING,
}
USAGES: Final = {usage.name.lower().replace("_", "-"): usage for usage in KeyUsage}


class ExitCode(IntEnum):
    """What a shell script can tell apart."""

    VALID = 0
    REFUSED = 1


@click.group()
def cli() -> None:
    """Judge certificates (RFC 5280) from files; nothing is fetched.

    \b
    A citizen's certificate, its issuing CA, the root that is trusted, and the CRLs of both:
        tongxing trust validate citizen.pem issuing.pem --trust root.pem --crl issuing.crl --crl root.crl
    The same, every rule with its clause and outcome:
        tongxing trust validate citizen.pem issuing.pem --trust root.pem --revocation not-checked --explain
    As of another day, for a purpose, under a certificate policy, as JSON:
        tongxing trust validate citizen.pem issuing.pem --trust root.pem --at 2026-11-30T12:00:00Z \\
            --purpose client-authentication --policy 1.3.6.1.4.1.32473.1.1.1 --crl all.crl --json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@cli.command("validate")
@click.argument("certificates", metavar="CERT...", type=FILE, nargs=-1, required=True)
@click.option(
    "--trust", "anchors", type=FILE, multiple=True, required=True, help="Trust anchors; repeatable."
)
@click.option("--at", "moment", help="Judge as of this time (like 2026-11-30T12:00:00Z); default: now.")
@click.option("--policy", "policies", multiple=True, help="Certificate policy (OID) to accept; repeatable.")
@click.option("--purpose", help=f"Required purpose: {', '.join(PURPOSES)}, or an OID.")
@click.option("--usage", "usages", type=click.Choice(list(USAGES)), multiple=True, help="Required key usage.")
@click.option("--crl", "crls", type=FILE, multiple=True, help="CRL, complete or delta; repeatable.")
@click.option("--ocsp", "answers", type=FILE, multiple=True, help="OCSP response (DER); repeatable.")
@click.option(
    "--revocation",
    type=click.Choice([policy.value for policy in RevocationPolicy]),
    default=RevocationPolicy.HARD_FAIL.value,
    show_default=True,
    help="What missing information about revocation means.",
)
@click.option("--explain", is_flag=True, help="Tell every rule with its clause and outcome.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.pass_context
def validate(
    context: click.Context,
    /,
    certificates: tuple[Path, ...],
    moment: str | None,
    *,
    explain: bool,
    as_json: bool,
    lang: Any,
    **asked: Any,
) -> None:
    """Judge the first CERT; the others are offered to build its path to a trust anchor.

    Files are PEM or DER. A PEM file may hold several certificates: of the first file's, the first is judged.
    Given --policy, the path must be valid for one of them.
    """
    certificate, *offered = [each for path in certificates for each in _read_certificates(path)]
    at = _parse_time(moment) if moment else clock.now()
    report = validate_path(certificate, _inputs(offered, **asked), at)
    if as_json:
        click.echo(json.dumps(report_json(report), ensure_ascii=False, indent=2))
    else:
        click.echo(report_text(report, certificate, lang, explain=explain))
        if any(rejection.code == "revocation-unknown" for rejection in report.rejections):
            click.echo(_HINTS[lang], err=True)
    context.exit(ExitCode.VALID if report.valid else ExitCode.REFUSED)


_HINTS: Final = {
    "en": "Hint: give current --crl or --ocsp files for each certificate below the anchor, or say "
    "--revocation not-checked.",
    "zh": "提示：请用 --crl 或 --ocsp 提供信任锚以下各证书的最新吊销信息，或使用 --revocation not-checked。",
}


def _inputs(
    offered: list[Certificate],
    *,
    anchors: tuple[Path, ...],
    policies: tuple[str, ...],
    purpose: str | None,
    usages: tuple[str, ...],
    crls: tuple[Path, ...],
    answers: tuple[Path, ...],
    revocation: str,
) -> ValidationInputs:
    """What the options ask for."""
    for policy in policies:
        _check_oid(policy, "--policy")
    if purpose is not None and purpose not in PURPOSES:
        _check_oid(purpose, "--purpose")
    return ValidationInputs(
        anchors=tuple(each for path in anchors for each in _read_certificates(path)),
        intermediates=tuple(offered),
        revocation=RevocationEvidence(
            crls=tuple(_load(path, lambda data: load_crl(_crl_der(data))) for path in crls),
            ocsp=tuple(_load(path, parse_ocsp_response) for path in answers),
        ),
        revocation_policy=RevocationPolicy(revocation),
        initial_policies=frozenset(policies),
        required_key_usage=frozenset(USAGES[usage] for usage in usages),
        required_extended_key_usage=PURPOSES.get(purpose, purpose) if purpose else None,
    )


def _check_oid(text: str, option: str) -> None:
    """Check that an option holds an object identifier."""
    if not _OID.fullmatch(text):
        raise click.UsageError(f"{option} {text!r} is not an object identifier like 1.3.6.1.4.1.32473.1.1.1.")


def _read_certificates(path: Path) -> list[Certificate]:
    """The certificates of a file, one in DER or any number in PEM."""
    return _load(
        path,
        lambda data: (
            [Certificate.parse(data)] if data.startswith(_DER_START) else load_pem_certificates(data)
        ),
    )


def _crl_der(data: bytes) -> bytes:
    """The DER of a CRL in DER or PEM."""
    found = _PEM_CRL.search(data)
    if data.startswith(_DER_START) or found is None:
        return data
    try:
        return base64.b64decode(b"".join(found[1].split()), validate=True)
    except (binascii.Error, ValueError):
        return data


def _load(path: Path, load: Callable[[bytes], T]) -> T:
    """What a file holds; an error names the file."""
    try:
        return load(path.read_bytes())
    except TrustError as error:
        raise click.ClickException(f"{path}: {error.message} [{error.code}]") from error
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read ({error.strerror})") from error


def _parse_time(text: str) -> datetime:
    """Read a time; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(f"{text!r} is not a time; write it like 2026-11-30T12:00:00Z.") from None
