"""The agent over HTTP: who may ask, what may be asked, and what comes back."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from cardreader.agent.detail import of_approval
from cardreader.agent.request import parse_document
from cardreader.agent.server import AgentServer, make_agent
from cardreader.piv_terms import KeyAlgorithm, Slot
from cardreader.settings import AgentSettings, PromptKind
from tests.cardreader.conftest import PIN
from trust.algorithms import algorithm_for
from trust.approval import (
    APPROVAL_CONTENT_TYPE,
    ApprovalError,
    ApprovalStatement,
    encode_statement,
    parse_approval,
    parse_statement,
)
from trust.certificate import Certificate
from trust.cms import verify_signed_data
from trust.encoding.cms import ContentType, assemble_signed_data, signed_attributes

ORIGIN = "https://login.qingdao.example"
NONCE = base64.b64encode(bytes(range(33))).decode()
DOCUMENT = b"%PDF-1.7 the filing"


class Client:
    """A page, as the agent sees one."""

    def __init__(self, server: AgentServer):
        self.server = server

    def request(self, method, path, body=None, headers=None, origin=ORIGIN):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        given = {"Origin": origin, "Content-Type": "application/json", **(headers or {})}
        content = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, content, {k: v for k, v in given.items() if v is not None})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer, json.loads(text) if text[:1] in (b"{", b"[") else text

    def post(self, path, body, **options):
        return self.request("POST", path, body, **options)

    def error(self, path, body, **options):
        answer, document = self.post(path, body, **options)
        assert answer.status >= 400
        assert document["error"]["message"]
        return document["error"]["code"]


@pytest.fixture
def serve(desk, tmp_path):
    """Start an agent over the desk's folder; scripted unless told otherwise."""
    servers = []

    def start(cards=("liming",), pins=None, prompt=PromptKind.SCRIPT, **settings):
        script = tmp_path / "script.json"
        pins = pins if pins is not None else dict.fromkeys(cards, PIN.decode())
        script.write_text(json.dumps({"cards": list(cards), "pins": pins}))
        desk.folder.directory.mkdir(exist_ok=True)
        values = AgentSettings(
            port=0,
            origins=(ORIGIN,),
            cards=desk.folder.directory,
            prompt=prompt,
            script=script,
            **settings,
        )
        server = make_agent(values, desk.folder)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return Client(server)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def document_request(certificate, *, content=DOCUMENT, digest=None, content_type=ContentType.DATA):
    attributes = signed_attributes(hashlib.sha256(content).digest(), content_type, certificate)
    return {
        "certificate": base64.b64encode(certificate).decode(),
        "signed_attributes": base64.b64encode(attributes).decode(),
        "document": {
            "title": "申报书.pdf",
            "size": len(DOCUMENT),
            "pages": 3,
            "digest": base64.b64encode(digest or hashlib.sha256(DOCUMENT).digest()).decode(),
        },
        "lang": "zh",
    }


def statement(**changes):
    values = {
        "application": "A-2026-0001",
        "issuer_key_id": "ab" * 20,
        "profiles": ("citizen-authentication",),
        "subjects": ("serialNumber=TX1,CN=李明,C=CN",),
        "tbs_digests": ("cd" * 32,),
        "requester": "陈静",
        "expires_at": datetime(2026, 11, 23, tzinfo=UTC),
    }
    return encode_statement(ApprovalStatement(**{**values, **changes}))


# --- the four operations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "name", "curve"),
    [(KeyAlgorithm.P_256, "ES256", hashes.SHA256()), (KeyAlgorithm.P_384, "ES384", hashes.SHA384())],
)
def test_login_answers_a_web_eid_token(desk, serve, algorithm, name, curve):
    desk.card("liming", algorithm=algorithm)
    answer, token = serve().post("/login", {"nonce": NONCE, "lang": "zh"})
    assert answer.status == 200
    assert token["format"] == "web-eid:1.1"
    assert token["algorithm"] == name
    certificate = x509.load_der_x509_certificate(base64.b64decode(token["unverifiedCertificate"]))
    raw = base64.b64decode(token["signature"])
    half = len(raw) // 2
    signature = utils.encode_dss_signature(
        int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    )

    def digest(text):
        return hashlib.new(curve.name, text.encode()).digest()

    certificate.public_key().verify(signature, digest(ORIGIN) + digest(NONCE), ec.ECDSA(curve))
    (signing,) = token["unverifiedSigningCertificates"]
    assert signing["supportedSignatureAlgorithms"][0]["cryptoAlgorithm"] == "ECC"
    assert 100 <= len(json.dumps(token)) <= 10_000


