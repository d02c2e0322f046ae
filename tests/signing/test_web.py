from __future__ import annotations

import base64
import json
import threading
from io import BytesIO

import pytest
from werkzeug.test import EnvironBuilder

from runtime.database import Database
from signing import validation_web
from signing.components import build_components
from signing.errors import SigningError
from signing.web import create_app
from tests.signing.judging import LocalAuthority, sign_pdf
from tests.signing.pdfs import plain_pdf, with_later_revision
from tests.signing.pki import AT, ENTERPRISE, USCC, Pki
from tests.signing.services import signing_settings
from tests.signing.test_filing import Revocation

CLAIMS = {
    "sub": "sub-1",
    "name": "李四",
    "acr": "urn:tongxing:acr:3",
    "enterprise": {"name": ENTERPRISE, "uscc": USCC},
}
PAGE = {"Accept": "text/html", "Accept-Language": "en"}
JSON = {"Accept": "application/json"}
MEGABYTE = 1024 * 1024


class FakeLogin:
    """Stands where the provider would: the tests put the person into the session."""

    def register(self, app):
        from runtime.relying_party import current_user

        app.add_url_rule("/login", "login", lambda: "log in at the provider")
        app.add_url_rule("/logout", "logout", lambda: "out", methods=["POST"])
        app.jinja_env.globals["current_user"] = current_user


class Browser:
    """A client with a session, its CSRF token, and a card."""

    def __init__(self, app, pki) -> None:
        self.app, self.pki, self.client = app, pki, app.test_client()

    def log_in(self, claims=CLAIMS):
        with self.client.session_transaction() as session:
            session["person"] = claims

    @property
    def token(self) -> str:
        self.client.get("/validate", headers=PAGE)
        with self.client.session_transaction() as session:
            return session["csrf_token"]

    def upload(self, document: bytes, name="申请书.pdf", headers=JSON):
        # Written by hand: the test client's own writer leaves its temporary file open.
        head = f'--xx\r\nContent-Disposition: form-data; name="document"; filename="{name}"\r\n\r\n'
        return self.client.post(
            "/filings",
            data=head.encode() + document + b"\r\n--xx--\r\n",
            content_type="multipart/form-data; boundary=xx",
            headers={**headers, "X-CSRF-Token": self.token},
        )

    def post(self, path, body):
        return self.client.post(path, json=body, headers={**JSON, "X-CSRF-Token": self.token})

    def file(self, document: bytes, holder=None) -> dict:
        holder = holder or self.pki.leaf()
        location = self.upload(document).get_json()["location"]
        certificate = base64.b64encode(holder.der).decode()
        prepared = self.post(f"{location}/prepare", {"certificate": certificate}).get_json()
        signature = base64.b64encode(holder.sign(base64.b64decode(prepared["signed_attributes"]))).decode()
        return self.post(
            f"{location}/signature", {"session": prepared["session"], "signature": signature}
        ).get_json()


@pytest.fixture
def pki() -> Pki:
    return Pki("web")


@pytest.fixture
def browser(tmp_path, pki):
    settings = signing_settings(tmp_path / "signing", pki, maximum_document_megabytes=1)
    database = Database(settings.effective_database_url("signing"))
    components = build_components(settings, database, revocation=Revocation(pki), fetcher=LocalAuthority(pki))
    app = create_app(settings, lambda: AT, components=components, login=FakeLogin())
    yield Browser(app, pki)
    database.dispose()


