"""The openssl command about our CMS signatures, receipts and timestamps."""

from __future__ import annotations

import datetime as dt
import subprocess
import urllib.request

import pytest
from click.testing import CliRunner

from signing.cli import cli
from signing.receipt import Receipt, Seal, seal_receipt
from tests.signing.judging import LocalAuthority
from tests.signing.pki import AT, Pki

pytestmark = pytest.mark.foreign
PASSPHRASE = b"correct horse"


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("openssl")


@pytest.fixture
def folder(tmp_path, pki):
    (tmp_path / "root.pem").write_bytes(pki.root.pem)
    (tmp_path / "issuing.pem").write_bytes(pki.issuing.pem)
    (tmp_path / "crls.pem").write_bytes(b"")
    (tmp_path / "content.txt").write_text("一份合同\n")
    return tmp_path


def openssl(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _sign_by_command(folder, pki, key_kind: str, *more: str) -> None:
    holder = pki.leaf(key_kind=key_kind)
    (folder / "signer.pem").write_bytes(holder.pem)
    holder.save_key(folder / "signer.p8", PASSPHRASE)
    (folder / "passphrase").write_bytes(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    arguments = [
        "file", str(folder / "content.txt"), "--cms", "--key", str(folder / "signer.p8"),
        "--certificate", str(folder / "signer.pem"), "--passphrase-file", str(folder / "passphrase"),
        "--intermediates", str(folder / "issuing.pem"), *more,
    ]  # fmt: skip
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("key_kind", ["p256", "p384", "rsa2048", "rsa3072"])
def test_cms_verify_accepts_the_detached_signature(folder, pki, key_kind, monkeypatch):
    monkeypatch.setattr("signing.cli.make_fetcher", lambda *arguments: LocalAuthority(pki))
    _sign_by_command(folder, pki, key_kind, "--timestamp-url", "http://tsa.example/")
    command = (
        "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "content.txt.p7s",
        "-content", "content.txt", "-CAfile", "root.pem", "-x509_strict", "-out", "verified.txt",
    )  # fmt: skip
    result = openssl(folder, *command)
    assert result.returncode == 0, result.stderr
    assert (folder / "verified.txt").read_bytes() == (folder / "content.txt").read_bytes()
    (folder / "content.txt").write_text("另一份合同\n")
    assert openssl(folder, *command).returncode != 0


def test_cms_verify_shows_what_a_receipt_says(folder, pki):
    holder = pki.leaf("service-seal")
    statement = Receipt(
        "r", "f", "标题", "0" * 64, 1, "1" * 64, "n", None, "2" * 64, "a", "b", "TOTAL-PASSED", "s"
    )
    sealed = seal_receipt(
        statement, Seal(holder, holder.der, (pki.issuing.der,)), LocalAuthority(pki).client().timestamp, AT
    )
    (folder / "receipt.p7m").write_bytes(sealed.sealed)
    result = openssl(
        folder, "cms", "-verify", "-binary", "-inform", "DER", "-in", "receipt.p7m", "-CAfile", "root.pem",
        "-out", "receipt.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (folder / "receipt.json").read_bytes() == sealed.statement


class TestTimestamps:
    VERIFY = ("ts", "-verify", "-in", "reply.tsr", "-CAfile", "root.pem", "-untrusted", "issuing.pem")

    def _query(self, folder, *more: str) -> bytes:
        command = ("ts", "-query", "-data", "content.txt", "-sha256", "-out", "query.tsq", *more)
        assert openssl(folder, *command).returncode == 0
        return (folder / "query.tsq").read_bytes()

    def _answer(self, folder, pki, query: bytes, **more) -> None:
        (folder / "reply.tsr").write_bytes(LocalAuthority(pki, **more).post("", query, "").body)

    @pytest.mark.parametrize("key_kind", ["p256", "rsa3072"])
    @pytest.mark.parametrize("digest", ["-sha256", "-sha384", "-sha512"])
    def test_ts_verify_accepts(self, folder, pki, key_kind, digest):
        query = self._query(folder, "-cert", digest)
        self._answer(folder, pki, query, holder=pki.leaf("timestamping", key_kind=key_kind))
        for against in (("-queryfile", "query.tsq"), ("-data", "content.txt")):
            result = openssl(folder, *self.VERIFY, *against)
            assert "Verification: OK" in result.stdout, result.stderr

    def test_ts_verify_refuses_other_data(self, folder, pki):
        self._answer(folder, pki, self._query(folder, "-cert"))
        (folder / "content.txt").write_text("other")
        assert "Verification: OK" not in openssl(folder, *self.VERIFY, "-data", "content.txt").stdout

    def test_ts_reply_reads_policy_serial_accuracy_and_time(self, folder, pki):
        self._answer(folder, pki, self._query(folder, "-cert"))
        text = openssl(folder, "ts", "-reply", "-in", "reply.tsr", "-text").stdout
        assert "Status: Granted." in text
        assert "Policy OID: 1.3.6.1.4.1.32473.1.5.1" in text
        assert "Accuracy: 0x01 seconds" in text
        assert "Nov 22 09:00:00 2026 GMT" in text

    def test_ts_reply_reads_a_rejection(self, folder, pki):
        self._answer(folder, pki, self._query(folder, "-cert", "-sha1"))
        text = openssl(folder, "ts", "-reply", "-in", "reply.tsr", "-text").stdout
        assert "Status: Rejected." in text
        assert "unrecognized or unsupported algorithm identifier" in text

    def test_another_policy_is_rejected(self, folder, pki):
        self._answer(folder, pki, self._query(folder, "-tspolicy", "1.2.3.4"))
        text = openssl(folder, "ts", "-reply", "-in", "reply.tsr", "-text").stdout
        assert "the requested TSA policy is not supported" in text

    def test_over_http_the_way_a_shell_does_it(self, folder, pki, tmp_path_factory):
        """The served application."""
        import threading
        from wsgiref.simple_server import WSGIRequestHandler, make_server

        from runtime.database import Database
        from signing.tsa_web import create_app
        from tests.signing.services import timestamp_settings

        class Quiet(WSGIRequestHandler):
            def log_message(self, *arguments):
                pass

        settings = timestamp_settings(tmp_path_factory.mktemp("tsa") / "tsa", pki)
        database = Database(settings.effective_database_url("tsa"))
        app = create_app(settings, lambda: dt.datetime.now(dt.UTC), database)
        with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                self._query(folder, "-cert")
                query = urllib.request.Request(
                    f"http://127.0.0.1:{server.server_port}/timestamp",
                    (folder / "query.tsq").read_bytes(),
                    {"Content-Type": "application/timestamp-query"},
                )
                with urllib.request.urlopen(query) as reply:
                    assert reply.headers["Content-Type"] == "application/timestamp-reply"
                    (folder / "reply.tsr").write_bytes(reply.read())
            finally:
                server.shutdown()
                thread.join()
        database.dispose()
        result = openssl(folder, *self.VERIFY, "-queryfile", "query.tsq")
        assert "Verification: OK" in result.stdout, result.stderr
