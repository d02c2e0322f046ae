from __future__ import annotations

import dataclasses
import datetime as dt
import json
from io import BytesIO

import pytest
import sqlalchemy as sa

from runtime.audit import AuditLog
from runtime.database import Database
from signing.components import build_components
from signing.errors import (
    AlreadySignedError,
    CertificateRefusedError,
    DocumentError,
    DocumentTooLargeError,
    EmptyDocumentError,
    FilingError,
    FilingNotFoundError,
    NotAPdfError,
    PreparedSessionError,
    ReceiptError,
    SignatureMismatchError,
    TimestampError,
    UnauthorizedFilingError,
)
from signing.filing.submitter import Enterprise, Submitter
from signing.models import AuditRecord, Filing, PreparedSignature
from signing.receipt import parse_receipt, verify_receipt
from tests.databases import BOTH_KINDS, fresh_database_url
from tests.signing.judging import LocalAuthority, inputs_of, judge_pdf, sign_pdf
from tests.signing.pdfs import plain_pdf
from tests.signing.pki import AT, CITIZEN, ENTERPRISE, USCC, Pki
from tests.signing.services import signing_settings
from trust.revocation import RevocationEvidence

ACTING = Submitter("sub-1", "李四", Enterprise(ENTERPRISE, USCC))
SOMEBODY = Submitter("sub-2", "王五", Enterprise("别的公司", "91440300MA5DA1XW5R"))
PERSON = Submitter("sub-3", CITIZEN, None)
MINUTE = dt.timedelta(minutes=1)


class Revocation:
    """A revocation source over a test PKI; `away` makes it unable to answer."""

    def __init__(self, pki: Pki) -> None:
        self.pki, self.away = pki, False

    def evidence_for(self, certificates, at):
        return RevocationEvidence() if self.away else RevocationEvidence(crls=self.pki.crls(at))


class Town:
    """The filing service over one PKI."""

    def __init__(self, pki: Pki, settings, database) -> None:
        self.pki, self.settings, self.database = pki, settings, database
        self.revocation, self.authority = Revocation(pki), LocalAuthority(pki)
        self.components = build_components(
            settings, database, revocation=self.revocation, fetcher=self.authority
        )
        self.filings = self.components.filings

    def upload(self, submitter=ACTING, document: bytes | None = None, at=AT) -> Filing:
        return self.filings.upload(submitter, BytesIO(document or plain_pdf()), "申请书.pdf", at)

    def sign(self, filing, submitter=ACTING, holder=None, at=AT, **changes) -> Filing:
        holder = holder or self.pki.leaf()
        prepared = self.filings.prepare(submitter, filing.id, holder.der, at)
        return self.filings.submit(
            changes.get("by", submitter),
            changes.get("filing_id", filing.id),
            changes.get("session", prepared.session),
            holder.sign(changes.get("attributes", prepared.signed_attributes)),
            changes.get("then", at),
        )

    def actions(self) -> list[str]:
        with self.database.session() as session:
            assert AuditLog(AuditRecord).verify(session).intact
            return list(session.scalars(sa.select(AuditRecord.action).order_by(AuditRecord.sequence)))


@pytest.fixture(params=BOTH_KINDS)
def filing_town(request, tmp_path):
    yield from _town(request.param, tmp_path)


@pytest.fixture
def small_town(tmp_path):
    yield from _town("sqlite", tmp_path)


def _town(kind, folder):
    pki = Pki("filing")
    with fresh_database_url(kind, folder) as url:
        settings = signing_settings(folder / "signing", pki, database_url=url, maximum_document_megabytes=1)
        database = Database(url)
        yield Town(pki, settings, database)
        database.dispose()


