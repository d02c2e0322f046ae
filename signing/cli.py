"""The command `sign`: sign files with a card or a key, judge signatures, verify receipts.

Exit codes of `validate` and `receipt verify`: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 2 INDETERMINATE (and wrong
usage). `file` ends with 0, or with 1 and a line that says what to do.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import click

from runtime import clock
from runtime.errors import RuntimeServiceError
from signing.cli_options import (
    FILE,
    SigningKey,
    make_fetcher,
    make_question,
    networks,
    open_key,
    read_defaults,
)
from signing.cli_options import trust_options as with_trust
from signing.errors import SigningError
from signing.formats.limits import DEFAULT_MAXIMUM_DOCUMENT_BYTES, check_document_size
from signing.indication import Indication
from signing.judge.document import DocumentConclusion
from signing.receipt import verify_receipt
from signing.reports.simple import report_document, report_text
from signing.timestamp_client import TimestampClient, pdf_timestamper
from signing.validation import validate as validate_document
from trust.errors import TrustError

# What this machine's owner hands over from the shell may be larger than an upload.
_MAXIMUM_BYTES: Final = 2 * DEFAULT_MAXIMUM_DOCUMENT_BYTES


class ExitCode(IntEnum):
    """What a shell script can tell apart."""

    PASSED = 0
    FAILED = 1
    INDETERMINATE = 2


_EXIT_CODES: Final = {
    Indication.TOTAL_PASSED: ExitCode.PASSED,
    Indication.TOTAL_FAILED: ExitCode.FAILED,
    Indication.INDETERMINATE: ExitCode.INDETERMINATE,
}


class SigningGroup(click.Group):
    """A group whose commands' errors become one line on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (SigningError, TrustError, RuntimeServiceError) as error:
            click.echo(f"error ({error.code}): {error}", err=True)
            ctx.exit(ExitCode.FAILED)


