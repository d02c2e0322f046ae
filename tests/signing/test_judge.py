"""Indications and sub-indications, taken from EN 319 102-1 before the code ran."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.cli_options import FixedRevocation
from signing.filing.judgement import Trust
from signing.formats.cms import assemble_cms, prepare_cms
from signing.formats.cms_extraction import extract_cms
from signing.formats.pdf_extraction import extract_pdf
from signing.judge.conclusion import Reason
from signing.judge.document import judge_document
from signing.judge.policy import SignaturePolicy
from signing.reports.sentences import _SENTENCES, sentence_for
from signing.reports.simple import report_document, report_json, report_text
from tests.signing.judging import LocalAuthority, inputs_of, judge_pdf, sign_pdf
from tests.signing.pdfs import encrypted_pdf, plain_pdf, with_later_revision
from tests.signing.pki import AT, ENTERPRISE, SUBJECT_NUMBER, Pki
from trust.certificate import Certificate
from trust.revocation import RevocationEvidence

DAY = dt.timedelta(days=1)


def verdict(conclusion) -> tuple[str, str | None, str | None]:
    failure = conclusion.failure
    return (
        conclusion.indication.value,
        conclusion.sub_indication.value if conclusion.sub_indication else None,
        failure.reason.value if failure else None,
    )


def test_an_honest_signature_passes(town):
    conclusion = judge_pdf(sign_pdf(town), town)
    assert verdict(conclusion) == ("TOTAL-PASSED", None, None)
    (signature,) = conclusion.signatures
    assert signature.best_signature_time == AT
    assert [block.status for block in signature.blocks] == ["PASSED"] * 7
    assert signature.path is not None
    assert len(signature.path.path) == 3


class TestDocumentsChanged:
    def test_one_flipped_byte_in_the_content(self, town):
        signed = bytearray(sign_pdf(town))
        signed[signed.index(b"Application")] ^= 1
        conclusion = judge_pdf(bytes(signed), town)
        assert verdict(conclusion) == ("TOTAL-FAILED", "HASH_FAILURE", "document-changed")
        assert sentence_for(conclusion.failure).en == "The document was changed after it was signed."

    def test_an_incremental_update_after_the_signature(self, town):
        signed = with_later_revision(sign_pdf(town))
        conclusion = judge_pdf(signed, town)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "not-whole-document")
        coverage = conclusion.signatures[0].evidence.coverage
        assert coverage.later_revisions == 1
        assert not coverage.whole_document

    def test_bytes_appended_without_a_revision(self, town):
        conclusion = judge_pdf(sign_pdf(town) + b"\n% harmless\n", town)
        assert verdict(conclusion)[0] != "TOTAL-PASSED"

    def test_truncated(self, town):
        signed = sign_pdf(town)
        for length in (len(signed) - 1, len(signed) - 200, len(signed) // 2, 100, 8):
            conclusion = judge_pdf(signed[:length], town)
            assert conclusion.indication == "TOTAL-FAILED", length
            assert conclusion.sub_indication == "FORMAT_FAILURE"

    def test_changed_and_no_longer_readable_says_so(self, town):
        signed = sign_pdf(town).replace(b"startxref", b"startxxxx")
        assert verdict(judge_pdf(signed, town))[2] == "changed-and-unreadable"

    def test_something_hidden_behind_the_signature(self, town):
        signed = bytearray(sign_pdf(town))
        gap_end = extract_pdf(bytes(signed)).signatures[0].coverage.byte_range[2]
        signed[gap_end - 9 : gap_end - 1] = b"DEADBEEF"
        assert verdict(judge_pdf(bytes(signed), town)) == (
            "TOTAL-FAILED",
            "FORMAT_FAILURE",
            "padding-not-empty",
        )

    def test_letter_case_of_the_signature_changed(self, town):
        signed = bytearray(sign_pdf(town))
        start = extract_pdf(bytes(signed)).signatures[0].coverage.byte_range[1]
        position = next(i for i in range(start + 1, len(signed)) if chr(signed[i]) in "ABCDEF")
        signed[position] |= 0x20
        assert verdict(judge_pdf(bytes(signed), town))[:2] == ("TOTAL-FAILED", "FORMAT_FAILURE")

    @pytest.mark.slow
    def test_no_single_changed_byte_passes(self, town):
        """Every region of the file: header, content, signature, its certificates, timestamp, trailer."""
        signed = sign_pdf(town)
        inputs = inputs_of(town)
        coverage = extract_pdf(signed).signatures[0].coverage
        gap_start, gap_end = coverage.byte_range[1], coverage.byte_range[2]
        used = gap_start + 2 * 4200
        positions = [*range(0, gap_start, 29), *range(gap_start, used, 31), *range(gap_end, len(signed), 23)]
        for position in positions:
            changed = bytearray(signed)
            changed[position] ^= 1
            conclusion = judge_document(extract_pdf(bytes(changed)), inputs, AT)
            assert conclusion.indication != "TOTAL-PASSED", position

    def test_an_altered_certificate_beside_the_signature(self, town):
        signed = sign_pdf(town)
        embedded = town.issuing.der.hex().upper().encode()
        position = signed.index(embedded) + len(embedded) - 20
        changed = bytearray(signed)
        changed[position] = ord("1") if changed[position] != ord("1") else ord("2")
        assert verdict(judge_pdf(bytes(changed), town))[2] in {"certificate-altered", "signature-malformed"}


class TestByteRanges:
    def _with_byte_range(self, signed: bytes, *numbers: int) -> bytes:
        start = signed.index(b"/ByteRange [")
        end = signed.index(b"]", start)
        text = b"/ByteRange [" + b" ".join(str(number).encode() for number in numbers)
        assert len(text) <= end - start
        return signed[:start] + text.ljust(end - start) + signed[end:]

    @pytest.mark.parametrize(
        "change",
        [
            lambda a, b, c: (0, a, b + 10, c - 10),
            lambda a, b, c: (0, a - 10, b, c),
            lambda a, b, c: (9, a - 9, b, c),
            lambda a, b, c: (0, a, b, c + 10),
            lambda a, b, c: (0, b, a, c),
            lambda a, b, c: (0, a, a, c),
            lambda a, b, c: (0, a, b),
            lambda a, b, c: (0, -1, b, c),
        ],
        ids=["gap-shifted", "gap-wider", "late-start", "oversize", "overlap", "no-gap", "three", "negative"],
    )
    def test_malformed(self, town, change):
        signed = sign_pdf(town)
        _, gap_start, gap_end, rest = extract_pdf(signed).signatures[0].coverage.byte_range
        conclusion = judge_pdf(self._with_byte_range(signed, *change(gap_start, gap_end, rest)), town)
        assert conclusion.indication == "TOTAL-FAILED"
        assert conclusion.sub_indication == "FORMAT_FAILURE"


class TestNotSignedDocuments:
    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"", "document-empty"),
            (b"not a PDF", "not-a-pdf"),
            (plain_pdf(), "no-signature"),
            (encrypted_pdf(), "document-encrypted"),
            (b"%PDF-1.7\n" + b"[" * 100_000, "not-a-pdf"),
            (b"%PDF-1.4\n1 0 obj\n<< /Length 1 0 R >>\nendobj\nstartxref\n0\n%%EOF", "not-a-pdf"),
        ],
        ids=["empty", "text", "unsigned", "encrypted", "deep", "loop"],
    )
    def test_format_failure(self, town, document, reason):
        assert verdict(judge_pdf(document, town)) == ("TOTAL-FAILED", "FORMAT_FAILURE", reason)

    def test_too_large(self, town):
        evidence = extract_pdf(sign_pdf(town), maximum=1000)
        conclusion = judge_document(evidence, inputs_of(town), AT)
        assert verdict(conclusion) == ("TOTAL-FAILED", "FORMAT_FAILURE", "document-too-large")


class TestCertificates:
    def test_unknown_authority(self, town, stranger):
        signed = sign_pdf(stranger, authority=LocalAuthority(town))
        conclusion = judge_pdf(signed, town)
        assert verdict(conclusion) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND", "no-path")

    def test_a_changed_document_outweighs_an_unknown_authority(self, town, stranger):
        signed = sign_pdf(stranger).replace(b"Application", b"Bpplication")
        assert verdict(judge_pdf(signed, town))[:2] == ("TOTAL-FAILED", "HASH_FAILURE")

    def test_expired_at_signing(self, town):
        holder = town.leaf(not_before=AT - 30 * DAY, not_after=AT - DAY)
        conclusion = judge_pdf(sign_pdf(town, holder=holder), town)
        assert verdict(conclusion) == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE", "certificate-expired")

    def test_not_yet_valid(self, town):
        holder = town.leaf(not_before=AT + DAY)
        conclusion = judge_pdf(sign_pdf(town, holder=holder), town)
        assert verdict(conclusion)[:2] == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")

    def test_signed_before_the_certificate_was_issued(self, town):
        holder = town.leaf(not_before=AT - DAY, number=3)
        signed = sign_pdf(town, holder=holder, authority=LocalAuthority(town, AT - 2 * DAY))
        conclusion = judge_pdf(signed, town)
        assert verdict(conclusion) == ("TOTAL-FAILED", "NOT_YET_VALID", "signed-before-issue")

    def test_revoked_before_the_timestamp(self):
        pki = Pki("revoking")
        holder = pki.leaf()
        pki.revoke(holder, AT - DAY)
        conclusion = judge_pdf(sign_pdf(pki, holder=holder), pki)
        assert verdict(conclusion) == ("INDETERMINATE", "REVOKED_NO_POE", "certificate-revoked")

    def test_revoked_after_the_timestamp(self):
        """5.5.4 step 4 a): the timestamp proves that the signature is older than the revocation."""
        pki = Pki("revoking")
        holder = pki.leaf()
        signed = sign_pdf(pki, holder=holder)
        pki.revoke(holder, AT + DAY)
        conclusion = judge_pdf(signed, pki, AT + 3 * DAY)
        assert verdict(conclusion) == ("TOTAL-PASSED", None, None)
        assert conclusion.signatures[0].best_signature_time == AT

    def test_revoked_authority(self):
        pki = Pki("revoking")
        signed = sign_pdf(pki)
        inputs = inputs_of(pki)
        root_crl = pki._crl(pki.root, {pki.issuing.certificate.serial_number: AT - DAY}, AT - DAY / 2)
        inputs = replace(inputs, revocation=RevocationEvidence(crls=(root_crl, pki.crls()[1])))
        conclusion = judge_document(extract_pdf(signed), inputs, AT)
        assert verdict(conclusion) == ("INDETERMINATE", "REVOKED_CA_NO_POE", "authority-revoked")

    def test_no_revocation_data(self, town):
        inputs = replace(inputs_of(town), revocation=RevocationEvidence())
        conclusion = judge_document(extract_pdf(sign_pdf(town)), inputs, AT)
        assert verdict(conclusion) == ("INDETERMINATE", "TRY_LATER", "revocation-unknown")

    @pytest.mark.parametrize("kind", ["enterprise-authentication", "citizen-authentication"])
    def test_signed_by_an_authentication_certificate(self, town, kind):
        conclusion = judge_pdf(sign_pdf(town, holder=town.leaf(kind)), town)
        assert verdict(conclusion)[:2] == ("INDETERMINATE", "CHAIN_CONSTRAINTS_FAILURE")
        assert verdict(conclusion)[2] in {"certificate-purpose", "certificate-kind"}

    def test_signed_by_a_kind_that_may_not_file(self, town):
        conclusion = judge_pdf(sign_pdf(town, holder=town.leaf("officer-signature")), town)
        assert verdict(conclusion) == ("INDETERMINATE", "CHAIN_CONSTRAINTS_FAILURE", "certificate-kind")

    def test_no_trust_anchor(self, town):
        inputs = replace(inputs_of(town), anchors=())
        conclusion = judge_document(extract_pdf(sign_pdf(town)), inputs, AT)
        assert verdict(conclusion)[:2] == ("INDETERMINATE", "POLICY_PROCESSING_ERROR")


class TestTimestamps:
    def test_missing(self, town):
        conclusion = judge_pdf(sign_pdf(town, timestamp=False), town)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-missing")

    def test_missing_but_not_asked_for(self, town):
        conclusion = judge_pdf(sign_pdf(town, timestamp=False), town, signature_timestamp=False)
        assert conclusion.indication == "TOTAL-PASSED"

    def test_untrusted_authority(self, town, stranger):
        conclusion = judge_pdf(sign_pdf(town, authority=LocalAuthority(stranger)), town)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-untrusted")

    def test_wrong_extended_key_usage(self, town):
        """The token is put in by hand: our own client would not take it."""
        rogue = town.leaf("timestamping", eku=[ExtendedKeyUsageOID.EMAIL_PROTECTION])
        signed = _cms_with_token(town, LocalAuthority(town, holder=rogue))
        conclusion = judge_document(extract_cms(signed, b"content"), inputs_of(town), AT)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-invalid")

    def test_of_another_signature(self, town):
        signed = _cms_with_token(town, LocalAuthority(town), stamped=b"another signature")
        conclusion = judge_document(extract_cms(signed, b"content"), inputs_of(town), AT)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-invalid")

    def test_from_the_future(self, town):
        signed = sign_pdf(town, authority=LocalAuthority(town, AT + DAY))
        conclusion = judge_pdf(signed, town)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-order")

    def test_revoked_authority_certificate(self):
        pki = Pki("revoking")
        signed = sign_pdf(pki)
        pki.revoke(pki.leaf("timestamping"), AT - DAY)
        conclusion = judge_pdf(signed, pki)
        assert verdict(conclusion) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE", "timestamp-untrusted")


def _cms_with_token(pki, authority, stamped: bytes | None = None) -> bytes:
    """A CMS signature with a token its client never checked."""
    from trust.digest import DigestAlgorithm
    from trust.encoding.timestamp import encode_timestamp_request
    from trust.timestamp import parse_timestamp_response

    def token(signature: bytes) -> bytes:
        digest = DigestAlgorithm.SHA256.digest(signature if stamped is None else stamped)
        request = encode_timestamp_request(DigestAlgorithm.SHA256, digest, nonce=5)
        return parse_timestamp_response(authority.post("", request, "").body)

    holder = pki.leaf()
    prepared = prepare_cms(b"content", holder.der, chain=(pki.issuing.der,), at=AT)
    return assemble_cms(prepared, holder.sign(prepared.signed_attributes), timestamp=token)


class TestCms:
    def _signed(self, town, **more):
        holder = town.leaf()
        prepared = prepare_cms(b"content", holder.der, chain=(town.issuing.der,), at=AT)
        client = LocalAuthority(town).client()
        return assemble_cms(
            prepared, holder.sign(prepared.signed_attributes), timestamp=client.timestamp, **more
        )

    def _judge(self, signed, content, pki, at=AT):
        return judge_document(extract_cms(signed, content), inputs_of(pki), at)

    def test_detached_and_enveloping(self, town):
        assert self._judge(self._signed(town), b"content", town).indication == "TOTAL-PASSED"
        enveloping = self._signed(town, content=b"content")
        assert self._judge(enveloping, None, town).indication == "TOTAL-PASSED"

    def test_pem(self, town):
        import base64

        text = b"-----BEGIN CMS-----\n" + base64.encodebytes(self._signed(town)) + b"-----END CMS-----\n"
        assert self._judge(text, b"content", town).indication == "TOTAL-PASSED"

    def test_changed_content(self, town):
        conclusion = self._judge(self._signed(town), b"kontent", town)
        assert verdict(conclusion) == ("TOTAL-FAILED", "HASH_FAILURE", "document-changed")

    def test_content_not_given(self, town):
        conclusion = self._judge(self._signed(town), None, town)
        assert verdict(conclusion) == ("INDETERMINATE", "SIGNED_DATA_NOT_FOUND", "content-missing")

    def test_wrong_value_over_the_right_digest(self, town):
        """The attributes are right, another key signed them."""
        from trust.cms import assemble_signed_data

        holder, other = town.leaf(), town.leaf(number=1)
        prepared = prepare_cms(b"content", holder.der, at=AT)
        signed = assemble_signed_data(
            prepared.signed_attributes,
            other.sign(prepared.signed_attributes),
            holder.der,
            algorithm=prepared.algorithm,
        )
        assert verdict(self._judge(signed, b"content", town)) == (
            "TOTAL-FAILED",
            "SIG_CRYPTO_FAILURE",
            "signature-wrong",
        )

    def test_reference_to_another_certificate(self, town):
        from trust.cms import assemble_signed_data

        holder, other = town.leaf(), town.leaf(number=1)
        prepared = prepare_cms(b"content", other.der, at=AT)
        signed = assemble_signed_data(
            prepared.signed_attributes,
            holder.sign(prepared.signed_attributes),
            holder.der,
            algorithm=prepared.algorithm,
        )
        conclusion = self._judge(signed, b"content", town)
        assert verdict(conclusion) == (
            "INDETERMINATE",
            "NO_SIGNING_CERTIFICATE_FOUND",
            "certificate-reference",
        )

    def test_certificate_not_there(self, town):
        from trust.cms import assemble_signed_data

        holder = town.leaf()
        prepared = prepare_cms(b"content", holder.der, at=AT)
        signed = assemble_signed_data(
            prepared.signed_attributes, holder.sign(prepared.signed_attributes), holder.der,
            algorithm=prepared.algorithm, embed_certificate=False,
        )  # fmt: skip
        conclusion = self._judge(signed, b"content", town)
        assert verdict(conclusion) == ("INDETERMINATE", "NO_SIGNING_CERTIFICATE_FOUND", "certificate-missing")

    def test_sha1_is_refused_as_an_algorithm(self, town):
        signed = _sha1_cms(town.leaf(key_kind="rsa2048"), b"content")
        conclusion = self._judge(signed, b"content", town)
        assert verdict(conclusion) == (
            "INDETERMINATE",
            "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
            "algorithm-refused",
        )

    @pytest.mark.parametrize(
        "data", [b"", b"\x30", b"\x30\x80\x00\x00", b"0" * 5000, b"\x30\x84\xff\xff\xff\xff"]
    )
    def test_not_cms(self, town, data):
        assert self._judge(data, b"content", town).sub_indication == "FORMAT_FAILURE"


def _sha1_cms(holder, content: bytes) -> bytes:
    """A correct CMS signature with SHA-1, by asn1crypto and cryptography."""
    import hashlib

    from asn1crypto import cms, x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    certificate = x509.Certificate.load(holder.der)
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha1(content).digest()]}),  # noqa: S324
        ]
    )
    signature = holder.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                    )
                }
            ),
            "digest_algorithm": {"algorithm": "sha1"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha1_rsa"},
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": "sha1"}],
            "encap_content_info": {"content_type": "data"},
            "certificates": [certificate],
            "signer_infos": [signer],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


class TestReports:
    def test_every_reason_has_a_sentence_in_both_languages(self):
        assert set(_SENTENCES) == set(Reason)
        for sentence in _SENTENCES.values():
            assert sentence.en.endswith(".")
            assert sentence.zh.endswith("。")
            assert sentence.remedy_en
            assert sentence.remedy_zh

    def test_report_of_a_good_document(self, town):
        report = report_document(judge_pdf(sign_pdf(town), town))
        assert report["indication"] == "TOTAL-PASSED"
        (signature,) = report["signatures"]
        assert signature["signer"]["trusted"] is True
        assert signature["signer"]["name"] == ENTERPRISE
        assert SUBJECT_NUMBER not in report_json(judge_pdf(sign_pdf(town), town))
        assert signature["timestamps"][0]["accepted"] is True
        assert signature["best_signature_time"] == "2026-11-22T09:00:00Z"
        assert signature["whole_document"] is True

    def test_report_is_json_and_text(self, town):
        import json

        conclusion = judge_pdf(sign_pdf(town).replace(b"Application", b"Bpplication"), town)
        assert json.loads(report_json(conclusion))["sub_indication"] == "HASH_FAILURE"
        assert "The document was changed after it was signed." in report_text(conclusion)
        assert "文件在签署后被更改。" in report_text(conclusion, "zh")

    def test_a_failed_signature_outweighs_an_indeterminate_one(self, town):
        from signing.judge.document import _worst

        failed = judge_pdf(sign_pdf(town).replace(b"Application", b"Bpplication"), town).signatures[0]
        open_ = judge_pdf(sign_pdf(town, timestamp=False), town).signatures[0]
        assert _worst((open_, failed)) == failed.failure


class Found:
    """A search for issuers that finds these."""

    def __init__(self, *certificates: Certificate) -> None:
        self.certificates = certificates

    def issuers_of(self, _certificates, _at):
        return self.certificates


def test_a_document_without_its_issuer_is_judged_by_the_issuer_that_was_found(town):
    holder = town.leaf()
    prepared = prepare_cms(b"a report", holder.der, chain=(), at=AT)
    signed = assemble_cms(prepared, holder.sign(prepared.signed_attributes))
    evidence = extract_cms(signed, b"a report")
    inputs = inputs_of(town)
    alone = Trust(inputs.anchors, (), FixedRevocation(inputs.revocation))
    policy = SignaturePolicy(signature_timestamp=False)
    assert verdict(alone.judge(evidence, policy, AT))[0] == "INDETERMINATE"
    searching = replace(alone, issuers=Found(*inputs.intermediates))
    assert verdict(searching.judge(evidence, policy, AT))[0] == "TOTAL-PASSED"
    astray = replace(alone, issuers=Found(Certificate.parse(holder.der)))
    assert verdict(astray.judge(evidence, policy, AT))[0] == "INDETERMINATE"