class TestTheWholeWay:
    def test_an_enterprise_files_and_gets_a_receipt(self, filing_town):
        town = filing_town
        document = plain_pdf(2)
        filing = town.upload(document=document)
        assert (filing.status, filing.title, filing.pages) == ("draft", "营业执照变更申请", 2)
        filing = town.sign(filing)
        assert filing.status == "accepted"
        signed = town.filings.signed_document(ACTING, filing.id)
        assert judge_pdf(signed, town.pki).indication == "TOTAL-PASSED"
        assert signed.startswith(document)
        receipt = parse_receipt(filing.receipt)
        assert receipt.signer_organization == "NTRCN-" + USCC
        assert receipt.document_size == len(signed)
        verdict = verify_receipt(filing.sealed_receipt, inputs_of(town.pki), AT, statement=filing.receipt)
        assert verdict.conclusion.indication == "TOTAL-PASSED"
        assert verdict.receipt == receipt
        assert town.actions() == ["filing-uploaded", "filing-prepared", "filing-signed", "filing-accepted"]
        assert [item.id for item in town.filings.list(ACTING)] == [filing.id]

    def test_each_capacity_sees_its_own_filings_only(self, small_town):
        # One person, one `sub`: logged in with the citizen card they do not see what the enterprise filed.
        privately = dataclasses.replace(ACTING, enterprise=None)
        elsewhere = dataclasses.replace(ACTING, enterprise=Enterprise("别的公司", "91440300MA5DA1XW5R"))
        filed = {each: small_town.upload(each).id for each in (ACTING, privately, elsewhere)}
        for submitter, filing in filed.items():
            assert [item.id for item in small_town.filings.list(submitter)] == [filing]

    def test_a_citizen_files_for_themselves(self, small_town):
        filing = small_town.upload(PERSON)
        filing = small_town.sign(filing, PERSON, small_town.pki.leaf("citizen-signature"))
        assert filing.status == "accepted"
        assert parse_receipt(filing.receipt).signer_organization is None

    def test_an_rsa_card(self, small_town):
        filing = small_town.sign(small_town.upload(), holder=small_town.pki.leaf(key_kind="rsa2048"))
        assert filing.status == "accepted"

    def test_revoked_meanwhile_is_refused_keeps_the_draft_and_may_be_signed_again(self, small_town):
        town = small_town
        document = plain_pdf()
        filing = town.upload(document=document)
        revoked = town.pki.leaf(number=1)
        town.pki.revoke(revoked, AT - dt.timedelta(days=1))
        filing = town.sign(filing, holder=revoked)
        assert filing.status == "refused"
        report = json.loads(filing.report)
        assert (report["indication"], report["sub_indication"]) == ("INDETERMINATE", "REVOKED_NO_POE")
        assert report["sentence"]["zh"] == "签署人的证书已被吊销。"
        assert filing.receipt is None
        assert town.filings.document(ACTING, filing.id) == document
        assert town.sign(filing).status == "accepted"
        assert town.actions().count("filing-refused") == 1

    def test_no_revocation_data_waits_and_the_job_decides(self, small_town):
        town = small_town
        town.revocation.away = True
        filing = town.sign(town.upload())
        assert filing.status == "signed"
        assert json.loads(filing.report)["sub_indication"] == "TRY_LATER"
        with pytest.raises(FilingError, match="already"):
            town.filings.prepare(ACTING, filing.id, town.pki.leaf().der, AT)
        town.revocation.away = False
        town.components.acceptance.decide_pending(AT + MINUTE)
        assert town.filings.find(ACTING, filing.id).status == "accepted"

    def test_an_unreachable_authority_loses_nothing(self, small_town):
        town = small_town
        filing = town.upload()
        prepared = town.filings.prepare(ACTING, filing.id, town.pki.leaf().der, AT)
        signature = town.pki.leaf().sign(prepared.signed_attributes)
        town.authority.away = True
        with pytest.raises(TimestampError, match="cannot be reached"):
            town.filings.submit(ACTING, filing.id, prepared.session, signature, AT)
        town.authority.away = False
        # The same signature serves: the person is not asked for the PIN again.
        assert town.filings.submit(ACTING, filing.id, prepared.session, signature, AT).status == "accepted"

    def test_a_foreign_timestamp_is_refused(self, small_town, stranger):
        small_town.authority.authority = LocalAuthority(stranger).authority
        filing = small_town.sign(small_town.upload())
        assert filing.status == "refused"
        assert json.loads(filing.report)["reason"] == "timestamp-untrusted"


