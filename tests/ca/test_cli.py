"""`tongxing ca` from the shell: every command, with software cards behind the door."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner
from cryptography import x509

from ca.cli import cli
from ca.errors import CaError
from ca.service import CertificateAuthority
from runtime import clock
from runtime.database import Database
from runtime.migration import migrate
from tests.ca.desk import CHEN, ROOT_PASSPHRASE, SUN, ZHAO, CardBox, SoftwareCard, hold_ceremony, secrets_in
from trust.certificate import Certificate
from trust.subjects import service_subject


class CardKey:
    """A card's SIGNATURE slot as the door hands it out."""

    def __init__(self, card: SoftwareCard) -> None:
        self.algorithm, self.public_key = card.signature.algorithm, card.signature.public_key
        self.certificate = card.certificates.signature
        self.sign = card.signature.sign


class Door:
    """The object an assembly puts on click's context."""

    def __init__(self, box: CardBox) -> None:
        self.box = box
        self.empty: set[str] = set()

    @contextmanager
    def card_signer(self, card: str):
        yield CardKey(self.box.cards[card])

    def check_reader(self, card: str) -> None:
        if card in self.empty:
            raise CaError("no card there", code="no-card")

    def personaliser(self) -> CardBox:
        return self.box


class Shell:
    """A town's settings file and somebody who types commands."""

    def __init__(self, state, box) -> None:
        self.state, self.door = state, Door(box)
        self.settings = state / "town.toml"
        self.settings.write_text(SETTINGS)

    def type(self, *words, **keywords):
        arguments = [*(str(word) for word in words), "--settings", str(self.settings)]
        return CliRunner().invoke(cli, arguments, obj=self.door, **keywords)

    def run(self, *words, **keywords):
        outcome = self.type(*words, **keywords)
        assert outcome.exit_code == 0, (outcome.output, outcome.exception)
        return outcome.output

    def refuse(self, *words, **keywords):
        outcome = self.type(*words, **keywords)
        assert outcome.exit_code != 0
        return getattr(outcome.exception, "code", None)

    def issue(self, *more):
        return self.run(
            "issue", "card", "--kind", "citizen", "--name", "李明", "--requester", "陈静",
            "--approver", "zhaoqiang", "--card", "liming", *more, input="370202199003078515\n",
        )  # fmt: skip


SETTINGS = """
[ca]
state_directory = "ca"
port = 8402
public_url = "http://localhost:8402"
trust_anchors = "trust/root.pem"
intermediates = "trust/issuing.pem"
issuing_certificate = "trust/issuing.pem"
issuing_key = "ca/keys/issuing.p8"
status_url = "http://localhost:8403"
key_passphrase_file = "ca/secrets/passphrase"
data_key_file = "ca/secrets/data-key"
session_key_file = "ca/secrets/session-key"

[ra]
state_directory = "ra"
port = 8401
public_url = "http://localhost:8401"
trust_anchors = "trust/root.pem"
intermediates = "trust/issuing.pem"
authority_url = "https://localhost:8452"
issuer = "http://localhost:8404"
client_secret_file = "ra/secrets/client-secret"
key_passphrase_file = "ra/secrets/passphrase"
data_key_file = "ra/secrets/data-key"
session_key_file = "ra/secrets/session-key"
"""


@pytest.fixture
def shell(tmp_path):
    state = tmp_path / "state"
    desk = hold_ceremony(state, at=clock.now() - timedelta(minutes=2))
    desk.authority.context.database.dispose()
    registers = Database(f"sqlite:///{state / 'ra' / 'ra.sqlite'}")
    migrate(registers, "ca.registration")
    registers.dispose()
    shell = Shell(state, desk.box)
    persons, enterprises = tmp_path / "persons.csv", tmp_path / "enterprises.csv"
    persons.write_text("name,identity_number\n李明,370202199003078515\n王芳,37020219880512462X\n", "utf-8")
    enterprises.write_text("name,uscc\n青岛海风科技有限公司,91370202MA3HFKJ809\n", "utf-8")
    assert "2 persons" in shell.run("register", "import-persons", persons)
    assert "1 enterprises" in shell.run("register", "import-enterprises", enterprises)
    return shell


def serial_of(shell, profile="citizen-authentication"):
    return json.loads(shell.run("list", "--profile", profile, "--json"))[0]["serial_number"]


def test_a_card_from_applicant_to_certificates(shell, tmp_path):
    output = shell.issue("--out", tmp_path / "out")
    assert "李明 is registered" in output
    assert "SHA-256 of what is signed" in output
    assert "370202199003078515" not in output
    written = [x509.load_pem_x509_certificate(path.read_bytes()) for path in (tmp_path / "out").iterdir()]
    assert len(written) == 2
    card = shell.door.box.cards["liming"]
    assert Certificate.parse(card.certificates.signature).public_key == card.signature.public_key


