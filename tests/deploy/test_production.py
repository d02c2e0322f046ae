"""A rehearsal of docs/operations.md: a city is set up from deploy/ on PostgreSQL, and every process serves.

Roles, ceremony with cards, migration, append-only, sites, then one process a service with the environment
of its unit. Moved to a temporary folder and free ports; nginx is left out, it has its own tests.
"""

from __future__ import annotations

import http.client
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.roles import Roles, made
from tests.runtime.authority import free_port
from tongxing.services import SERVICES

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = [service.name for service in SERVICES]
WORKING = [service.name for service in SERVICES if service.has_jobs]
START_SECONDS = 120.0
STOP_SECONDS = 20.0


class City:
    """A city in a folder: what on a real machine lies in /etc/tongxing and /var/lib/tongxing."""

    def __init__(self, folder: Path, roles: Roles) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        self._roles = roles
        self.ports = {8401 + number: free_port() for number in range(6)}
        self.internal_ports = {8451: free_port(), 8452: free_port()}
        for name in ("etc/trust", "var", "root-key", "cards"):
            (folder / name).mkdir(parents=True)
        for source in (DEPLOY / "settings").glob("*.toml"):
            (self.etc / source.name).write_text(self._moved(source.read_text()))
        (self.etc / "ceremony.toml").chmod(0o600)
        for name in [*NAMES, "proxy"]:
            self._secret(name, "passphrase", secrets.token_urlsafe(32))
            self._secret(name, "data-key", secrets.token_hex(32))
            self._secret(name, "session-key", secrets.token_urlsafe(32))
        write_private(folder / "root-key" / "passphrase", secrets.token_urlsafe(32))

    def _moved(self, text: str) -> str:
        """Change paths, ports and the database's address; let those without a second door have one worker."""
        if "internal_port" not in text:
            text = text.replace("workers = 2", "workers = 1")
        host, _, name = self._roles.url.removeprefix("postgresql+psycopg://").partition("/")
        for old, new in (
            ("/etc/tongxing/", f"{self.etc}/"),
            ("/var/lib/tongxing/", f"{self.folder}/var/"),
            ("/media/root-key/", f"{self.folder}/root-key/"),
        ):
            text = text.replace(old, new)
        socket_form = r"psycopg:///tongxing\?host=/run/postgresql&user=(\w+)"
        address = f"{host.partition('@')[2]}/{name}"
        text = re.sub(socket_form, lambda m: f"psycopg://{self._roles.renamed(m[1])}@{address}", text)
        for port, other in {**self.ports, **self.internal_ports}.items():
            text = text.replace(f"port = {port}\n", f"port = {other}\n")
            text = text.replace(f"https://localhost:{port}", f"https://localhost:{other}")
        for number, card in enumerate(("chenjing", "zhaoqiang", "sunli")):
            text = text.replace(f'"Reader 0{number} 00"', f'"{self.folder}/cards/{card}"')
        return text

    def _secret(self, name: str, secret: str, text: str) -> None:
        write_private(self.etc / "credentials" / name / secret, text)

    def command(self, *words: str, typed: str = "", settings: str = "administration") -> str:
        """Give a command as the administrator."""
        desk = ["--desk", str(self.folder / "desk")]
        line = [
            sys.executable,
            "-m",
            "tongxing",
            *desk,
            *words,
            "--settings",
            str(self.etc / f"{settings}.toml"),
        ]
        answer = subprocess.run(
            line, input=typed, capture_output=True, text=True, check=False, timeout=120, cwd=DEPLOY.parent
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def environment(self, unit: str, name: str) -> dict[str, str]:
        """The environment systemd gives a process: its unit's, and the folder of its credentials."""
        credentials = self.etc / "credentials" / name
        lines = (DEPLOY / "systemd" / unit).read_text().splitlines()
        given = (line.removeprefix("Environment=") for line in lines if line.startswith("Environment="))
        environment = dict(entry.replace("%d", str(credentials)).split("=", 1) for entry in given)
        return {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(credentials), **environment}

    def start(self, verb: str, name: str) -> subprocess.Popen[bytes]:
        """Start a process as its unit does."""
        unit = f"tongxing-{'work-' if verb == 'work' else ''}{name}.service"
        with (self.folder / f"{verb}-{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tongxing", verb, name, "--settings", str(self.etc / f"{name}.toml")],
                env=self.environment(unit, name), stdout=log, stderr=subprocess.STDOUT, cwd=DEPLOY.parent,
            )  # fmt: skip

    def port(self, name: str) -> int:
        document = tomllib.loads((self.etc / f"{name}.toml").read_text())
        return int(document[name]["port"])

    def log(self, verb: str, name: str) -> str:
        return (self.folder / f"{verb}-{name}.log").read_text()[-2000:]