class TestIdempotence:
    def test_the_same_upload_is_the_same_draft(self, small_town):
        document = plain_pdf()
        first, second = small_town.upload(document=document), small_town.upload(document=document)
        assert first.id == second.id
        assert small_town.upload(SOMEBODY, document).id != first.id
        assert small_town.actions().count("filing-uploaded") == 2

    def test_repeating_an_accepted_submission_returns_it(self, small_town):
        town = small_town
        filing = town.upload()
        prepared = town.filings.prepare(ACTING, filing.id, town.pki.leaf().der, AT)
        signature = town.pki.leaf().sign(prepared.signed_attributes)
        first = town.filings.submit(ACTING, filing.id, prepared.session, signature, AT)
        again = town.filings.submit(ACTING, filing.id, prepared.session, signature, AT)
        assert again.sealed_receipt == first.sealed_receipt
        assert town.actions().count("filing-accepted") == 1


class TestPreparedSessions:
    def test_prepared_for_one_filing_embedded_in_another_is_refused(self, small_town):
        town = small_town
        first = town.upload(document=plain_pdf(text="first"))
        second = town.upload(document=plain_pdf(text="second"))
        with pytest.raises(PreparedSessionError) as caught:
            town.sign(first, filing_id=second.id)
        assert caught.value.code == "prepared-session-unknown"
        assert "signature-refused" in town.actions()

    def test_a_signature_for_another_preparation_is_refused(self, small_town):
        town = small_town
        first = town.upload(document=plain_pdf(text="first"))
        second = town.upload(document=plain_pdf(text="second"))
        other = town.filings.prepare(ACTING, first.id, town.pki.leaf().der, AT)
        with pytest.raises(SignatureMismatchError):
            town.sign(second, attributes=other.signed_attributes)
        assert town.filings.find(ACTING, second.id).status == "draft"

    def test_expiry(self, small_town):
        filing = small_town.upload()
        with pytest.raises(PreparedSessionError) as caught:
            small_town.sign(filing, then=AT + 15 * MINUTE)
        assert caught.value.code == "prepared-session-expired"

    def test_replay_after_refusal(self, small_town):
        town = small_town
        filing = town.upload()
        revoked = town.pki.leaf(number=1)
        town.pki.revoke(revoked, AT - MINUTE * 60)
        prepared = town.filings.prepare(ACTING, filing.id, revoked.der, AT)
        signature = revoked.sign(prepared.signed_attributes)
        assert town.filings.submit(ACTING, filing.id, prepared.session, signature, AT).status == "refused"
        with pytest.raises(PreparedSessionError) as caught:
            town.filings.submit(ACTING, filing.id, prepared.session, signature, AT)
        assert caught.value.code == "prepared-session-used"

    def test_a_row_moved_to_another_filing_does_not_open(self, small_town):
        town = small_town
        first = town.upload(document=plain_pdf(text="first"))
        second = town.upload(document=plain_pdf(text="second"))
        prepared = town.filings.prepare(ACTING, first.id, town.pki.leaf().der, AT)
        with town.database.session() as session:
            session.get(PreparedSignature, prepared.session).filing_id = second.id
        signature = town.pki.leaf().sign(prepared.signed_attributes)
        with pytest.raises(PreparedSessionError) as caught:
            town.filings.submit(ACTING, second.id, prepared.session, signature, AT)
        assert caught.value.code == "prepared-session-altered"

    def test_a_prepared_document_altered_on_disk_is_noticed(self, small_town):
        town = small_town
        filing = town.upload()
        prepared = town.filings.prepare(ACTING, filing.id, town.pki.leaf().der, AT)
        with town.database.session() as session:
            digest = session.get(PreparedSignature, prepared.session).document_digest
        path = town.settings.state_directory / "documents" / digest[:2] / digest[2:4] / digest
        path.write_bytes(path.read_bytes().replace(b"Application", b"Bpplication"))
        with pytest.raises(DocumentError) as caught:
            town.filings.submit(
                ACTING, filing.id, prepared.session, town.pki.leaf().sign(prepared.signed_attributes), AT
            )
        assert caught.value.code == "document-altered"

    def test_two_at_once_sign_one_filing(self, small_town, monkeypatch):
        """Both were prepared; the slower one looked at the filing before the faster one was accepted."""
        from signing.filing.service import FilingService

        town = small_town
        stale = town.upload()
        first = town.filings.prepare(ACTING, stale.id, town.pki.leaf().der, AT)
        second = town.filings.prepare(ACTING, stale.id, town.pki.leaf().der, AT)
        sign = town.pki.leaf().sign
        town.filings.submit(ACTING, stale.id, first.session, sign(first.signed_attributes), AT)
        accepted = town.filings.find(ACTING, stale.id)
        monkeypatch.setattr(FilingService, "find", lambda *arguments: stale)
        with pytest.raises(FilingError, match="signed already"):
            town.filings.submit(ACTING, stale.id, second.session, sign(second.signed_attributes), AT)
        monkeypatch.undo()
        now = town.filings.find(ACTING, stale.id)
        assert (now.status, now.signed_digest) == ("accepted", accepted.signed_digest)


