"""A SoftHSM of a test's own: its token directory, its configuration, and its copy of the module.

A module is initialised once a process and asks SOFTHSM2_CONF where its tokens lie, so every test loads a copy
of the library: two files are two modules, each with its own tokens. `pkcs11-tool` puts things on the token
that the code under test does not.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization

from runtime.key_location import TokenKey, parse_pkcs11_uri
from runtime.secret_file import write_secret

INSTALLED = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "correct horse"
_SO_PIN = "security officer"


class SoftHSM:
    """One module with one token."""

    def __init__(self, folder: Path, monkeypatch, label: str = "city") -> None:
        self.folder = folder
        self.label = label
        self.tokens = folder / "tokens"
        self.tokens.mkdir(parents=True)
        configuration = folder / "softhsm2.conf"
        configuration.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
        self.module = Path(shutil.copy(INSTALLED, folder / "libsofthsm2.so"))
        self.pin_file = folder / "pin"
        write_secret(self.pin_file, PIN.encode() + b"\n")
        self.add_token(label)

    def add_token(self, label: str, pin: str = PIN) -> None:
        run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", _SO_PIN, "--pin", pin)

    def uri(self, label: str = "issuing", **attributes: str) -> str:
        """The URI of a key; attributes replace or add to token, object, module-path and pin-source."""
        path = {"token": self.label, "object": label}
        query = {"module-path": str(self.module), "pin-source": str(self.pin_file)}
        for attribute, value in attributes.items():
            name = attribute.replace("_", "-")
            (query if name in query else path)[name] = value
        return (
            "pkcs11:"
            + ";".join(f"{name}={quote(value)}" for name, value in path.items() if value)
            + "?"
            + "&".join(f"{name}={quote(value, safe='/')}" for name, value in query.items())
        )

    def key(self, label: str = "issuing", **attributes: str) -> TokenKey:
        return parse_pkcs11_uri(self.uri(label, **attributes))

    def tool(self, *arguments: str | Path, pin: str = PIN) -> str:
        """pkcs11-tool, logged in."""
        command = ("pkcs11-tool", "--module", self.module, "--token-label", self.label)
        return run(*command, "--login", "--pin", pin, *arguments)

    def make_pair(self, kind: str, label: str, identifier: str, *usage: str) -> None:
        self.tool("--keypairgen", "--key-type", kind, "--label", label, "--id", identifier, *usage)

    def import_key(self, key: object, label: str, identifier: str) -> None:
        """Put an existing private key onto the token."""
        path = self.folder / "import.p8"
        path.write_bytes(
            key.private_bytes(  # type: ignore[attr-defined]
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        command = ("softhsm2-util", "--import", path, "--token", self.label, "--pin", PIN)
        run(*command, "--label", label, "--id", identifier)
        path.unlink()

    def take_out(self) -> None:
        """Take the token away, as far as SoftHSM has one: its directory is gone."""
        self.tokens.rename(self.folder / "away")

    def put_back(self) -> None:
        (self.folder / "away").rename(self.tokens)


def run(*command: str | Path) -> str:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, (command, outcome.stdout, outcome.stderr)
    return outcome.stdout