def write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text + "\n")
    path.chmod(0o600)


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST" if body else "GET", path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def city(tmp_path: Path, postgres_url: str) -> Iterator[City]:
    """The city, set up in the order of docs/operations.md."""
    with made(postgres_url) as roles:
        city = City(tmp_path, roles)
        set_up(city)
        roles.run("append-only.sql")
        yield city


def set_up(city: City) -> None:
    """Hold the ceremony, make schemas, keys and sites."""
    # The holders type their PINs twice, each at the personalisation of their card.
    pins = "".join(f"{pin}\n{pin}\n" for pin in ("444555", "555666", "666777"))
    dry = city.command("ca", "init", str(city.etc / "ceremony.toml"), "--dry-run")
    assert "nothing was made" in dry
    assert "the ceremony is closed" in city.command("ca", "init", str(city.etc / "ceremony.toml"), typed=pins)
    city.command("migrate")
    city.command("idp", "init")
    for name, scopes in (
        ("ra", ("openid", "profile", "officer")),
        ("signing", ("openid", "profile", "enterprise")),
    ):
        url = f"http://127.0.0.1:{city.port(name)}"
        words = [word for scope in scopes for word in ("--scope", scope)]
        shown = city.command(
            "idp", "client", "add", "--name", f"city {name}", "--client-id", name, *words,
            "--redirect-uri", f"{url}/callback", "--post-logout-redirect-uri", f"{url}/",
        )  # fmt: skip
        found = re.search(r"client_secret\s+(\S+)", shown)
        assert found is not None
        write_private(city.etc / "credentials" / name / "client-secret", found[1])


def test_a_city_set_up_from_deploy_serves(city: City) -> None:
    processes = {("serve", name): city.start("serve", name) for name in NAMES}
    processes |= {("work", name): city.start("work", name) for name in WORKING}
    try:
        deadline = time.monotonic() + START_SECONDS
        for name in NAMES:
            while not healthy(city.port(name)):
                for (verb, other), process in processes.items():
                    assert process.poll() is None, f"{verb} {other} ended: {city.log(verb, other)}"
                assert time.monotonic() < deadline, f"{name} is not healthy: {city.log('serve', name)}"
                time.sleep(0.1)
        # va is healthy only when it has followed ca over mutual TLS; it now knows what the ceremony issued.
        for certificate in ("ca/tls-server", "signing/service-seal"):
            assert ocsp_status(city, city.etc / "keys" / f"{certificate}.pem") == "good"
        assert b"tongxing_job_lag_seconds{" in ask(city.port("va"), "/metrics")[1]
        assert "intact" in city.command("audit", "verify")
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        codes = {key: stopped(process) for key, process in processes.items()}
    assert set(codes.values()) == {0}, [(key, city.log(*key)) for key, code in codes.items() if code != 0]


def stopped(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that was asked to stop; kill one that does not."""
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return -signal.SIGKILL


def healthy(port: int) -> bool:
    try:
        return ask(port, "/healthz")[0] == 200
    except OSError:
        return False


def ocsp_status(city: City, certificate: Path) -> str:
    """Ask the status service with OpenSSL."""
    answer = subprocess.run(
        ["openssl", "ocsp", "-issuer", str(city.etc / "trust/issuing.pem"), "-cert", str(certificate),
         "-CAfile", str(city.etc / "trust/root.pem"), "-url", f"http://127.0.0.1:{city.port('va')}/ocsp"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert "Response verify OK" in answer.stderr, answer.stderr
    found = re.search(rf"{re.escape(str(certificate))}: (\w+)", answer.stdout)
    assert found is not None, answer.stdout
    return found[1]