def test_login_with_rsa_is_rs256(desk, serve):
    desk.card("liming", algorithm=KeyAlgorithm.RSA_2048)
    _, token = serve().post("/login", {"nonce": NONCE})
    assert token["algorithm"] == "RS256"
    assert len(base64.b64decode(token["signature"])) == 256


def test_certificate_then_document(desk, serve):
    desk.card("haifeng", "enterprise", holder="青岛海风科技有限公司")
    client = serve(["haifeng"])
    _, chosen = client.post("/certificate", {"lang": "zh"})
    assert chosen["card"]["holder"] == "青岛海风科技有限公司"
    certificate = base64.b64decode(chosen["certificate"])
    request = document_request(certificate)
    answer, signed = client.post("/document", request)
    assert answer.status == 200
    assert signed["algorithm"] == "ES256"
    x509.load_der_x509_certificate(certificate).public_key().verify(
        base64.b64decode(signed["signature"]),
        base64.b64decode(request["signed_attributes"]),
        ec.ECDSA(hashes.SHA256()),
    )


def test_approval_is_a_cms_over_the_statement(desk, serve):
    desk.card("chenjing", "officer", holder="陈静")
    _, answer = serve(["chenjing"]).post("/approval", {"statement": base64.b64encode(statement()).decode()})
    approved, facts = parse_approval(base64.b64decode(answer["approval"]))
    assert facts.content == statement()
    assert approved.requester == "陈静"
    certificate = verify_signed_data(facts)
    slot = desk.folder.slot("chenjing").load()
    assert certificate.der in slot.objects[Slot.SIGNATURE.certificate_object]


def test_the_person_is_shown_whose_certificate_is_approved():
    shown = of_approval(parse_statement(statement(subjects=("serialNumber=TX2,CN=王芳,C=CN",))))
    assert [detail.value for detail in shown if detail.label == "Subject 1"] == [
        "serialNumber=TX2,CN=王芳,C=CN"
    ]


# --- who may ask -----------------------------------------------------------------------------------------


def test_a_foreign_origin_is_refused(desk, serve):
    desk.card("liming")
    client = serve()
    for origin in ("https://evil.example", ORIGIN + ".evil.example", ORIGIN + ":8443", "null", None):
        answer, document = client.post("/login", {"nonce": NONCE}, origin=origin)
        assert (answer.status, document["error"]["code"]) == (403, "origin-refused")
        assert answer.getheader("Access-Control-Allow-Origin") is None


def test_another_host_name_is_refused(serve):
    answer, document = serve().request("GET", "/status", headers={"Host": "rebound.example:8420"})
    assert (answer.status, document["error"]["code"]) == (400, "bad-request")


def test_the_preflight_allows_json_from_the_list_only(serve):
    client = serve()
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    answer, _ = client.request("OPTIONS", "/login", headers=asked)
    assert answer.status == 204
    assert answer.getheader("Access-Control-Allow-Origin") == ORIGIN
    assert answer.getheader("Access-Control-Allow-Private-Network") == "true"
    assert "Content-Type" in answer.getheader("Access-Control-Allow-Headers")
    answer, _ = client.request("OPTIONS", "/login", headers=asked, origin="https://evil.example")
    assert answer.status == 403
    assert answer.getheader("Access-Control-Allow-Origin") is None


