"""Opening a town: the one a state directory holds, or a new one made there first."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

from runtime.process import die_with_parent
from tongxing.errors import StateError, in_one_line
from tongxing.layout import TownLayout
from tongxing.settings import TownSettings
from tongxing.town import Town


def open_or_make(
    layout: TownLayout,
    *,
    base_port: int | None,
    tls: bool,
    language: str | None,
    announce: Callable[[str], None],
) -> Town:
    """Open the town of a state directory, or make it first; the caller holds the state's lock."""
    if not layout.is_complete():
        default = TownSettings()
        wanted = TownSettings(
            base_port=base_port or default.base_port, tls=tls, language=language or default.language
        )
        _make_apart(layout, wanted, announce)
    town = Town(layout)
    _check_wishes(town, base_port=base_port, tls=tls)
    return town


def _make_apart(layout: TownLayout, wanted: TownSettings, announce: Callable[[str], None]) -> None:
    """Make the town in a process of its own: this one is going to be forked, and must open no database."""
    sys.stdout.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            die_with_parent(parent, signal.SIGKILL)
            from tongxing.making import make_town

            make_town(layout, wanted, announce)
            code = 0
        except KeyboardInterrupt:
            pass
        except Exception as error:  # noqa: BLE001 - told here, the parent only learns that it failed
            line = in_one_line(error)
            sys.stderr.write(f"{line}\n" if line else traceback.format_exc())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise StateError(
            f"{layout.root}: the town was not finished; what there is of it is removed at the next start",
            code="town-not-made",
        )


def _check_wishes(town: Town, *, base_port: int | None, tls: bool) -> None:
    """A town keeps the ports and scheme it was made with: they stand in its certificates."""
    made = town.settings
    if (base_port and base_port != made.base_port) or (tls and not made.tls):
        scheme = "https" if made.tls else "http"
        raise StateError(
            f"{town.layout.root}: this town was made for {scheme} from port {made.base_port}; "
            "name another folder with --state for other ports or for --tls",
            code="state-differs",
        )
