"""A seal and a timestamp by SM2 keys, judged as every other signature is (EN 319 102-1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signing.formats.cms import assemble_cms, prepare_cms
from signing.formats.cms_extraction import extract_cms
from signing.indication import Indication
from signing.judge.document import judge_document
from signing.judge.inputs import JudgeInputs
from signing.judge.policy import SignaturePolicy
from tests.ca.test_sm2_authority import Hierarchy
from tests.ca.test_status import NOW
from trust.digest import DigestAlgorithm
from trust.encoding.timestamp import (
    encode_timestamp_request,
    encode_timestamp_token,
    parse_timestamp_request,
)
from trust.profile_policy import CertificateKind
from trust.revocation import RevocationEvidence

RECEIPT = b'{"type":"receipt"}'


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory):
    built = Hierarchy(tmp_path_factory.mktemp("sm2"))
    yield built
    built.desk.authority.context.database.dispose()


def seal(hierarchy) -> bytes:
    """As the signing service does it, with the authority's timestamp over the signature."""
    signer = hierarchy.signer("signing", "service-seal")
    certificate = hierarchy.services["signing", "service-seal"].der

    def timestamp(signature: bytes) -> bytes:
        digest = DigestAlgorithm.SHA256.digest(signature)
        return encode_timestamp_token(
            parse_timestamp_request(encode_timestamp_request(DigestAlgorithm.SHA256, digest)),
            signer=hierarchy.signer("tsa", "timestamping"),
            certificate=hierarchy.services["tsa", "timestamping"].der,
            policy="1.3.6.1.4.1.32473.1.5.1",
            serial_number=1,
            gen_time=NOW.replace(microsecond=0),
            chain=(hierarchy.issuing.der,),
        )

    prepared = prepare_cms(RECEIPT, certificate, chain=(hierarchy.issuing.der,), at=NOW)
    signature = signer.sign(prepared.signed_attributes)
    return assemble_cms(prepared, signature, timestamp=timestamp, content=RECEIPT)


def judge(hierarchy, sealed: bytes):
    inputs = JudgeInputs(
        anchors=(hierarchy.root,),
        intermediates=(hierarchy.issuing,),
        revocation=RevocationEvidence(crls=tuple(hierarchy.crls)),
        policy=SignaturePolicy(accepted_kinds=frozenset({CertificateKind.SERVICE_SEAL})),
    )
    return judge_document(extract_cms(sealed), inputs, NOW + timedelta(minutes=1))


def test_a_seal_with_its_timestamp_passes(hierarchy):
    conclusion = judge(hierarchy, seal(hierarchy))
    assert conclusion.indication is Indication.TOTAL_PASSED
    assert conclusion.signatures[0].evidence.content_digest.algorithm == "sm3"


def test_an_altered_receipt_fails(hierarchy):
    sealed = seal(hierarchy)
    assert sealed.count(RECEIPT) == 1
    conclusion = judge(hierarchy, sealed.replace(RECEIPT, RECEIPT.replace(b"type", b"tipe")))
    assert conclusion.indication is Indication.TOTAL_FAILED
