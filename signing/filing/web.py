"""The pages of filings: upload, look, sign with the card, receive a receipt; JSON for the scripts."""

from __future__ import annotations

import base64
import binascii
import json
from http import HTTPStatus
from typing import Any, Final

import flask

from runtime.relying_party import current_user, login_required
from runtime.web import at, body_limit, rate_limit
from signing.errors import FilingNotFoundError, SigningError
from signing.filing.service import FilingService
from signing.filing.submitter import Submitter
from signing.models import Filing, FilingStatus
from signing.settings import SigningSettings

_FORM_OVERHEAD_BYTES: Final = 64 * 1024
_PDF: Final = "application/pdf"
# The browser's own viewer shows the document within our page, and only there.
_DOCUMENT_POLICY: Final = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


def filing_pages(service: FilingService, settings: SigningSettings) -> flask.Blueprint:
    """Make the blueprint."""
    pages = flask.Blueprint("filing", __name__)
    _add_pages(pages, service, settings)
    _add_downloads(pages, service)
    _add_actions(pages, service, settings)
    return pages


def current_submitter() -> Submitter:
    """Return who is logged in, on a view that requires a login."""
    return Submitter.from_claims(current_user() or {})


def _add_pages(pages: flask.Blueprint, service: FilingService, settings: SigningSettings) -> None:
    """Add the pages a person looks at."""

    @pages.get("/")
    def home() -> str:
        claims = current_user()
        submitter = Submitter.from_claims(claims) if claims else None
        return flask.render_template(
            "home.html",
            submitter=submitter,
            filings=service.list(submitter)[:5] if submitter else [],
            maximum=settings.maximum_document_bytes,
            maximum_megabytes=settings.maximum_document_megabytes,
        )

    @pages.get("/filings")
    @login_required
    def filings() -> str:
        submitter = current_submitter()
        return flask.render_template("filings.html", submitter=submitter, filings=service.list(submitter))

    @pages.get("/filings/<filing_id>")
    @login_required
    def filing(filing_id: str) -> str:
        submitter = current_submitter()
        found = service.find(submitter, filing_id)
        return flask.render_template(
            "filing.html",
            submitter=submitter,
            filing=found,
            report=json.loads(found.report) if found.report else None,
            receipt=json.loads(found.receipt) if found.receipt else None,
            agent_url=settings.agent_url,
            signable=found.status in (FilingStatus.DRAFT, FilingStatus.REFUSED),
        )


def _add_downloads(pages: flask.Blueprint, service: FilingService) -> None:
    """Add what can be downloaded."""

    @pages.get("/filings/<filing_id>/document.pdf")
    @login_required
    def document(filing_id: str) -> flask.Response:
        submitter = current_submitter()
        found = service.find(submitter, filing_id)
        digest = found.signed_digest if found.status is FilingStatus.ACCEPTED else None
        content = (
            service.signed_document(submitter, filing_id)
            if digest
            else service.document(submitter, filing_id)
        )
        response = _download(content, _PDF, "document.pdf", inline=True)
        response.headers["Content-Security-Policy"] = _DOCUMENT_POLICY
        return response

    @pages.get("/filings/<filing_id>/signed.pdf")
    @login_required
    def signed(filing_id: str) -> flask.Response:
        content = service.signed_document(current_submitter(), filing_id)
        return _download(content, _PDF, f"signed-{filing_id[:8]}.pdf")

    @pages.get("/filings/<filing_id>/receipt.json")
    @login_required
    def receipt(filing_id: str) -> flask.Response:
        found = service.find(current_submitter(), filing_id)
        return _download(_present(found.receipt), "application/json", f"receipt-{filing_id[:8]}.json")

    @pages.get("/filings/<filing_id>/receipt.p7m")
    @login_required
    def sealed_receipt(filing_id: str) -> flask.Response:
        found = service.find(current_submitter(), filing_id)
        content = _present(found.sealed_receipt)
        return _download(content, "application/pkcs7-mime", f"receipt-{filing_id[:8]}.p7m")

    @pages.get("/filings/<filing_id>/report.json")
    @login_required
    def report(filing_id: str) -> flask.Response:
        found = service.find(current_submitter(), filing_id)
        content = _present(found.report.encode() if found.report else None)
        return _download(content, "application/json", f"report-{filing_id[:8]}.json")