class TestFilingInTheBrowser:
    def test_upload_look_sign_download(self, browser):
        browser.log_in()
        document = plain_pdf(2)
        answer = browser.upload(document)
        assert answer.status_code == 201
        location = answer.headers["Location"]
        page = browser.client.get(location, headers=PAGE).text
        for shown in ("营业执照变更申请", ENTERPRISE, f"{len(document):,}", "Sign with card", "<iframe"):
            assert shown in page
        outcome = browser.file(document)
        assert (outcome["status"], outcome["indication"]) == ("accepted", "TOTAL-PASSED")
        page = browser.client.get(location, headers=PAGE).text
        assert "The document was accepted." in page
        assert "Sign with card" not in page
        signed = browser.client.get(f"{location}/signed.pdf")
        assert signed.data.startswith(document)
        assert signed.headers["Content-Disposition"].startswith("attachment")
        receipt = browser.client.get(f"{location}/receipt.json").get_json()
        assert receipt["signer_organization"] == "NTRCN-" + USCC
        assert browser.client.get(f"{location}/receipt.p7m").status_code == 200
        assert browser.client.get(f"{location}/report.json").get_json()["indication"] == "TOTAL-PASSED"
        assert "营业执照变更申请" in browser.client.get("/filings", headers=PAGE).text

    def test_chinese_pages_are_chinese(self, browser):
        browser.log_in()
        location = browser.upload(plain_pdf()).headers["Location"]
        for path in ("/", "/filings", location, "/validate"):
            page = browser.client.get(f"{path}?lang=zh", headers={"Accept": "text/html"})
            assert page.headers["Content-Language"] == "zh"
        assert "使用证卡签署" in browser.client.get(location, headers={"Accept": "text/html"}).text

    def test_the_document_is_shown_within_our_page_only(self, browser):
        browser.log_in()
        location = browser.upload(plain_pdf()).headers["Location"]
        document = browser.client.get(f"{location}/document.pdf")
        assert document.mimetype == "application/pdf"
        assert "frame-ancestors 'self'" in document.headers["Content-Security-Policy"]
        assert document.headers["X-Content-Type-Options"] == "nosniff"
        page = browser.client.get(location, headers=PAGE)
        policy = page.headers["Content-Security-Policy"]
        assert "frame-src 'self'" in policy
        assert "connect-src 'self' http://127.0.0.1:8420" in policy
        assert "unsafe" not in policy

    def test_without_javascript_the_upload_leads_to_the_page(self, browser):
        browser.log_in()
        answer = browser.upload(plain_pdf(), headers=PAGE)
        assert answer.status_code == 303

    def test_a_refused_filing_says_why_and_keeps_the_draft(self, browser, pki):
        import datetime as dt

        browser.log_in()
        revoked = pki.leaf(number=1)
        pki.revoke(revoked, AT - dt.timedelta(days=1))
        outcome = browser.file(plain_pdf(), revoked)
        assert outcome["status"] == "refused"
        page = browser.client.get(outcome["location"], headers=PAGE).text
        assert "The signer&#39;s certificate had been revoked." in page
        assert "Your draft is kept." in page
        assert "Sign with card" in page


class TestWhoMaySee:
    @pytest.mark.parametrize("path", ["/filings", "/filings/abc", "/filings/abc/signed.pdf"])
    def test_log_in_first(self, browser, path):
        answer = browser.client.get(path, headers=PAGE)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login?next=")

    @pytest.mark.parametrize("path", ["/filings", "/filings/abc/prepare", "/filings/abc/signature"])
    def test_log_in_first_for_programs(self, browser, path):
        answer = browser.post(path, {})
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"

    def test_others_filings_are_not_found(self, browser):
        browser.log_in()
        location = browser.upload(plain_pdf()).headers["Location"]
        browser.log_in({**CLAIMS, "sub": "sub-2"})
        for path in (location, f"{location}/document.pdf", f"{location}/receipt.json"):
            assert browser.client.get(path, headers=PAGE).status_code == 404

    def test_the_home_page_without_login(self, browser):
        page = browser.client.get("/", headers=PAGE)
        assert page.status_code == 200
        assert "Log in first" in page.text

    def test_no_cross_site_posts(self, browser):
        browser.log_in()
        answer = browser.client.post("/filings", data={"document": (BytesIO(plain_pdf()), "x.pdf")})
        assert answer.status_code == 403


