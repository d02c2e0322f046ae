"""What the filing service is made of, built once from its settings: keys, trust, documents, verbs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from runtime.database import Database
from runtime.encryption import DataKey
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
    anchors = tuple(load_pem_certificates(settings.trust_anchors.read_bytes()))
    intermediates = tuple(load_pem_certificates(settings.intermediates.read_bytes()))
    trust = Trust(
        anchors,
        intermediates,
        revocation or RevocationFetcher.from_settings(settings, EVIDENCE_POLICIES[EvidencePurpose.FILING]),
    )
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
        intermediates=intermediates,
        policy_arc=settings.policy_arc,
        maximum_bytes=settings.maximum_document_bytes,
    )
    cleaning = Cleaning(database, store, sessions, timedelta(days=settings.draft_days))
    return Components(database, filings, acceptance, cleaning, trust)


def load_seal(settings: SigningSettings) -> Seal:
    """Load the service seal once; refuse a key that is not its certificate's."""
    loaded = load_service_key(
        settings, settings.seal_key, settings.seal_certificate, code="seal-key-mismatch"
    )
    return Seal(loaded.signer, loaded.certificate, loaded.chain)
