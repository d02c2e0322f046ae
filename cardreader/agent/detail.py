"""What a person is shown of a document or an approval before signing it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cardreader.agent.request import DocumentRequest
from cardreader.prompt import Detail
from trust.approval import ApprovalPurpose, ApprovalStatement

_KILOBYTE = 1024
_GROUP = 8
# China Standard Time has had no summer time since 1991 and needs no zone data.
_CHINA_STANDARD_TIME = timezone(timedelta(hours=8), "CST")
# The words of the statement that have others for people; what is not here is shown as it is signed.
_WORDS = {
    ApprovalPurpose.ISSUE.value: ("issue certificates", "签发证书"),
    ApprovalPurpose.REVOKE.value: ("revoke", "吊销"),
    ApprovalPurpose.SUSPEND.value: ("suspend", "暂停"),
    ApprovalPurpose.RELEASE.value: ("release from suspension", "恢复"),
    "citizen-authentication": ("citizen card, login", "一卡通登录证书"),
    "citizen-signature": ("citizen card, signature", "一卡通签名证书"),
    "enterprise-authentication": ("enterprise card, login", "e证通登录证书"),
    "enterprise-signature": ("enterprise card, signature", "e证通签名证书"),
    "officer-authentication": ("officer card, login", "工作证登录证书"),
    "officer-signature": ("officer card, signature", "工作证签名证书"),
}


def of_document(request: DocumentRequest, language: str) -> tuple[Detail, ...]:
    """Title, pages, size and digest of the document."""
    pages = () if request.pages is None else (Detail("Pages", "页数", str(request.pages)),)
    return (
        Detail("Document", "文件", request.title),
        *pages,
        Detail("Size", "大小", _size(request.size, language)),
        Detail("Fingerprint (SHA-256)", "指纹（SHA-256）", _grouped(request.digest.hex())),
    )


def of_approval(statement: ApprovalStatement, language: str = "en") -> tuple[Detail, ...]:
    """Every member of the statement, so that what is signed is what is read."""
    certificates = tuple(
        detail
        for number, (profile, subject, digest) in enumerate(
            zip(statement.profiles, statement.subjects, statement.tbs_digests, strict=True), 1
        )
        for shown in (f"{_worded(profile, language)} · {_grouped(digest)}",)
        for detail in (
            Detail(f"Subject {number}", f"证书持有者 {number}", subject),
            Detail(
                f"Certificate {number}",
                f"证书 {number}",
                shown,
            ),
        )
    )
    return (
        Detail("Purpose", "用途", _worded(statement.purpose.value, language)),
        Detail("Application", "申请", statement.application),
        Detail("Requested by", "受理人", statement.requester),
        *certificates,
        Detail("Issuer key", "签发密钥", statement.issuer_key_id),
        Detail("Valid until", "有效期至", _moment(statement.expires_at, language)),
        Detail("Version", "版本", str(statement.version)),
    )


def _size(size: int, language: str) -> str:
    """A size in bytes and, above a kilobyte, rounded."""
    unit = "字节" if language == "zh" else "bytes"
    exact = f"{size:,} {unit}"
    if size < _KILOBYTE:
        return exact
    kilobytes = size / _KILOBYTE
    rounded = f"{kilobytes:.1f} KB" if kilobytes < _KILOBYTE else f"{kilobytes / _KILOBYTE:.1f} MB"
    return f"{rounded}（{exact}）" if language == "zh" else f"{rounded} ({exact})"


def _grouped(digest: str) -> str:
    """A digest in groups of eight, to be compared by eye."""
    return " ".join(digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP))


def _worded(term: str, language: str) -> str:
    """A term of the statement in a person's words, or the term itself."""
    english, chinese = _WORDS.get(term, (term, term))
    return chinese if language == "zh" else english


def _moment(at: datetime, language: str) -> str:
    """A time on the city's clocks."""
    zone = "（北京时间）" if language == "zh" else " (China Standard Time)"
    return f"{at.astimezone(_CHINA_STANDARD_TIME):%Y-%m-%d %H:%M:%S}{zone}"