def test_list_and_show(shell):
    shell.issue()
    assert "2 certificates" not in shell.run("list")
    serial = serial_of(shell)
    shown = shell.run("show", serial.upper())
    assert "standing: good" in shown
    pem = x509.load_pem_x509_certificate(shell.run("show", serial, "--pem").encode())
    assert format(pem.serial_number, "x") == serial
    number = json.loads(shell.run("show", serial, "--json"))["subject_number"]
    assert "李明" in shell.run("register", "show", number)
    assert shell.refuse("show", "abc") == "serial-unknown"
    assert shell.refuse("show", "xyz") == "serial-malformed"


def test_suspend_release_revoke(shell):
    shell.issue()
    serial = serial_of(shell)
    assert "suspended; CRL" in shell.run("suspend", serial, "--officer", "chenjing")
    assert "released" in shell.run("release", serial, "--officer", "zhaoqiang")
    assert "revoked" in shell.run("revoke", serial, "--reason", "keyCompromise", "--officer", "chenjing")
    assert json.loads(shell.run("show", serial, "--json"))["reason"] == "keyCompromise"
    assert shell.refuse("suspend", serial, "--officer", "chenjing") == "standing-not-allowed"


def test_who_may_not_revoke(shell):
    shell.issue()
    serial = serial_of(shell)
    revoke = ("revoke", serial, "--reason", "superseded", "--officer")
    assert shell.refuse(*revoke, "sunli") == "officer-role-missing"
    assert shell.refuse(*revoke, "liming") == "officer-unknown"
    assert shell.type("revoke", serial, "--reason", "boredom", "--officer", "chenjing").exit_code == 2
    assert shell.type("revoke", serial).exit_code == 2


def test_approving_what_one_asked_for(shell):
    code = shell.refuse(
        "issue", "card", "--kind", "citizen", "--name", "李明", "--requester", "陈静",
        "--approver", "chenjing", "--card", "liming", input="370202199003078515\n",
    )  # fmt: skip
    assert code == "approver-is-requester"
    waiting = shell.run("approve")
    assert "1 waiting" in waiting
    application = waiting.split()[0]
    assert "issued" in shell.run("approve", application, "--approver", "zhaoqiang")
    assert "0 waiting" in shell.run("approve")
    assert shell.type("approve", application).exit_code == 2


def test_wrong_applicants(shell):
    words = ("issue", "card", "--kind", "citizen", "--approver", "zhaoqiang", "--card", "c")
    assert (
        shell.refuse(*words, "--name", "王芳", "--requester", "陈静", input="370202199003078515\n")
        == "name-mismatch"
    )
    assert (
        shell.refuse(*words, "--name", "李明", "--requester", "谁", input="370202199003078515\n")
        == "officer-unknown"
    )


