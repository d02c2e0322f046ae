from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from signing.errors import (
    AlreadySignedError,
    DocumentTooLargeError,
    EmptyDocumentError,
    EncryptedDocumentError,
    NotAPdfError,
    SignatureMismatchError,
    TimestampError,
)
from signing.formats.pdf import embed_signature, prepare_pdf
from signing.formats.pdf_extraction import extract_pdf
from signing.formats.pdf_reading import describe_pdf
from tests.signing.judging import Answer, LocalAuthority, judge_pdf, sign_pdf
from tests.signing.pdfs import encrypted_pdf, pdf_with_form, plain_pdf
from tests.signing.pki import AT


def test_description_tells_what_a_person_is_shown():
    import hashlib

    document = plain_pdf(3, title="年度报告 2026")
    description = describe_pdf(document)
    assert (description.title, description.pages, description.size) == ("年度报告 2026", 3, len(document))
    assert description.digest == hashlib.sha256(document).hexdigest()
    assert description.signatures == 0


@pytest.mark.parametrize(
    "document",
    [
        pdf_with_form(
            b"3 0 R",
            *(b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (child, child) for child in range(4, 60)),
            b"<</T(b)>>",
        ),
        pdf_with_form(b"3 0 R", b"<</T(a)/Kids[3 0 R 3 0 R]>>"),
        pdf_with_form(b"3 0 R " * 300_000, b"<</T(a)/FT/Sig>>"),
    ],
    ids=["every field twice below the next", "a circle", "300,000 fields"],
)
def test_a_form_that_would_take_for_ever_is_refused_at_once(document):
    with pytest.raises(NotAPdfError):
        describe_pdf(document)
    assert extract_pdf(document).fault is not None


def test_an_honest_form_is_taken():
    document = pdf_with_form(b"3 0 R", b"<</T(a)/Kids[4 0 R 5 0 R]>>", b"<</T(b)>>", b"<</T(c)>>")
    assert describe_pdf(document, "x").signatures == 0


def test_title_falls_back_to_the_file_name_and_loses_control_characters():
    assert describe_pdf(plain_pdf(title=""), "申请书").title == "申请书"
    assert describe_pdf(plain_pdf(title="a\u202eb\n c")).title == "a b c"


@pytest.mark.parametrize("key_kind", ["p256", "p384", "rsa2048", "rsa3072"])
@pytest.mark.parametrize("timestamp", [True, False])
def test_the_card_signs_attributes_and_the_judge_agrees(town, key_kind, timestamp):
    holder = town.leaf(key_kind=key_kind)
    signed = sign_pdf(town, holder=holder, timestamp=timestamp)
    conclusion = judge_pdf(signed, town, signature_timestamp=timestamp)
    assert conclusion.indication == "TOTAL-PASSED", conclusion.failure


def test_attributes_hold_the_byte_range_digest_and_no_signing_time(town):
    """PAdES (EN 319 142-1 6.3): signing-time is /M, not an attribute; ESS v2 is there."""
    from asn1crypto import cms

    holder = town.leaf()
    prepared = prepare_pdf(plain_pdf(), holder.der, at=AT)
    attributes = {
        item["type"].native: item["values"][0].native
        for item in cms.CMSAttributes.load(prepared.signed_attributes)
    }
    assert attributes["message_digest"] == prepared.document_digest
    assert attributes["content_type"] == "data"
    assert "signing_certificate_v2" in attributes
    assert "signing_time" not in attributes


def test_the_stated_time_is_the_one_given(town):
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    prepared = prepare_pdf(plain_pdf(), town.leaf().der, at=moment)
    assert b"20260102030405Z" in prepared.document


def test_signature_over_another_document_is_not_embedded(town):
    holder = town.leaf()
    first = prepare_pdf(plain_pdf(text="first"), holder.der, at=AT)
    second = prepare_pdf(plain_pdf(text="second"), holder.der, at=AT)
    with pytest.raises(SignatureMismatchError):
        embed_signature(second, holder.sign(first.signed_attributes))


def test_signature_by_another_key_is_not_embedded(town):
    holder, other = town.leaf(), town.leaf(number=1)
    prepared = prepare_pdf(plain_pdf(), holder.der, at=AT)
    with pytest.raises(SignatureMismatchError):
        embed_signature(prepared, other.sign(prepared.signed_attributes))


@pytest.mark.parametrize("signature", [b"", b"\x30\x00", bytes(64), bytes(512)])
def test_nonsense_for_a_signature_is_not_embedded(town, signature):
    prepared = prepare_pdf(plain_pdf(), town.leaf().der, at=AT)
    with pytest.raises(SignatureMismatchError):
        embed_signature(prepared, signature)


