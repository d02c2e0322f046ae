"""Plays the demonstration against a town it starts: a new one in a temporary folder, or an existing state."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from tongxing.demo.agent import Person
from tongxing.demo.filing import play_filing
from tongxing.demo.issuance import play_issuance
from tongxing.demo.login import play_login
from tongxing.demo.narration import Narrator
from tongxing.demo.stage import Stage
from tongxing.errors import TownError
from tongxing.layout import TownLayout, locked
from tongxing.opening import open_or_make
from tongxing.services import DEFAULT_BASE_PORT
from tongxing.town import Town

_PORTS_OF_A_TOWN = 60
_STEP = 100
_LAST_BASE_PORT = 60000


def play(
    *,
    state: Path | None,
    base_port: int | None,
    tls: bool,
    language: str,
    keep: bool,
    echo: Callable[[str], None],
) -> None:
    """Start a town, play issuance, login and filing, and stop it; raise TownError when a step fails."""
    narrator = Narrator(echo, language)
    folder = state.absolute() if state else Path(tempfile.mkdtemp(prefix="tongxing-demo-"))
    layout = TownLayout(folder)
    try:
        with locked(layout):
            port = base_port or (None if state else _free_base_port())
            town = open_or_make(layout, base_port=port, tls=tls, language=language, announce=echo)
            _play_in(town, narrator)
    finally:
        if state is None and not keep:
            shutil.rmtree(folder, ignore_errors=True)
        elif keep:
            narrator.line(f"状态保留在 {folder}", f"the state is kept in {folder}")
    narrator.title(
        f"三个流程全部完成（{narrator.seconds:.0f} 秒）", f"all three flows done ({narrator.seconds:.0f} s)"
    )


def _play_in(town: Town, narrator: Narrator) -> None:
    """Start the town's processes and play in them."""
    person = Person(town.layout.root / "person.json")
    person.holds()
    supervisor = town.supervisor(lambda line: narrator.line(line, line), agent_script=person.script)
    seconds = supervisor.start()
    try:
        count = len(supervisor.children)
        narrator.line(
            f"{count} 个进程已就绪（{seconds:.1f} 秒）", f"{count} processes are up ({seconds:.1f} s)"
        )
        stage = Stage(town, narrator, person, town.agent_url)
        play_issuance(stage)
        play_login(stage)
        play_filing(stage)
    finally:
        supervisor.stop()
        person.script.unlink(missing_ok=True)


def _free_base_port() -> int:
    """Return the first base port, from the usual one upward, whose whole block of ports is free."""
    for base in range(DEFAULT_BASE_PORT, _LAST_BASE_PORT, _STEP):
        if all(_is_free(base + offset) for offset in range(_PORTS_OF_A_TOWN)):
            return base
    raise TownError("no free block of ports for a town; name one with --base-port", code="no-free-ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
