"""A report on a path written out: for people in English or Chinese, and as JSON for programs."""

from __future__ import annotations

from typing import Any, Literal

from trust.certificate import Certificate
from trust.report import MAXIMUM_SUBJECT_LENGTH, PathReport
from trust.vocabulary import ANY_POLICY

Language = Literal["en", "zh"]

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "valid": "valid: {subject}",
        "refused": "not valid: {subject}",
        "at": "judged as of {at}",
        "path": "path, up to the trust anchor:",
        "until": "{subject} (until {until})",
        "policies": "certificate policies: {policies}",
        "any": "any",
        "none": "none",
        "checks": "rules, certificate by certificate from the anchor down:",
        "passed": "holds",
        "broken": "BROKEN",
    },
    "zh": {
        "valid": "有效：{subject}",
        "refused": "无效：{subject}",
        "at": "判定时间：{at}",
        "path": "证书路径（至信任锚）：",
        "until": "{subject}（有效期至 {until}）",
        "policies": "证书策略：{policies}",
        "any": "任意",
        "none": "无",
        "checks": "自信任锚起逐证书核查的规则：",
        "passed": "符合",
        "broken": "不符",
    },
}


def report_text(
    report: PathReport, certificate: Certificate, language: Language = "en", *, explain: bool = False
) -> str:
    """The verdict on the certificate in a few lines; with `explain` every rule and its outcome."""
    words = _WORDS[language]
    verdict = words["valid" if report.valid else "refused"]
    lines = [verdict.format(subject=_subject(certificate))]
    lines += [
        f"  {rejection.message_zh if language == 'zh' else rejection.message_en}"
        f" [{rejection.code}, {rejection.clause}]"
        for rejection in report.rejections
    ]
    lines.append(words["at"].format(at=f"{report.at:%Y-%m-%d %H:%M:%S} UTC"))
    if report.path:
        lines.append(words["path"])
        lines += [
            "  " + words["until"].format(subject=_subject(each), until=f"{each.not_valid_after:%Y-%m-%d}")
            for each in report.path
        ]
    if report.valid:
        lines.append(words["policies"].format(policies=_policies(report, words)))
    if explain and report.checks:
        lines.append(words["checks"])
        lines += _explained(report, language)
    return "\n".join(lines)


def _subject(certificate: Certificate) -> str:
    """The subject, or the beginning of a hostile one."""
    return certificate.subject_text[:MAXIMUM_SUBJECT_LENGTH]


def _policies(report: PathReport, words: dict[str, str]) -> str:
    """The user-constrained policy set in words."""
    if not report.policies:
        return words["none"]
    return ", ".join(words["any"] if oid == ANY_POLICY else oid for oid in sorted(report.policies))


def _explained(report: PathReport, language: Language) -> list[str]:
    """A line a rule, below a line a certificate."""
    words = _WORDS[language]
    lines: list[str] = []
    told: Certificate | None = None
    for check in report.checks:
        if check.certificate is not told:
            told = check.certificate
            lines.append(f"  {_subject(told)}")
        outcome = words["passed" if check.passed else "broken"]
        name = check.rule.name_zh if language == "zh" else check.rule.name_en
        lines.append(f"    {outcome}  {check.clause}  {name}")
    return lines


def report_json(report: PathReport) -> dict[str, Any]:
    """The whole report as JSON values; certificates are named by the SHA-256 of their DER."""
    return {
        "valid": report.valid,
        "at": report.at.isoformat(),
        "path": [_certificate_json(certificate) for certificate in report.path],
        "policies": sorted(report.policies),
        "rejections": [
            {
                "code": rejection.code,
                "clause": rejection.clause,
                "certificate": rejection.certificate.fingerprint if rejection.certificate else None,
                "en": rejection.message_en,
                "zh": rejection.message_zh,
            }
            for rejection in report.rejections
        ],
        "checks": [
            {
                "clause": check.clause,
                "rule": check.rule.name_en,
                "certificate": check.certificate.fingerprint,
                "passed": check.passed,
            }
            for check in report.checks
        ],
    }


def _certificate_json(certificate: Certificate) -> dict[str, str]:
    """What identifies one certificate of the path."""
    return {
        "fingerprint": certificate.fingerprint,
        "subject": certificate.subject_text,
        "serial_number": f"{certificate.serial_number:x}",
        "not_valid_before": certificate.not_valid_before.isoformat(),
        "not_valid_after": certificate.not_valid_after.isoformat(),
    }