def test_swapped_document_or_attributes_are_noticed(town):
    holder = town.leaf()
    first = prepare_pdf(plain_pdf(text="first"), holder.der, at=AT)
    second = prepare_pdf(plain_pdf(text="other"), holder.der, at=AT)
    swapped = dataclasses.replace(first, document=second.document)
    with pytest.raises(SignatureMismatchError, match="changed"):
        embed_signature(swapped, holder.sign(first.signed_attributes))
    mixed = dataclasses.replace(
        first, document=second.document, document_digest=second.document_digest,
        reserved_start=second.reserved_start, reserved_end=second.reserved_end,
    )  # fmt: skip
    with pytest.raises(SignatureMismatchError, match="another document"):
        embed_signature(mixed, holder.sign(first.signed_attributes))


def test_a_signed_document_is_not_signed_again(town):
    with pytest.raises(AlreadySignedError):
        prepare_pdf(sign_pdf(town), town.leaf().der, at=AT)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b"", EmptyDocumentError),
        (b"Hello, I am not a PDF.", NotAPdfError),
        (b"PK\x03\x04" + b"%PDF-1.7" + bytes(100), NotAPdfError),
        (b"%PDF-1.7\n", NotAPdfError),
        (b"%PDF-1.7\n" + bytes(5000), NotAPdfError),
        (plain_pdf()[:-40], NotAPdfError),
        (plain_pdf()[:400], NotAPdfError),
    ],
    ids=["empty", "text", "polyglot", "header", "zeros", "cut-off", "half"],
)
def test_what_cannot_be_signed(town, document, error):
    with pytest.raises(error):
        prepare_pdf(document, town.leaf().der, at=AT)


def test_encrypted_and_oversized_documents(town):
    with pytest.raises(EncryptedDocumentError):
        prepare_pdf(encrypted_pdf(), town.leaf().der, at=AT)
    with pytest.raises(DocumentTooLargeError, match=r"0\.00\d+ MB"):
        prepare_pdf(plain_pdf(size=2000), town.leaf().der, at=AT, maximum=1049)


class TestTimestampClient:
    def _embed(self, town, authority):
        return sign_pdf(town, authority=authority)

    def test_another_documents_token_is_refused(self, town):
        """The authority answers with a token over something else."""
        honest = LocalAuthority(town)
        from trust.digest import DigestAlgorithm
        from trust.encoding.timestamp import encode_timestamp_request

        class Replaying(LocalAuthority):
            def post(self, url, body, content_type):
                request = encode_timestamp_request(DigestAlgorithm.SHA256, bytes(32), nonce=1)
                return honest.post(url, request, content_type)

        with pytest.raises(TimestampError, match="something else"):
            self._embed(town, Replaying(town))

    def test_a_replayed_token_has_another_nonce(self, town):
        from signing.timestamp_client import TimestampClient

        authority = LocalAuthority(town)
        kept = []

        class Replaying:
            def post(self, url, body, content_type):
                kept.append(authority.post(url, body, content_type))
                return kept[0]

        nonces = iter([b"\x01" * 16, b"\x02" * 16])
        client = TimestampClient(Replaying(), "http://tsa.example/", lambda count: next(nonces))
        client.timestamp(b"same bytes")
        with pytest.raises(TimestampError, match="nonce"):
            client.timestamp(b"same bytes")

    def test_wrong_purpose_of_the_authoritys_certificate(self, town):
        holder = town.leaf("enterprise-signature", number=2)
        with pytest.raises(TimestampError, match="timestamp authority"):
            self._embed(town, LocalAuthority(town, holder=holder))

    @pytest.mark.parametrize(
        "answer",
        [Answer(b"", 200), Answer(b"<html>", 200), Answer(b"", 500), Answer(b"\x30\x03\x02\x01\x02", 200)],
    )
    def test_broken_answers(self, town, answer):
        class Broken(LocalAuthority):
            def post(self, url, body, content_type):
                return answer

        with pytest.raises(TimestampError):
            self._embed(town, Broken(town))

    def test_an_authority_out_of_reach(self, town):
        from runtime.fetch import FetchError

        class Unreachable(LocalAuthority):
            def post(self, url, body, content_type):
                raise FetchError("no", code="fetch-unreachable")

        with pytest.raises(TimestampError, match="cannot be reached"):
            self._embed(town, Unreachable(town))
