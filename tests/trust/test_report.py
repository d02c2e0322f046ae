"""Reports: every reason has a code, a clause and a sentence in two languages."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.standards.chains import COMMON_NAME, attribute, dn, issued, rdn
from tests.trust.authorities import AT, authority, issue, name, root
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.report import PathError, PathReport, Reason, reject
from trust.report_form import report_text

LEAF = issue("Leaf", root()).ours


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
def test_every_reason_is_told(reason):
    rejection = reject(reason, LEAF, "{detail} {0}")
    assert rejection.code == reason.code
    assert rejection.clause.startswith(("RFC 5280 ", "RFC 4158 ", "EN 319 102-1 "))
    assert "CN=Leaf,C=CN" in rejection.message_en
    assert "CN=Leaf,C=CN" in rejection.message_zh
    assert rejection.message_en.endswith(".")
    assert rejection.message_zh.endswith("。")
    assert any("\u4e00" <= character <= "\u9fff" for character in rejection.message_zh)


def test_codes_are_unique():
    assert len({reason.code for reason in Reason}) == len(Reason)


def test_long_and_braced_names_are_harmless():
    certificate = issue(name("{detail}" + "长" * 15), root()).ours
    assert "{detail}长" in reject(Reason.EXPIRED, certificate, "2026").message_en


def test_a_report_without_a_path_is_not_valid():
    report = PathReport(AT, rejections=(reject(Reason.NO_PATH, LEAF),))
    assert not report.valid
    with pytest.raises(PathError) as caught:
        report.raise_if_invalid()
    assert caught.value.code == "no-path"


def test_names_cannot_steer_a_terminal_or_flood_it():
    """A name in a report is what an attacker chose: no escape sequence, no line of its own."""
    top = root()
    sub = authority(
        "Sub", top, extensions=[(x509.NameConstraints([x509.DNSName("city.example")], None), True)]
    )
    hostile = issue("长" * 16, sub, names=[x509.DNSName("\x1b[2J\nvalid: CN=Mayor")]).ours
    inputs = ValidationInputs((top.ours,), (sub.ours,), revocation_policy=RevocationPolicy.NOT_CHECKED)
    text = report_text(validate_path(hostile, inputs, AT), hostile)
    assert "\\1b[2J\\0avalid" in text
    assert "\x1b" not in text
    assert not any(line.startswith("valid") for line in text.splitlines())
    long = issued(dn(*(rdn(attribute(COMMON_NAME, "x" * 60)) for _ in range(900)))).read
    assert len(report_text(validate_path(long, inputs, AT), long)) < 1000
