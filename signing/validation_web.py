"""The public page that validates a signed PDF, a CMS signature or a receipt; and the same for programs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import flask

from runtime.web import abort_with, at, body_limit, csrf_exempt, rate_limit
from signing.errors import SigningError
from signing.filing.judgement import Trust
from signing.judge.policy import SIGNATURE_KINDS, SignaturePolicy
from signing.reports.simple import report_document
from signing.settings import SigningSettings
from signing.validation import Validation, validate

_FORM_OVERHEAD_BYTES: Final = 64 * 1024
# Anyone may validate, and a large file takes seconds: half the server's threads stay free for filings.
_AT_ONCE: Final = 2
_RETRY_AFTER_SECONDS: Final = "5"


def validation_pages(trust: Trust, settings: SigningSettings) -> flask.Blueprint:
    """Make the blueprint."""
    pages = flask.Blueprint("validation", __name__)
    policy = SignaturePolicy(accepted_kinds=SIGNATURE_KINDS, policy_arc=settings.policy_arc)
    maximum = settings.maximum_signed_bytes
    limit = body_limit(maximum + _FORM_OVERHEAD_BYTES)
    turns = threading.BoundedSemaphore(_AT_ONCE)

    def judge() -> Validation:
        document = _uploaded("document")
        if document is None:
            raise SigningError("Choose a file first.", code="document-missing")
        with _turn(turns):
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


@contextmanager
def _turn(turns: threading.BoundedSemaphore) -> Iterator[None]:
    """Hold one of the few turns, or send the caller away at once to come back."""
    if not turns.acquire(blocking=False):
        abort_with(
            503,
            "validation-busy",
            "Others are validating large files at this moment. Try again in a few seconds.",
            headers={"Retry-After": _RETRY_AFTER_SECONDS},
        )
    try:
        yield
    finally:
        turns.release()


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
