from __future__ import annotations

import datetime as dt
import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from signing.cli import cli
from tests.signing.judging import LocalAuthority, sign_pdf
from tests.signing.pdfs import plain_pdf
from tests.signing.pki import AT, Pki

PASSPHRASE = b"correct horse"


@pytest.fixture
def pki() -> Pki:
    return Pki("shell")


@pytest.fixture
def shell(tmp_path, pki, monkeypatch):
    """A folder with root, issuing CA, CRLs, a key, documents; a clock that stands at AT."""
    (tmp_path / "root.pem").write_bytes(pki.root.pem)
    (tmp_path / "issuing.pem").write_bytes(pki.issuing.pem)
    for number, crl in enumerate(pki.crls()):
        (tmp_path / f"{number}.crl").write_bytes(crl)
    holder = pki.leaf()
    (tmp_path / "signer.pem").write_bytes(holder.pem)
    holder.save_key(tmp_path / "signer.p8", PASSPHRASE)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "contract.pdf").write_bytes(plain_pdf())
    (tmp_path / "signed.pdf").write_bytes(sign_pdf(pki))
    monkeypatch.setattr("runtime.clock.now", lambda: AT)
    monkeypatch.setattr("signing.cli.make_fetcher", lambda *arguments: LocalAuthority(pki))
    return Shell(tmp_path)


class Shell:
    def __init__(self, folder) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, *arguments: str, obj=None):
        return CliRunner().invoke(cli, list(arguments), obj=obj)

    @property
    def trust(self) -> list[str]:
        return [
            "--trust", self.path("root.pem"), "--intermediates", self.path("issuing.pem"),
            "--crl", self.path("0.crl"), "--crl", self.path("1.crl"), "--at", "2026-11-22T09:00:00Z",
        ]  # fmt: skip

    @property
    def key(self) -> list[str]:
        return [
            "--key", self.path("signer.p8"), "--certificate", self.path("signer.pem"),
            "--passphrase-file", self.path("passphrase"), "--intermediates", self.path("issuing.pem"),
        ]  # fmt: skip


def test_validate_a_good_document(shell):
    result = shell.run("validate", shell.path("signed.pdf"), *shell.trust)
    assert result.exit_code == 0, result.output
    assert "TOTAL-PASSED" in result.output


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda d: d.replace(b"Application", b"Bpplication"), 1, "HASH_FAILURE"),
        (lambda d: d[:1000], 1, "FORMAT_FAILURE"),
        (lambda d: b"", 1, "FORMAT_FAILURE"),
        (lambda d: d + b"\n%more\nstartxref\n0\n%%EOF\n", 1, "FORMAT_FAILURE"),
    ],
    ids=["flipped", "truncated", "empty", "appended"],
)
def test_validate_a_bad_document(shell, change, code, words):
    path = shell.folder / "bad.pdf"
    path.write_bytes(change((shell.folder / "signed.pdf").read_bytes()))
    result = shell.run("validate", str(path), *shell.trust)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_indeterminate_is_two(shell, stranger):
    (shell.folder / "foreign.pdf").write_bytes(sign_pdf(stranger))
    result = shell.run("validate", shell.path("foreign.pdf"), *shell.trust)
    assert result.exit_code == 2
    assert "NO_CERTIFICATE_CHAIN_FOUND" in result.output


def test_json_and_chinese(shell):
    result = shell.run("validate", shell.path("signed.pdf"), *shell.trust, "--json")
    assert json.loads(result.output)["indication"] == "TOTAL-PASSED"
    result = shell.run("validate", shell.path("signed.pdf"), *shell.trust, "--lang", "zh")
    assert "签名有效" in result.output


def test_as_of_a_time_before_the_certificate(shell):
    arguments = [*shell.trust[:-1], "2020-01-01T00:00:00Z"]
    assert shell.run("validate", shell.path("signed.pdf"), *arguments).exit_code == 2