@click.group(cls=SigningGroup)
def cli() -> None:
    """Sign files, judge signatures, verify receipts.

    \b
    Sign a PDF with the card in the reader, with a timestamp:
        tongxing sign file contract.pdf --settings town.toml
    Sign any file; the signature goes into contract.docx.p7s beside it:
        tongxing sign file contract.docx --cms --settings town.toml
    Judge a signed PDF, or a file and its separate signature:
        tongxing sign validate contract-signed.pdf --settings town.toml
        tongxing sign validate contract.docx --signature contract.docx.p7s --trust root.pem
    Verify a receipt:
        tongxing sign receipt verify receipt.p7m --settings town.toml
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@cli.command("file")
@click.argument("document", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write; default: NAME-signed.pdf, or NAME.p7s with --cms.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is at the output; else it is left alone.")
@click.option("--cms", is_flag=True, help="Write a detached CMS signature instead of a signed PDF.")
@click.option("--reader", help="Name of the card reader; default: the one with a card.")
@click.option(
    "--virtual",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of virtual cards; --reader then names the card.",
)
@click.option("--key", type=FILE, help="Sign with this encrypted PKCS#8 file instead of a card.")
@click.option("--certificate", type=FILE, help="PEM certificate of --key.")
@click.option("--passphrase-file", type=FILE, help="File with the passphrase of --key; default: ask.")
@click.option(
    "--intermediates", type=FILE, help="PEM file with the issuing CA, to travel with the signature."
)
@click.option("--timestamp-url", help="RFC 3161 timestamp authority.")
@click.option("--no-timestamp", is_flag=True, help="Sign without a timestamp (level B); a filing needs one.")
@click.option("--settings", type=FILE, help="Town or service settings; fills in what is not given here.")
@click.option("--allow-private", is_flag=True, help="Let the timestamp authority be on a private network.")
@click.option("--reason", default="", help="Reason shown in the PDF's signature.")
@click.pass_context
def file(
    context: click.Context,
    /,
    document: Path,
    output: Path | None,
    settings: Path | None,
    intermediates: Path | None,
    *,
    overwrite: bool,
    cms: bool,
    timestamp_url: str | None,
    no_timestamp: bool,
    allow_private: bool,
    reason: str,
    **key_options: Any,
) -> None:
    """Sign DOCUMENT (a PDF, or with --cms any file) with a card or a key.

    The PDF gets a PAdES signature that covers the whole document; the original file stays as it is.
    """
    defaults = read_defaults(settings)
    url = timestamp_url or defaults.timestamp_url
    if not url and not no_timestamp:
        raise click.UsageError("Give --timestamp-url (or --settings), or say --no-timestamp.")
    target = output or _default_output(document, cms=cms)
    if target.exists() and (not overwrite or target.samefile(document)):
        raise click.UsageError(
            f"{target} exists already: name another file with --output, or say --overwrite."
        )
    content = _read(document)
    client = (
        None
        if no_timestamp
        else TimestampClient(
            make_fetcher(networks(defaults, allow_private=allow_private), defaults.anchors), url
        )
    )
    chain_file = intermediates or defaults.intermediates
    with open_key(context, intermediates=chain_file, **key_options) as key:
        signed = _sign_cms(content, key, client) if cms else _sign_pdf(content, key, client, reason)
    target.write_bytes(signed)
    click.echo(str(target))


@cli.command("validate")
@click.argument("document", type=FILE)
@click.option("--signature", type=FILE, help="The separate CMS signature of DOCUMENT.")
@with_trust
@click.pass_context
def validate(
    context: click.Context,
    /,
    document: Path,
    signature: Path | None,
    *,
    as_json: bool,
    lang: str,
    **trust: Any,
) -> None:
    """Judge DOCUMENT by ETSI EN 319 102-1: a signed PDF, a CMS message, or a file and its --signature.

    Exit code 0: TOTAL-PASSED, 1: TOTAL-FAILED, 2: INDETERMINATE.
    """
    question = make_question(**trust)
    result = validate_document(
        document.read_bytes(),
        question.trust,
        question.policy,
        question.at,
        signature=signature.read_bytes() if signature else None,
        maximum=_MAXIMUM_BYTES,
    )
    _finish(context, result.conclusion, lang, as_json=as_json)


@cli.group("receipt")
def receipt() -> None:
    """Receipts of filings."""


@receipt.command("verify")
@click.argument("sealed", type=FILE)
@click.option("--statement", type=FILE, help="The receipt's JSON, to compare with what was sealed.")
@with_trust
@click.pass_context
def verify(
    context: click.Context, /, sealed: Path, statement: Path | None, *, as_json: bool, lang: str, **trust: Any
) -> None:
    """Verify SEALED (receipt.p7m): its seal, its timestamp, and what it says.

    Exit code 0: genuine, 1: not, 2: cannot be established.
    """
    from signing.formats.cms_extraction import extract_cms

    question = make_question(**trust)
    data = sealed.read_bytes()
    inputs = question.trust.inputs_for(extract_cms(data), question.policy, question.at)
    verdict = verify_receipt(
        data, inputs, question.at, statement=statement.read_bytes() if statement else None
    )
    _finish(context, verdict.conclusion, lang, as_json=as_json, receipt=asdict(verdict.receipt))


def _read(document: Path) -> bytes:
    """Read the document; refuse one that is empty or too large before reading it."""
    check_document_size(document.stat().st_size, _MAXIMUM_BYTES)
    return document.read_bytes()


def _sign_pdf(content: bytes, key: SigningKey, client: TimestampClient | None, reason: str) -> bytes:
    """Return the signed PDF."""
    from signing.formats.pdf import embed_signature, prepare_pdf

    prepared = prepare_pdf(
        content, key.certificate, chain=key.chain, at=clock.now(), reason=reason, maximum=_MAXIMUM_BYTES
    )
    signature = key.signer.sign(prepared.signed_attributes)
    return embed_signature(prepared, signature, timestamper=pdf_timestamper(client) if client else None)


def _sign_cms(content: bytes, key: SigningKey, client: TimestampClient | None) -> bytes:
    """Return the detached signature."""
    from signing.formats.cms import assemble_cms, prepare_cms

    prepared = prepare_cms(content, key.certificate, chain=key.chain, at=clock.now())
    signature = key.signer.sign(prepared.signed_attributes)
    return assemble_cms(prepared, signature, timestamp=client.timestamp if client else None)


def _default_output(document: Path, *, cms: bool) -> Path:
    """Where to write when nobody says."""
    if cms:
        return document.with_name(document.name + ".p7s")
    return document.with_name(f"{document.stem}-signed{document.suffix}")


def _finish(
    context: click.Context,
    conclusion: DocumentConclusion,
    language: str,
    *,
    as_json: bool,
    receipt: dict[str, Any] | None = None,
) -> None:
    """Print the report and end with its exit code."""
    if as_json:
        report = report_document(conclusion) | ({"receipt": receipt} if receipt else {})
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        click.echo(report_text(conclusion, language))
        for name, value in (receipt or {}).items():
            click.echo(f"  {name}: {value}")
    context.exit(_EXIT_CODES[conclusion.indication])
