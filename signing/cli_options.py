"""What the commands of `sign` share: whom to trust, where to ask about revocation, which key signs."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import click

from runtime import clock
from runtime.settings import read_document
from signing.errors import SigningError
from signing.filing.judgement import RevocationSource, Trust
from signing.judge.policy import SIGNATURE_KINDS, SignaturePolicy
from trust.certificate import Certificate, load_pem_certificates
from trust.profile_policy import DEFAULT_POLICY_ARC
from trust.revocation import RevocationEvidence
from trust.signer import Signer

Command = TypeVar("Command", bound=Callable[..., Any])
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_SECTION: Final = "signing"


class CardSource(Protocol):
    """What gives access to a card; the assembly puts it into the context, for signing/ knows no readers."""

    def card_signer(
        self, *, reader: str | None, virtual: Path | None
    ) -> AbstractContextManager[tuple[Signer, bytes]]:
        """Lend the card's SIGNATURE key and its DER certificate; the PIN is asked for by the card's side."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """A key and its certificates, wherever they are."""

    signer: Signer
    certificate: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class Defaults:
    """What the settings file says, where an option is not given."""

    anchors: Path | None = None
    intermediates: Path | None = None
    timestamp_url: str = ""
    policy_arc: str = DEFAULT_POLICY_ARC
    networks: tuple[str, ...] = ()


def read_defaults(settings: Path | None) -> Defaults:
    """Read the defaults from the table [signing] of a settings file; paths are relative to the file."""
    if settings is None:
        return Defaults()
    table = read_document(settings).get(_SECTION, {})

    def path(name: str) -> Path | None:
        return settings.parent / table[name] if table.get(name) else None

    return Defaults(
        path("trust_anchors"),
        path("intermediates"),
        str(table.get("timestamp_url", "")),
        str(table.get("policy_arc", DEFAULT_POLICY_ARC)),
        tuple(table.get("allow_private_addresses", ())),
    )


def trust_options(command: Command) -> Command:
    """Add the options that say whom to trust and as of when."""
    options = (
        click.option("--settings", type=FILE, help="Town or service settings, for what is not given here."),
        click.option("--trust", "anchors", type=FILE, help="PEM file with the trusted root certificates."),
        click.option("--intermediates", type=FILE, help="PEM file with issuing CAs' certificates."),
        click.option(
            "--crl", "crls", type=FILE, multiple=True,
            help="DER file with a CRL; repeatable. With it nothing is fetched.",
        ),
        click.option(
            "--allow-private", is_flag=True,
            help="Let CRLs, OCSP and timestamps be fetched from this machine and private networks.",
        ),
        click.option("--at", "moment", help="Judge as of this time (like 2026-11-22T09:00:00Z)."),
        click.option(
            "--level", type=click.Choice(["B", "T"]), default="T", show_default=True,
            help="B: a signature suffices; T: it must have a timestamp.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class Question:
    """Whom to trust, by which policy, as of when."""

    trust: Trust
    policy: SignaturePolicy
    at: datetime


def make_question(
    *,
    settings: Path | None,
    anchors: Path | None,
    intermediates: Path | None,
    crls: Sequence[Path],
    allow_private: bool,
    moment: str | None,
    level: str,
) -> Question:
    """Build the question from the options; UsageError where they do not suffice."""
    defaults = read_defaults(settings)
    anchors_file = anchors or defaults.anchors
    if anchors_file is None:
        raise click.UsageError("Say whom to trust: --trust root.pem, or --settings town.toml.")
    roots = tuple(load_pem_certificates(anchors_file.read_bytes()))
    between_file = intermediates or defaults.intermediates
    between = tuple(load_pem_certificates(between_file.read_bytes())) if between_file else ()
    source: RevocationSource = (
        FixedRevocation(RevocationEvidence(crls=tuple(path.read_bytes() for path in crls)))
        if crls
        else _online((*roots, *between), networks(defaults, allow_private=allow_private))
    )
    policy = SignaturePolicy(
        accepted_kinds=SIGNATURE_KINDS, policy_arc=defaults.policy_arc, signature_timestamp=level == "T"
    )
    now = clock.now()
    at = parse_time(moment) if moment else now
    return Question(Trust(roots, between, source, evidence_at=max(now, at)), policy, at)


def parse_time(text: str) -> datetime:
    """Read a time; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(f"{text!r} is not a time; write it like 2026-11-22T09:00:00Z.") from None


@dataclass(frozen=True)
class FixedRevocation:
    """Revocation data from files."""

    evidence: RevocationEvidence

    def evidence_for(self, certificates: Sequence[Certificate], at: datetime) -> RevocationEvidence:  # noqa: ARG002
        """Return what the files hold."""
        return self.evidence


def networks(defaults: Defaults, *, allow_private: bool) -> tuple[str, ...]:
    """The networks beside the public Internet that may be reached."""
    return ("0.0.0.0/0", "::/0") if allow_private else defaults.networks


def make_fetcher(allowed: Sequence[str], anchors: Path | None = None) -> Any:
    """Return a fetcher for these networks."""
    from runtime.fetch import Fetcher, FetchPolicy

    return Fetcher(
        FetchPolicy(
            allowed_networks=tuple(ipaddress.ip_network(text) for text in allowed), trust_anchors=anchors
        )
    )


def _online(authorities: Sequence[Certificate], allowed: Sequence[str]) -> RevocationSource:
    """Return a source that asks where the certificates point."""
    from runtime.revocation import RevocationFetcher

    return RevocationFetcher(make_fetcher(allowed), authorities)


@contextmanager
def open_key(
    context: click.Context,
    *,
    key: Path | None,
    certificate: Path | None,
    passphrase_file: Path | None,
    reader: str | None,
    virtual: Path | None,
    intermediates: Path | None,
) -> Iterator[SigningKey]:
    """Lend the key to sign with: a PKCS#8 file, or the card in a reader."""
    chain = tuple(load_pem_certificates(intermediates.read_bytes())) if intermediates else ()
    if key is not None:
        yield _file_key(key, certificate, passphrase_file, chain)
        return
    if not hasattr(context.obj, "card_signer"):
        raise click.UsageError("No card can be used here: give --key and --certificate.")
    source: CardSource = context.obj
    with source.card_signer(reader=reader, virtual=virtual) as (signer, encoded):
        yield SigningKey(signer, encoded, _between(Certificate.parse(encoded), chain))


def _file_key(
    key: Path, certificate: Path | None, passphrase_file: Path | None, chain: Sequence[Certificate]
) -> SigningKey:
    """Load a key file and its certificate."""
    from runtime.key_file import load_private_key
    from runtime.keys import KeySigner
    from runtime.secret_file import read_passphrase

    if certificate is None:
        raise click.UsageError("Give the key's certificate, too: --certificate FILE.pem")
    passphrase = (
        read_passphrase(passphrase_file)
        if passphrase_file
        else click.prompt("Passphrase of the key", hide_input=True, err=True).encode()
    )
    signer = KeySigner(load_private_key(key, passphrase))
    own, *rest = load_pem_certificates(certificate.read_bytes())
    if own.public_key != signer.public_key:
        raise SigningError(f"{certificate} is not the certificate of {key}", code="certificate-not-of-key")
    return SigningKey(signer, own.der, _between(own, (*rest, *chain)))


def _between(certificate: Certificate, candidates: Sequence[Certificate]) -> tuple[bytes, ...]:
    """The issuing CA's certificate among the candidates, to travel with the signature."""
    return tuple(dict.fromkeys(item.der for item in candidates if item.subject == certificate.issuer))
