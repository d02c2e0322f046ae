"""Helpers: sign the way the service does, judge with what a test PKI offers."""

from __future__ import annotations

import datetime as dt

from runtime.fetch import FetchError
from signing.formats.pdf import embed_signature, prepare_pdf
from signing.formats.pdf_extraction import extract_pdf
from signing.judge.document import DocumentConclusion, judge_document
from signing.judge.inputs import JudgeInputs
from signing.judge.policy import SignaturePolicy
from signing.timestamp import TimestampAuthority
from signing.timestamp_client import TimestampClient, pdf_timestamper
from tests.signing.pdfs import plain_pdf
from tests.signing.pki import AT, POLICY_ARC, Holder, Pki
from trust.certificate import Certificate
from trust.revocation import RevocationEvidence


class Answer:
    def __init__(self, body: bytes, status: int = 200) -> None:
        self.status, self.body = status, body


class LocalAuthority:
    """A timestamp authority within the process, at a time of its own."""

    def __init__(self, pki: Pki, at: dt.datetime = AT, holder: Holder | None = None) -> None:
        holder = holder or pki.leaf("timestamping")
        self.at = at
        self.away = False
        self.authority = TimestampAuthority(
            holder, holder.der, (pki.issuing.der,), f"{POLICY_ARC}.5.1", dt.timedelta(seconds=1)
        )

    def post(self, url: str, body: bytes, content_type: str) -> Answer:
        if self.away:
            raise FetchError("no connection", code="fetch-unreachable")
        return Answer(self.authority.answer(body, self.at, lambda count: b"\x07" * count).response)

    def client(self) -> TimestampClient:
        return TimestampClient(self, "http://tsa.example/timestamp")


def inputs_of(pki: Pki, at: dt.datetime = AT, **policy) -> JudgeInputs:
    return JudgeInputs(
        anchors=(Certificate.parse(pki.root.der),),
        intermediates=(Certificate.parse(pki.issuing.der),),
        revocation=RevocationEvidence(crls=pki.crls(at)),
        policy=SignaturePolicy(**policy),
    )


def sign_pdf(
    pki: Pki,
    document: bytes | None = None,
    *,
    holder: Holder | None = None,
    at: dt.datetime = AT,
    timestamp: bool = True,
    authority: LocalAuthority | None = None,
) -> bytes:
    holder = holder or pki.leaf()
    prepared = prepare_pdf(document or plain_pdf(), holder.der, chain=(pki.issuing.der,), at=at)
    client = (authority or LocalAuthority(pki, at)).client() if timestamp else None
    timestamper = pdf_timestamper(client) if client else None
    return embed_signature(prepared, holder.sign(prepared.signed_attributes), timestamper=timestamper)


def judge_pdf(document: bytes, pki: Pki, at: dt.datetime = AT, **policy) -> DocumentConclusion:
    return judge_document(extract_pdf(document), inputs_of(pki, at, **policy), at)
