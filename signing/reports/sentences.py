"""One sentence a clerk understands for every reason, in English and Chinese, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from signing.judge.conclusion import Failure, Reason


@dataclass(frozen=True)
class Sentence:
    """What happened, and what to do about it, in both languages."""

    en: str
    zh: str
    remedy_en: str
    remedy_zh: str


PASSED: Final = Sentence(
    "The signature is valid and the document has not been changed since it was signed.",
    "签名有效，文件自签署后未被更改。",
    "Nothing is missing.",
    "无需补充。",
)
_ASK_SIGNER_EN = "Ask the signer for the document as it was signed, or have it signed again."
_ASK_SIGNER_ZH = "请向签署人索取签署时的原文件，或重新签署。"
_RESAVE_EN = "Save or print the document as PDF, then try again."
_RESAVE_ZH = "请将文件重新保存或打印为 PDF 后再试。"
_OTHER_CARD_EN = "Sign again with a valid signature certificate."
_OTHER_CARD_ZH = "请使用有效的签名证书重新签署。"
_LATER_EN = "Try again in a few minutes; nothing is lost."
_LATER_ZH = "请几分钟后重试，数据不会丢失。"

_SENTENCES: Final[dict[Reason, Sentence]] = {
    Reason.DOCUMENT_EMPTY: Sentence(
        "The file is empty (0 bytes).", "文件为空（0 字节）。", "Choose the right file.", "请选择正确的文件。"
    ),
    Reason.DOCUMENT_TOO_LARGE: Sentence(
        "The file is larger than this service takes.",
        "文件超过本服务允许的大小。",
        "Reduce its images or split it into parts.",
        "请压缩其中的图片或拆分文件。",
    ),
    Reason.NOT_A_PDF: Sentence(
        "The file is not a PDF document that can be read.",
        "该文件不是可读取的 PDF 文件。",
        _RESAVE_EN,
        _RESAVE_ZH,
    ),
    Reason.DOCUMENT_ENCRYPTED: Sentence(
        "The PDF is protected by a password.",
        "该 PDF 受密码保护。",
        "Save it without protection, then try again.",
        "请取消密码保护后再试。",
    ),
    Reason.CHANGED_AND_UNREADABLE: Sentence(
        "The document was changed or damaged after it was signed and can no longer be read.",
        "文件在签署后被更改或损坏，已无法读取。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.NO_SIGNATURE: Sentence(
        "The document carries no signature.",
        "该文件没有签名。",
        "Have it signed first, or choose the signed file.",
        "请先签署，或选择已签署的文件。",
    ),
    Reason.TOO_MANY_SIGNATURES: Sentence(
        "The document carries more signatures than can be examined.",
        "文件中的签名数量过多，无法审查。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.SIGNATURE_MALFORMED: Sentence(
        "The signature itself is damaged or was changed.",
        "签名数据已损坏或被更改。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.BYTE_RANGE_MALFORMED: Sentence(
        "The signature does not say which part of the file it covers; the file was cut off or changed.",
        "签名未能正确标明其覆盖的范围，文件可能被截断或更改。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.SUBFILTER_UNKNOWN: Sentence(
        "The signature is of a kind that is not accepted here.",
        "此处不接受该类型的签名。",
        "Sign as PAdES (ETSI.CAdES.detached).",
        "请以 PAdES（ETSI.CAdES.detached）方式签署。",
    ),
    Reason.PADDING_NOT_EMPTY: Sentence(
        "Something was put into the file behind the signature.",
        "文件中签名之后被写入了其他内容。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.CERTIFICATE_MISSING: Sentence(
        "The signature does not bring the signer's certificate.",
        "签名未附带签署人的证书。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_REFERENCE: Sentence(
        "The signature was made for another certificate than the one it brings.",
        "签名所指的证书与其附带的证书不一致。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.NO_TRUST_ANCHOR: Sentence(
        "This service is not told which authorities to trust.",
        "本服务未配置受信任的机构。",
        "Tell the operator.",
        "请联系运维人员。",
    ),
    Reason.NO_PATH: Sentence(
        "The signer's certificate does not come from an authority trusted here.",
        "签署人的证书并非由此处信任的机构签发。",
        "Sign with a certificate of the city's authority.",
        "请使用本市认证机构签发的证书签署。",
    ),
    Reason.CERTIFICATE_EXPIRED: Sentence(
        "The signer's certificate has expired.",
        "签署人的证书已过期。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_NOT_YET_VALID: Sentence(
        "The signer's certificate is not valid yet.",
        "签署人的证书尚未生效。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_REVOKED: Sentence(
        "The signer's certificate had been revoked.",
        "签署人的证书已被吊销。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_ON_HOLD: Sentence(
        "The signer's certificate is suspended.",
        "签署人的证书已被暂停使用。",
        "Have the suspension lifted, then try again.",
        "请解除暂停后重试。",
    ),
    Reason.AUTHORITY_REVOKED: Sentence(
        "The authority that issued the signer's certificate had itself been revoked.",
        "签发该证书的机构自身已被吊销。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.REVOCATION_UNKNOWN: Sentence(
        "It could not be established at this moment whether the certificate is revoked.",
        "目前无法确定证书是否已被吊销。",
        _LATER_EN,
        _LATER_ZH,
    ),
    Reason.CERTIFICATE_PURPOSE: Sentence(
        "The certificate is not meant for signing documents (it may be the one for logging in).",
        "该证书不用于签署文件（可能是登录用的证书）。",
        "Choose the signature certificate of the card.",
        "请选择卡中的签名证书。",
    ),
    Reason.CERTIFICATE_KIND: Sentence(
        "The certificate is of a kind that may not sign this.",
        "该类证书不能用于签署此文件。",
        "Sign with the enterprise's (or the citizen's own) signature certificate.",
        "请使用企业（或本人）的签名证书签署。",
    ),
    Reason.CERTIFICATE_REFUSED: Sentence(
        "The signer's certificate breaks a rule and is not accepted.",
        "签署人的证书不符合规定，不予接受。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_ALGORITHM: Sentence(
        "A certificate uses an algorithm or key that is no longer accepted.",
        "证书使用了不再被接受的算法或密钥。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
    Reason.CERTIFICATE_ALTERED: Sentence(
        "A certificate that came with the signature was changed.",
        "签名所附的证书被更改。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.CONTENT_MISSING: Sentence(
        "The signature is apart from its document, and the document was not given.",
        "签名与原文件分离，但未提供原文件。",
        "Give the document together with the signature.",
        "请同时提供原文件和签名。",
    ),
    Reason.DOCUMENT_CHANGED: Sentence(
        "The document was changed after it was signed.",
        "文件在签署后被更改。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.SIGNATURE_WRONG: Sentence(
        "The signature was not made with the key of the certificate it names, or was changed.",
        "签名并非由所示证书的密钥作出，或已被更改。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.ALGORITHM_REFUSED: Sentence(
        "The signature uses an algorithm that is no longer secure.",
        "签名使用了不再安全的算法。",
        "Sign again with SHA-256 or better.",
        "请使用 SHA-256 或更强的算法重新签署。",
    ),
    Reason.NOT_WHOLE_DOCUMENT: Sentence(
        "Something was added to the document after it was signed; the signature does not cover it.",
        "签署后文件中又添加了内容，签名未覆盖这些内容。",
        _ASK_SIGNER_EN,
        _ASK_SIGNER_ZH,
    ),
    Reason.TIMESTAMP_MISSING: Sentence(
        "The signature has no timestamp, so nobody can tell when it was made.",
        "签名没有时间戳，无法证明签署时间。",
        "Sign again with a timestamp.",
        "请附加时间戳重新签署。",
    ),
    Reason.TIMESTAMP_INVALID: Sentence(
        "The signature's timestamp is not valid.",
        "签名的时间戳无效。",
        "Sign again with a timestamp.",
        "请附加时间戳重新签署。",
    ),
    Reason.TIMESTAMP_UNTRUSTED: Sentence(
        "The signature's timestamp does not come from a trusted timestamp authority.",
        "签名的时间戳并非来自受信任的时间戳机构。",
        "Sign again with a timestamp of the city's authority.",
        "请使用本市时间戳机构的时间戳重新签署。",
    ),
    Reason.TIMESTAMP_ORDER: Sentence(
        "The signature's timestamp is from the future.",
        "签名的时间戳晚于当前时间。",
        "Tell the operator: a clock is wrong.",
        "请联系运维人员：时钟有误。",
    ),
    Reason.SIGNED_BEFORE_ISSUE: Sentence(
        "The signature is older than its certificate.",
        "签名早于证书的签发时间。",
        _OTHER_CARD_EN,
        _OTHER_CARD_ZH,
    ),
}


def sentence_for(failure: Failure | None) -> Sentence:
    """The sentence for a judgement."""
    return PASSED if failure is None else _SENTENCES[failure.reason]
