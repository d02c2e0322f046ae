"""The public page that validates a signed PDF, a CMS signature or a receipt; and the same for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import flask

from runtime.web import at, body_limit, csrf_exempt, rate_limit
from signing.errors import SigningError
from signing.filing.judgement import Trust
from signing.judge.policy import SIGNATURE_KINDS, SignaturePolicy
from signing.reports.simple import report_document
from signing.settings import SigningSettings
from signing.validation import Validation, validate

_FORM_OVERHEAD_BYTES: Final = 64 * 1024


def validation_pages(trust: Trust, settings: SigningSettings) -> flask.Blueprint:
    """Make the blueprint."""
    pages = flask.Blueprint("validation", __name__)
    policy = SignaturePolicy(accepted_kinds=SIGNATURE_KINDS, policy_arc=settings.policy_arc)
    maximum = settings.maximum_signed_bytes
    limit = body_limit(maximum + _FORM_OVERHEAD_BYTES)

    def judge() -> Validation:
        document = _uploaded("document")
        if document is None:
            raise SigningError("Choose a file first.", code="document-missing")
        return validate(document, trust, policy, at(), signature=_uploaded("signature"), maximum=maximum)

    @pages.get("/validate")
    def form() -> str:
        return flask.render_template("validate.html", report=None, receipt=None, maximum=maximum)

    @pages.post("/validate")
    @rate_limit("validate", per_minute=30)
    @limit
    def result() -> str:
        validation = judge()
        return flask.render_template(
            "validate.html",
            report=report_document(validation.conclusion),
            receipt=validation.receipt,
            maximum=maximum,
        )

    @pages.post("/api/validate")
    @csrf_exempt
    @rate_limit("validate", per_minute=30)
    @limit
    def program() -> flask.Response:
        return flask.jsonify(_answer(judge()))

    return pages


def _uploaded(name: str) -> bytes | None:
    """Return an uploaded file's bytes; a field left empty is none."""
    uploaded = flask.request.files.get(name)
    return uploaded.stream.read() if uploaded is not None and uploaded.filename else None


def _answer(validation: Validation) -> dict[str, Any]:
    """Return the JSON for programs."""
    answer = report_document(validation.conclusion)
    if validation.receipt is not None:
        answer["receipt"] = asdict(validation.receipt)
    return answer