def test_as_of_the_past_with_revocation_data_of_today(shell, pki, monkeypatch):
    """Revoked today, judged as of yesterday: good then."""
    later = AT + dt.timedelta(days=2)
    pki.revoke(pki.leaf(), AT + dt.timedelta(days=1))
    for number, crl in enumerate(pki.crls(later)):
        (shell.folder / f"{number}.crl").write_bytes(crl)
    monkeypatch.setattr("runtime.clock.now", lambda: later)
    assert shell.run("validate", shell.path("signed.pdf"), *shell.trust, "--level", "B").exit_code == 0


def test_sign_and_validate_a_pdf(shell):
    result = shell.run(
        "file", shell.path("contract.pdf"), *shell.key, "--timestamp-url", "http://tsa.example/"
    )
    assert result.exit_code == 0, result.output
    assert result.output.strip() == shell.path("contract-signed.pdf")
    assert shell.run("validate", shell.path("contract-signed.pdf"), *shell.trust).exit_code == 0


def test_sign_and_validate_cms(shell):
    (shell.folder / "notes.txt").write_text("some notes")
    result = shell.run(
        "file", shell.path("notes.txt"), "--cms", *shell.key, "--timestamp-url", "http://tsa.example/"
    )
    assert result.exit_code == 0, result.output
    signature = ["--signature", shell.path("notes.txt.p7s")]
    assert shell.run("validate", shell.path("notes.txt"), *signature, *shell.trust).exit_code == 0
    (shell.folder / "notes.txt").write_text("other notes")
    assert shell.run("validate", shell.path("notes.txt"), *signature, *shell.trust).exit_code == 1


def test_without_a_timestamp(shell):
    result = shell.run("file", shell.path("contract.pdf"), *shell.key, "--no-timestamp")
    assert result.exit_code == 0
    signed = shell.path("contract-signed.pdf")
    assert shell.run("validate", signed, *shell.trust).exit_code == 2
    assert shell.run("validate", signed, *shell.trust, "--level", "B").exit_code == 0


def test_sign_with_a_card(shell, pki):
    """The assembly puts the card into the context."""

    class Cards:
        @contextmanager
        def card_signer(self, *, reader, virtual):
            assert reader == "reader 1"
            yield pki.leaf(), pki.leaf().der

    result = shell.run(
        "file", shell.path("contract.pdf"), "--reader", "reader 1", "--no-timestamp",
        "--intermediates", shell.path("issuing.pem"), obj=Cards(),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (
        shell.run("validate", shell.path("contract-signed.pdf"), *shell.trust, "--level", "B").exit_code == 0
    )


def test_settings_fill_in(shell):
    (shell.folder / "town.toml").write_text(
        '[signing]\ntrust_anchors = "root.pem"\nintermediates = "issuing.pem"\ntimestamp_url = "http://tsa.example/"\n'
    )
    settings = ["--settings", shell.path("town.toml")]
    result = shell.run("file", shell.path("contract.pdf"), *shell.key[:6], *settings)
    assert result.exit_code == 0, result.output
    crls = ["--crl", shell.path("0.crl"), "--crl", shell.path("1.crl")]
    assert shell.run("validate", shell.path("contract-signed.pdf"), *settings, *crls).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("validate", "signed.pdf"), 2, "Say whom to trust"),
        (("validate", "nothing.pdf"), 2, "does not exist"),
        (("validate", "signed.pdf", "--trust", "root.pem", "--at", "yesterday"), 2, "not a time"),
        (
            ("validate", "signed.pdf", "--trust", "root.pem", "--at", "0001-01-01T00:00:00+01:00"),
            2,
            "not a time",
        ),
        (("file", "contract.pdf", "--no-timestamp"), 2, "No card can be used here"),
        (("file", "contract.pdf"), 2, "--timestamp-url"),
        (("file", "contract.pdf", "--no-timestamp", "--key", "signer.p8"), 2, "--certificate"),
        (("file", "signed.pdf", "--no-timestamp", "KEY"), 1, "already-signed"),
        (("file", "passphrase", "--no-timestamp", "KEY"), 1, "not-a-pdf"),
        (("file", "empty.pdf", "--no-timestamp", "KEY"), 1, "document-empty"),
        (("file", "huge.pdf", "--no-timestamp", "KEY"), 1, "document-too-large"),
        (("receipt", "verify", "signed.pdf", "TRUST"), 1, "receipt-malformed"),
    ],
)
def test_wrong_usage_and_bad_input(shell, arguments, code, words):
    (shell.folder / "empty.pdf").touch()
    with (shell.folder / "huge.pdf").open("wb") as huge:
        huge.truncate(200 * 1024 * 1024)
    expanded = []
    for argument in arguments:
        if argument == "KEY":
            expanded += shell.key
        elif argument == "TRUST":
            expanded += shell.trust
        else:
            expanded.append(shell.path(argument) if "." in argument or argument == "passphrase" else argument)
    result = shell.run(*expanded)
    assert result.exit_code == code, result.output
    assert words in result.output