class TestWhoMayFile:
    def test_others_filings_do_not_exist_for_one(self, small_town):
        filing = small_town.upload()
        for somebody in (SOMEBODY, PERSON, Submitter(ACTING.subject, ACTING.name, None)):
            with pytest.raises(FilingNotFoundError):
                small_town.filings.find(somebody, filing.id)

    @pytest.mark.parametrize(
        ("kind", "submitter", "code"),
        [
            ("enterprise-authentication", ACTING, "certificate-kind"),
            ("citizen-signature", ACTING, "certificate-kind"),
            ("officer-signature", ACTING, "certificate-kind"),
            ("service-seal", ACTING, "certificate-kind"),
            ("enterprise-signature", PERSON, "certificate-kind"),
            ("enterprise-signature", SOMEBODY, "certificate-other-holder"),
            ("citizen-signature", Submitter("x", "另一人", None), "certificate-other-holder"),
        ],
    )
    def test_certificates_refused_before_the_pin(self, small_town, kind, submitter, code):
        filing = small_town.upload(submitter)
        with pytest.raises(CertificateRefusedError) as caught:
            small_town.filings.prepare(submitter, filing.id, small_town.pki.leaf(kind).der, AT)
        assert caught.value.code == code
        assert small_town.actions()[-1] == "prepare-refused"

    def test_expired_certificate(self, small_town):
        holder = small_town.pki.leaf(not_after=AT - MINUTE, not_before=AT - 100 * MINUTE)
        with pytest.raises(CertificateRefusedError) as caught:
            small_town.filings.prepare(ACTING, small_town.upload().id, holder.der, AT)
        assert caught.value.code == "certificate-expired"

    def test_a_key_whose_digest_the_card_window_cannot_show(self, small_town):
        holder = small_town.pki.leaf(key_kind="p384")
        with pytest.raises(CertificateRefusedError) as caught:
            small_town.filings.prepare(ACTING, small_town.upload().id, holder.der, AT)
        assert caught.value.code == "certificate-key"

    def test_nonsense_for_a_certificate(self, small_town):
        with pytest.raises(CertificateRefusedError):
            small_town.filings.prepare(ACTING, small_town.upload().id, b"nonsense", AT)

    def test_the_provider_must_have_seen_a_card(self):
        claims = {"sub": "s", "name": "n", "acr": "urn:tongxing:acr:2"}
        with pytest.raises(UnauthorizedFilingError):
            Submitter.from_claims(claims)
        known = Submitter.from_claims(
            {**claims, "acr": "urn:tongxing:acr:3", "enterprise": {"name": ENTERPRISE, "uscc": USCC}}
        )
        assert known.enterprise == Enterprise(ENTERPRISE, USCC)