def test_a_services_request(shell, tmp_path):
    from runtime.keys import KeySigner, generate_private_key
    from trust.encoding.request import sign_request

    request = tmp_path / "web.csr"
    subject = service_subject("www", "通行市数字证书管理中心")
    request.write_bytes(sign_request(subject, KeySigner(generate_private_key("p256"))))
    output = shell.run(
        "issue", "request", request, "--profile", "tls-server", "--common-name", "www",
        "--dns", "www.example.cn", "--requester", "陈静", "--approver", "zhaoqiang",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert "name www.example.cn" in output
    (path,) = (tmp_path / "out").iterdir()
    names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["www.example.cn"]
    rubbish = tmp_path / "rubbish.csr"
    rubbish.write_text("-----BEGIN CERTIFICATE REQUEST-----\nrubbish\n-----END CERTIFICATE REQUEST-----\n")
    code = shell.refuse(
        "issue", "request", rubbish, "--profile", "tls-server", "--common-name", "www",
        "--requester", "陈静", "--approver", "zhaoqiang",
    )  # fmt: skip
    assert code == "request-malformed"


def test_crl_and_root_crl(shell, tmp_path):
    assert shell.run("crl").count("number 1") == 2
    shell.run("crl", "--publish", "--out", tmp_path / "crls")
    assert len(list((tmp_path / "crls").iterdir())) == 2
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(ROOT_PASSPHRASE + b"\n")
    passphrase.chmod(0o600)
    words = ("root-crl", "--root-key", shell.state / "offline/root.p8", "--root-passphrase-file", passphrase)
    assert "root CRL 2" in shell.run(*words)
    assert json.loads(shell.run("crl", "--json"))[1]["number"] == 2
    passphrase.write_bytes(b"not the passphrase\n")
    assert shell.refuse(*words) == "key-unreadable"


def test_officers(shell):
    assert "孙丽  auditor" in shell.run("officers")
    assert len(json.loads(shell.run("officers", "--json"))) == 3


def test_bad_imports(shell, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("id,name\n1,2\n", "utf-8")
    assert shell.refuse("register", "import-persons", file) == "import-columns"
    file.write_bytes("name,uscc\n公司,1\n".encode("gbk"))
    assert shell.refuse("register", "import-enterprises", file) == "import-unreadable"
    file.write_text("name,uscc\n公司,1\n", "utf-8")
    assert shell.refuse("register", "import-enterprises", file) == "import-refused"


def test_a_program_without_cards_says_so(shell):
    shell.door = None
    assert shell.refuse("suspend", "1", "--officer", "x") == "serial-unknown"
    shell.door = Door(CardBox())
    shell.run("officers")
    serial = serial_of(shell, "ocsp-responder")
    shell.door = None
    assert shell.refuse("suspend", serial, "--officer", "x") == "no-card-door"


def test_help_teaches():
    for words in ([], ["issue"], ["issue", "card"], ["issue", "request"], ["init"], ["revoke"], ["crl"]):
        outcome = CliRunner().invoke(cli, [*words, "--help"])
        assert outcome.exit_code == 0
        assert "Usage:" in outcome.output


# --- init --------------------------------------------------------------------------------------


def ceremony_file(state):
    officers = "".join(
        f'[[officer]]\nname = "{each.name}"\nidentity_number = "{each.identity_number}"\n'
        f'roles = {json.dumps([role.value for role in each.roles])}\ncard = "{each.card}"\n'
        for each in (CHEN, ZHAO, SUN)
    )
    state.mkdir(parents=True)
    for name in ("ca", "ra", "va"):
        secrets_in(state / name)
    passphrase = state / "root-passphrase"
    passphrase.write_bytes(ROOT_PASSPHRASE + b"\n")
    passphrase.chmod(0o600)
    path = state / "ceremony.toml"
    path.write_text(
        'root_key = "offline/root.p8"\nroot_passphrase_file = "root-passphrase"\n'
        '[[service]]\nname = "va"\nkeys_directory = "va/keys"\npassphrase_file = "va/secrets/passphrase"\n'
        'certificates = { ocsp-responder = "OCSP 1", tls-client = "va" }\n' + officers,
        "utf-8",
    )
    return path


@pytest.mark.parametrize("algorithm", ["rsa3072", "sm2"])
def test_init(tmp_path, algorithm):
    state = tmp_path / "state"
    file = ceremony_file(state)
    shell = Shell(state, CardBox())
    dry = shell.run("init", file, "--algorithm", algorithm, "--dry-run")
    assert f"root key ({algorithm})" in dry
    assert "nothing was made" in dry
    assert not (state / "trust").exists()
    output = shell.run("init", file, "--algorithm", algorithm)
    assert "the ceremony is closed" in output
    assert (state / "va/keys/ocsp-responder.pem").exists()
    assert set(shell.door.box.cards) == {"chenjing", "zhaoqiang", "sunli"}
    assert shell.refuse("init", file) == "ceremony-held"
    authority = CertificateAuthority.open(_settings(shell))
    assert [officer.name for officer in authority.officers()] == ["陈静", "赵强", "孙丽"]
    authority.context.database.dispose()


def _settings(shell):
    from ca.cli.context import authority_settings

    return authority_settings(shell.settings)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_reader_without_a_card_stops_a_ceremony_before_it_begins(tmp_path, words):
    state = tmp_path / "state"
    file = ceremony_file(state)
    shell = Shell(state, CardBox())
    shell.door.empty.add(ZHAO.card)
    before = {path.name for path in state.rglob("*") if path.is_file()}
    assert shell.refuse("init", file, *words) == "no-card"
    assert {path.name for path in state.rglob("*") if path.is_file()} == before
    shell.door.empty.clear()
    assert "the ceremony is closed" in shell.run("init", file)


@pytest.mark.parametrize(
    "content", ["not toml [", "root_key = 1\n", 'root_key = "r"\n[[officer]]\nname = "x"\n', "x = 1\n"]
)
def test_an_unusable_ceremony_file(tmp_path, content):
    state = tmp_path / "state"
    file = ceremony_file(state)
    file.write_text(content, "utf-8")
    assert Shell(state, CardBox()).refuse("init", file) == "ceremony-file"
