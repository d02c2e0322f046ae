"""An authority whose issuing key lies on a PKCS#11 token: by setting alone, from ceremony to server."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from ca.errors import CaError
from ca.profiles import SubjectShape
from ca.service import CertificateAuthority
from runtime.errors import KeyTokenError
from runtime.key_file import load_private_key
from runtime.secret_file import read_passphrase
from tests.ca.desk import AT, LI_MING, CardBox, SoftwareCard, hold_ceremony
from tests.ca.test_cli import Shell, ceremony_file
from tests.ca.test_status import Status
from tests.runtime.authority import free_port
from tests.softhsm import SoftHSM
from trust.certificate import Certificate

pytestmark = pytest.mark.softhsm

KEY_FILE = 'issuing_key = "ca/keys/issuing.p8"'
START_SECONDS = 60.0


@pytest.fixture
def hsm(tmp_path, monkeypatch):
    return SoftHSM(tmp_path / "hsm", monkeypatch)


@pytest.fixture
def shell(tmp_path, hsm):
    """A shell whose settings name the token, and the ceremony's file."""
    state = tmp_path / "state"
    file = ceremony_file(state)
    shell = Shell(state, CardBox())
    text = shell.settings.read_text()
    assert text.count(KEY_FILE) == 1
    shell.settings.write_text(text.replace(KEY_FILE, f'issuing_key = "{hsm.uri()}"'))
    shell.ceremony_file = file
    return shell


def test_the_ceremony_makes_the_issuing_key_on_the_token(hsm, shell):
    dry = shell.run("init", shell.ceremony_file, "--dry-run")
    assert "issuing key (p256) -> key 'issuing' on token 'city'" in dry
    assert "issuing" not in hsm.tool("--list-objects")
    assert "the ceremony is closed" in shell.run("init", shell.ceremony_file)
    assert "never extract" in hsm.tool("--list-objects", "--type", "privkey")
    assert not (shell.state / "ca/keys/issuing.p8").exists()
    assert "number 2" in shell.run("crl", "--publish")
    assert shell.refuse("init", shell.ceremony_file) == "ceremony-held"


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_key_already_on_the_token_stops_the_ceremony_before_it_begins(hsm, shell, words):
    hsm.make_pair("EC:prime256v1", "issuing", "01", "--usage-sign")
    assert shell.refuse("init", shell.ceremony_file, *words) == "ceremony-held"
    assert not (shell.state / "offline/root.p8").exists()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_kind_of_key_no_token_makes_stops_the_ceremony_before_it_begins(shell, words):
    assert shell.refuse("init", shell.ceremony_file, "--algorithm", "sm2", *words) == "ceremony-algorithm"
    assert not (shell.state / "offline/root.p8").exists()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_token_that_does_not_open_stops_the_ceremony_before_it_begins(hsm, shell, words):
    hsm.pin_file.write_text("a wrong PIN\n")
    assert shell.refuse("init", shell.ceremony_file, *words) == "pin-wrong"
    assert not (shell.state / "offline/root.p8").exists()


def test_a_key_imported_from_its_file_goes_on_issuing_by_the_setting_alone(hsm, tmp_path):
    desk = hold_ceremony(tmp_path / "state")
    desk.authority.context.database.dispose()
    passphrase = read_passphrase(desk.settings.key_passphrase_file)
    hsm.import_key(load_private_key(desk.settings.issuing_key, passphrase), "issuing", "01")
    desk.settings.issuing_key.unlink()
    desk.settings = replace(desk.settings, issuing_key=hsm.key())
    desk.authority = CertificateAuthority.open(desk.settings)
    _card, issued = desk.issue()
    issuer = x509.load_der_x509_certificate(desk.authority.context.issuer.certificate.der)
    for each in issued.certificates:
        x509.load_der_x509_certificate(each).verify_directly_issued_by(issuer)
    desk.authority.context.database.dispose()


def test_another_key_on_the_token_is_not_taken_for_the_issuing_key(hsm, tmp_path):
    desk = hold_ceremony(tmp_path / "state")
    desk.authority.context.database.dispose()
    hsm.make_pair("EC:prime256v1", "issuing", "01", "--usage-sign")
    with pytest.raises(CaError) as caught:
        CertificateAuthority.open(replace(desk.settings, issuing_key=hsm.key()))
    assert caught.value.code == "issuer-key"


def test_what_was_approved_while_the_token_was_away_is_issued_when_it_is_back(hsm, tmp_path):
    desk = hold_ceremony(tmp_path / "state", issuing_key=hsm.key())
    at = AT + timedelta(minutes=5)
    orders = desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN)
    prepared = desk.authority.prepare("application", desk.number("陈静"), orders, at=at)
    approval = desk.zhao.approve(prepared.statement, at)
    hsm.take_out()
    with pytest.raises(KeyTokenError):
        desk.authority.issue(prepared.preparation_id, approval, at=at)
    with pytest.raises(KeyTokenError):
        desk.authority.publisher.publish(at)
    hsm.put_back()
    assert desk.authority.complete_interrupted(at=at) == [prepared.preparation_id]
    assert len(desk.authority.issued(prepared.preparation_id).certificates) == 2
    desk.authority.publisher.publish(at)
    desk.authority.context.database.dispose()


def test_a_responder_without_its_token_says_try_later(hsm, tmp_path):
    """RFC 6960 2.3: the server exists, and is for a while unable to respond."""
    desk = hold_ceremony(tmp_path / "state")
    status = Status(desk)
    passphrase = read_passphrase(status.settings.key_passphrase_file)
    hsm.import_key(load_private_key(status.settings.responder_key, passphrase), "responder", "01")
    status.settings = replace(status.settings, responder_key=hsm.key("responder"))
    status.follow()
    _card, issued = desk.issue()
    status.follow()
    serial = Certificate.parse(issued.certificates[0]).serial_number
    assert status.ask(serial)[0].response_status is OCSPResponseStatus.SUCCESSFUL
    hsm.take_out()
    response, headers = status.ask(serial)
    assert (response.response_status, headers["Cache-Control"]) == (OCSPResponseStatus.TRY_LATER, "no-store")
    hsm.put_back()
    assert status.ask(serial)[0].certificate_status is OCSPCertStatus.GOOD
    status.database.dispose()
    desk.authority.context.database.dispose()


def healthy(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.slow
def test_the_issuing_process_serves_with_the_key_on_the_token(hsm, shell):
    """granian forks the worker that opens the token; its jobs run in a thread of their own."""
    shell.run("init", shell.ceremony_file)
    port = free_port()
    shell.settings.write_text(shell.settings.read_text().replace("8402", str(port)))
    command = [sys.executable, "-m", "tongxing", "serve", "ca", "--settings", str(shell.settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not healthy(port):
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(START_SECONDS) == 0, process.stdout.read()


@pytest.mark.slow
def test_the_issuing_process_says_why_it_does_not_start_without_its_token(hsm, shell):
    shell.run("init", shell.ceremony_file)
    hsm.take_out()
    command = [sys.executable, "-m", "tongxing", "serve", "ca", "--settings", str(shell.settings)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_SECONDS)
    assert outcome.returncode != 0
    assert "error (module-unusable): " in outcome.stderr
    assert "Traceback" not in outcome.stderr