class TestBadInput:
    @pytest.mark.parametrize(
        ("document", "status", "code"),
        [
            (b"", 422, "document-empty"),
            (b"plain text", 422, "not-a-pdf"),
            (b"%PDF-1.7 broken", 422, "not-a-pdf"),
            (bytes(MEGABYTE + 1), 413, "document-too-large"),
            (bytes(3 * MEGABYTE), 413, "document-too-large"),
        ],
        ids=["empty", "text", "broken", "just-too-large", "too-large"],
    )
    def test_uploads(self, browser, document, status, code):
        browser.log_in()
        answer = browser.upload(document)
        assert answer.status_code == status
        assert answer.get_json(force=True)["code"] == code

    def test_errors_are_in_the_readers_language(self, browser):
        browser.log_in()
        answer = browser.upload(bytes(3 * MEGABYTE), headers={**JSON, "Accept-Language": "zh"})
        assert answer.get_json(force=True)["detail"].startswith("文件大于 1 MB")

    def test_no_file_chosen(self, browser):
        browser.log_in()
        answer = browser.client.post("/filings", data={}, headers={**JSON, "X-CSRF-Token": browser.token})
        assert answer.status_code == 400

    def _raw(self, browser, stream, length: int | None):
        builder = EnvironBuilder(
            path="/filings",
            method="POST",
            headers={
                **JSON,
                "X-CSRF-Token": browser.token,
                "Content-Type": "multipart/form-data; boundary=xx",
            },
        )
        environ = builder.get_environ()
        environ["wsgi.input"] = stream
        cookie = browser.client.get_cookie("tx_signing")
        environ["HTTP_COOKIE"] = f"tx_signing={cookie.value}"
        if length is None:
            environ.pop("CONTENT_LENGTH", None)
            environ["wsgi.input_terminated"] = True
            environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            environ["CONTENT_LENGTH"] = str(length)
        answer = {}
        body = b"".join(browser.app(environ, lambda status, headers, info=None: answer.update(status=status)))
        return answer["status"], json.loads(body)

    def test_200_megabytes_are_refused_unread_by_their_length(self, browser):
        class Unread(BytesIO):
            def read(self, *_):
                raise AssertionError("the body was read")

            readinto = readline = read

        browser.log_in()
        status, problem = self._raw(browser, Unread(), 200 * MEGABYTE)
        assert status.startswith("413")
        assert problem["code"] == "document-too-large"

    def test_200_megabytes_without_a_length_are_refused_when_counted(self, browser):
        import tracemalloc

        class Upload(BytesIO):
            """The head of a form, then zeros."""

            def __init__(self):
                head = b'--xx\r\nContent-Disposition: form-data; name="document"; filename="a.pdf"\r\n\r\n'
                self.head, self.delivered = head, 0

            def read(self, size=-1):
                assert size >= 0
                part, self.head = (self.head, b"") if self.head else (bytes(size), b"")
                self.delivered += len(part)
                assert self.delivered < 200 * MEGABYTE
                return part

            def readinto(self, buffer):
                part = self.read(len(buffer))
                buffer[: len(part)] = part
                return len(part)

        browser.log_in()
        stream = Upload()
        tracemalloc.start()
        status, problem = self._raw(browser, stream, None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert status.startswith("413")
        assert problem["code"] == "document-too-large"
        assert stream.delivered < 2 * MEGABYTE
        assert peak < 16 * MEGABYTE

    @pytest.mark.parametrize(
        "body", [[], "text", {}, {"certificate": 5}, {"certificate": "***"}, {"certificate": ""}]
    )
    def test_prepare_with_nonsense(self, browser, body):
        browser.log_in()
        location = browser.upload(plain_pdf()).headers["Location"]
        assert browser.post(f"{location}/prepare", body).status_code in (400, 422)

    @pytest.mark.parametrize(
        "body", [{}, {"session": "x"}, {"session": 1, "signature": ""}, {"session": "x", "signature": "AA=="}]
    )
    def test_submit_with_nonsense(self, browser, body):
        browser.log_in()
        location = browser.upload(plain_pdf()).headers["Location"]
        answer = browser.post(f"{location}/signature", body)
        assert answer.status_code in (400, 409)
        assert answer.content_type == "application/problem+json"


class TestPublicValidation:
    def _page(self, browser, document, signature=None, name="signed.pdf"):
        data = {"document": (BytesIO(document), name), "csrf_token": browser.token}
        if signature is not None:
            data["signature"] = (BytesIO(signature), "signature.p7s")
        return browser.client.post("/validate", data=data, headers=PAGE)

    def test_a_good_document(self, browser, pki):
        page = self._page(browser, sign_pdf(pki))
        assert page.status_code == 200
        assert "TOTAL-PASSED" in page.text
        assert "has not been changed since it was signed" in page.text

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (
                lambda d: d.replace(b"Application", b"Bpplication"),
                "The document was changed after it was signed.",
            ),
            (with_later_revision, "Something was added to the document after it was signed"),
            (lambda d: d[: len(d) // 2], "changed or damaged after it was signed"),
            (lambda d: b"", "Choose a file first."),
        ],
        ids=["flipped", "revision", "truncated", "empty"],
    )
    def test_bad_documents(self, browser, pki, change, sentence):
        document = change(sign_pdf(pki))
        page = self._page(browser, document, name="signed.pdf" if document else "")
        assert "TOTAL-PASSED" not in page.text
        assert sentence in page.text

    def test_an_empty_file(self, browser):
        assert "The file is empty (0 bytes)." in self._page(browser, b"").text

    def test_a_receipt(self, browser):
        browser.log_in()
        outcome = browser.file(plain_pdf())
        sealed = browser.client.get(f"{outcome['location']}/receipt.p7m").data
        statement = browser.client.get(f"{outcome['location']}/receipt.json").data
        page = self._page(browser, sealed, name="receipt.p7m")
        assert "What the receipt says" in page.text
        assert "TOTAL-PASSED" in page.text
        assert "TOTAL-PASSED" in self._page(browser, statement, sealed).text
        changed = self._page(browser, statement.replace(b"9135", b"9136"), sealed)
        assert "TOTAL-PASSED" not in changed.text

    def test_for_programs_without_session(self, browser, pki):
        client = browser.app.test_client()
        answer = client.post(
            "/api/validate", data={"document": (BytesIO(sign_pdf(pki)), "s.pdf")}, headers=JSON
        )
        assert answer.get_json()["indication"] == "TOTAL-PASSED"
        answer = client.post("/api/validate", data={}, headers=JSON)
        assert answer.status_code == 400
        assert answer.content_type == "application/problem+json"

    def test_when_all_turns_are_taken_the_next_is_told_to_come_back(self, browser, monkeypatch):
        going, finish = threading.Barrier(3), threading.Event()

        def endless(*_arguments, **_keywords):
            going.wait(20)
            finish.wait(20)
            raise SigningError("enough", code="enough")

        monkeypatch.setattr(validation_web, "validate", endless)

        def post():
            data = {"document": (BytesIO(b"%PDF"), "s.pdf")}
            return browser.app.test_client().post("/api/validate", data=data, headers=JSON)

        busy = [threading.Thread(target=post) for _ in range(2)]
        for thread in busy:
            thread.start()
        going.wait(20)
        turned_away = post()
        finish.set()
        for thread in busy:
            thread.join()
        assert (turned_away.status_code, turned_away.get_json()["code"]) == (503, "validation-busy")
        assert turned_away.headers["Retry-After"] == "5"


def test_health(browser):
    assert browser.client.get("/healthz").get_json()["status"] == "ok"


def test_every_text_on_the_pages_has_its_chinese():
    """Every msgid in templates and error messages is in the catalogue, and nothing else is."""
    import re
    from pathlib import Path

    from babel.messages.pofile import read_po

    import signing

    folder = Path(signing.__file__).parent
    shared = folder.parent / "runtime/web/translations/zh/LC_MESSAGES/messages.po"
    with (folder / "translations/zh/LC_MESSAGES/messages.po").open("rb") as own, shared.open("rb") as other:
        texts = {entry.id: entry.string for entry in read_po(own) if entry.id}
        known = {entry.id for entry in read_po(other) if entry.id} | set(texts)
    used = set()
    for template in (folder / "templates").glob("*.html"):
        used |= set(re.findall(r"_\('((?:[^'\\]|\\.)*)'", template.read_text()))
    assert used - known == set()
    assert all(texts.values())


def test_starting_imports_no_pyhanko(tmp_path, pki):
    """The server starts fast: pyHanko is imported when the first document is signed."""
    import subprocess
    import sys

    code = "import sys, signing.web, signing.tsa_web; sys.exit('pyhanko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_seal_that_is_not_the_certificates_is_refused_at_start(tmp_path, pki):

    settings = signing_settings(tmp_path / "signing", pki)
    settings.seal_certificate.write_bytes(pki.leaf("service-seal", number=1).pem)
    database = Database(settings.effective_database_url("signing"))
    with pytest.raises(SigningError) as caught:
        build_components(settings, database, revocation=Revocation(pki), fetcher=LocalAuthority(pki))
    database.dispose()
    assert caught.value.code == "seal-key-mismatch"


def test_jobs(tmp_path, pki):
    from signing.web import jobs

    settings = signing_settings(tmp_path / "signing", pki)
    names = [job.name for job in jobs(settings)]
    assert names == ["judge-signed-filings", "remove-what-is-over"]