class Endless:
    """A stream that never ends and counts what was read."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        self.read_bytes += size
        return bytes(size)


class TestUploads:
    @pytest.mark.parametrize(
        ("document", "error"),
        [(b"", EmptyDocumentError), (b"MZ not a pdf", NotAPdfError), (b"%PDF-1.7 broken", NotAPdfError)],
    )
    def test_refused_and_audited(self, small_town, document, error):
        with pytest.raises(error):
            small_town.filings.upload(ACTING, BytesIO(document), "x.pdf", AT)
        assert small_town.actions() == ["upload-refused"]

    def test_a_signed_document_is_refused(self, small_town):
        with pytest.raises(AlreadySignedError):
            small_town.upload(document=sign_pdf(small_town.pki))

    def test_an_endless_stream_ends_at_the_limit_in_bounded_memory(self, small_town):
        import tracemalloc

        stream = Endless()
        tracemalloc.start()
        with pytest.raises(DocumentTooLargeError, match="larger than 1 MB"):
            small_town.filings.upload(ACTING, stream, "x.pdf", AT)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert stream.read_bytes < 2 * 1024 * 1024
        assert peak < 4 * 1024 * 1024
        incoming = small_town.settings.state_directory / "documents" / "incoming"
        assert list(incoming.iterdir()) == []


class TestReceipts:
    @pytest.fixture
    def accepted(self, small_town):
        return small_town.sign(small_town.upload())

    def test_openssl_form(self, accepted):
        """The seal holds the very statement that is handed out."""
        from asn1crypto import cms

        info = cms.ContentInfo.load(accepted.sealed_receipt)["content"]
        assert info["encap_content_info"]["content"].native == accepted.receipt
        assert json.loads(accepted.receipt)["filing_id"] == accepted.id

    def test_a_changed_statement_is_refused(self, small_town, accepted):
        changed = accepted.receipt.replace(b"91350100", b"91350101")
        with pytest.raises(ReceiptError, match="not the one that was sealed"):
            verify_receipt(accepted.sealed_receipt, inputs_of(small_town.pki), AT, statement=changed)

    def test_a_changed_seal_is_refused(self, small_town, accepted):
        changed = accepted.sealed_receipt.replace(b"NTRCN-91350100", b"NTRCN-91350101")
        verdict = verify_receipt(changed, inputs_of(small_town.pki), AT)
        assert verdict.conclusion.indication == "TOTAL-FAILED"
        assert verdict.conclusion.sub_indication == "HASH_FAILURE"

    def test_sealed_by_somebody_else(self, small_town, accepted):
        from signing.receipt import Seal, seal_receipt

        forger = small_town.pki.leaf("enterprise-signature", number=5)
        forged = seal_receipt(
            parse_receipt(accepted.receipt),
            Seal(forger, forger.der, (small_town.pki.issuing.der,)),
            small_town.authority.client().timestamp,
            AT,
        )
        verdict = verify_receipt(forged.sealed, inputs_of(small_town.pki), AT)
        assert (verdict.conclusion.indication, verdict.conclusion.sub_indication) == (
            "INDETERMINATE",
            "CHAIN_CONSTRAINTS_FAILURE",
        )

    @pytest.mark.parametrize("data", [b"", b"{}", b"\x30\x00", sign_pdf])
    def test_not_a_receipt(self, small_town, data):
        data = data(small_town.pki) if callable(data) else data
        with pytest.raises(ReceiptError):
            verify_receipt(data, inputs_of(small_town.pki), AT)

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace(b'{"', b'{ "', 1),
            lambda text: text.replace(b"receipt:1", b"receipt:2"),
            lambda text: text[:-1] + b',"more":1}',
            lambda text: b"[" * 100_000,
        ],
        ids=["space", "version", "member", "deep"],
    )
    def test_statements_are_read_strictly(self, accepted, change):
        with pytest.raises(ReceiptError):
            parse_receipt(change(accepted.receipt))


class TestCleaning:
    def test_old_drafts_and_their_documents_go_accepted_ones_stay(self, small_town):
        town = small_town
        kept = town.sign(town.upload(document=plain_pdf(text="kept")))
        town.upload(document=plain_pdf(text="left alone"))
        later = AT + dt.timedelta(days=31)
        town.components.cleaning.run(later)
        assert [item.id for item in town.filings.list(ACTING)] == [kept.id]
        files = [path for path in (town.settings.state_directory / "documents").rglob("*") if path.is_file()]
        assert {path.name for path in files} == {kept.document_digest, kept.signed_digest}
        assert town.actions()[-1] == "filing-expired"
        with town.database.session() as session:
            assert session.scalars(sa.select(PreparedSignature)).all() == []

    def test_fresh_ones_stay(self, small_town):
        filing = small_town.upload()
        small_town.filings.prepare(ACTING, filing.id, small_town.pki.leaf().der, AT)
        small_town.components.cleaning.run(AT + MINUTE)
        assert small_town.filings.find(ACTING, filing.id).status == "draft"
