"""`card agent`: the agent as a process."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

import click

from cardreader.agent.server import make_agent
from cardreader.errors import CardError
from cardreader.options import source_option
from cardreader.process import protect_process
from cardreader.settings import PromptKind, load_settings
from cardreader.source import open_source


@click.command("agent")
@source_option
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file with [agent].")
@click.option("--port", type=int, help="Port on 127.0.0.1 (8420).")
@click.option("--origin", "origins", multiple=True, help="A site that may ask; may be repeated.")
@click.option("--prompt", type=click.Choice([kind.value for kind in PromptKind]), help="How to ask for PINs.")
@click.option("--script", type=click.Path(path_type=Path, dir_okay=False), help="Answers of --prompt script.")
def agent(
    virtual: Path | None,
    config: Path | None,
    port: int | None,
    origins: tuple[str, ...],
    prompt: str | None,
    script: Path | None,
) -> None:
    """Let pages of the named sites ask for a login or a signature.

    The PIN is asked for here, never by the page: on this terminal or, for virtual cards, in a window of the
    agent. `--prompt script` answers from a file, for tests with virtual cards only.
    """
    protect_process()
    overrides = {"port": port, "origins": origins, "cards": virtual, "prompt": prompt, "script": script}
    settings = load_settings(config, overrides)
    try:
        server = make_agent(settings, open_source(settings.cards))
    except OSError as error:
        raise CardError(
            f"The agent cannot listen on port {settings.port} ({error.strerror}). Is it running already?",
            f"卡代理无法监听端口 {settings.port}。它是否已在运行？",
            code="port-in-use",
        ) from error
    signal.signal(signal.SIGTERM, _stop)
    click.echo(f"Card agent on http://127.0.0.1:{server.port} (prompt: {server.prompt_kind}).")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        server.server_close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave by the ordinary way, so that every card is reset."""
    sys.exit(0)