def test_a_form_cannot_ask(serve):
    """Only application/json, so that a browser must ask with a preflight first."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Content-Type": content_type}
        assert serve().error("/login", json.dumps({"nonce": NONCE}), headers=headers) == "bad-request"


def test_too_many_requests(serve):
    client = serve(requests_per_minute=3)
    codes = [client.error("/login", {"nonce": "short"}) for _ in range(5)]
    assert codes == ["bad-request"] * 3 + ["too-many-requests"] * 2


def test_status_tells_how_it_prompts(serve):
    answer, document = serve().request("GET", "/status")
    assert answer.getheader("Access-Control-Allow-Origin") == ORIGIN
    assert document == {"status": "ok", "api": 1, "prompt": "script"}
    assert serve().request("GET", "/status", origin=None)[1]["status"] == "ok"
    assert serve().request("GET", "/healthz", origin=None)[0].status == 200


# --- what may be asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff",
        b"[" * 60_000,
        {},
        {"nonce": 5},
        {"nonce": "short"},
        {"nonce": "x" * 129},
        {"nonce": "é" * 50},
        {"nonce": "a\n" * 30},
    ],
)
def test_a_bad_login_request(desk, serve, body):
    desk.card("liming")
    assert serve().error("/login", body) == "bad-request"


def test_bodies_are_bounded(serve):
    client = serve()
    assert client.error("/login", {"nonce": NONCE, "more": "x" * 70_000}) == "bad-request"
    for length in ("-1", "x", "99999999999", None):
        headers = {"Content-Length": length} if length else {"Transfer-Encoding": "chunked"}
        answer, document = client.request("POST", "/login", None, headers=headers)
        assert document["error"]["code"] == "bad-request"
        assert answer.getheader("Connection") == "close"


def test_what_is_signed_must_be_what_is_shown(desk, serve):
    certificates = desk.personalize(desk.blank("haifeng"), "enterprise")
    certificate = certificates[Slot.SIGNATURE]
    client = serve(["haifeng"])
    other = document_request(certificate, digest=hashlib.sha256(b"something else").digest())
    assert client.error("/document", other) == "bad-request"
    good = document_request(certificate)
    for name, value in (
        ("signed_attributes", base64.b64encode(b"\x31\x00").decode()),
        ("signed_attributes", base64.b64encode(b"not DER").decode()),
        ("signed_attributes", base64.b64encode(base64.b64decode(good["signed_attributes"]) + b"\0").decode()),
        ("signed_attributes", "***"),
        ("document", None),
        ("document", {**good["document"], "digest": "AAAA"}),
        ("document", {**good["document"], "title": "  "}),
        ("document", {**good["document"], "size": -1}),
        ("document", {**good["document"], "pages": "3"}),
        ("certificate", ""),
    ):
        assert client.error("/document", {**good, name: value}) == "bad-request"


def test_a_title_cannot_reverse_or_flood_what_is_shown(desk):
    certificate = desk.personalize(desk.blank("haifeng"), "enterprise")[Slot.SIGNATURE]
    request = document_request(certificate)
    request["document"]["title"] = "bill\u202efdp.exe" + "x" * 1000
    shown = parse_document(request).title
    assert shown.startswith("bill\ufffdfdp.exe")
    assert len(shown) == 200


def test_an_approval_cannot_be_passed_off_as_a_document(desk, serve):
    """Whatever the title says: approvals have a content type of their own, which /document refuses."""
    certificate = desk.personalize(desk.blank("chenjing"), "officer")[Slot.SIGNATURE]
    client = serve(["chenjing"])
    disguised = {"content": statement(), "digest": hashlib.sha256(statement()).digest()}
    as_approval = document_request(certificate, content_type=APPROVAL_CONTENT_TYPE, **disguised)
    assert client.error("/document", as_approval) == "bad-request"
    # Signed as a document it is no approval.
    request = document_request(certificate, **disguised)
    answer, signed = client.post("/document", request)
    assert answer.status == 200
    message = assemble_signed_data(
        base64.b64decode(request["signed_attributes"]),
        base64.b64decode(signed["signature"]),
        certificate,
        algorithm=algorithm_for(Certificate.parse(certificate).public_key),
        content=statement(),
    )
    with pytest.raises(ApprovalError):
        parse_approval(message)


def test_attributes_that_name_another_certificate(desk, serve):
    ours = desk.personalize(desk.blank("haifeng"), "enterprise")[Slot.SIGNATURE]
    other = desk.personalize(desk.blank("other"), "enterprise")[Slot.SIGNATURE]
    request = {**document_request(other), "certificate": base64.b64encode(ours).decode()}
    assert serve(["haifeng"]).error("/document", request) == "bad-request"


def test_a_citizen_cannot_approve(desk, serve):
    desk.card("liming")
    approval = {"statement": base64.b64encode(statement()).decode()}
    assert serve().error("/approval", approval) == "no-certificate"


def test_a_statement_must_be_exactly_one(desk, serve):
    desk.card("chenjing", "officer")
    for text in (
        b"{}",
        statement() + b" ",
        b"[1]",
        b"\xff",
        statement().replace(b'"version":1', b'"version":2'),
    ):
        approval = {"statement": base64.b64encode(text).decode()}
        assert serve(["chenjing"]).error("/approval", approval) == "bad-request"


def test_unknown_paths(serve):
    assert serve().error("/sign", {}) == "bad-request"
    assert serve().request("GET", "/etc/passwd")[0].status == 404
    assert serve().request("GET", "/prompt")[0].status == 404  # a scripted agent has no window


# --- cards that cannot -----------------------------------------------------------------------------------


def test_no_reader_no_card(desk, serve):
    client = serve()
    assert client.error("/login", {"nonce": NONCE}) == "no-reader"
    desk.card("liming")
    desk.folder.slot("liming").remove()
    assert client.error("/login", {"nonce": NONCE}) == "no-card"
    desk.folder.slot("liming").insert()
    assert client.post("/login", {"nonce": NONCE})[0].status == 200


def test_a_blank_card_has_no_certificate(desk, serve):
    desk.blank("liming")
    assert serve().error("/login", {"nonce": NONCE}) == "no-certificate"


def test_an_expired_certificate_says_since_when(desk, serve):
    desk.card("liming", begin=datetime(2020, 1, 1, tzinfo=UTC), lasts=timedelta(days=30))
    _, document = serve().post("/login", {"nonce": NONCE, "lang": "en"})
    assert document["error"]["code"] == "no-certificate"
    assert "expired on 2020-01-31" in document["error"]["message"]


def test_wrong_pin_then_blocked(desk, serve):
    desk.card("liming")
    client = serve(pins={"liming": "000000"})
    for left in (2, 1):
        answer, document = client.post("/login", {"nonce": NONCE, "lang": "en"})
        assert answer.status == 409
        assert document["error"]["code"] == "pin-wrong"
        assert document["error"]["attempts_remaining"] == left
    assert client.error("/login", {"nonce": NONCE}) == "pin-blocked"
    _, document = client.post("/login", {"nonce": NONCE, "lang": "zh"})
    assert document["error"]["code"] == "pin-blocked"
    assert "PUK" in document["error"]["message"]
    assert re.search("[\u4e00-\u9fff]", document["error"]["message"])


def test_a_damaged_virtual_card_is_named(desk, serve):
    desk.card("liming")
    path = desk.folder.directory / "liming.json"
    path.write_text("{")
    assert serve().error("/login", {"nonce": NONCE}) == "virtual-card-file"


def test_the_pin_is_nowhere_but_in_the_script(desk, serve, caplog):
    desk.card("liming")
    caplog.set_level("DEBUG")
    serve().post("/login", {"nonce": NONCE})
    assert PIN.decode() not in caplog.text


def test_the_demo_can_change_who_sits_at_the_machine(desk, serve, tmp_path):
    desk.card("liming")
    desk.card("wangfang", holder="王芳")
    client = serve(["wangfang"])

    def subject():
        _, token = client.post("/login", {"nonce": NONCE})
        return x509.load_der_x509_certificate(
            base64.b64decode(token["unverifiedCertificate"])
        ).subject.rfc4514_string()

    assert subject() == "CN=王芳,C=CN"
    script = {"cards": ["liming"], "pins": {"liming": PIN.decode()}}
    (tmp_path / "script.json").write_text(json.dumps(script))
    assert subject() == "CN=李明,C=CN"
    (tmp_path / "script.json").write_text("{")
    assert client.error("/login", {"nonce": NONCE}) == "no-prompt"


# --- the page prompt over HTTP ---------------------------------------------------------------------------


class Window:
    """The prompt's window, without a browser."""

    def __init__(self, client):
        self.client, self.version = client, -1
        self.own = f"http://127.0.0.1:{client.server.port}"

    def look(self):
        answer, view = self.client.request(
            "GET", f"/prompt/pending?after={self.version}&lang=en", origin=None
        )
        assert answer.status == 200
        self.version = view["version"]
        return view

    def look_for(self, key):
        while key not in (view := self.look()):
            pass
        return view[key]

    def send(self, path, request, card="0", pin=b"", origin=None):
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Prompt-Request": request["id"],
            "X-Prompt-Card": card,
        }
        return self.client.request("POST", path, pin, headers=headers, origin=origin or self.own)[0].status


