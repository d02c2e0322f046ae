"""What a person is shown of a document or an approval before signing it."""

from __future__ import annotations

from cardreader.agent.request import DocumentRequest
from cardreader.prompt import Detail
from trust.approval import ApprovalStatement

_KIBIBYTE = 1024
_GROUP = 8


def of_document(request: DocumentRequest, language: str) -> tuple[Detail, ...]:
    """Title, pages, size and digest of the document."""
    pages = () if request.pages is None else (Detail("Pages", "页数", str(request.pages)),)
    return (
        Detail("Document", "文件", request.title),
        *pages,
        Detail("Size", "大小", _size(request.size, language)),
        Detail("SHA-256", "SHA-256", _grouped(request.digest.hex())),
    )


def of_approval(statement: ApprovalStatement) -> tuple[Detail, ...]:
    """Every member of the statement, so that what is signed is what is read."""
    certificates = tuple(
        detail
        for number, (profile, subject, digest) in enumerate(
            zip(statement.profiles, statement.subjects, statement.tbs_digests, strict=True), 1
        )
        for detail in (
            Detail(f"Subject {number}", f"证书持有者 {number}", subject),
            Detail(f"Certificate {number}", f"证书 {number}", f"{profile} · {_grouped(digest)}"),
        )
    )
    return (
        Detail("Purpose", "用途", statement.purpose.value),
        Detail("Application", "申请", statement.application),
        Detail("Requested by", "申请人", statement.requester),
        *certificates,
        Detail("Issuer key", "签发密钥", statement.issuer_key_id),
        Detail("Valid until", "有效期至", statement.expires_at.isoformat(sep=" ", timespec="seconds")),
        Detail("Version", "版本", str(statement.version)),
    )


def _size(size: int, language: str) -> str:
    """A size in bytes and, above a kibibyte, rounded."""
    unit = "字节" if language == "zh" else "bytes"
    exact = f"{size:,} {unit}"
    if size < _KIBIBYTE:
        return exact
    kibibytes = size / _KIBIBYTE
    rounded = f"{kibibytes:.1f} KiB" if kibibytes < _KIBIBYTE else f"{kibibytes / _KIBIBYTE:.1f} MiB"
    return f"{rounded} ({exact})"


def _grouped(digest: str) -> str:
    """A digest in groups of eight, to be compared by eye."""
    return " ".join(digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP))
