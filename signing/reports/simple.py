"""The simple report: indication, sub-indication, a sentence, who signed and when; as JSON and as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from signing.judge.conclusion import BlockConclusion, Failure
from signing.judge.document import DocumentConclusion
from signing.judge.with_time import SignatureConclusion
from signing.reports.sentences import sentence_for
from trust.errors import TrustError
from trust.names import NameAttribute

REPORT_VERSION = 1


def report_document(conclusion: DocumentConclusion) -> dict[str, Any]:
    """Return the report on a document, ready for JSON."""
    evidence = conclusion.evidence
    return {
        "version": REPORT_VERSION,
        "at": write_time(conclusion.at),
        "document": {"format": evidence.format.value, "size": evidence.size, "sha256": evidence.digest},
        **_verdict(conclusion.failure, conclusion.indication.value),
        "signatures": [_report_signature(item) for item in conclusion.signatures],
    }


def report_json(conclusion: DocumentConclusion) -> str:
    """Return the report as JSON text."""
    return json.dumps(report_document(conclusion), ensure_ascii=False, indent=2) + "\n"


def report_text(conclusion: DocumentConclusion, language: str = "en") -> str:
    """Return the report as a few lines for a terminal."""
    report = report_document(conclusion)
    lines = [_headline(report), report["sentence"][language]]
    for item in report["signatures"]:
        lines.append(f"  {item['id']}: {_headline(item)}")
        if item["signer"]:
            signer = item["signer"]
            lines.append(f"    {signer['name']} {signer['organization'] or ''}".rstrip())
        lines.append(f"    {item['best_signature_time']}")
    if report["detail"][language]:
        lines.append(report["detail"][language])
    if conclusion.failure is not None:
        lines.append(report["remedy"][language])
    return "\n".join(lines)


def write_time(moment: datetime) -> str:
    """A time as RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _headline(report: dict[str, Any]) -> str:
    """Indication and sub-indication on one line."""
    sub_indication = report["sub_indication"]
    return f"{report['indication']} ({sub_indication})" if sub_indication else str(report["indication"])


def _verdict(failure: Failure | None, indication: str) -> dict[str, Any]:
    """The members every verdict has."""
    sentence = sentence_for(failure)
    return {
        "indication": indication,
        "sub_indication": failure.sub_indication.value if failure else None,
        "reason": failure.reason.value if failure else None,
        "sentence": {"en": sentence.en, "zh": sentence.zh},
        "remedy": {"en": sentence.remedy_en, "zh": sentence.remedy_zh},
        "detail": {
            "en": failure.detail_en if failure else "",
            "zh": failure.detail_zh if failure else "",
        },
    }


def _report_signature(conclusion: SignatureConclusion) -> dict[str, Any]:
    """The report on one signature."""
    evidence = conclusion.evidence
    claimed = evidence.claimed_signing_time
    return {
        "id": evidence.identifier,
        "format": evidence.format.value,
        **_verdict(conclusion.failure, conclusion.indication.value),
        "signer": _report_signer(conclusion),
        "best_signature_time": write_time(conclusion.best_signature_time),
        "claimed_signing_time": write_time(claimed) if claimed else None,
        "whole_document": evidence.coverage.whole_document if evidence.coverage else None,
        "timestamps": [
            {
                "time": write_time(item.facts.gen_time) if item.facts else None,
                "accepted": item.failure is None,
                "authority": item.facts.certificate.subject_text if item.facts else None,
            }
            for item in conclusion.timestamps
        ],
        "blocks": [_report_block(block) for block in conclusion.blocks],
    }


def _report_signer(conclusion: SignatureConclusion) -> dict[str, Any] | None:
    """Who signed; `trusted` says whether the certificate's path was found valid."""
    certificate = conclusion.evidence.unverified_signing_certificate
    if certificate is None:
        return None
    try:
        attributes = certificate.subject_attributes
    except TrustError:
        attributes = {}
    # The subject number stays in the certificate: it is the register's, not for readers of reports.
    return {
        "name": attributes.get(NameAttribute.COMMON_NAME, ""),
        "organization": attributes.get(NameAttribute.ORGANIZATION_IDENTIFIER),
        "serial_number": f"{certificate.serial_number:x}",
        "fingerprint": certificate.fingerprint,
        "trusted": conclusion.path is not None and conclusion.path.valid,
    }


def _report_block(block: BlockConclusion) -> dict[str, Any]:
    """One building block and its checks."""
    return {
        "block": block.block.value,
        "status": block.status.value,
        "checks": [{"check": result.check, "passed": result.passed} for result in block.checks],
    }
