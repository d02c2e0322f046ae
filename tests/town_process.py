"""Starts a real town for tests: its own state, its own ports, the very command a person types."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tongxing.demo.agent import Person
from tongxing.demo.browser import Browser
from tongxing.demo.narration import Narrator
from tongxing.demo.stage import Stage
from tongxing.layout import TownLayout
from tongxing.town import Town

_START_SECONDS = 180
_STOP_SECONDS = 20
_PORTS_OF_A_TOWN = 80
_FIRST_PORT, _LAST_PORT = 12000, 32000


@dataclass
class RunningTown:
    """A town and the process that supervises it."""

    town: Town
    process: subprocess.Popen[str]
    output: Path
    person: Person
    scripted_agent_url: str

    @property
    def state(self) -> Path:
        return self.town.layout.root

    def url(self, name: str) -> str:
        return self.town.url(name)

    def browser(self, language: str = "zh") -> Browser:
        return Browser(self.state / "trust" / "root.pem", language)

    def stage(self, lines: list[str] | None = None) -> Stage:
        """A stage for the flows of the demonstration; what is narrated goes into the list."""
        narrator = Narrator((lines if lines is not None else []).append, "en")
        return Stage(self.town, narrator, self.person, self.scripted_agent_url)


def free_base_port() -> int:
    """A port from which a whole town's ports are free, below those the kernel hands out by itself."""
    blocks = range(_FIRST_PORT, _LAST_PORT, _PORTS_OF_A_TOWN)
    first = os.getpid() * 7 % len(blocks)
    for base in (*blocks[first:], *blocks[:first]):
        if all(_is_free(base + offset) for offset in range(_PORTS_OF_A_TOWN)):
            return base
    raise RuntimeError("no free block of ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start(state: Path, output: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run `tongxing run` and return when it has printed its table; its output goes to a file."""
    command = [sys.executable, "-m", "tongxing", "run", "--state", str(state), "--lang", "en", *arguments]
    with output.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True)
    deadline = time.monotonic() + _START_SECONDS
    while "The town is up" not in output.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the town did not start:\n{output.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    return process


def stop(process: subprocess.Popen[str]) -> float:
    """Press Ctrl-C; return how many seconds the town took to stop."""
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(_STOP_SECONDS)
    return time.monotonic() - begin


@contextlib.contextmanager
def running_town(folder: Path, *arguments: str) -> Iterator[RunningTown]:
    """A town for the length of the block, with a second card agent that answers from a script."""
    state, output = folder / "state", folder / "town.log"
    process = start(state, output, "--base-port", str(free_base_port()), *arguments)
    try:
        town = Town(TownLayout(state))
        person = Person(folder / "person.json")
        person.holds()
        with scripted_agent(town, person) as url:
            yield RunningTown(town, process, output, person, url)
    finally:
        if process.poll() is None:
            stop(process)


@contextlib.contextmanager
def scripted_agent(town: Town, person: Person) -> Iterator[str]:
    """A card agent of the town's cards whose person is a script."""
    spec = town.agent_spec(port=town.agent.port + 1, script=person.script)
    with (town.layout.root / "scripted-agent.log").open("wb") as log:
        process = subprocess.Popen(spec.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while _is_free(spec.ports[0]):
            assert process.poll() is None, (town.layout.root / "scripted-agent.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{spec.ports[0]}"
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