def test_what_is_there_is_not_written_over(shell):
    command = ("file", shell.path("contract.pdf"), *shell.key, "--no-timestamp")
    assert shell.run(*command).exit_code == 0
    first = (shell.folder / "contract-signed.pdf").read_bytes()
    refused = shell.run(*command)
    assert (refused.exit_code, "--overwrite" in refused.output) == (2, True)
    assert (shell.folder / "contract-signed.pdf").read_bytes() == first
    assert shell.run(*command, "--overwrite").exit_code == 0
    assert (shell.folder / "contract-signed.pdf").read_bytes() != first


def test_the_document_itself_is_never_written_over(shell):
    before = (shell.folder / "contract.pdf").read_bytes()
    path = shell.path("contract.pdf")
    result = shell.run("file", path, "-o", path, "--overwrite", *shell.key, "--no-timestamp")
    assert result.exit_code == 2
    assert (shell.folder / "contract.pdf").read_bytes() == before


def test_a_wrong_passphrase(shell):
    (shell.folder / "passphrase").write_bytes(b"wrong\n")
    result = shell.run("file", shell.path("contract.pdf"), "--no-timestamp", *shell.key)
    assert result.exit_code == 1
    assert "key-unreadable" in result.output


def test_another_certificate_than_the_keys(shell, pki):
    (shell.folder / "signer.pem").write_bytes(pki.leaf(number=1).pem)
    result = shell.run("file", shell.path("contract.pdf"), "--no-timestamp", *shell.key)
    assert result.exit_code == 1
    assert "certificate-not-of-key" in result.output


def test_receipt_verify(shell, pki):
    from signing.receipt import Receipt, Seal, seal_receipt

    holder = pki.leaf("service-seal")
    statement = Receipt(
        "r", "f", "t", "0" * 64, 1, "1" * 64, "n", None, "2" * 64, "a", "b", "TOTAL-PASSED", "s"
    )
    sealed = seal_receipt(
        statement, Seal(holder, holder.der, (pki.issuing.der,)), LocalAuthority(pki).client().timestamp, AT
    )
    (shell.folder / "receipt.p7m").write_bytes(sealed.sealed)
    (shell.folder / "receipt.json").write_bytes(sealed.statement)
    verify = ("receipt", "verify", shell.path("receipt.p7m"), *shell.trust)
    result = shell.run(*verify, "--statement", shell.path("receipt.json"))
    assert result.exit_code == 0, result.output
    assert json.loads(shell.run(*verify, "--json").output)["receipt"]["filing_id"] == "f"
    (shell.folder / "receipt.json").write_bytes(sealed.statement.replace(b'"t"', b'"u"'))
    assert shell.run(*verify, "--statement", shell.path("receipt.json")).exit_code == 1
    (shell.folder / "receipt.p7m").write_bytes(sealed.sealed.replace(b"TOTAL-PASSED", b"TOTAL-FAILED"))
    assert shell.run(*verify).exit_code == 1


@pytest.mark.parametrize("command", [(), ("file",), ("validate",), ("receipt", "verify")])
def test_help_teaches(shell, command):
    result = shell.run(*command, "--help")
    assert result.exit_code == 0
    assert len(result.output) > 300


def test_the_help_keeps_its_examples_on_lines_of_their_own():
    lines = CliRunner().invoke(cli, ["--help"]).stdout.splitlines()
    assert "      tongxing sign file contract.pdf --settings town.toml" in lines