def _add_actions(pages: flask.Blueprint, service: FilingService, settings: SigningSettings) -> None:
    """Add what changes something: upload, prepare, submit."""

    @pages.post("/filings")
    @rate_limit("upload", per_minute=30)
    @body_limit(settings.maximum_document_bytes + _FORM_OVERHEAD_BYTES)
    @login_required
    def upload() -> flask.typing.ResponseReturnValue:
        submitter = current_submitter()
        uploaded = flask.request.files.get("document")
        if uploaded is None or not uploaded.filename:
            raise SigningError("Choose a file first.", code="document-missing")
        filing = service.upload(submitter, uploaded.stream, uploaded.filename, at())
        location = flask.url_for("filing.filing", filing_id=filing.id)
        if flask.request.accept_mimetypes.best == "application/json":
            body = {"id": filing.id, "location": location}
            return flask.jsonify(body), HTTPStatus.CREATED, {"Location": location}
        return flask.redirect(location, HTTPStatus.SEE_OTHER)

    @pages.post("/filings/<filing_id>/prepare")
    @rate_limit("prepare", per_minute=30)
    @login_required
    def prepare(filing_id: str) -> flask.Response:
        certificate = _bytes_member(_json_body(), "certificate")
        prepared = service.prepare(current_submitter(), filing_id, certificate, at())
        return flask.jsonify(
            session=prepared.session,
            signed_attributes=_base64(prepared.signed_attributes),
            document={
                "title": prepared.title,
                "size": prepared.size,
                "pages": prepared.pages,
                "digest": _base64(prepared.digest),
            },
        )

    @pages.post("/filings/<filing_id>/signature")
    @rate_limit("submit", per_minute=30)
    @login_required
    def submit(filing_id: str) -> flask.Response:
        body = _json_body()
        session_id = body.get("session")
        if not isinstance(session_id, str):
            raise SigningError("The request lacks its session.", code="bad-request")
        filing = service.submit(
            current_submitter(), filing_id, session_id, _bytes_member(body, "signature"), at()
        )
        return flask.jsonify(**_outcome(filing))


def _outcome(filing: Filing) -> dict[str, Any]:
    """What the script is told of a submitted filing."""
    report = json.loads(filing.report) if filing.report else {}
    return {
        "id": filing.id,
        "status": filing.status,
        "indication": report.get("indication"),
        "sub_indication": report.get("sub_indication"),
        "sentence": report.get("sentence"),
        "location": flask.url_for("filing.filing", filing_id=filing.id),
    }


def _json_body() -> dict[str, Any]:
    """Return the request's JSON object."""
    body = flask.request.get_json(silent=True)
    if not isinstance(body, dict):
        raise SigningError("Send a JSON object.", code="bad-request")
    return body


def _bytes_member(body: dict[str, Any], name: str) -> bytes:
    """Return a member that is base64 text."""
    text = body.get(name)
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError) as error:
        raise SigningError("%(name)s must be base64 text.", code="bad-request", name=name) from error


def _base64(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def _present(content: bytes | None) -> bytes:
    """Return what a filing has by now."""
    if content is None:
        raise FilingNotFoundError("This filing has nothing of the kind yet.", code="filing-not-decided")
    return content


def _download(content: bytes, content_type: str, name: str, *, inline: bool = False) -> flask.Response:
    """Return a file; `inline` lets the browser show it."""
    response = flask.Response(content, content_type=content_type)
    disposition = "inline" if inline else "attachment"
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}"'
    return response
