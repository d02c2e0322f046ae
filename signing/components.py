"""What the filing service is made of, built once from its settings: keys, trust, documents, verbs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from runtime.database import Database
from runtime.encryption import DataKey
from runtime.evidence.policy import IssuerBudget
from runtime.fetch import Fetcher
from runtime.revocation import EVIDENCE_POLICIES, EvidencePurpose, RevocationFetcher
from signing.filing.acceptance import Acceptance
from signing.filing.cleaning import Cleaning
from signing.filing.document_store import DocumentStore
from signing.filing.judgement import RevocationSource, Trust
from signing.filing.prepared import PreparedSessions
from signing.filing.service import FilingService
from signing.receipt import Seal
from signing.service_key import load_service_key
from signing.settings import SigningSettings
from signing.timestamp_client import Poster, TimestampClient
from trust.certificate import load_pem_certificates

_DOCUMENTS: Final = "documents"


@dataclass(frozen=True)
class Components:
    """The parts the web application and the jobs share."""

    database: Database
    filings: FilingService
    acceptance: Acceptance
    cleaning: Cleaning
    trust: Trust


def build_components(
    settings: SigningSettings,
    database: Database,
    *,
    revocation: RevocationSource | None = None,
    fetcher: Poster | None = None,
) -> Components:
    """Build the parts; tests give their own revocation source and timestamp authority."""
    trust = _trust(settings, revocation)
    store = DocumentStore(settings.state_directory / _DOCUMENTS)
    sessions = PreparedSessions(
        store,
        DataKey.load(settings.data_key_file),
        timedelta(minutes=settings.prepared_minutes),
        secrets.token_bytes,
    )
    timestamps = TimestampClient(fetcher or Fetcher.from_settings(settings), settings.timestamp_url)
    acceptance = Acceptance(
        database=database,
        store=store,
        trust=trust,
        seal=load_seal(settings),
        timestamp=timestamps.timestamp,
        policy_arc=settings.policy_arc,
        maximum_bytes=settings.maximum_signed_bytes,
    )
    filings = FilingService(
        database=database,
        store=store,
        sessions=sessions,
        acceptance=acceptance,
        timestamps=timestamps,
        intermediates=trust.intermediates,
        policy_arc=settings.policy_arc,
        maximum_bytes=settings.maximum_document_bytes,
    )
    cleaning = Cleaning(database, store, sessions, timedelta(days=settings.draft_days))
    return Components(database, filings, acceptance, cleaning, trust)


def _trust(settings: SigningSettings, revocation: RevocationSource | None) -> Trust:
    """Say whom to trust and where to ask; addresses for issuers are asked only where the settings say so."""
    policy = EVIDENCE_POLICIES[EvidencePurpose.FILING]
    if settings.fetch_issuers:
        policy = replace(policy, issuers=IssuerBudget())
    fetched = RevocationFetcher.from_settings(settings, policy)
    return Trust(
        anchors=tuple(load_pem_certificates(settings.trust_anchors.read_bytes())),
        intermediates=tuple(load_pem_certificates(settings.intermediates.read_bytes())),
        revocation=revocation or fetched,
        issuers=fetched if settings.fetch_issuers else None,
    )


def load_seal(settings: SigningSettings) -> Seal:
    """Load the service seal once; refuse a key that is not its certificate's."""
    loaded = load_service_key(
        settings, settings.seal_key, settings.seal_certificate, code="seal-key-mismatch"
    )
    return Seal(loaded.signer, loaded.certificate, loaded.chain)