@pytest.fixture
def asking(desk, serve):
    """A page that asks in the background, and the window that answers."""

    def start(path="/login", body=None, cards=("liming",)):
        for card in cards:
            desk.card(card, holder=card)
        client = serve(prompt=PromptKind.PAGE)
        answers = []
        body = body or {"nonce": NONCE, "lang": "en"}
        thread = threading.Thread(target=lambda: answers.append(client.post(path, body)))
        thread.start()

        def answer():
            thread.join(30)
            return answers[0]

        return Window(client), answer

    return start


def test_the_window_shows_who_asks_and_takes_the_pin(asking):
    window, answer = asking(cards=("liming", "wangfang"))
    request = window.look_for("request")
    assert request["origin"] == ORIGIN
    assert [card["holder"] for card in request["cards"]] == ["liming", "wangfang"]
    assert [card["tries"] for card in request["cards"]] == [3, 3]
    assert window.send("/prompt/answer", request, card="1", pin=PIN) == 204
    assert window.look_for("outcome")["ok"]
    _, token = answer()
    certificate = x509.load_der_x509_certificate(base64.b64decode(token["unverifiedCertificate"]))
    assert certificate.subject.rfc4514_string() == "CN=wangfang,C=CN"


def test_a_wrong_pin_is_corrected_in_the_window(asking):
    window, answer = asking()
    request = window.look_for("request")
    assert window.send("/prompt/answer", request, pin=b"000000") == 204
    while not (again := window.look_for("request"))["failure"]:
        pass
    assert "2 tries left" in again["failure"]
    assert again["cards"][0]["tries"] == 2
    assert again["id"] != request["id"]
    assert window.send("/prompt/answer", request, pin=PIN) == 400  # the old question is closed
    assert window.send("/prompt/answer", again, pin=PIN) == 204
    assert answer()[0].status == 200


