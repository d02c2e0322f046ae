"""What we issue, revoke and answer, judged by OpenSSL and GnuTLS, programs we did not write.

The issuing key lies in a file in some towns, and on a PKCS#11 token in others.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from OpenSSL import crypto

from ca.ceremony import renew_root_crl
from ca.profiles import SubjectShape
from runtime import clock
from runtime.keys import KeyAlgorithm
from tests.ca.desk import HAIFENG, LI_MING, ROOT_PASSPHRASE, hold_ceremony
from tests.ca.test_status import Status
from tests.softhsm import SoftHSM
from trust.certificate import Certificate
from trust.encoding import der
from trust.status import CRLReason

pytestmark = pytest.mark.foreign


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments):
        """Say nothing."""


class Town:
    """An authority on the machine's clock, its status service over HTTP, and its files for openssl."""

    def __init__(self, folder, algorithm=KeyAlgorithm.P256, issuing_key=None):
        self.folder = folder
        self.at = clock.now() - timedelta(minutes=2)
        self.desk = hold_ceremony(folder / "state", at=self.at, algorithm=algorithm, issuing_key=issuing_key)
        self.root = folder / "state/trust/root.pem"
        self.issuing = folder / "state/trust/issuing.pem"

    def issue(self, subject=LI_MING, shape=SubjectShape.CITIZEN):
        _card, issued = self.desk.issue(subject, shape, at=self.at)
        return [
            self.write(f"{Certificate.parse(each).serial_number:x}.pem", each) for each in issued.certificates
        ]

    def write(self, name, certificate):
        path = self.folder / name
        path.write_text(Certificate.parse(certificate).pem)
        return path

    def crls(self):
        path = self.folder / "crls.pem"
        path.write_bytes(
            b"".join(
                subprocess.run(
                    ["openssl", "crl", "-inform", "DER"], input=view.der, capture_output=True, check=True
                ).stdout
                for view in self.desk.authority.publisher.current()
            )
        )
        return path

    def verify(self, path, *more):
        return subprocess.run(
            [
                "openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", self.root,
                "-untrusted", self.issuing, "-CRLfile", self.crls(), *more, path,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def close(self):
        self.desk.authority.context.database.dispose()


FILE, TOKEN = "file", "token"


@contextmanager
def key_in(place, folder):
    """Where the issuing key is to lie."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield SoftHSM(folder / "hsm", monkeypatch).key() if place is TOKEN else None


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((KeyAlgorithm.P256, FILE), id="p256-file"),
        pytest.param((KeyAlgorithm.RSA3072, FILE), id="rsa3072-file"),
        pytest.param((KeyAlgorithm.P256, TOKEN), id="p256-token", marks=pytest.mark.softhsm),
    ],
)
def town(request, tmp_path_factory):
    algorithm, place = request.param
    folder = tmp_path_factory.mktemp("town")
    with key_in(place, folder) as issuing_key:
        town = Town(folder, algorithm, issuing_key)
        yield town
        town.close()


@pytest.fixture(scope="module", params=[FILE, pytest.param(TOKEN, marks=pytest.mark.softhsm)])
def served(request, tmp_path_factory):
    """A town whose status service answers over HTTP."""
    folder = tmp_path_factory.mktemp("served")
    with key_in(request.param, folder) as issuing_key:
        yield from serve(Town(folder, issuing_key=issuing_key))


def serve(town):
    """Answer over HTTP for as long as the tests ask."""
    status = Status(town.desk)
    status.now = clock.now()
    status.follow()
    with make_server("127.0.0.1", 0, status.app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield town, status, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    status.database.dispose()
    town.close()


def test_openssl_verifies_every_certificate_strictly(town):
    paths = [*town.issue(), *town.issue(HAIFENG, SubjectShape.ENTERPRISE)]
    paths += sorted((town.folder / "state").glob("*/keys/*.pem"))
    assert len(paths) >= 14
    for path in paths:
        outcome = town.verify(path)
        assert outcome.returncode == 0, (path.name, outcome.stderr)


@pytest.mark.parametrize(
    ("file", "purpose"),
    [
        ("ra/keys/tls-server.pem", "sslserver"),
        ("ra/keys/tls-client.pem", "sslclient"),
        ("tsa/keys/timestamping.pem", "timestampsign"),
        ("signing/keys/service-seal.pem", "smimesign"),
        ("va/keys/ocsp-responder.pem", "ocsphelper"),
    ],
)
def test_openssl_finds_the_purpose(town, file, purpose):
    outcome = town.verify(town.folder / "state" / file, "-purpose", purpose)
    assert outcome.returncode == 0, outcome.stderr


def test_a_login_certificate_does_not_sign_and_a_signature_certificate_does_not_log_in(town):
    login, signature = town.issue()
    assert town.verify(login, "-purpose", "sslclient").returncode == 0
    assert town.verify(login, "-purpose", "smimesign").returncode != 0
    assert town.verify(signature, "-purpose", "smimesign").returncode == 0
    outcome = town.verify(signature, "-purpose", "sslclient")
    assert outcome.returncode != 0


def test_openssl_sees_the_revocation(town):
    login, signature = town.issue()
    serial = format(crypto.load_certificate(crypto.FILETYPE_PEM, login.read_bytes()).get_serial_number(), "x")
    town.desk.authority.standing.revoke(serial, CRLReason.KEY_COMPROMISE, actor="t", at=town.at)
    town.desk.authority.publisher.publish(clock.now())
    assert "certificate revoked" in town.verify(login).stderr
    assert town.verify(signature).returncode == 0


def test_pyopenssl_verifies_a_card(town):
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, town.root.read_bytes()))
    issuing = crypto.load_certificate(crypto.FILETYPE_PEM, town.issuing.read_bytes())
    store.set_flags(crypto.X509StoreFlags.X509_STRICT)
    for path in town.issue():
        leaf = crypto.load_certificate(crypto.FILETYPE_PEM, path.read_bytes())
        crypto.X509StoreContext(store, leaf, [issuing]).verify_certificate()


def test_openssl_reads_the_approval(town):
    from tests.ca.desk import SoftwareCard

    desk = town.desk
    orders = desk.orders(SoftwareCard(), LI_MING, SubjectShape.CITIZEN)
    prepared = desk.authority.prepare("application", desk.number("陈静"), orders, at=town.at)
    approval = town.folder / "approval.der"
    approval.write_bytes(desk.zhao.approve(prepared.statement, town.at))
    bundle = town.folder / "bundle.pem"
    bundle.write_text(town.issuing.read_text() + town.root.read_text())
    outcome = subprocess.run(
        [
            "openssl", "cms", "-verify", "-inform", "DER", "-binary", "-in", approval,
            "-CAfile", bundle,
        ],
        capture_output=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == prepared.statement


def test_gnutls_verifies_a_card(town):
    for path in town.issue():
        chain = town.folder / "chain.pem"
        chain.write_text(path.read_text() + town.issuing.read_text() + town.root.read_text())
        outcome = subprocess.run(
            ["certtool", "--verify-chain", "--infile", chain], capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stdout


def test_the_next_root_crl_is_accepted(town):
    view = renew_root_crl(
        town.desk.settings, town.folder / "state/offline/root.p8", ROOT_PASSPHRASE, actor="t", at=clock.now()
    )
    assert view.number == 2
    assert town.verify(town.issue()[0]).returncode == 0


# --- openssl ocsp ------------------------------------------------------------------------------


def ask(town, url, *paths, nonce=True):
    command = [
        "openssl",
        "ocsp",
        "-issuer",
        town.issuing,
        "-CAfile",
        town.root,
        "-verify_other",
        town.issuing,
    ]
    for path in paths:
        command += ["-cert", path]
    command += ["-url", f"{url}/ocsp", "-nonce" if nonce else "-no_nonce"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_openssl_ocsp_asks_for_several_certificates(served):
    town, status, url = served
    login, signature = town.issue()
    serial = format(crypto.load_certificate(crypto.FILETYPE_PEM, login.read_bytes()).get_serial_number(), "x")
    town.desk.authority.standing.revoke(serial, CRLReason.KEY_COMPROMISE, actor="t", at=town.at)
    status.now = clock.now()
    status.follow()
    outcome = ask(town, url, login, signature)
    assert "Response verify OK" in outcome.stderr
    assert f"{login}: revoked" in outcome.stdout
    assert "keyCompromise" in outcome.stdout
    assert f"{signature}: good" in outcome.stdout
    assert "WARNING: no nonce" not in outcome.stderr


def test_openssl_ocsp_without_a_nonce(served):
    town, status, url = served
    paths = town.issue()
    status.now = clock.now()
    status.follow()
    outcome = ask(town, url, *paths, nonce=False)
    assert outcome.stdout.count("good") == 2
    assert "Response verify OK" in outcome.stderr


def test_openssl_ocsp_hears_that_a_certificate_is_unknown(served):
    town, _status, url = served
    paths = town.issue()
    outcome = ask(town, url, paths[0])
    assert f"{paths[0]}: unknown" in outcome.stdout


def test_openssl_fetches_the_crl_over_http(served):
    town, _status, url = served
    key_id = town.desk.authority.context.issuer.key_id
    command = ["openssl", "crl", "-in", f"{url}/crl/{key_id}.crl", "-inform", "DER"]
    command += ["-CAfile", town.issuing, "-noout"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "verify OK" in outcome.stderr + outcome.stdout


def test_the_wsgi_server_is_not_fooled_by_rubbish(served):
    import urllib.request

    _town, _status, url = served
    request = urllib.request.Request(f"{url}/ocsp", der.sequence(der.integer(1)), method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.read() == bytes.fromhex("30030a0101")
