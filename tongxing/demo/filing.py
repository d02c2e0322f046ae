"""Flow 3, filing: an enterprise uploads a PDF, signs it with its card and gets a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tongxing.demo.browser import Browser, Page
from tongxing.demo.document import make_pdf
from tongxing.demo.narration import expect
from tongxing.demo.stage import Stage
from tongxing.people import HAIFENG, DemoCard

SERVICE = "signing"
ACCEPTED = "accepted"
PASSED = "TOTAL-PASSED"
_CSRF = "csrf-token"


@dataclass(frozen=True)
class Filed:
    """What a filing came to: the signed document and its sealed receipt."""

    status: str
    page: Page
    signed: bytes
    receipt: bytes


def play_filing(stage: Stage) -> None:
    """File a document for the enterprise, check what comes back, and try an altered one."""
    narrator, browser = stage.narrator, stage.browser()
    narrator.title("三、申报", "3. Filing")
    with narrator.step(
        f"{HAIFENG.enterprise_name}用 e证通登录申报系统",
        f"{HAIFENG.enterprise_name} logs in to the filing service with its e-cert",
    ):
        home = stage.log_in(browser, SERVICE, HAIFENG)
        expect(HAIFENG.enterprise_name in home.text, f"not logged in for the enterprise: {home.words}")
    with narrator.step("上传 PDF", "a PDF is uploaded"):
        document = make_pdf(
            "Annual report 2026", ["Haifeng Technology, Qingdao", "All figures are invented."]
        )
        page = upload(browser, home, document)
    with narrator.step(
        "系统备好待签数据，卡签名，系统嵌入签名和时间戳并判定：接受",
        "prepared, signed by the card, signature and timestamp embedded, judged: accepted",
    ):
        filed = sign(stage, browser, page, HAIFENG)
        expect(filed.status == ACCEPTED, f"the filing is {filed.status}: {filed.page.words}")
    with narrator.step("签名文件验证通过", "the signed document validates"):
        expect_indication(validate(browser, stage, "signed.pdf", filed.signed), PASSED)
    with narrator.step(
        "回执（已签章并加盖时间戳）验证通过", "the receipt, sealed and timestamped, validates"
    ):
        expect_indication(validate(browser, stage, "receipt.p7m", filed.receipt), PASSED)
    with narrator.step("改动一个字节：拒绝，并说明原因", "one flipped byte: refused, with the reason"):
        verdict = validate(browser, stage, "signed.pdf", flip_a_byte(filed.signed))
        expect(verdict["indication"] != PASSED, "an altered document was accepted")
        expect(verdict["sentence"], "the refusal says no reason")
    narrator.line(f"    {verdict['sentence'][stage.language]}", f"    {verdict['sentence'][stage.language]}")
    browser.close()


def upload(browser: Browser, home: Page, document: bytes) -> Page:
    """Upload a document by the form of the home page; return the filing's page."""
    page = browser.submit(
        home.form("/filings"), uploads={"document": ("report.pdf", document, "application/pdf")}
    )
    expect("data-prepare" in page.data, f"the upload was refused: {page.words}")
    return page


def sign(stage: Stage, browser: Browser, page: Page, card: DemoCard) -> Filed:
    """Do what the filing page's script does: certificate, prepare, the card's signature, submit."""
    base = stage.town.url(SERVICE)
    headers = {"X-CSRF-Token": page.data[_CSRF]}
    stage.person.holds(card)
    agent = stage.agent(browser, page.url)
    certificate = agent.certificate()["certificate"]
    prepared = browser.post_json(base + page.data["data-prepare"], {"certificate": certificate}, headers)
    signature = agent.sign_document(certificate, prepared["signed_attributes"], prepared["document"])
    outcome = browser.post_json(
        base + page.data["data-submit"], {"session": prepared["session"], "signature": signature}, headers
    )
    filing = base + outcome["location"]
    return Filed(
        status=outcome["status"],
        page=browser.get(filing),
        signed=browser.get(f"{filing}/signed.pdf").content,
        receipt=browser.get(f"{filing}/receipt.p7m").content,
    )


def validate(browser: Browser, stage: Stage, name: str, content: bytes) -> dict[str, Any]:
    """Have the public validation judge a file; return its report."""
    url = f"{stage.town.url(SERVICE)}/api/validate"
    verdict: dict[str, Any] = browser.upload_json(
        url, {"document": (name, content, "application/octet-stream")}
    )
    return verdict


def expect_indication(verdict: dict[str, Any], indication: str) -> None:
    """Expect a validation to end so."""
    found = verdict["indication"]
    expect(found == indication, f"{found} {verdict.get('sub_indication')}: {verdict.get('sentence')}")


def flip_a_byte(document: bytes) -> bytes:
    """Change one letter of the document's text, which the signature covers."""
    position = document.index(b"invented")
    return document[:position] + bytes([document[position] ^ 1]) + document[position + 1 :]