def test_cancel(asking):
    window, answer = asking()
    assert window.send("/prompt/cancel", window.look_for("request")) == 204
    assert answer()[1]["error"]["code"] == "user-cancelled"
    assert window.look_for("outcome")["cancelled"]


def test_a_window_that_goes_away_cancels(asking):
    window, answer = asking()
    window.look_for("request")
    assert answer()[1]["error"]["code"] == "user-cancelled"


def test_other_pages_cannot_answer_or_look(asking):
    window, answer = asking()
    request = window.look_for("request")
    assert window.send("/prompt/answer", request, pin=PIN, origin=ORIGIN) == 403
    look = window.client.request(
        "GET", "/prompt/pending", headers={"Sec-Fetch-Site": "cross-site"}, origin=None
    )
    assert look[0].status == 403
    assert window.send("/prompt/answer", {"id": "guess"}, pin=PIN) == 400
    assert window.send("/prompt/answer", request, card="7", pin=PIN) == 400
    assert window.send("/prompt/answer", request, card="x", pin=PIN) == 400
    assert window.send("/prompt/answer", request, pin=b"9" * 100) == 400
    window.send("/prompt/cancel", request)
    answer()


def test_the_page_is_strict(serve):
    client = serve(prompt=PromptKind.PAGE)
    answer, page = client.request("GET", "/prompt?lang=en", origin=None)
    policy = answer.getheader("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.getheader("Cross-Origin-Opener-Policy") == "same-origin"
    assert b'lang="en"' in page
    assert b"<script>" not in page
    assert b"style=" not in page
    answer, page = client.request("GET", "/prompt?lang=%3Cscript%3E", origin=None)
    assert b"<script>" not in page
    assert "正在等待" in client.request("GET", "/prompt", origin=None)[1].decode()


def test_one_question_at_a_time(asking):
    window, answer = asking()
    request = window.look_for("request")
    assert window.client.error("/login", {"nonce": NONCE}) in ("card-busy",)
    window.send("/prompt/answer", request, pin=PIN)
    assert answer()[0].status == 200
